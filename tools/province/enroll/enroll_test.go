package enroll_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cafeprobe/tools/province/ca"
	"cafeprobe/tools/province/enroll"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
)

const box = uplink.BoxID("b-7f3a91c2")

// clock is a clock that a test moves.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// province is a CA and its door.
type province struct {
	ca    *ca.CA
	dir   string
	url   string
	clock *clock
}

func newProvince(t *testing.T) *province {
	t.Helper()
	p := &province{dir: t.TempDir(), clock: new(clock)}
	var err error
	if p.ca, err = ca.Open(p.dir, "demo", ca.Config{Now: p.clock.now}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	server := enroll.Server(enroll.New(p.ca, log, p.clock.now), log)
	go server.Serve(enroll.Listener(l, p.ca.Asking("127.0.0.1")))
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), p.ca.Close()); err != nil {
			t.Error(err)
		}
	})
	p.url = "https://" + l.Addr().String()
	return p
}

func (p *province) claim(t *testing.T, life time.Duration, rebind bool) string {
	t.Helper()
	code, err := p.ca.NewClaim(box, life, rebind)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func chainKey(n byte) ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
}

// newBox returns a box's empty credential that trusts root.
func newBox(t *testing.T, root []byte, key ed25519.PublicKey, now func() time.Time) (*credential.Credential, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, credential.CAFile), root, 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := credential.Open(dir, credential.Config{Box: box, Key: key, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

// refused checks that err is the province's refusal for the reason word.
func refused(t *testing.T, what string, err error, word string) {
	t.Helper()
	if !errors.Is(err, credential.ErrRefused) || !strings.Contains(err.Error(), word) {
		t.Errorf("%s: %v, want a refusal for the reason %q", what, err, word)
	}
}

func TestEnrollAndRenew(t *testing.T) {
	p := newProvince(t)
	c, dir := newBox(t, p.ca.Root(), chainKey(1), p.clock.now)
	if err := c.Ready(); !errors.Is(err, credential.ErrNotEnrolled) {
		t.Errorf("a new box: %v, want %v", err, credential.ErrNotEnrolled)
	}
	typed := strings.ToLower(strings.ReplaceAll(p.claim(t, 0, false), "-", " "))
	if err := c.Enroll(t.Context(), p.url, typed); err != nil {
		t.Fatal(err)
	}
	if st, ok := p.ca.Box(box); !ok || !st.Live || !st.Key.Equal(chainKey(1)) {
		t.Errorf("the register says %+v, %v, want the box's chain key and a certificate", st, ok)
	}
	first, err := os.ReadFile(filepath.Join(dir, credential.PairFile))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, credential.PairFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	if c.NeedsRenewal(p.clock.now()) || c.NeedsRenewal(p.clock.now().Add(ca.Life/3-2*time.Hour)) {
		t.Error("a certificate of less than a third of its life is to be renewed")
	}
	p.clock.advance(ca.Life/3 + ca.Life/12)
	if !c.NeedsRenewal(p.clock.now()) {
		t.Error("a certificate beyond a third of its life is not to be renewed")
	}
	if err := c.Renew(t.Context(), p.url); err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(filepath.Join(dir, credential.PairFile))
	if err != nil || bytes.Equal(first[:200], second[:200]) {
		t.Errorf("the key is the same after a renewal (%v)", err)
	}
	// Spoil the new pair: the box goes on with the one before.
	if err := os.WriteFile(filepath.Join(dir, credential.PairFile), second[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := credential.Open(dir, credential.Config{Box: box, Key: chainKey(1), Now: p.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Renew(t.Context(), p.url); err != nil {
		t.Errorf("renewal with the older pair: %v", err)
	}
}

// TestRenewalGrace: an expired certificate is good for renewing for 180 days, and for nothing else.
func TestRenewalGrace(t *testing.T) {
	p := newProvince(t)
	c, _ := newBox(t, p.ca.Root(), chainKey(1), p.clock.now)
	if err := c.Enroll(t.Context(), p.url, p.claim(t, 0, false)); err != nil {
		t.Fatal(err)
	}
	p.clock.advance(ca.Life + ca.Grace - time.Minute)
	if err := c.Renew(t.Context(), p.url); err != nil {
		t.Errorf("a minute before the grace ends: %v", err)
	}
	p.clock.advance(ca.Life + ca.Grace + time.Minute)
	refused(t, "a minute after the grace has ended", c.Renew(t.Context(), p.url), credential.WordGrace)
}

func TestRevokedIsNotRenewed(t *testing.T) {
	p := newProvince(t)
	c, _ := newBox(t, p.ca.Root(), chainKey(1), p.clock.now)
	if err := c.Enroll(t.Context(), p.url, p.claim(t, 0, false)); err != nil {
		t.Fatal(err)
	}
	open := p.claim(t, 0, false)
	if err := p.ca.Revoke(string(box), "stolen"); err != nil {
		t.Fatal(err)
	}
	refused(t, "renewal", c.Renew(t.Context(), p.url), credential.WordRevoked)
	refused(t, "a claim code from before the revocation", c.Enroll(t.Context(), p.url, open), credential.WordExpired)
	if err := c.Enroll(t.Context(), p.url, p.claim(t, 0, false)); err != nil {
		t.Errorf("a new claim code: %v", err)
	}
}

func TestClaims(t *testing.T) {
	p := newProvince(t)
	other, _ := newBox(t, p.ca.Root(), chainKey(2), p.clock.now)
	c, dir := newBox(t, p.ca.Root(), chainKey(1), p.clock.now)
	code := p.claim(t, time.Hour, false)
	wrong := code[:len(code)-1] + map[bool]string{true: "1", false: "0"}[strings.HasSuffix(code, "0")]
	refused(t, "another code", c.Enroll(t.Context(), p.url, wrong), credential.WordClaim)
	refused(t, "no code", c.Enroll(t.Context(), p.url, ""), credential.WordClaim)
	if err := c.Enroll(t.Context(), p.url, code); err != nil {
		t.Fatal(err)
	}
	refused(t, "a used code", other.Enroll(t.Context(), p.url, code), credential.WordUsed)
	refused(t, "another chain key", other.Enroll(t.Context(), p.url, p.claim(t, 0, false)), credential.WordBound)
	if err := other.Enroll(t.Context(), p.url, p.claim(t, 0, true)); err != nil {
		t.Errorf("another chain key that the province allows: %v", err)
	}
	refused(t, "the replaced box's renewal", c.Renew(t.Context(), p.url), credential.WordRevoked)

	old := p.claim(t, time.Hour, true)
	p.clock.advance(time.Hour)
	refused(t, "an expired code", c.Enroll(t.Context(), p.url, old), credential.WordExpired)

	if _, err := os.Stat(filepath.Join(dir, credential.PendingFile)); err != nil {
		t.Errorf("the key of a refused enrolment is not kept for the next: %v", err)
	}
}

// TestLostAnswer: the province has used the claim, the box never heard of it.
func TestLostAnswer(t *testing.T) {
	p := newProvince(t)
	c, dir := newBox(t, p.ca.Root(), chainKey(1), p.clock.now)
	code := p.claim(t, 0, false)
	if err := c.Enroll(t.Context(), p.url, code); err != nil {
		t.Fatal(err)
	}
	pair, err := os.ReadFile(filepath.Join(dir, credential.PairFile))
	if err != nil {
		t.Fatal(err)
	}
	again, dir2 := newBox(t, p.ca.Root(), chainKey(1), p.clock.now)
	key := pair[:bytes.Index(pair, []byte("-----BEGIN CERT"))]
	if err := os.WriteFile(filepath.Join(dir2, credential.PendingFile), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := again.Enroll(t.Context(), p.url, code); err != nil {
		t.Errorf("the same code with the same key: %v", err)
	}
	got, err := os.ReadFile(filepath.Join(dir2, credential.PairFile))
	if err != nil || !bytes.Equal(got, pair) {
		t.Errorf("another certificate than before (%v)", err)
	}
}

func TestAttemptsOnOneCode(t *testing.T) {
	p := newProvince(t)
	code := p.claim(t, 0, false)
	key := newKey(t)
	for i := range 12 {
		want := ca.ErrClaim
		if i >= 10 {
			want = ca.ErrClaimOver
		}
		if _, err := p.ca.Enroll(box, code[:4]+"0000000000000000", &key.PublicKey, chainKey(1)); !errors.Is(err, want) {
			t.Errorf("attempt %d: %v, want %v", i+1, err, want)
		}
	}
	if _, err := p.ca.Enroll(box, code, &key.PublicKey, chainKey(1)); !errors.Is(err, ca.ErrClaimOver) {
		t.Errorf("the right code after too many attempts: %v, want %v", err, ca.ErrClaimOver)
	}
}

func TestAttemptsFromOneAddress(t *testing.T) {
	p := newProvince(t)
	c, _ := newBox(t, p.ca.Root(), chainKey(1), p.clock.now)
	code := p.claim(t, 0, false)
	for range 20 {
		refused(t, "a guess", c.Enroll(t.Context(), p.url, "AAAA-BBBB-CCCC-DDDD-EEEE"), credential.WordClaim)
	}
	refused(t, "the 21st attempt", c.Enroll(t.Context(), p.url, code), credential.WordSlow)
	p.clock.advance(15 * time.Minute)
	if err := c.Enroll(t.Context(), p.url, code); err != nil {
		t.Errorf("a quarter of an hour later: %v", err)
	}
}

func TestRacedClaim(t *testing.T) {
	p := newProvince(t)
	code := p.claim(t, 0, false)
	const racers = 20
	var won, used atomic.Int32
	var wg sync.WaitGroup
	for range racers {
		c, _ := newBox(t, p.ca.Root(), chainKey(1), p.clock.now)
		wg.Go(func() {
			switch err := c.Enroll(context.Background(), p.url, code); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, credential.ErrRefused):
				used.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || used.Load() != racers-1 {
		t.Errorf("%d won, %d were refused, want 1 and %d", won.Load(), used.Load(), racers-1)
	}
}

// TestServerIsVerified: a box tells its claim code to no server but its province's.
func TestServerIsVerified(t *testing.T) {
	p, stranger := newProvince(t), newProvince(t)
	c, dir := newBox(t, p.ca.Root(), chainKey(1), p.clock.now)
	var unknown x509.UnknownAuthorityError
	if err := c.Enroll(t.Context(), stranger.url, p.claim(t, 0, false)); !errors.As(err, &unknown) {
		t.Errorf("a server of another province: %v, want %T", err, unknown)
	}
	named, err := credential.Open(dir, credential.Config{
		Box: box, Key: chainKey(1), ServerName: "broker.example", Now: p.clock.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	var name x509.HostnameError
	if err := named.Enroll(t.Context(), p.url, p.claim(t, 0, false)); !errors.As(err, &name) {
		t.Errorf("a server of another name: %v, want %T", err, name)
	}
	if err := c.Enroll(t.Context(), strings.Replace(p.url, "https", "http", 1), "x"); err == nil {
		t.Error("a claim code was sent without TLS")
	}
}

// TestClockThatLostTheTime: a box that believes in 1970 enrols and renews all the same.
func TestClockThatLostTheTime(t *testing.T) {
	p := newProvince(t)
	c, _ := newBox(t, p.ca.Root(), chainKey(1), func() time.Time { return time.Unix(0, 0) })
	if err := c.Enroll(t.Context(), p.url, p.claim(t, 0, false)); err != nil {
		t.Fatal(err)
	}
	p.clock.advance(ca.Life - time.Hour)
	if err := c.Renew(t.Context(), p.url); err != nil {
		t.Error(err)
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// csr returns a request, always the same: a fuzz target's processes must agree on their seeds.
func csr(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(nil, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestForgedCertificate: a certificate with a box's name that the CA did not sign renews nothing.
func TestForgedCertificate(t *testing.T) {
	p, stranger := newProvince(t), newProvince(t)
	c, _ := newBox(t, stranger.ca.Root(), chainKey(1), p.clock.now)
	if err := c.Enroll(t.Context(), stranger.url, stranger.claim(t, 0, false)); err != nil {
		t.Fatal(err)
	}
	cfg := c.TLS()
	cfg.RootCAs = p.ca.Pool()
	body, err := json.Marshal(credential.Request{V: 1, CSR: csr(t)})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: cfg}}
	resp, err := client.Post(p.url+credential.RenewPath, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %v, want 401", resp.Status)
	}
}

// FuzzBodies: whatever is sent, nobody without a claim code or a certificate gets one, and the answer is one of ours.
func FuzzBodies(f *testing.F) {
	c, err := ca.Open(f.TempDir(), "demo", ca.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.Close() })
	leaf, err := c.Client("observer", ca.Life)
	if err != nil {
		f.Fatal(err)
	}
	good, err := json.Marshal(credential.Request{
		V: 1, Box: box, Claim: "AAAA-BBBB-CCCC-DDDD-EEEE", CSR: csr(f), Key: uplink.Key(chainKey(1)),
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{good, []byte(`{}`), []byte(`{"v":1,"csr":"AA=="}`), good[:100], append(good, good...)} {
		f.Add(true, b)
		f.Add(false, b)
	}
	f.Fuzz(func(t *testing.T, first bool, body []byte) {
		h := enroll.New(c, slog.New(slog.DiscardHandler), nil)
		r := httptest.NewRequest(http.MethodPost, credential.RenewPath, bytes.NewReader(body))
		if first {
			r = httptest.NewRequest(http.MethodPost, credential.EnrollPath, bytes.NewReader(body))
		} else {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf.Leaf}}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		b, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		var a credential.Answer
		if err := json.Unmarshal(b, &a); err != nil || a.V != 1 || a.Error == "" || a.Cert != "" || w.Code < 400 || w.Code > 499 {
			t.Errorf("%q was answered with %d %s, want a refusal", body, w.Code, b)
		}
	})
}
