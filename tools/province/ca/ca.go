// Package ca is the province's certificate authority and its register: which certificate was issued to which box, which
// are revoked, which claim codes are open, and which chain key each box is bound to.
//
// There are two levels. The root's certificate is what technicians put on boxes; its key is needed only to make the
// issuing one and may be kept elsewhere. The issuing key signs all else and can be replaced without a visit to any box,
// since whoever shows a certificate sends the issuing one along.
package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

// The files of a CA's directory.
const (
	RootFile    = "ca.pem" // what boxes and observers get
	rootKeyFile = "root.key"
	issuingFile = "issuing.pem"
	issuingKey  = "issuing.key"
	CRLFile     = "crl.pem"
	dbFile      = "register.db"
)

// Lifetimes.
const (
	Life  = 90 * 24 * time.Hour  // of a certificate, unless Config says otherwise
	Grace = 180 * 24 * time.Hour // for which an expired certificate may still be renewed

	caLife = 30 * 365 * 24 * time.Hour
	skew   = time.Hour // by which the clocks of the province's machines may differ
)

// Config configures a CA. The zero Config is valid.
type Config struct {
	Life time.Duration    // of the certificates it issues; 0 means Life. Boxes refuse more than 400 days
	Now  func() time.Time // nil means time.Now

	// Revoked is called with each certificate that is refused because it was revoked, by whoever asks. Its signature was
	// verified, but who shows it has in a handshake under way not yet proved to have its key. nil: nobody wants to know.
	Revoked func(*x509.Certificate)
}

// CA is a certificate authority with its register. Its methods are safe for concurrent use, also by several processes
// over one directory.
type CA struct {
	dir           string
	province      uplink.Province
	cfg           Config
	root, issuing *x509.Certificate
	key           *ecdsa.PrivateKey
	register
}

// Open opens the CA in dir, or makes one where there is none.
func Open(dir string, p uplink.Province, cfg Config) (*CA, error) {
	if cfg.Life == 0 {
		cfg.Life = Life
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &CA{dir: dir, province: p, cfg: cfg}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = c.authority()
	}
	if err == nil {
		err = c.open(filepath.Join(dir, dbFile), cfg.Now())
	}
	if err == nil {
		err = c.WriteCRL()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the CA in %s: %w", dir, err), c.Close())
	}
	return c, nil
}

// authority reads both levels and makes what is missing.
func (c *CA) authority() error {
	root, rootKey, err := c.level(RootFile, rootKeyFile, "root", nil, nil)
	if err != nil {
		return err
	}
	c.root = root
	if c.issuing, c.key, err = c.level(issuingFile, issuingKey, "issuing", root, rootKey); err != nil {
		return err
	}
	if c.key == nil {
		return fmt.Errorf("%s is missing: restore it from its backup, or put %s back and remove %s", issuingKey, rootKeyFile, issuingFile)
	}
	return c.issuing.CheckSignatureFrom(root)
}

// level reads one level, or makes it, signed by parent, by itself if parent is nil. The key is nil if it is kept
// elsewhere.
func (c *CA) level(certFile, keyFile, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (
	cert *x509.Certificate, key *ecdsa.PrivateKey, err error,
) {
	certPath, keyPath := filepath.Join(c.dir, certFile), filepath.Join(c.dir, keyFile)
	b, err := os.ReadFile(certPath)
	if errors.Is(err, fs.ErrNotExist) {
		if parent != nil && parentKey == nil {
			return nil, nil, fmt.Errorf("%s is missing and %s is not there to make another: put it back", certFile, rootKeyFile)
		}
		return c.makeLevel(certPath, keyPath, name, parent, parentKey)
	}
	if err != nil {
		return nil, nil, err
	}
	if cert, err = parseCertificate(b); err != nil {
		return nil, nil, fmt.Errorf("%s: %w: restore it from its backup", certPath, err)
	}
	key, err = readKey(keyPath)
	if errors.Is(err, fs.ErrNotExist) {
		return cert, nil, nil
	}
	if err == nil && !key.PublicKey.Equal(cert.PublicKey) {
		err = errors.New("not the certificate's key")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w: restore both from their backup", keyPath, err)
	}
	return cert, key, nil
}

func (c *CA) makeLevel(certPath, keyPath, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (
	*x509.Certificate, *ecdsa.PrivateKey, error,
) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := c.cfg.Now().UTC().Truncate(time.Second)
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: fmt.Sprintf("cafeprobe %s %s", c.province, name)},
		NotBefore: now.Add(-2 * skew), NotAfter: now.Add(caLife), IsCA: true, BasicConstraintsValid: true, MaxPathLen: 1,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if parent == nil {
		parent, parentKey = t, key
	} else {
		t.MaxPathLen, t.MaxPathLenZero, t.NotAfter = 0, true, parent.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	keyPEM, err := EncodeKey(key)
	if err != nil {
		return nil, nil, err
	}
	// The key goes first: a certificate without its key would be taken for one whose key is kept elsewhere.
	if err := durable.WriteFile(keyPath, keyPEM); err != nil {
		return nil, nil, err
	}
	return cert, key, durable.WriteFileMode(certPath, EncodeCertificates(cert), 0o644)
}

// Root returns the root's certificate in PEM: what boxes and observers are given.
func (c *CA) Root() []byte { return EncodeCertificates(c.root) }

// Pool returns a pool of the root alone.
func (c *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.root)
	return pool
}

// Bundle returns root and issuing certificate in PEM, for servers that want all levels in one file.
func (c *CA) Bundle() []byte { return EncodeCertificates(c.root, c.issuing) }

// Close closes the register.
func (c *CA) Close() error { return c.register.close() }

// serial returns 127 random bits, as no two certificates may share one (RFC 5280 §4.1.2.2).
func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:])
}

func parseCertificate(b []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("no certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}
