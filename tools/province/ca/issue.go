package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"fmt"
	"net"
	"sync"
	"time"

	"cafeprobe/uplink"
)

// client makes a client's certificate for key, valid from now on.
func (c *CA) client(who pkix.Name, key *ecdsa.PublicKey, now time.Time, life time.Duration) (*x509.Certificate, error) {
	from := now.UTC().Truncate(time.Second).Add(-skew)
	return c.sign(&x509.Certificate{
		Subject: who, NotBefore: from, NotAfter: from.Add(skew + life),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key)
}

// Issued returns when a client's certificate was issued, to the second.
func Issued(cert *x509.Certificate) time.Time { return cert.NotBefore.Add(skew) }

func (c *CA) sign(t *x509.Certificate, key *ecdsa.PublicKey) (*x509.Certificate, error) {
	t.SerialNumber, t.KeyUsage, t.BasicConstraintsValid = serial(), x509.KeyUsageDigitalSignature, true
	der, err := x509.CreateCertificate(rand.Reader, t, c.issuing, key, c.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate for %s: %w", t.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

// pair makes a key and what tls needs of it.
func (c *CA) pair(issue func(*ecdsa.PublicKey) (*x509.Certificate, error)) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert, err := issue(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{cert.Raw, c.issuing.Raw}, PrivateKey: key, Leaf: cert}, nil
}

// Server issues a certificate for a server that is reached by names, host names or addresses. It is valid from the CA's
// first moment on: a box that lost the time knows no later one that has surely come, and must be let in to learn it.
func (c *CA) Server(life time.Duration, names ...string) (*tls.Certificate, error) {
	t := &x509.Certificate{
		NotBefore: c.issuing.NotBefore, NotAfter: c.cfg.Now().UTC().Truncate(time.Second).Add(life),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	if len(names) > 0 {
		t.Subject.CommonName = names[0]
	}
	return c.pair(func(key *ecdsa.PublicKey) (*x509.Certificate, error) { return c.sign(t, key) })
}

// Client issues a certificate for a client that is no box, such as a collector or an observer, and registers it.
func (c *CA) Client(name string, life time.Duration) (*tls.Certificate, error) {
	if uplink.BoxID(name).Valid() || name == "" || len(name) > 64 {
		return nil, fmt.Errorf("issue a certificate for %.70q: want 1 to 64 octets that are no box id: boxes enrol", name)
	}
	return c.other(pkix.Name{CommonName: name}, life)
}

// Technician issues a certificate for a technician, with which he opens the console of boxes that are in use, and registers it.
func (c *CA) Technician(name string, life time.Duration) (*tls.Certificate, error) {
	if uplink.BoxID(name).Valid() || name == "" || len(name) > 64 {
		return nil, fmt.Errorf("issue a technician's certificate for %.70q: want his name, 1 to 64 octets", name)
	}
	return c.other(pkix.Name{CommonName: name, OrganizationalUnit: []string{uplink.TechnicianUnit}}, life)
}

// other issues a certificate for who is no box.
func (c *CA) other(who pkix.Name, life time.Duration) (*tls.Certificate, error) {
	now := c.cfg.Now()
	return c.pair(func(key *ecdsa.PublicKey) (cert *x509.Certificate, err error) {
		if cert, err = c.client(who, key, now, life); err != nil {
			return nil, err
		}
		return cert, c.update(who.CommonName, func(tx *sql.Tx) error { return insert(tx, cert, key, now) })
	})
}

// serving hands out a server's certificate and replaces it in time.
type serving struct {
	ca    *CA
	names []string
	mu    sync.Mutex
	pair  *tls.Certificate
}

func (s *serving) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pair != nil && s.pair.Leaf.NotAfter.Sub(s.ca.cfg.Now()) > s.ca.cfg.Life/3 {
		return s.pair, nil
	}
	pair, err := s.ca.Server(s.ca.cfg.Life, s.names...)
	if err != nil {
		return nil, err
	}
	s.pair = pair
	return pair, nil
}

// TLS returns the configuration of a server that is reached by names: TLS 1.3 only. Clients must show a certificate
// that is valid now and that the register has not revoked.
func (c *CA) TLS(names ...string) *tls.Config {
	cfg := c.Asking(names...)
	cfg.ClientAuth = tls.RequireAndVerifyClientCert
	cfg.VerifyConnection = func(s tls.ConnectionState) error { return c.Check(s.PeerCertificates[0]) }
	return cfg
}

// Asking is TLS for a server that judges clients' certificates itself, with Renewable, and takes clients without one.
func (c *CA) Asking(names ...string) *tls.Config {
	s := &serving{ca: c, names: names}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, GetCertificate: s.get, Time: c.cfg.Now,
		ClientAuth: tls.RequestClientCert, ClientCAs: c.Pool(),
		// A ticket would let a client come back without its certificate being looked at again.
		SessionTicketsDisabled: true,
	}
}
