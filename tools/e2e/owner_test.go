package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cafeprobe/capture/capturetest"
	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/initctl"
	"cafeprobe/firmware/proof"
	"cafeprobe/uplink"
	"cafeprobe/uplink/export"
	"cafeprobe/uplink/fingerprint"
	"cafeprobe/uplink/spool"
)

// firstProcess is PID 1's end of the daemon's socket, as far as the owner's page needs it.
type firstProcess struct {
	*initctl.Server
	path string
}

func newFirstProcess(t *testing.T) *firstProcess {
	t.Helper()
	p := &firstProcess{path: filepath.Join(t.TempDir(), "init.sock")}
	l, err := initctl.Listen(p.path, -1)
	if err != nil {
		t.Fatal(err)
	}
	p.Server = initctl.NewServer(initctl.Config{Box: initctl.Box{Board: "test", Version: "test"}, Now: boottime.Now})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx, l) }()
	t.Cleanup(func() { stop(); <-done })
	return p
}

// open opens the setup of the owner's page for d.
func (p *firstProcess) open(d time.Duration, button bool) {
	p.Setup(initctl.Setup{Until: (boottime.Now() + d).Milliseconds(), Button: button})
}

// listens returns the TCP ports on which a process listens.
func listens(t *testing.T, pid int) (ports []int) {
	t.Helper()
	inodes := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(fds) == 0 {
		t.Fatalf("open files of %d: %v", pid, err)
	}
	for _, fd := range fds {
		to, _ := os.Readlink(fd) // one that was closed meanwhile listens no more
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	for _, name := range []string{"tcp", "tcp6"} {
		// Of this thread's namespace: a daemon's first thread may have been left in that of the capture port.
		b, err := os.ReadFile("/proc/thread-self/net/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != "0A" || !inodes[f[9]] { // 0A: TCP_LISTEN
				continue
			}
			_, hex, _ := strings.Cut(f[1], ":")
			port, err := strconv.ParseUint(hex, 16, 16)
			if err != nil {
				t.Fatal(err)
			}
			ports = append(ports, int(port))
		}
	}
	return ports
}

// awaitPorts waits until a process listens on want and nothing else.
func awaitPorts(t *testing.T, what string, pid int, want ...int) {
	t.Helper()
	var got []int
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if got = listens(t, pid); slices.Equal(got, want) {
			return
		}
	}
	t.Fatalf("%s: it listens on %v, want %v", what, got, want)
}

// ownerPort is the page's default: below those that everybody may open unless the namespace says otherwise.
const ownerPort = 443

// reader is the owner's browser.
type reader struct {
	t    *testing.T
	http *http.Client
	seen []byte // the page's certificate
}

func newReader(t *testing.T) *reader {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t}
	tr := &http.Transport{TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, // what a person compares is the fingerprint
		VerifyConnection:   func(c tls.ConnectionState) error { r.seen = c.PeerCertificates[0].Raw; return nil },
	}}
	t.Cleanup(tr.CloseIdleConnections)
	r.http = &http.Client{Transport: tr, Jar: jar, Timeout: 20 * time.Second}
	return r
}

// do sends a request, a form where there are fields, and returns what came behind the redirects.
func (r *reader) do(path string, fields ...string) (status int, body string) {
	r.t.Helper()
	at := "https://127.0.0.1" + path
	var res *http.Response
	var err error
	if fields == nil {
		res, err = r.http.Get(at)
	} else {
		form := url.Values{}
		for i := 0; i < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		var req *http.Request
		if req, err = http.NewRequestWithContext(r.t.Context(), http.MethodPost, at, strings.NewReader(form.Encode())); err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Origin", "https://127.0.0.1")
			req.Header.Set("Sec-Fetch-Site", "same-origin")
			res, err = r.http.Do(req)
		}
	}
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// want fails unless the page at path says all words.
func (r *reader) want(path string, words ...string) {
	r.t.Helper()
	status, body := r.do(path)
	if status != http.StatusOK {
		r.t.Errorf("%s: status %d", path, status)
	}
	for _, w := range words {
		if !strings.Contains(body, w) {
			r.t.Errorf("%s: no %q in %s", path, w, body)
		}
	}
}

// someNight is a night that is over at whatever time the test runs.
func someNight() hours.Date { return hours.DateOf(time.Now()) - 2 }

// alerted puts an alert of that night into the box's chain, as an account does.
func (b *box) alerted(t *testing.T) {
	t.Helper()
	sp, err := spool.Open(b.dir, b.id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.UnixMilli(int64(someNight()) * 24 * 3600 * 1000).Add(15 * time.Hour) // 22:00 in UTC+7
	stamp := func(d time.Duration) uplink.Stamp {
		return uplink.Stamp{Mono: uplink.Int(d.Milliseconds()), Time: uplink.TimeOf(begin.Add(d)), Quality: uplink.QualitySync}
	}
	for _, body := range []uplink.Body{
		&uplink.Boot{Stamp: stamp(0), Firmware: "test"},
		&uplink.AfterHours{
			Stamp: stamp(40 * time.Minute), Night: uplink.Date(someNight().String()), Stage: uplink.StageAlert, Category: "game",
			Hours: "22:00-08:00", First: uplink.TimeOf(begin.Add(11 * time.Minute)), Last: uplink.TimeOf(begin.Add(39 * time.Minute)),
			Peak: 3, Minutes: 60, Confidence: 91,
		},
	} {
		r, err := uplink.Encode(body)
		if err == nil {
			_, err = sp.Append(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := sp.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOwnerPage: a daemon listens to nobody until the box's first process has opened the setup, and again when that is over without a PIN;
// with the label's code the owner sets one, and sees, disputes and announces what the province then holds and shows. From the café's side
// there is no page at any time, and not one frame answers.
func TestOwnerPage(t *testing.T) {
	m := newMirror(t, false)
	start := "/proc/sys/net/ipv4/ip_unprivileged_port_start"
	if err := os.WriteFile(start, []byte("443\n"), 0); err != nil { // of the tests' namespace, as PID 1 does it
		t.Fatal(err)
	}
	p := newSite(t, t.TempDir(), "")
	b := p.listener(t, m, timeServer(t), timeServer(t), timeServer(t))
	b.alerted(t)
	first := newFirstProcess(t)
	t.Setenv(initctl.Env, first.path)
	l := b.listen(t)
	pid := func() int { return l.cmd.Process.Pid }
	l.await("the alert is the province's", func(pr progress) bool { return pr.Records > 2 && pr.Receipted == pr.Records })
	awaitPorts(t, "before anybody opened the setup", pid())

	for n := 0; !slices.Equal(listens(t, pid()), []int{ownerPort}); n++ { // of ten minutes, the last: a busy machine may miss them
		if n == 500 {
			t.Fatal("a start by power opens no setup")
		}
		if n%100 == 0 {
			first.open(2*time.Second, false)
		}
		time.Sleep(20 * time.Millisecond)
	}
	awaitPorts(t, "when the time is over", pid())

	first.open(10*time.Minute, true)
	awaitPorts(t, "after the button was held", pid(), ownerPort)
	r := newReader(t)
	if status, body := r.do("/setup", "code", "00000-00000", "pin", "83920174", "again", "83920174"); status != http.StatusForbidden {
		t.Fatalf("a wrong code: status %d: %s", status, body)
	}
	if status, body := r.do("/setup", "code", b.id.OwnerCode(), "pin", "83920174", "again", "83920174"); status != http.StatusOK {
		t.Fatalf("the label's code: status %d: %s", status, body)
	}
	label, err := os.ReadFile(filepath.Join(b.dir, "owner.pem"))
	if err != nil || !bytes.Contains(label, []byte("CERTIFICATE")) || len(strings.Fields(fingerprint.Of(r.seen))) != fingerprint.Syllables {
		t.Errorf("the page's certificate: %v", err)
	}
	m.unreachable(t, ownerPort)

	r.says(p, b)
	r.keeps(b)

	first.open(10*time.Minute, false) // the box is switched on again: it has a PIN
	l.end()
	l = b.listen(t)
	awaitPorts(t, "after a restart", pid(), ownerPort)
	r = newReader(t)
	if status, body := r.do("/setup"); status != http.StatusOK || !strings.Contains(body, `action="/login"`) {
		t.Errorf("the setup of a page that has a PIN: status %d: %s", status, body)
	}
	if status, _ := r.do("/login", "pin", "83920175"); status != http.StatusForbidden {
		t.Errorf("a wrong PIN: status %d", status)
	}
	if status, body := r.do("/login", "pin", "83920174"); status != http.StatusOK {
		t.Errorf("the PIN: status %d: %s", status, body)
	}
	r.want("/night/"+someNight().String(), "Thợ sửa máy chủ")
	l.end()
	told := p.awaitTold(t, b, uplink.KindSecurity, 1)
	for _, body := range told {
		if s := body.(*uplink.Security); s.What != uplink.SecurityGuess || s.Topic != "owner" {
			t.Errorf("security record %+v, want guesses at the owner's page alone", s)
		}
	}
	m.wantSent(0)
}

// says disputes the alert and announces a maintenance, and looks at what the province has and shows of it.
func (r *reader) says(p *site, b *box) {
	t := r.t
	t.Helper()
	const note = "Thợ sửa máy chủ từ 22 giờ <b>không có khách</b>"
	night := "/night/" + someNight().String()
	_, body := r.do(night)
	seq := regexp.MustCompile(`name="seq" value="([0-9]+)"`).FindStringSubmatch(body)
	if seq == nil {
		t.Fatalf("no alert on the night's page: %s", body)
	}
	if status, body := r.do(night, "seq", seq[1], "note", note); status != http.StatusOK {
		t.Fatalf("dispute: status %d: %s", status, body)
	}
	d := p.awaitTold(t, b, uplink.KindDispute, 1)[0].(*uplink.Dispute)
	if fmt.Sprint(d.Seq) != seq[1] || d.Note != note || d.Stage != uplink.StageAlert || string(d.Night) != someNight().String() {
		t.Errorf("the province has %+v, want a dispute of record %s", d, seq[1])
	}
	from := time.Now().In(hours.Zone).Add(time.Hour)
	const layout = "2006-01-02T15:04"
	fields := []string{"from", from.Format(layout), "to", from.Add(2 * time.Hour).Format(layout)}
	if status, body := r.do("/maintenance", fields...); status != http.StatusOK {
		t.Fatalf("maintenance: status %d: %s", status, body)
	}
	w := p.awaitTold(t, b, uplink.KindMaintenance, 1)[0].(*uplink.Maintenance)
	if w.By != uplink.ByOwner || w.From.Time().In(hours.Zone).Format(layout) != fields[1] || w.To-w.From != 2*3600*1000 {
		t.Errorf("the province has %+v", w)
	}
	res, err := http.Get(p.WebURL())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, nights, _ := strings.Cut(string(page), `id="nights"`)
	for _, want := range []string{`class="dispute"`, "Thợ sửa máy chủ từ 22 giờ &lt;b&gt;không có khách&lt;/b&gt;"} {
		if !strings.Contains(nights, want) {
			t.Errorf("the province's page has no %q at its nights: %s", want, nights)
		}
	}
}

// keeps takes the owner's copy of the chain, and the proof of a night, which anybody can verify.
func (r *reader) keeps(b *box) {
	t := r.t
	t.Helper()
	status, text := r.do("/data/records.jsonl")
	if status != http.StatusOK {
		t.Fatalf("export: status %d: %s", status, text)
	}
	report, err := export.Verify(strings.NewReader(text))
	if err != nil || !report.Sound() || report.Header.Box != b.id.Box || report.Checkpoints != 1 || report.Signed != report.Last ||
		report.Receipts != 1 {
		t.Errorf("the export: %+v, %v", report, err)
	}
	status, text = r.do("/night/" + someNight().String() + "/proof.pdf")
	if status != http.StatusOK {
		t.Fatalf("proof: status %d: %s", status, text)
	}
	p, err := proof.Verify(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if s := &p.Statement; s.Verdict != "partly" || len(s.Alerts) != 1 || s.Minutes.Seen == 600 || !bytes.Equal(p.Key[:], b.id.Public()) {
		t.Errorf("the proof of a night of which little was recorded: %+v", s)
	}
}

// unreachable tries all ports of the box from the café's side of its capture port, by addresses of either family, and fails if one answers.
func (m *mirror) unreachable(t *testing.T, page int) {
	t.Helper()
	before := m.heard.Load()
	local := netip.MustParseAddr("fe80::2ef0:5dff:fe00:cafe") // what the port's address would make
	mine := netip.MustParseAddr("198.18.0.1")
	sent := 0
	for port := 1; port < 1<<16; port++ {
		for _, to := range []netip.Addr{netip.MustParseAddr("198.18.0.2"), netip.MustParseAddr("127.0.0.1"), local} {
			from := mine
			if to.Is6() {
				from = netip.MustParseAddr("fe80::1")
			} else if to.IsLoopback() && port != page {
				continue
			}
			f := synTo(from, to, uint16(port))
			for range 100 {
				if m.transmit(f) {
					sent++
					break
				}
				time.Sleep(time.Millisecond)
			}
		}
	}
	if sent < 2*65535 {
		t.Errorf("%d frames of the scan went out, want all", sent)
	}
	run(t, "ip", "-n", m.far, "neigh", "replace", "198.18.0.2", "lladdr", portMAC, "dev", farName, "nud", "permanent")
	capturetest.Within(t, m.far, func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		// Linux: how long connect waits (SO_SNDTIMEO, socket(7)).
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 2}); err != nil {
			t.Fatal(err)
		}
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: page, Addr: [4]byte{198, 18, 0, 2}})
		if !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, syscall.EAGAIN) {
			t.Errorf("a connection from the café's side: %v, want none within two seconds", err)
		}
	})
	if n := m.heard.Load() - before; n != 0 {
		t.Errorf("%d frames answer the scan", n)
	}
}

// synTo returns a frame to the capture port that opens a connection (RFC 9293 §3.5).
func synTo(from, to netip.Addr, port uint16) []byte {
	tcp := make([]byte, 20)
	binary.BigEndian.PutUint16(tcp, 40000)
	binary.BigEndian.PutUint16(tcp[2:], port)
	binary.BigEndian.PutUint32(tcp[4:], 1)
	tcp[12], tcp[13] = 5<<4, 2 // SYN
	binary.BigEndian.PutUint16(tcp[14:], 65535)
	pseudo := append(append(from.AsSlice(), to.AsSlice()...), 0, 6, 0, 20)
	binary.BigEndian.PutUint16(tcp[16:], checksum(append(pseudo, tcp...)))
	f := append(slices.Clone(mac(portMAC)), 2, 0, 0, 0, 0, 1)
	if to.Is6() {
		f = append(f, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64)
		return append(append(append(f, from.AsSlice()...), to.AsSlice()...), tcp...)
	}
	ip := append([]byte{0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0}, append(from.AsSlice(), to.AsSlice()...)...)
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	return append(append(append(f, 8, 0), ip...), tcp...)
}

// checksum is the Internet's (RFC 1071) of an even number of octets.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
