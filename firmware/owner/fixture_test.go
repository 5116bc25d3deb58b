package owner

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/ledger"
	"cafeprobe/uplink"
	"cafeprobe/uplink/export"
	"cafeprobe/uplink/spool"
)

func TestMain(m *testing.M) {
	spool.CheckMain()
	m.Run()
}

const (
	testBox  = uplink.BoxID("b-0c1d2e3f")
	testCode = "7K3QM-9ZX0T"
	testPIN  = "408172"
)

// today is the day that tests run on: Saturday, 28 November 2026. noon is when.
const today = hours.Date(20785)

func noon() time.Time { return today.Start().Add(12 * time.Hour) }

// room is a café with a real spool and a ledger of it: what the daemon gives the page.
type room struct {
	t     testing.TB
	spool *spool.Spool
	now   *clock

	mu     sync.Mutex
	ledger *ledger.Ledger
	upkeep hours.Maintenance
	next   uint64
	booted time.Time
	refuse error // of what the owner says
}

// clock is a time that a test moves.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) set(t time.Time)         { c.at.Store(t.UnixNano()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// newRoom opens a café in which nothing has happened yet: the box started 36 days ago.
func newRoom(t testing.TB) *room {
	t.Helper()
	province, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := spool.NewIdentity(uplink.Address{Province: "ha-giang", Box: testBox}, province)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(t.TempDir(), id, spool.Config{KeepDays: 35})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	p, err := hours.NewProfile(hours.Game, hours.Decreed, hours.Grace)
	if err != nil {
		t.Fatal(err)
	}
	r := &room{t: t, spool: s, now: &clock{}, ledger: ledger.New(p), next: 1, booted: (today - 34).Start()}
	r.now.set(noon())
	return r
}

func (r *room) stamp(at time.Time) uplink.Stamp {
	return uplink.Stamp{Mono: uplink.Int(at.Sub(r.booted).Milliseconds()), Time: uplink.TimeOf(at), Quality: uplink.QualitySync}
}

// put commits records and gives them to the ledger.
func (r *room) put(bodies ...uplink.Body) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var rs []uplink.Record
	for _, b := range bodies {
		x, err := uplink.Encode(b)
		if err != nil {
			r.t.Fatal(err)
		}
		rs = append(rs, x)
	}
	for part := range slices.Chunk(rs, 4096) {
		if _, err := r.spool.Append(part...); err != nil {
			r.t.Fatal(err)
		}
		if err := r.spool.Commit(); err != nil {
			r.t.Fatal(err)
		}
	}
	for {
		got, err := r.spool.Read(r.next, 1000, 1<<20)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(got) == 0 {
			return
		}
		for _, x := range got {
			r.ledger.Take(x)
			r.next = x.Seq + 1
		}
	}
}

func (r *room) Days(now time.Time) []hours.Date {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ledger.Days(now)
}

func (r *room) Day(d hours.Date, now time.Time) ledger.Day {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ledger.Day(d, now)
}

func (r *room) Night(d hours.Date, now time.Time) ledger.Night {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ledger.Night(d, now)
}

func (r *room) Maintenances() []ledger.Maintenance {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ledger.Maintenances()
}

func (r *room) Declare(from, to time.Time) error {
	if r.refuse != nil {
		return r.refuse
	}
	if err := r.upkeep.Declare(from, to); err != nil {
		return err
	}
	r.put(&uplink.Maintenance{Stamp: r.stamp(r.now.now()), From: uplink.TimeOf(from), To: uplink.TimeOf(to), By: uplink.ByOwner})
	return nil
}

func (r *room) Dispute(night hours.Date, stage string, seq uint64, note string) error {
	if r.refuse != nil {
		return r.refuse
	}
	r.put(&uplink.Dispute{
		Stamp: r.stamp(r.now.now()), Night: uplink.Date(night.String()), Stage: stage, Seq: uplink.Int(seq), Note: note,
	})
	return nil
}

// export writes the whole chain.
func (r *room) export(_ context.Context, w io.Writer) error {
	id := r.spool.Identity()
	e, err := export.NewWriter(w, export.Header{
		Province: id.Province, Box: id.Box, Chain: id.Chain, Key: uplink.Key(id.Public()), ReceiptKey: uplink.Key(id.ProvinceKey), First: 1,
		Prev: id.Genesis(),
	})
	if err != nil {
		return err
	}
	for from := uint64(1); ; {
		rs, err := r.spool.Read(from, 1000, 1<<20)
		if err != nil {
			return err
		}
		if len(rs) == 0 {
			return e.Flush()
		}
		for _, x := range rs {
			if err := e.Record(x); err != nil {
				return err
			}
			from = x.Seq + 1
		}
	}
}

func proofOf(_ context.Context, w io.Writer, night hours.Date) error {
	_, err := fmt.Fprintf(w, "%%PDF-1.7 %s", night)
	return err
}

// box is a Server that runs.
type box struct {
	*Server
	t    testing.TB
	room *room
	dir  string
	port string // address and port
	stop func()

	mu      sync.Mutex
	refused map[Refusal]int
}

// newBox starts a Server at an address of loopback. change is called before it runs.
func newBox(t testing.TB, r *room, change ...func(*Server)) *box {
	t.Helper()
	return startBox(t, r, t.TempDir(), change...)
}

func startBox(t testing.TB, r *room, dir string, change ...func(*Server)) *box {
	t.Helper()
	// An address of its own: nobody else takes its port while it is closed.
	host := fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(64), rand.IntN(256), 1+rand.IntN(254))
	b := &box{t: t, room: r, dir: dir, port: net.JoinHostPort(host, "8443"), refused: map[Refusal]int{}}
	var err error
	b.Server, err = New(Config{
		Dir: dir, Box: testBox, Code: testCode, Book: r, Sayer: r, Proof: proofOf, Export: r.export, Now: r.now.now,
		Listen: func() (net.Listener, error) { return net.Listen("tcp4", b.port) },
		Refused: func(x Refusal) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.refused[x]++
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.lock.rounds = 10 // the count of rounds protects no test
	for _, f := range change {
		f(b.Server)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { b.Run(ctx); close(ended) }()
	b.stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(b.stop)
	return b
}

func (b *box) count(x Refusal) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused[x]
}

// waitOpen waits until the port is open, or closed.
func (b *box) waitOpen(want bool) {
	b.t.Helper()
	for range 3000 {
		c, err := net.Dial("tcp", b.port)
		if err == nil {
			c.Close()
		}
		if (err == nil) == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatalf("the port is open: not %v", want)
}

// open sets testPIN, so that the page is there.
func (b *box) open() *box {
	b.t.Helper()
	if err := b.lock.set(testPIN); err != nil {
		b.t.Fatal(err)
	}
	b.changed()
	b.waitOpen(true)
	return b
}

// user is a browser without a screen, at an address of loopback. It follows no redirect.
type user struct {
	b    *box
	http *http.Client
	jar  http.CookieJar
}

func (b *box) user(from string) *user {
	b.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	cert, err := Certificate(b.dir, testBox, noon())
	if err != nil {
		b.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		b.t.Fatal(err)
	}
	roots.AddCert(leaf)
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	tr := &http.Transport{
		DialContext: d.DialContext,
		TLSClientConfig: &tls.Config{
			RootCAs: roots, ServerName: string(testBox), Time: noon, // the label's fingerprint is what a person compares
		},
	}
	b.t.Cleanup(tr.CloseIdleConnections)
	return &user{b, &http.Client{
		Transport: tr, Jar: jar, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, jar}
}

// answer is what came back.
type answer struct {
	code     int
	header   http.Header
	body     string
	location string
}

func (u *user) do(r *http.Request) answer {
	u.b.t.Helper()
	res, err := u.http.Do(r)
	if err != nil {
		u.b.t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		u.b.t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	return answer{res.StatusCode, res.Header, string(body), res.Header.Get("Location")}
}

func (u *user) request(method, path, body string) *http.Request {
	u.b.t.Helper()
	r, err := http.NewRequest(method, "https://"+u.b.port+path, strings.NewReader(body))
	if err != nil {
		u.b.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return r
}

func (u *user) get(path string) answer { u.b.t.Helper(); return u.do(u.request("GET", path, "")) }

// post sends fields, name and value in turn.
func (u *user) post(path string, fields ...string) answer {
	u.b.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return u.do(u.request("POST", path, v.Encode()))
}

// login logs in.
func (u *user) login() *user {
	u.b.t.Helper()
	if a := u.post("/login", "pin", testPIN); a.code != http.StatusSeeOther || a.location != "/" {
		u.b.t.Fatalf("login: %d to %q: %s", a.code, a.location, said(a.body))
	}
	return u
}

func (u *user) cookie(name string) string {
	at, _ := url.Parse("https://" + u.b.port + "/")
	for _, c := range u.jar.Cookies(at) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

var markup = regexp.MustCompile(`(?s)<style.*?</style>|<[^>]*>`)

// said is the text of a page, on one line.
func said(page string) string {
	return strings.Join(strings.Fields(markup.ReplaceAllString(page, " ")), " ")
}
