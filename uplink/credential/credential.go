// Package credential keeps what a box shows to the province that it is itself: a TLS key that is made on the box and
// never leaves it, the certificate that the province's CA issued for it, and that CA's own certificate. It is the box's
// side of enrolment and renewal.
//
// All that a server answers is taken for hostile until it is checked; nothing on the card is replaced before.
package credential

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cafeprobe/uplink"
)

// The files of a credential's directory.
const (
	CAFile      = "ca.pem"      // the province's root certificate; given by the technician
	PairFile    = "box.pem"     // key, certificate, issuing certificate: one file, so that they change together
	OldPairFile = "box.old.pem" // the pair before, for a card that spoils the new one
	PendingFile = "pending.pem" // key of an enrolment that was not answered yet
)

// Errors of this package. Each is wrapped by one that says what to do.
var (
	ErrCA          = errors.New("credential: the province's CA certificate")
	ErrNotEnrolled = errors.New("credential: this box has no certificate")
	ErrAnswer      = errors.New("credential: the server's answer is not to be trusted")
	ErrForged      = errors.New("credential: not signed by the province's CA, or not for this box") // by who answered, or what came
	ErrRefused     = errors.New("credential: refused by the province")
)

// Config says whose credential it is. Box, Key and Now are required.
type Config struct {
	Box        uplink.BoxID
	Key        ed25519.PublicKey // of the box's chain; the province binds the box to it
	ServerName string            // the name in the servers' certificates; empty: the host that is dialled
	Now        func() time.Time  // need not be right, only not far behind: see Credential.now
}

// Credential is a box's credential in its directory. Its methods are safe for concurrent use.
type Credential struct {
	dir   string
	cfg   Config
	roots *x509.CertPool
	root  time.Time // since when the CA is valid

	renewing sync.Mutex // one enrolment or renewal at a time
	mu       sync.Mutex
	pair     *tls.Certificate // nil: none; Leaf is set
	fault    error            // why there is none, if a file is there
}

// Open reads the credential in dir. It returns an error that wraps ErrCA if the province's certificate is not there. A
// box without a certificate of its own, or with a spoilt one, is no error: see Ready.
func Open(dir string, cfg Config) (*Credential, error) {
	c := &Credential{dir: dir, cfg: cfg, roots: x509.NewCertPool()}
	path := filepath.Join(dir, CAFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w: copy the province's ca.pem there", ErrCA, err)
	}
	list, err := parseCertificates(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w: copy the province's ca.pem there again", ErrCA, path, err)
	}
	for _, root := range list {
		if !root.IsCA {
			return nil, fmt.Errorf("%w: %s holds %q, which is no CA: copy the province's ca.pem there", ErrCA, path, root.Subject)
		}
		c.roots.AddCert(root)
		if c.root.Before(root.NotBefore) {
			c.root = root.NotBefore
		}
	}
	c.load()
	return c, nil
}

// load takes the newest pair that is whole.
func (c *Credential) load() {
	for _, name := range []string{PairFile, OldPairFile} {
		pair, err := c.read(filepath.Join(c.dir, name))
		if err == nil {
			c.pair = pair
			return
		}
		if !errors.Is(err, fs.ErrNotExist) {
			c.fault = errors.Join(c.fault, err)
		}
	}
}

// read reads a pair and checks it, its end of validity aside: an expired one is good for renewal.
func (c *Credential) read(path string) (*tls.Certificate, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: mode is %v, want 0600: its key may be known to others, enrol anew", path, info.Mode())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, rest, err := parseKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	chain, err := parseCertificates(rest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := c.verify(chain, key, chain[0].NotBefore); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return pairOf(key, chain), nil
}

func pairOf(key *ecdsa.PrivateKey, chain []*x509.Certificate) *tls.Certificate {
	pair := &tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, cert := range chain {
		pair.Certificate = append(pair.Certificate, cert.Raw)
	}
	return pair
}

func (c *Credential) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pair
}

// Ready returns nil if there is a certificate, be it expired, else an error that wraps ErrNotEnrolled and says why.
func (c *Credential) Ready() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.pair != nil:
		return nil
	case c.fault != nil:
		return fmt.Errorf("%w: %w: enrol again with a new claim code", ErrNotEnrolled, c.fault)
	}
	return fmt.Errorf("%w in %s: enrol it with a claim code (cafeprobed -enroll)", ErrNotEnrolled, c.dir)
}

// NotAfter returns when the certificate expires, the zero time if there is none.
func (c *Credential) NotAfter() time.Time {
	if pair := c.current(); pair != nil {
		return pair.Leaf.NotAfter
	}
	return time.Time{}
}

// NeedsRenewal reports whether a third of the certificate's life is over at now, and a part of the next twelfth that
// depends on the box alone: boxes that were enrolled in one hour are not renewed in one.
func (c *Credential) NeedsRenewal(now time.Time) bool {
	pair := c.current()
	return pair != nil && !now.Before(renewal(c.cfg.Box, pair.Leaf))
}

// renewal returns when cert is to be renewed.
func renewal(box uplink.BoxID, cert *x509.Certificate) time.Time {
	life := cert.NotAfter.Sub(cert.NotBefore)
	sum := sha256.Sum256([]byte("cafeprobe-renewal\x00" + box))
	part := float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32)
	return cert.NotBefore.Add(life/3 + time.Duration(part*float64(life/12)))
}

// TLS returns the configuration of a client: TLS 1.3 only, the server verified against the province's CA and by its
// name, and whatever certificate the box has when a handshake asks for it.
func (c *Credential) TLS() *tls.Config {
	cfg := c.anonymous()
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if err := c.Ready(); err != nil {
			return nil, err
		}
		return c.current(), nil
	}
	return cfg
}

// anonymous is TLS for a box that has no certificate yet.
func (c *Credential) anonymous() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: c.roots, ServerName: c.cfg.ServerName, Time: c.now}
}

// now returns the time to verify by. A certificate that was issued proves that its first day has come, so a clock that
// lost the time is not believed to be before that.
func (c *Credential) now() time.Time {
	t := c.cfg.Now()
	if t.Before(c.root) {
		t = c.root
	}
	if pair := c.current(); pair != nil && t.Before(pair.Leaf.NotBefore) {
		t = pair.Leaf.NotBefore
	}
	return t
}
