package owner

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
	"cafeprobe/uplink/fingerprint"
)

// The page's files in the box's folder, mode 0600.
const (
	PINFile         = "owner.json" // the PIN's hash and the failures of a day
	CertificateFile = "owner.pem"  // the page's certificate and its key
)

// Certificate returns the certificate that the page of box shows: the one in dir, made there when it is first needed. It is the page's own
// and signed by itself, because the province's is for clients and comes later; what proves it is its fingerprint on the label (Fingerprint).
// A file that cannot be read is an error and stays: another certificate would not fit the label.
func Certificate(dir string, box uplink.BoxID, now time.Time) (tls.Certificate, error) {
	path := filepath.Join(dir, CertificateFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if text, err = newCertificate(box, now); err == nil {
			err = durable.WriteFile(path, text)
		}
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate of the owner's page: %w", err)
	}
	c, err := tls.X509KeyPair(text, text)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate of the owner's page %s: %w", path, err)
	}
	return c, nil
}

// Fingerprint says in Vietnamese syllables what the label says of the certificate c: the first octets of its SHA-256, which a browser shows
// as hexadecimal digits.
func Fingerprint(c tls.Certificate) string { return fingerprint.Of(c.Certificate[0]) }

// newCertificate makes a certificate and its key, in PEM (RFC 7468), for ten years. It begins a day early: the clock of a box that was never
// online is behind.
func newCertificate(box uplink.BoxID, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: string(box)}, DNSNames: []string{string(box)},
		NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(10, 0, 0), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...), nil
}
