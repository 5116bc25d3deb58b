package ca_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cafeprobe/tools/province/ca"
	"cafeprobe/uplink"
)

const old, fresh = uplink.BoxID("b-00000001"), uplink.BoxID("b-00000017")

func chainKey(n byte) ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
}

func openCA(t *testing.T, dir string, cfg ca.Config) *ca.CA {
	t.Helper()
	c, err := ca.Open(dir, "demo", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// enrol gets box a certificate, for the chain key n.
func enrol(c *ca.CA, box uplink.BoxID, code string, n byte) (*x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	chain, err := c.Enroll(box, code, &key.PublicKey, chainKey(n))
	if err != nil {
		return nil, err
	}
	return chain[0], nil
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func onCRL(t *testing.T, dir string, cert *x509.Certificate) bool {
	t.Helper()
	block, _ := pem.Decode(must[[]byte](t)(os.ReadFile(filepath.Join(dir, ca.CRLFile))))
	list := must[*x509.RevocationList](t)(x509.ParseRevocationList(block.Bytes))
	for _, e := range list.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(cert.SerialNumber) == 0 {
			return true
		}
	}
	return false
}

// TestReplace: what the old box had is over, certificate, open code and place on the CRL; the new one enrols with the last
// code that was given.
func TestReplace(t *testing.T) {
	var shown []string
	dir := t.TempDir()
	c := openCA(t, dir, ca.Config{Revoked: func(cert *x509.Certificate) { shown = append(shown, cert.Subject.CommonName) }})
	cert := must[*x509.Certificate](t)(enrol(c, old, must[string](t)(c.NewClaim(old, 0, false)), 1))
	open := must[string](t)(c.NewClaim(old, 0, true))
	for box, want := range map[uplink.BoxID]bool{old: true, fresh: false} {
		if used, err := c.Used(box); err != nil || used != want {
			t.Errorf("%s used: %v, %v, want %v", box, used, err, want)
		}
	}
	first := must[string](t)(c.Replace(old, fresh, 0, "dead"))
	if err := c.Check(cert); !errors.Is(err, ca.ErrRevoked) || len(shown) != 1 || shown[0] != string(old) {
		t.Errorf("the old certificate: %v, told of %q, want %v and the old box", err, shown, ca.ErrRevoked)
	}
	if !onCRL(t, dir, cert) {
		t.Error("the old certificate is not on the CRL")
	}
	if used, err := c.Used(fresh); err != nil || !used {
		t.Errorf("a box with a code is unused, %v", err)
	}
	second := must[string](t)(c.Replace(old, fresh, 0, "dead"))
	for _, dead := range []struct {
		box  uplink.BoxID
		code string
	}{{old, open}, {fresh, first}, {old, second}} {
		if _, err := enrol(c, dead.box, dead.code, 2); !errors.Is(err, ca.ErrClaimOver) && !errors.Is(err, ca.ErrClaim) {
			t.Errorf("%s with a code that is over: %v", dead.box, err)
		}
	}
	if _, err := enrol(c, fresh, second, 2); err != nil {
		t.Errorf("the new box: %v", err)
	}
	if st, ok := c.Box(old); !ok || st.Live || !st.Key.Equal(chainKey(1)) {
		t.Errorf("the old box: %+v, %v, want its key and no certificate", st, ok)
	}
}

// TestReplaceCard: under its own id a box comes back with another chain key, which it may not without.
func TestReplaceCard(t *testing.T) {
	now := time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)
	c := openCA(t, t.TempDir(), ca.Config{Now: func() time.Time { return now }})
	if _, err := enrol(c, old, must[string](t)(c.NewClaim(old, 0, false)), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := enrol(c, old, must[string](t)(c.NewClaim(old, 0, false)), 2); !errors.Is(err, ca.ErrBound) {
		t.Errorf("another key without a replacement: %v, want %v", err, ca.ErrBound)
	}
	code := must[string](t)(c.Replace(old, old, 0, "card"))
	now = now.Add(time.Hour)
	if _, err := enrol(c, old, code, 2); err != nil {
		t.Errorf("another key after a replacement: %v", err)
	}
	if st, _ := c.Box(old); !st.Live || !st.Key.Equal(chainKey(2)) || !st.Since.Equal(now) {
		t.Errorf("%+v, want the new key since %v", st, now)
	}
}
