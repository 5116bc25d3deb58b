package credential

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cafeprobe/uplink/durable"
)

// Limits of what is read.
const (
	maxPEM   = 16 << 10 // octets; a key and two certificates are 2 KiB
	maxChain = 4        // certificates
)

const (
	keyBlock  = "PRIVATE KEY" // PKCS #8
	certBlock = "CERTIFICATE"
)

// parseCertificates reads 1 to maxChain certificates in PEM and nothing else.
func parseCertificates(b []byte) (list []*x509.Certificate, err error) {
	if len(b) > maxPEM {
		return nil, fmt.Errorf("more than %d octets", maxPEM)
	}
	for len(bytes.TrimSpace(b)) > 0 {
		block, rest := pem.Decode(b)
		if block == nil || block.Type != certBlock || len(list) == maxChain {
			return nil, fmt.Errorf("want 1 to %d certificates in PEM and nothing else", maxChain)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list, b = append(list, cert), rest
	}
	if len(list) == 0 {
		return nil, errors.New("no certificate")
	}
	return list, nil
}

// parseKey reads the P-256 key that b begins with.
func parseKey(b []byte) (key *ecdsa.PrivateKey, rest []byte, err error) {
	if len(b) > maxPEM {
		return nil, nil, fmt.Errorf("more than %d octets", maxPEM)
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != keyBlock {
		return nil, nil, errors.New("no private key")
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, nil, errors.New("not a P-256 key")
	}
	return key, rest, nil
}

func encode(key *ecdsa.PrivateKey, chain []*x509.Certificate) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	b := pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der})
	for _, cert := range chain {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: certBlock, Bytes: cert.Raw})...)
	}
	return b, nil
}

// pending returns the key of an enrolment that was begun, or begins one. It is on the card before it is sent: if the
// answer is lost, the same key asks again and the claim code, though used, is good for it.
func (c *Credential) pending() (*ecdsa.PrivateKey, error) {
	path := filepath.Join(c.dir, PendingFile)
	b, err := os.ReadFile(path)
	if err == nil {
		if key, _, err := parseKey(b); err == nil {
			return key, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the key of an earlier enrolment: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	if b, err = encode(key, nil); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, durable.WriteFile(path, b)
}

// save replaces the pair, old or new after a power cut, and keeps the one before.
func (c *Credential) save(key *ecdsa.PrivateKey, chain []*x509.Certificate) error {
	b, err := encode(key, chain)
	if err != nil {
		return fmt.Errorf("encode the new key: %w", err)
	}
	path := filepath.Join(c.dir, PairFile)
	if old, err := os.ReadFile(path); err == nil {
		if _, err := c.read(path); err == nil {
			if err := durable.WriteFile(filepath.Join(c.dir, OldPairFile), old); err != nil {
				return err
			}
		}
	}
	if err := durable.WriteFile(path, b); err != nil {
		return err
	}
	c.mu.Lock()
	c.pair, c.fault = pairOf(key, chain), nil
	c.mu.Unlock()
	return nil
}
