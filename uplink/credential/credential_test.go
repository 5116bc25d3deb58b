package credential

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cafeprobe/uplink"
)

const box = uplink.BoxID("b-7f3a91c2")

var began = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// authority is the least that issues certificates.
type authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// fixedKey returns always the same key for n: a fuzz target's processes must agree on their seeds.
func fixedKey(t testing.TB, n byte) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t testing.TB, key *ecdsa.PrivateKey) *authority {
	t.Helper()
	a := &authority{t: t, key: key}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: began, NotAfter: began.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.sign(a.cert, a.key.Public())
	return a
}

func (a *authority) sign(c *x509.Certificate, public any) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(nil, c, a.cert, public, a.key) // nil: the signature is always the same
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// leaf returns a certificate as a province issues it, with changes.
func (a *authority) leaf(public any, change func(*x509.Certificate)) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: string(box)}, NotBefore: began, NotAfter: began.AddDate(0, 0, 90),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	change(c)
	return a.sign(c, public)
}

func (a *authority) open(t testing.TB, now time.Time) *Credential {
	t.Helper()
	dir := t.TempDir()
	root := pem.EncodeToMemory(&pem.Block{Type: certBlock, Bytes: a.cert.Raw})
	if err := os.WriteFile(filepath.Join(dir, CAFile), root, 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Open(dir, Config{Box: box, Key: make(ed25519.PublicKey, ed25519.PublicKeySize), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answerOf(t testing.TB, certs ...*x509.Certificate) []byte {
	t.Helper()
	var text []byte
	for _, cert := range certs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: certBlock, Bytes: cert.Raw})...)
	}
	b, err := json.Marshal(Answer{V: Version, Cert: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAccept: a certificate that is not the province's word that this key is this box's replaces nothing.
func TestAccept(t *testing.T) {
	a, stranger, key := newAuthority(t, newKey(t)), newAuthority(t, newKey(t)), newKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, ca *authority, public any, ok bool, change func(*x509.Certificate)) {
		t.Helper()
		c := a.open(t, began.AddDate(0, 0, 1))
		_, err := c.accept(answerOf(t, ca.leaf(public, change)), key)
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v, want accepted %v", name, err, ok)
		}
	}
	f("as issued", a, key.Public(), true, func(*x509.Certificate) {})
	f("begins later than our clock", a, key.Public(), true, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = began.AddDate(1, 0, 0), began.AddDate(1, 3, 0)
	})
	f("another CA", stranger, key.Public(), false, func(*x509.Certificate) {})
	f("another key", a, newKey(t).Public(), false, func(*x509.Certificate) {})
	f("another kind of key", a, rsaKey.Public(), false, func(*x509.Certificate) {})
	f("another box", a, key.Public(), false, func(c *x509.Certificate) { c.Subject.CommonName = "b-00000001" })
	f("no name", a, key.Public(), false, func(c *x509.Certificate) { c.Subject.CommonName = "" })
	f("expired", a, key.Public(), false, func(c *x509.Certificate) { c.NotAfter = began.Add(2 * time.Hour) })
	f("for too long", a, key.Public(), false, func(c *x509.Certificate) { c.NotAfter = began.AddDate(2, 0, 0) })
	f("for no time", a, key.Public(), false, func(c *x509.Certificate) { c.NotAfter = c.NotBefore })
	f("a server's", a, key.Public(), false, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	f("a CA's", a, key.Public(), false, func(c *x509.Certificate) { c.IsCA = true })
}

// TestSaveIsAtomic: what a power cut can leave beside the pair does not matter, and the pair before is kept.
func TestSaveIsAtomic(t *testing.T) {
	a := newAuthority(t, newKey(t))
	c := a.open(t, began)
	save := func() *ecdsa.PrivateKey {
		t.Helper()
		key := newKey(t)
		if err := c.save(key, []*x509.Certificate{a.leaf(key.Public(), func(*x509.Certificate) {})}); err != nil {
			t.Fatal(err)
		}
		return key
	}
	first, second := save(), save()
	reopen := func(what string, want *ecdsa.PrivateKey) {
		t.Helper()
		again, err := Open(c.dir, c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if pair := again.current(); want == nil && pair != nil || want != nil && (pair == nil || !want.Equal(pair.PrivateKey)) {
			t.Errorf("%s: pair %v (%v), want the key of %v", what, pair != nil, again.Ready(), want != nil)
		}
	}
	path := filepath.Join(c.dir, PairFile)
	if err := os.WriteFile(path+".new", []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	reopen("half a new file", second)
	save()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600: a file that was left over must not lend its mode", info.Mode(), err)
	}
	if err := os.Truncate(path, 300); err != nil {
		t.Fatal(err)
	}
	reopen("a torn pair", second)
	third := save()
	reopen("a pair over a torn one", third)
	if old, err := c.read(filepath.Join(c.dir, OldPairFile)); err != nil || !second.Equal(old.PrivateKey) {
		t.Errorf("a torn pair took the place of the whole one before it: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	reopen("a pair that others can read", second)
	if err := os.Remove(filepath.Join(c.dir, OldPairFile)); err != nil {
		t.Fatal(err)
	}
	reopen("nothing else", nil)
	if first.Equal(second) {
		t.Error("two keys are one")
	}
}

func TestOpenWithoutCA(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir, Config{Box: box, Now: time.Now}); !errors.Is(err, ErrCA) {
		t.Errorf("no file: %v, want %v", err, ErrCA)
	}
	if err := os.WriteFile(filepath.Join(dir, CAFile), []byte("-----BEGIN"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Config{Box: box, Now: time.Now}); !errors.Is(err, ErrCA) {
		t.Errorf("a broken file: %v, want %v", err, ErrCA)
	}
}

// TestRenewalIsSpread: 10 000 boxes that were enrolled at once are not renewed at once.
func TestRenewalIsSpread(t *testing.T) {
	cert := &x509.Certificate{NotBefore: began, NotAfter: began.AddDate(0, 0, 90)}
	hours := map[int]int{}
	for i := range 10_000 {
		id := uplink.BoxID("b-" + hex8(uint32(i)*2654435761))
		at := renewal(id, cert)
		if at != renewal(id, cert) {
			t.Fatalf("%s: two times", id)
		}
		if after := at.Sub(began); after < 30*24*time.Hour || after >= 30*24*time.Hour+180*time.Hour {
			t.Errorf("%s is renewed after %v, want 30 days and up to 7.5 more", id, after)
		}
		hours[int(at.Sub(began)/time.Hour)]++
	}
	for h, n := range hours {
		if n > 2*10_000/180 {
			t.Errorf("%d boxes in hour %d, want about %d", n, h, 10_000/180)
		}
	}
}

func hex8(n uint32) string {
	b := []byte("00000000")
	for i := range b {
		b[i] = "0123456789abcdef"[n>>(4*i)&15]
	}
	return string(b)
}

// FuzzAnswer: whatever a server answers, what is accepted is the province's certificate for our key and our name.
func FuzzAnswer(f *testing.F) {
	a, key := newAuthority(f, fixedKey(f, 1)), fixedKey(f, 2)
	c := a.open(f, began)
	good := answerOf(f, a.leaf(key.Public(), func(*x509.Certificate) {}))
	f.Add(good)
	f.Add(answerOf(f, a.leaf(key.Public(), func(c *x509.Certificate) { c.Subject.CommonName = "x" }), a.cert))
	f.Add([]byte(`{"v":1,"error":"claim-used"}`))
	f.Add([]byte(`{"v":1,"cert":"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"}`))
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		chain, err := c.accept(b, key)
		if err != nil {
			return
		}
		if chain[0].Subject.CommonName != string(box) || !key.PublicKey.Equal(chain[0].PublicKey) ||
			chain[0].CheckSignatureFrom(a.cert) != nil || len(chain) > maxChain {
			t.Errorf("accepted %q", b)
		}
	})
}

// FuzzParse: what is accepted as a request has a P-256 key and its proof.
func FuzzParse(f *testing.F) {
	der, err := x509.CreateCertificateRequest(nil, &x509.CertificateRequest{}, fixedKey(f, 1))
	if err != nil {
		f.Fatal(err)
	}
	good, err := json.Marshal(Request{V: 1, Box: box, Claim: "x", CSR: der})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"v":1,"csr":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, key, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%q: %v, want %v", b, err, ErrMalformed)
			}
			return
		}
		csr, err := x509.ParseCertificateRequest(r.CSR)
		if err != nil || csr.CheckSignature() != nil || key.Curve != elliptic.P256() {
			t.Errorf("accepted %q", b)
		}
	})
}
