package commission

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/init/provision"
	"cafeprobe/uplink"
)

// box is one whose card is memory.
type box struct {
	hello Hello
	open  bool
	root  *x509.CertPool
	check error
	keep  error
	files []provision.File
	label *Label // nil: there is none yet
}

func (b *box) About() Hello                  { return b.hello }
func (b *box) Open() bool                    { return b.open }
func (b *box) Check([]provision.File) error  { return b.check }
func (b *box) Keep(f []provision.File) error { b.files = f; return b.keep }
func (b *box) Label() (Label, error) {
	if b.label == nil {
		return Label{}, errors.New("no keys yet")
	}
	return *b.label, nil
}

func (b *box) Trust(c [][]byte) (Signer, error) {
	return Authority{Root: b.root, Now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}.Trust(c)
}

// say has a desk answer a verb, and returns the code of its refusal, "" for none.
func say[T any](t *testing.T, d *Desk, verb string, q any) (a T, code string) {
	t.Helper()
	raw, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.Verbs()[verb](raw)
	if p := (*problem)(nil); errors.As(err, &p) {
		return a, p.code
	}
	if err != nil {
		t.Fatalf("%s: %v has no code", verb, err)
	}
	a, ok := v.(T)
	if !ok {
		t.Fatalf("%s answers %T", verb, v)
	}
	return a, ""
}

var config = provision.File{Name: "config.json", Data: []byte(`{"a":1}`)}

func ready() (*box, *Desk, *time.Duration) {
	b := &box{hello: Hello{Ready: true}}
	now := new(time.Duration)
	return b, New(b, func() time.Duration { return *now }), now
}

func TestPieces(t *testing.T) {
	b, d, _ := ready()
	s, _ := say[Session](t, d, "begin", Begin{By: "a"})
	put := func(at int, data string, want int, code string) {
		t.Helper()
		h, c := say[Have](t, d, "put", Put{s.Session, config.Name, len(config.Data), at, []byte(data)})
		if h.Have != want || c != code {
			t.Errorf("at %d %q: have %d, code %q, want %d, %q", at, data, h.Have, c, want, code)
		}
	}
	put(3, "x", 0, CodeSession) // a piece is missing
	put(0, `{"a"`, 4, "")
	put(0, `{"a"`, 4, "")          // said twice
	put(2, `a":1}`, 7, "")         // over what is there
	put(4, `:1} `, 0, CodeSession) // too long
	put(-1, ``, 0, CodeSession)
	sum, err := Sum([]provision.File{config})
	if err != nil {
		t.Fatal(err)
	}
	if _, c := say[struct{}](t, d, "commit", Commit{"another", sum}); c != CodeSession {
		t.Errorf("another session commits: %q", c)
	}
	for range 2 { // the second time it is known to be done
		if _, c := say[struct{}](t, d, "commit", Commit{s.Session, sum}); c != "" {
			t.Errorf("commit: %q", c)
		}
	}
	if len(b.files) != 1 || !bytes.Equal(b.files[0].Data, config.Data) {
		t.Errorf("kept %q", b.files)
	}
	if h, _ := say[Hello](t, d, "hello", struct{}{}); h.Sum != sum {
		t.Errorf("hello says sum %q", h.Sum)
	}
	if _, c := say[Have](t, d, "put", Put{s.Session, config.Name, 1, 0, []byte("x")}); c != CodeSession {
		t.Errorf("the session goes on: %q", c)
	}
}

// TestNames: the identity, with its keys, is never taken, nor anything that is no file of a box's.
func TestNames(t *testing.T) {
	_, d, _ := ready()
	s, _ := say[Session](t, d, "begin", Begin{By: "a"})
	for _, n := range []string{"state/identity.json", "../init/events/x", "", "/etc/passwd", strings.Repeat("x", 3000)} {
		if _, c := say[Have](t, d, "put", Put{s.Session, n, 1, 0, []byte("x")}); c != CodeAsked {
			t.Errorf("%.40q: code %q", n, c)
		}
	}
	for _, n := range []int{0, -1, maxFile + 1} {
		if _, c := say[Have](t, d, "put", Put{s.Session, "net.json", n, 0, nil}); c != CodeAsked {
			t.Errorf("%d octets: code %q", n, c)
		}
	}
}

// TestOthers: a second laptop waits until the first is silent for a minute; the same one takes its own session over.
func TestOthers(t *testing.T) {
	_, d, now := ready()
	first, _ := say[Session](t, d, "begin", Begin{By: "a"})
	if _, c := say[Session](t, d, "begin", Begin{By: "b"}); c != CodeBusy {
		t.Errorf("a second laptop: %q", c)
	}
	*now = idle - 1
	if _, c := say[Session](t, d, "begin", Begin{By: "a"}); c != "" {
		t.Errorf("the same laptop: %q", c)
	}
	*now += idle - 1
	if _, c := say[Session](t, d, "begin", Begin{By: "b"}); c != CodeBusy {
		t.Errorf("a second laptop, later: %q", c)
	}
	*now++
	if _, c := say[Session](t, d, "begin", Begin{By: "b"}); c != "" {
		t.Errorf("after a minute: %q", c)
	}
	if _, c := say[Have](t, d, "put", Put{first.Session, "net.json", 1, 0, []byte("x")}); c != CodeSession {
		t.Errorf("the first goes on: %q", c)
	}
	for _, by := range []string{"", strings.Repeat("x", maxBy+1)} {
		if _, c := say[Session](t, d, "begin", Begin{By: by}); c != CodeAsked {
			t.Errorf("by %.10q: %q", by, c)
		}
	}
}

// authority makes certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) issue(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	c.SerialNumber = big.NewInt(1)
	if c.NotBefore.IsZero() {
		c.NotBefore, c.NotAfter = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// TestLocked: a box that is in use opens for a held button, or for a technician of its province who signs what it has just said; tries
// that fail have to wait longer each time.
func TestLocked(t *testing.T) {
	b, d, now := ready()
	b.hello.Inside = true
	province, stranger := newAuthority(t), newAuthority(t)
	b.root = x509.NewCertPool()
	b.root.AddCert(province.cert)
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	unit := pkix.Name{OrganizationalUnit: []string{uplink.TechnicianUnit}, CommonName: "lan"}

	try := func(a *authority, c *x509.Certificate, spoil func(*Begin)) string {
		t.Helper()
		*now += 2 * time.Minute // no try waits for an earlier one
		cert, key := a.issue(c)
		h, _ := say[Hello](t, d, "hello", struct{}{})
		if !h.Locked || h.Nonce == "" {
			t.Fatalf("hello %+v", h)
		}
		sig, err := key.Sign(rand.Reader, Challenge(h.Nonce, "lan"), crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		q := Begin{By: "lan", Chain: [][]byte{cert.Raw}, Sig: sig}
		if spoil != nil {
			spoil(&q)
		}
		_, code := say[Session](t, d, "begin", q)
		return code
	}
	f := func(name, want string, a *authority, c *x509.Certificate, spoil func(*Begin)) {
		t.Helper()
		if got := try(a, c, spoil); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	f("a technician", "", province, &x509.Certificate{Subject: unit, ExtKeyUsage: client}, nil)
	f("a box", CodeCertificate, province, &x509.Certificate{Subject: pkix.Name{CommonName: "b-00000001"}, ExtKeyUsage: client}, nil)
	f("of another province", CodeCertificate, stranger, &x509.Certificate{Subject: unit, ExtKeyUsage: client}, nil)
	f("a server", CodeCertificate, province, &x509.Certificate{Subject: unit, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, nil)
	f("one that is over", CodeCertificate, province, &x509.Certificate{
		Subject: unit, ExtKeyUsage: client, NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
	}, nil)
	f("signed for another laptop", CodeCertificate, province, &x509.Certificate{Subject: unit, ExtKeyUsage: client}, func(q *Begin) { q.By = "an" })
	f("a signature that is none", CodeCertificate, province, &x509.Certificate{Subject: unit, ExtKeyUsage: client}, func(q *Begin) { q.Sig = []byte("x") })
	f("a certificate that is none", CodeCertificate, province, &x509.Certificate{Subject: unit}, func(q *Begin) { q.Chain = [][]byte{{1}} })
	f("a chain without end", CodeCertificate, province, &x509.Certificate{Subject: unit}, func(q *Begin) { q.Chain = make([][]byte, 50) })
	f("no certificate", CodeLocked, province, &x509.Certificate{Subject: unit}, func(q *Begin) { q.Chain = nil })
	f("an old challenge", CodeCertificate, province, &x509.Certificate{Subject: unit, ExtKeyUsage: client}, func(*Begin) { *now += nonceOK + 1 })

	if _, c := say[Session](t, d, "begin", Begin{By: "lan"}); c != CodeWait {
		t.Errorf("at once again: %q", c)
	}
	b.open = true
	if _, c := say[Session](t, d, "begin", Begin{By: "lan"}); c != "" {
		t.Errorf("with the button held: %q", c)
	}
}

// TestReplay: what opened the box once does not open it again.
func TestReplay(t *testing.T) {
	b, d, now := ready()
	b.hello.Inside = true
	province := newAuthority(t)
	b.root = x509.NewCertPool()
	b.root.AddCert(province.cert)
	cert, key := province.issue(&x509.Certificate{
		Subject: pkix.Name{OrganizationalUnit: []string{uplink.TechnicianUnit}}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	h, _ := say[Hello](t, d, "hello", struct{}{})
	sig, err := key.Sign(rand.Reader, Challenge(h.Nonce, "lan"), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	q := Begin{By: "lan", Chain: [][]byte{cert.Raw}, Sig: sig}
	if _, c := say[Session](t, d, "begin", q); c != "" {
		t.Fatalf("the first time: %q", c)
	}
	*now += time.Hour
	if _, c := say[Session](t, d, "begin", q); c != CodeCertificate {
		t.Errorf("the second time: %q", c)
	}
}

// TestKept: files that the box cannot work with, or not keep, are said, and a laptop may try again.
func TestKept(t *testing.T) {
	b, d, _ := ready()
	commit := func() string {
		t.Helper()
		s, _ := say[Session](t, d, "begin", Begin{By: "a"})
		if _, c := say[Have](t, d, "put", Put{s.Session, config.Name, len(config.Data), 0, config.Data}); c != "" {
			t.Fatal(c)
		}
		sum, err := Sum([]provision.File{config})
		if err != nil {
			t.Fatal(err)
		}
		_, code := say[struct{}](t, d, "commit", Commit{s.Session, sum})
		return code
	}
	b.check = errors.New("box.key: want 32 octets")
	if c := commit(); c != CodeFiles || b.files != nil {
		t.Errorf("wrong files: %q", c)
	}
	b.check, b.keep = nil, errors.New("no space left on device")
	if c := commit(); c != CodeReady {
		t.Errorf("a full card: %q", c)
	}
	b.keep = nil
	if c := commit(); c != "" {
		t.Errorf("then: %q", c)
	}
	b.hello.Ready = false
	if _, c := say[Session](t, d, "begin", Begin{By: "a"}); c != CodeReady {
		t.Errorf("a card that is not ready: %q", c)
	}
}

// TestLabel: the label is told to who has just made the box a café's, for a while; to who has opened it again; and to who holds its button. Of
// a box in use nobody else is told its code.
func TestLabel(t *testing.T) {
	b, d, now := ready()
	f := func(name, session, want string) {
		t.Helper()
		l, code := say[Label](t, d, "label", Ask{session})
		if code != want || (l.Code != "") != (want == "") {
			t.Errorf("%s: label %+v, code %q, want %q", name, l, code, want)
		}
	}
	f("a box without keys", "", CodeLabel)
	s, _ := say[Session](t, d, "begin", Begin{By: "a"})
	if _, c := say[Have](t, d, "put", Put{s.Session, config.Name, len(config.Data), 0, config.Data}); c != "" {
		t.Fatal(c)
	}
	sum, err := Sum([]provision.File{config})
	if err != nil {
		t.Fatal(err)
	}
	if _, c := say[struct{}](t, d, "commit", Commit{s.Session, sum}); c != "" {
		t.Fatal(c)
	}
	b.hello.Inside = true
	f("while it makes its keys", s.Session, CodeLabel)
	b.label = &Label{Box: "b-7f3a91c2", Code: "ABCDE-FGHJK"}
	f("who gave it its files", s.Session, "")
	f("another", "", CodeLocked)
	f("another's session", "x", CodeLocked)
	*now += after
	f("who gave it its files, later", s.Session, CodeLocked)
	b.open = true
	f("while the button is held", "", "")
	again, _ := say[Session](t, d, "begin", Begin{By: "a"})
	b.open = false
	f("after it", "", CodeLocked)
	f("in a session", again.Session, "")
}

// FuzzDesk: whatever a laptop says, nothing but files of a box's is put in place, and none is longer than it may be.
func FuzzDesk(f *testing.F) {
	f.Add("begin", []byte(`{"by":"a"}`), "put", []byte(`{"s":"","name":"config.json","n":1,"at":0,"d":"AA=="}`))
	f.Add("label", []byte(`{"s":""}`), "label", []byte(`{}`))
	f.Add("put", []byte(`{"n":-1,"at":-1}`), "commit", []byte(`{"s":"","sum":""}`))
	f.Fuzz(func(t *testing.T, v1 string, b1 []byte, v2 string, b2 []byte) {
		b, d, _ := ready()
		s, _ := say[Session](t, d, "begin", Begin{By: "a"})
		for _, m := range []struct {
			verb string
			body []byte
		}{{v1, b1}, {v2, b2}, {v1, b2}} {
			do, ok := d.Verbs()[m.verb]
			if !ok {
				continue
			}
			_, _ = do(bytes.ReplaceAll(m.body, []byte(`"s":""`), []byte(`"s":"`+s.Session+`"`)))
		}
		for _, file := range b.files {
			if len(file.Data) == 0 || len(file.Data) > maxFile || file.Name == "state/identity.json" {
				t.Errorf("%s, %d octets, is put in place", file.Name, len(file.Data))
			}
		}
	})
}
