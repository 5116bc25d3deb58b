package owner

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/uplink/fingerprint"
)

// TestOff: without a PIN the port is closed; setup opens it for its time and for one form; a PIN keeps it open, also for the next run.
func TestOff(t *testing.T) {
	r := newRoom(t)
	b := newBox(t, r)
	b.waitOpen(false)
	if b.Addr() != nil || b.HasPIN() {
		t.Errorf("address %v, a PIN %v", b.Addr(), b.HasPIN())
	}
	b.OpenSetup()
	b.waitOpen(true)
	u := b.user("127.0.0.1")
	for _, path := range []string{"/", "/login", "/days", "/data/records.jsonl", "/privacy", "/nothing"} {
		if a := u.get(path); a.code != http.StatusSeeOther || a.location != "/setup" {
			t.Errorf("%s in setup: %d to %q", path, a.code, a.location)
		}
	}
	if a := u.post("/login", "pin", testPIN); a.code != http.StatusSeeOther || a.location != "/setup" {
		t.Errorf("login in setup: %d to %q", a.code, a.location)
	}
	b.OpenSetupFor(50 * time.Millisecond)
	b.waitOpen(false) // by itself
	if err := b.lock.set(testPIN); err != nil {
		t.Fatal(err)
	}
	b.stop()
	next := startBox(t, r, b.dir)
	next.waitOpen(true)
	u = next.user("127.0.0.1").login()
	next.stop()
	next.waitOpen(false)
	third := startBox(t, r, b.dir)
	third.waitOpen(true)
	v := third.user("127.0.0.1")
	v.http.Jar = u.jar
	v.jar = u.jar
	if a := v.get("/days"); a.code != http.StatusSeeOther {
		t.Errorf("a session of the run before: %d", a.code)
	}
}

// TestSetup: what setup refuses, and that a PIN that was forgotten is replaced, which ends all sessions and setup.
func TestSetup(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	old := b.user("127.0.0.1").login()
	u := b.user("127.0.0.2")
	if a := u.post("/setup", "code", testCode, "pin", "553311", "again", "553311"); a.location != "/login" {
		t.Errorf("setup while it is closed: %d to %q", a.code, a.location)
	}
	b.OpenSetup()
	f := func(name, code, pin, again string, want int) {
		t.Helper()
		if a := u.post("/setup", "code", code, "pin", pin, "again", again); a.code != want {
			t.Errorf("%s: %d, want %d: %s", name, a.code, want, said(a.body))
		}
	}
	f("another code", "7K3QM-9ZX0V", "553311", "553311", http.StatusForbidden)
	f("no code", "", "553311", "553311", http.StatusForbidden)
	f("weak", testCode, "123456", "123456", http.StatusUnprocessableEntity)
	f("short", testCode, "55331", "55331", http.StatusUnprocessableEntity)
	f("differs", testCode, "553311", "553312", http.StatusUnprocessableEntity)
	if a := u.post("/setup", "code", testCode, "code", testCode, "pin", "553311", "again", "553311"); a.code != http.StatusForbidden {
		t.Errorf("two codes: %d", a.code)
	}
	for range maxCodes {
		u.post("/setup", "code", "00000-00000", "pin", "553311", "again", "553311")
	}
	f("the code behind many wrong ones", testCode, "553311", "553311", http.StatusTooManyRequests)
	if a := old.get("/days"); a.code != http.StatusOK {
		t.Errorf("a session while setup is open: %d", a.code)
	}
	v := b.user("127.0.0.3")
	if a := v.post("/setup", "code", testCode, "pin", "553311", "again", "553311"); a.code != http.StatusSeeOther {
		t.Fatalf("from another address: %d %s", a.code, said(a.body))
	}
	if a := v.get("/days"); a.code != http.StatusOK {
		t.Errorf("logged in by setup: %d", a.code)
	}
	if a := old.get("/days"); a.location != "/login" {
		t.Errorf("a session from before: %d to %q", a.code, a.location)
	}
	if a := u.get("/setup"); a.location != "/login" {
		t.Errorf("setup after it was done: %d to %q", a.code, a.location)
	}
	if a := u.post("/login", "pin", testPIN); a.code != http.StatusForbidden {
		t.Errorf("the old PIN: %d", a.code)
	}
	if b.count(RefusedCode) < maxCodes+3 || b.count(RefusedPIN) != 1 {
		t.Errorf("refused %v", b.refused)
	}
}

// TestBruteForce: through the page, from one address and from many; a restart forgets nothing.
func TestBruteForce(t *testing.T) {
	r := newRoom(t)
	b := newBox(t, r).open()
	u := b.user("127.0.0.9")
	for range freeTries {
		if a := u.post("/login", "pin", "000001"); a.code != http.StatusForbidden {
			t.Fatalf("a wrong PIN: %d %s", a.code, said(a.body))
		}
	}
	a := u.post("/login", "pin", testPIN)
	if a.code != http.StatusTooManyRequests || a.header.Get("Retry-After") != "60" || !strings.Contains(a.body, "sau 1 phút") {
		t.Errorf("the sixth: %d, retry after %q: %s", a.code, a.header.Get("Retry-After"), said(a.body))
	}
	if u.cookie(cookieName) != "" {
		t.Error("a refusal gives a session")
	}
	b.stop()
	b = startBox(t, r, b.dir)
	b.waitOpen(true)
	if a := b.user("127.0.0.9").post("/login", "pin", testPIN); a.code != http.StatusTooManyRequests {
		t.Errorf("after a restart: %d", a.code)
	}
	for i := range budget - freeTries {
		if a := b.user(fmt.Sprintf("127.0.1.%d", i+1)).post("/login", "pin", "000001"); a.code != http.StatusForbidden {
			t.Fatalf("address %d: %d", i, a.code)
		}
	}
	fresh := b.user("127.0.2.1")
	if a := fresh.post("/login", "pin", testPIN); a.code != http.StatusTooManyRequests || !strings.Contains(a.body, "giữ nút") {
		t.Errorf("behind the budget: %d %s", a.code, said(a.body))
	}
	b.OpenSetup()
	if a := fresh.post("/setup", "code", testCode, "pin", "553311", "again", "553311"); a.code != http.StatusSeeOther {
		t.Errorf("setup behind the budget: %d %s", a.code, said(a.body))
	}
	if a := b.user("127.0.0.9").post("/login", "pin", "553311"); a.code != http.StatusSeeOther {
		t.Errorf("login after setup: %d %s", a.code, said(a.body))
	}
}

// TestFixation: a token that somebody else put into the browser is worth nothing, before the login and behind it.
func TestFixation(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	u := b.user("127.0.0.1")
	planted := strings.Repeat("A", 43)
	r := u.request("POST", "/login", "pin="+testPIN)
	r.Header.Set("Cookie", cookieName+"="+planted)
	u.do(r)
	first := u.cookie(cookieName)
	if first == planted || len(first) != 43 {
		t.Fatalf("the session is %q", first)
	}
	thief := b.user("127.0.0.2")
	r = thief.request("GET", "/days", "")
	r.Header.Set("Cookie", cookieName+"="+planted)
	if a := thief.do(r); a.code != http.StatusSeeOther {
		t.Errorf("the planted token: %d", a.code)
	}
	r = u.request("POST", "/login", "pin="+testPIN) // again, in a session
	u.do(r)
	if second := u.cookie(cookieName); second == first {
		t.Error("a login in a session goes on with its token")
	}
	r = thief.request("GET", "/days", "")
	r.Header.Set("Cookie", cookieName+"="+first)
	if a := thief.do(r); a.code != http.StatusSeeOther {
		t.Errorf("the token from before the second login: %d", a.code)
	}
	was := u.cookie(cookieName)
	u.post("/logout")
	r = thief.request("GET", "/days", "")
	r.Header.Set("Cookie", cookieName+"="+was)
	if a := thief.do(r); a.code != http.StatusSeeOther {
		t.Errorf("a token behind its log-out: %d", a.code)
	}
}

// TestCookie: what a session's cookie says.
func TestCookie(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	a := b.user("127.0.0.1").post("/login", "pin", testPIN)
	got := a.header.Get("Set-Cookie")
	for _, want := range []string{"__Host-cafeprobe=", "; Path=/;", "HttpOnly", "Secure", "SameSite=Strict", "Max-Age=28800"} {
		if !strings.Contains(got, want) {
			t.Errorf("cookie %q without %q", got, want)
		}
	}
	if strings.Contains(got, "Domain") {
		t.Errorf("cookie %q names a domain", got)
	}
}

// TestChangePIN wants the old one, counts failures, and ends all other sessions.
func TestChangePIN(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	u, other := b.user("127.0.0.1").login(), b.user("127.0.0.2").login()
	f := func(name, old, pin, again string, want int) {
		t.Helper()
		if a := u.post("/pin", "old", old, "pin", pin, "again", again); a.code != want {
			t.Errorf("%s: %d, want %d: %s", name, a.code, want, said(a.body))
		}
	}
	f("wrong", "000001", "553311", "553311", http.StatusForbidden)
	f("weak", testPIN, "222222", "222222", http.StatusUnprocessableEntity)
	f("differs", testPIN, "553311", "553312", http.StatusUnprocessableEntity)
	f("too short to be it", "12", "553311", "553311", http.StatusUnprocessableEntity)
	if n := len(b.lock.f.Failures); n != 1 {
		t.Errorf("%d failures counted, want the one", n)
	}
	was := u.cookie(cookieName)
	f("right", testPIN, "553311", "553311", http.StatusSeeOther)
	if u.cookie(cookieName) == was {
		t.Error("the session goes on with its token")
	}
	if a := other.get("/days"); a.code != http.StatusSeeOther {
		t.Errorf("the other session: %d", a.code)
	}
	if a := u.get("/days"); a.code != http.StatusOK {
		t.Errorf("his own: %d", a.code)
	}
}

// TestCross: no form of another site's page is taken, and nothing is done by a GET.
func TestCross(t *testing.T) {
	b := newBox(t, newRoom(t).lived(2)).open()
	u := b.user("127.0.0.1").login()
	f := func(name, header, value string) {
		t.Helper()
		for _, path := range []string{"/logout", "/pin", "/maintenance", "/night/2026-11-27", "/login", "/setup"} {
			r := u.request("POST", path, "pin="+testPIN)
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set(header, value)
			if a := u.do(r); a.code != http.StatusForbidden || a.location != "" {
				t.Errorf("%s, %s: %d to %q", name, path, a.code, a.location)
			}
		}
	}
	f("another site's form", "Sec-Fetch-Site", "cross-site")
	f("another port's form", "Sec-Fetch-Site", "same-site")
	f("an old browser's", "Origin", "https://evil.example")
	f("a sandbox's", "Origin", "null")
	f("plain http's", "Origin", "http://192.168.1.1")
	for _, path := range []string{"/logout", "/logout?pin=1"} {
		if a := u.get(path); a.code != http.StatusMethodNotAllowed && a.code != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, a.code)
		}
	}
	if a := u.get("/days"); a.code != http.StatusOK {
		t.Errorf("the session behind all that: %d", a.code)
	}
	if got := b.count(RefusedCross); got != 30 {
		t.Errorf("%d counted, want 30", got)
	}
}

// TestRebinding: the page answers to its own address only, so that no name can lend a stranger's page the session.
func TestRebinding(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	u := b.user("127.0.0.1").login()
	own, port, err := net.SplitHostPort(b.port)
	if err != nil {
		t.Fatal(err)
	}
	f := func(host string, want int) {
		t.Helper()
		r := u.request("GET", "/days", "")
		r.Host = host
		r.Header.Set("Cookie", cookieName+"="+u.cookie(cookieName))
		if a := u.do(r); a.code != want || want != http.StatusOK && strings.Contains(a.body, "<nav") {
			t.Errorf("host %q: %d, want %d", host, a.code, want)
		}
	}
	f(own+":"+port, http.StatusOK)
	f("evil.example", http.StatusMisdirectedRequest)
	f("evil.example:"+port, http.StatusMisdirectedRequest)
	f("localhost:"+port, http.StatusMisdirectedRequest)
	f(own, http.StatusMisdirectedRequest) // another port of the same machine
	f(own+":0", http.StatusMisdirectedRequest)
	f("127.0.0.2:"+port, http.StatusMisdirectedRequest)
	f(own+".evil.example:"+port, http.StatusMisdirectedRequest)
	f("[::1]:"+port, http.StatusMisdirectedRequest)
	f("[::ffff:"+own+"]:"+port, http.StatusOK)
	if b.count(RefusedHost) != 8 {
		t.Errorf("%d counted, want 8", b.count(RefusedHost))
	}
	if got := b.raw("GET / HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 421") {
		t.Errorf("without a host: %.60q", got)
	}
}

func TestSameHost(t *testing.T) {
	f := func(host, local string, want bool) {
		t.Helper()
		l, err := net.ResolveTCPAddr("tcp", local)
		if err != nil {
			t.Fatal(err)
		}
		if sameHost(host, l) != want {
			t.Errorf("%q at %s: %v, want %v", host, local, !want, want)
		}
	}
	f("192.168.1.10", "192.168.1.10:443", true)
	f("192.168.1.10:443", "192.168.1.10:443", true)
	f("192.168.1.10:8443", "192.168.1.10:443", false)
	f("[fe80::1]", "[fe80::1%lo]:443", true)
	f("fe80::1", "[fe80::1]:443", true)
	f("[fe80::2]", "[fe80::1]:443", false)
	f("", "192.168.1.10:443", false)
	f("192.168.1.10:99999", "192.168.1.10:443", false)
	f("[192.168.1.10", "192.168.1.10:443", false)
}

// raw sends octets over TLS and returns the first line of what comes back.
func (b *box) raw(text string) string {
	b.t.Helper()
	c := b.dial("127.0.0.1")
	defer c.Close()
	_, _ = io.WriteString(c, text)
	line, _ := bufio.NewReader(c).ReadString('\n')
	return line
}

func (b *box) dial(from string) net.Conn {
	b.t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: time.Minute}, "tcp", b.port,
		&tls.Config{InsecureSkipVerify: true}) // the tests of TLS compare the certificate
	if err != nil {
		b.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	return c
}

// TestTraversal: whatever the path, nothing of the box's files comes out, and the answer is short.
func TestTraversal(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	u := b.user("127.0.0.1").login()
	secret, err := os.ReadFile(filepath.Join(b.dir, CertificateFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/../owner.pem", "/..%2fowner.pem", "/%2e%2e/%2e%2e/etc/passwd", "/day/..%2f..%2fowner.json", "/day/2026-11-27/../../owner.pem",
		"/night/..%5c..%5cowner.pem", "/night/2026-11-27%00.pem", "/pages/day.html", "/owner.json", "/page.css", "//evil.example/", "/day/%ff",
		"/night/2026-11-27/proof.pdf/..", "/data/../../identity.json", "/day/2026-13-99", "/day/2026-11-29", "/day/1970-01-01", "/night/x/proof.pdf",
		"/day/" + strings.Repeat("9", 3000),
	} {
		c := b.dial("127.0.0.1")
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nCookie: %s=%s\r\nConnection: close\r\n\r\n", path, b.port, cookieName, u.cookie(cookieName))
		got, _ := io.ReadAll(io.LimitReader(c, 1<<20))
		c.Close()
		line, _, _ := strings.Cut(string(got), "\r\n")
		if !strings.Contains(line, " 404 ") && !strings.Contains(line, " 307 ") && !strings.Contains(line, " 400 ") {
			t.Errorf("%.60s: %s", path, line)
		}
		if strings.Contains(string(got), "PRIVATE KEY") || strings.Contains(string(got), "Location: //") || len(got) > 8<<10 {
			t.Errorf("%.60s gives %d octets: %.200q", path, len(got), got)
		}
	}
	if len(secret) == 0 {
		t.Error("there is no secret to be found")
	}
}

// TestSizes: headers and bodies beyond the bounds are refused, the bounds themselves are not.
func TestSizes(t *testing.T) {
	b := newBox(t, newRoom(t).lived(2)).open()
	u := b.user("127.0.0.1").login()
	if got := b.raw("GET / HTTP/1.1\r\nHost: " + b.port + "\r\nX: " + strings.Repeat("x", 16<<10) + "\r\n\r\n"); !strings.Contains(got, " 431 ") {
		t.Errorf("a huge header: %q", got)
	}
	if a := u.post("/maintenance", "from", strings.Repeat("9", 17<<10)); a.code != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge body: %d", a.code)
	}
	if a := u.post("/login", "pin", strings.Repeat("9", 15<<10)); a.code != http.StatusUnprocessableEntity {
		t.Errorf("a PIN of 15 KiB: %d", a.code)
	}
	if n := len(b.lock.f.Failures); n != 0 {
		t.Errorf("what cannot be a PIN counts as %d failures", n)
	}
	r := u.request("POST", "/maintenance", "--x\r\n")
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	if a := u.do(r); a.code != http.StatusUnsupportedMediaType {
		t.Errorf("a multipart form: %d", a.code)
	}
	r = u.request("POST", "/maintenance", "from=%zz")
	if a := u.do(r); a.code != http.StatusBadRequest {
		t.Errorf("a form that is none: %d", a.code)
	}
}

// TestSlow: a client that does not finish its request is left, and nobody waits for it.
func TestSlow(t *testing.T) {
	b := newBox(t, newRoom(t), func(s *Server) { s.limits = limits{2 * time.Second, 3 * time.Second} }).open()
	c := b.dial("127.0.0.1")
	defer c.Close()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\n", b.port)
	body := b.dial("127.0.0.1")
	defer body.Close()
	fmt.Fprintf(body, "POST /login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\npin=", b.port)
	raw, err := net.Dial("tcp", b.port) // and one that does not even begin TLS
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	b.user("127.0.0.1").login()
	for name, x := range map[string]net.Conn{"header": c, "body": body, "handshake": raw} {
		_ = x.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.Copy(io.Discard, x); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: still open after a minute", name)
		}
	}
}

// TestManyConnections: a thousand connections from one machine take no more than its share, and the owner at another is served.
func TestManyConnections(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.66")}, Timeout: 10 * time.Second}
	var held []net.Conn
	defer func() {
		for _, c := range held {
			c.Close()
		}
	}()
	for range 1000 {
		c, err := d.Dial("tcp", b.port)
		if err != nil {
			continue // refused at once
		}
		held = append(held, c)
	}
	u := b.user("127.0.0.1").login()
	if a := u.get("/days"); a.code != http.StatusOK {
		t.Errorf("the owner: %d", a.code)
	}
	if n := b.count(RefusedFlood); n < 1000-maxConnsAddress-10 || n > 1000 {
		t.Errorf("%d counted as too many", n)
	}
	for _, c := range held {
		c.Close()
	}
	held = nil
	for range 200 { // the places are given back
		c, err := d.Dial("tcp", b.port)
		if err != nil {
			t.Fatal(err)
		}
		x := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		_ = x.SetDeadline(time.Now().Add(10 * time.Second))
		err = x.Handshake()
		x.Close()
		if err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("no place is given back to an address that had too many")
}

// TestGate: all addresses together have a limit, too.
func TestGate(t *testing.T) {
	g := newGate(nil, func() {})
	n := 0
	for i := range 100 {
		if g.enter(fmt.Sprint(i)) {
			n++
		}
	}
	if n != maxConns || g.enter("0") {
		t.Errorf("%d of 100 addresses, want %d", n, maxConns)
	}
	g.leave("0")
	if !g.enter("new") || len(g.from) != maxConns {
		t.Errorf("%d addresses after one left and one came", len(g.from))
	}
}

// TestTLS: versions from 1.2 on, the certificate of the label, and no plain text.
func TestTLS(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	f := func(version uint16, want bool) {
		t.Helper()
		c, err := tls.Dial("tcp", b.port, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != want {
			t.Fatalf("%s: %v", tls.VersionName(version), err)
		}
		if err != nil {
			return
		}
		defer c.Close()
		leaf := c.ConnectionState().PeerCertificates[0]
		cert, err := Certificate(b.dir, testBox, noon())
		if err != nil || leaf.Subject.CommonName != string(testBox) || Fingerprint(cert) != fingerprint.Of(leaf.Raw) {
			t.Errorf("certificate of %s, %s, %v", leaf.Subject.CommonName, Fingerprint(cert), err)
		}
		if leaf.NotAfter.Sub(leaf.NotBefore) < 10*365*24*time.Hour || leaf.PublicKeyAlgorithm != x509.ECDSA || leaf.IsCA {
			t.Errorf("certificate from %v to %v, %v, CA %v", leaf.NotBefore, leaf.NotAfter, leaf.PublicKeyAlgorithm, leaf.IsCA)
		}
	}
	f(tls.VersionTLS13, true)
	f(tls.VersionTLS12, true)
	f(tls.VersionTLS11, false)
	res, err := http.Get("http://" + b.port + "/")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("plain text: %s", res.Status)
	}
}

// TestCertificateStays: the label says its fingerprint, so it is made once, and a broken file is not replaced.
func TestCertificateStays(t *testing.T) {
	dir := t.TempDir()
	a, err := Certificate(dir, testBox, noon())
	if err != nil {
		t.Fatal(err)
	}
	c, err := Certificate(dir, testBox, noon().AddDate(20, 0, 0))
	if err != nil || Fingerprint(a) != Fingerprint(c) {
		t.Errorf("%v: %s, then %s", err, Fingerprint(a), Fingerprint(c))
	}
	path := filepath.Join(dir, CertificateFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Certificate(dir, testBox, noon()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a broken file: %v", err)
	}
}

// TestHeaders: every answer says what a browser may do with it.
func TestHeaders(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	u := b.user("127.0.0.1")
	check := func(name string, a answer) {
		t.Helper()
		for h, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := a.header.Get(h); got != want {
				t.Errorf("%s: %s is %q", name, h, got)
			}
		}
		if got := a.header.Get("Cache-Control"); got != "no-store" && !strings.HasPrefix(name, "/page") && name != iconPath {
			t.Errorf("%s: Cache-Control is %q", name, got)
		}
		if a.header.Get("Server") != "" || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", name, a.header)
		}
	}
	for _, path := range []string{"/", "/login", "/nothing", stylePath, iconPath} {
		check(path, u.get(path))
	}
	r := u.request("GET", "/", "")
	r.Host = "evil.example"
	check("rebinding", u.do(r))
	u.login()
	for _, path := range []string{"/", "/days", "/privacy", "/data/days.csv", "/nothing"} {
		check(path, u.get(path))
	}
}

// TestPort: a port that is taken is tried again.
func TestPort(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tried := make(chan struct{}, 100)
	b := newBox(t, newRoom(t), func(s *Server) {
		s.retry = 10 * time.Millisecond
		s.cfg.Listen = func() (net.Listener, error) {
			tried <- struct{}{}
			return net.Listen("tcp4", l.Addr().String())
		}
	})
	b.port = l.Addr().String()
	if err := b.lock.set(testPIN); err != nil {
		t.Fatal(err)
	}
	b.changed()
	<-tried
	<-tried
	l.Close()
	b.waitOpen(true)
}
