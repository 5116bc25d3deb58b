package commission

import (
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"cafeprobe/uplink"
)

// Authority is whose certificates count.
type Authority struct {
	Root *x509.CertPool // of the box's province
	// Now is the latest time that the box is sure has come. An early one lets in a certificate that is over, since a box without a clock
	// has to be mended by somebody.
	Now time.Time
}

// maxChain bounds a chain: it comes in one line.
const maxChain = 3

// Trust returns the key of a technician's certificate.
func (a Authority) Trust(chain [][]byte) (Signer, error) {
	if len(chain) == 0 || len(chain) > maxChain {
		return nil, fmt.Errorf("%d certificates, of 1 to %d", len(chain), maxChain)
	}
	certs := make([]*x509.Certificate, len(chain))
	between := x509.NewCertPool()
	for i, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		if certs[i] = c; i > 0 {
			between.AddCert(c)
		}
	}
	leaf := certs[0]
	at := a.Now
	for _, c := range certs { // each is valid by now, or it would not be here
		if c.NotBefore.After(at) {
			at = c.NotBefore
		}
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: a.Root, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, err
	}
	if !slices.Contains(leaf.Subject.OrganizationalUnit, uplink.TechnicianUnit) {
		return nil, errors.New("it is no technician's")
	}
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("its key is not for ECDSA")
	}
	return signer{key}, nil
}

type signer struct{ key *ecdsa.PublicKey }

func (s signer) Verify(digest, sig []byte) bool { return ecdsa.VerifyASN1(s.key, digest, sig) }
