package demo

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/proof"
	"cafeprobe/firmware/vm"
	"cafeprobe/tools/soak/hold"
	"cafeprobe/uplink"
	"cafeprobe/uplink/export"
	"cafeprobe/uplink/spool"
)

// TestEmulateOwner: the image in QEMU, switched on, opens the setup of its owner's page for a while. With the label's code the owner sets a
// PIN, reads his days over the uplink, and takes a proof of a closed night home that anybody can verify. Nothing leaves the capture port.
func TestEmulateOwner(t *testing.T) {
	e := newEmulated(t)
	id, night := e.past()
	forward := freeAddress(t)
	e.boot(func(c *vm.Config) { c.Forward = forward })
	known(t, e.p)
	e.note("the province knows the box")
	o := e.owner(forward)
	o.until("the setup is open", bootTime, func() bool {
		status, _, err := o.get("/setup")
		return err == nil && status == http.StatusOK
	})
	o.post("/setup", "code", id.OwnerCode(), "pin", "83920174", "again", "83920174")
	e.note("the owner's PIN is set")

	o.measure()
	if page := o.page("/night/" + night.String()); !strings.Contains(page, "proof.pdf") {
		t.Errorf("no proof of a night that is closed: %s", page)
	}
	o.proof(night)
	report, err := export.Verify(strings.NewReader(o.page("/data/records.jsonl")))
	if err != nil || !report.Sound() || report.Header.Box != address.Box || report.Signed != report.Last {
		t.Errorf("the owner's copy: %+v, %v", report, err)
	}
	if sent, _ := e.m.Capture.FromBox(); sent != 0 {
		t.Errorf("%d frames left the capture port", sent)
	}
	e.off()

	// Switched on again: the page is there with its PIN, and no setup is open.
	e.boot(func(c *vm.Config) { c.Forward = forward })
	o = e.owner(forward)
	o.until("the page is open", bootTime, func() bool { _, _, err := o.get("/login"); return err == nil })
	if _, body, err := o.get("/setup"); err != nil || !strings.Contains(body, `action="/login"`) {
		t.Errorf("the setup of a box that has a PIN, %v: %s", err, body)
	}
	o.post("/login", "pin", "83920174")
	e.off()
}

// past gives the card a chain in which a night is closed, three days ago, and returns whose it is and the night.
func (e *emulated) past() (spool.Identity, hours.Date) {
	e.Helper()
	id, err := spool.NewIdentity(address, e.p.PublicKey())
	if err != nil {
		e.Fatal(err)
	}
	dir := e.TempDir()
	if err := id.Save(filepath.Join(dir, spool.IdentityFile)); err != nil {
		e.Fatal(err)
	}
	sp, err := spool.Open(dir, id, spool.Config{Generation: 1 << 19})
	if err != nil {
		e.Fatal(err)
	}
	night := hours.DateOf(time.Now()) - 3
	begin := night.Start().Add(20 * time.Hour)
	stamp := func(d time.Duration) uplink.Stamp {
		return uplink.Stamp{Mono: uplink.Int(d.Milliseconds()), Time: uplink.TimeOf(begin.Add(d)), Quality: uplink.QualitySync}
	}
	bodies := []uplink.Body{
		&uplink.Boot{Stamp: stamp(time.Minute), Firmware: "1", Board: "qemu-arm64"},
		&uplink.Vantage{Stamp: stamp(2 * time.Minute), Class: "A", Confidence: 97, Why: "mirror"},
	}
	for h := range 14 { // until 09:00
		bodies = append(bodies, &uplink.Anchor{Stamp: stamp(time.Duration(h)*time.Hour + 5*time.Minute), Source: "ntp", Error: 12})
	}
	for _, b := range bodies {
		r, err := uplink.Encode(b)
		if err == nil {
			_, err = sp.Append(r)
		}
		if err != nil {
			e.Fatal(err)
		}
	}
	if err := sp.Close(); err != nil {
		e.Fatal(err)
	}
	commands := "mkdir cafeprobe\ncd cafeprobe\nmkdir state\ncd state\n"
	files, err := os.ReadDir(dir)
	if err != nil {
		e.Fatal(err)
	}
	for _, f := range files {
		commands += fmt.Sprintf("write %s %s\nsif %s mode 0100600\n", filepath.Join(dir, f.Name()), f.Name(), f.Name())
	}
	cmd := exec.Command("/usr/sbin/debugfs", "-w", "-f", "-", fmt.Sprintf("%s?offset=%d", e.card, e.partition("data")))
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "rror") {
		e.Fatalf("debugfs: %v: %s", err, out)
	}
	return id, night
}

// freeAddress returns an address of loopback that nobody has.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// guest is the box's address, as QEMU's DHCP server gives it.
const guest = "10.0.2.15"

// owner is the browser of the box's owner.
type owner struct {
	*emulated
	dial func(context.Context, string, string) (net.Conn, error)
	jar  http.CookieJar
	http *http.Client
}

// owner returns a browser that has been nowhere. It believes that it speaks to the box's own address: the page wants that.
func (e *emulated) owner(forward string) *owner {
	e.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		e.Fatal(err)
	}
	o := &owner{emulated: e, jar: jar}
	o.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", forward)
	}
	o.http = o.client()
	return o
}

// client returns a client without a connection.
func (o *owner) client() *http.Client {
	tr := &http.Transport{DialContext: o.dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // the label's fingerprint is for eyes
	o.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Jar: o.jar, Timeout: time.Minute}
}

func (o *owner) get(path string) (status int, body string, err error) {
	res, err := o.http.Get("https://" + guest + path)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// page returns what is at path, which is to be there.
func (o *owner) page(path string) string {
	o.Helper()
	status, body, err := o.get(path)
	if err != nil || status != http.StatusOK {
		o.Fatalf("%s: status %d, %v: %s\n%s", path, status, err, body, o.m.Serial.Tail())
	}
	return body
}

// post sends a form, and fails unless it is taken.
func (o *owner) post(path string, fields ...string) {
	o.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	req, err := http.NewRequestWithContext(o.Context(), http.MethodPost, "https://"+guest+path, strings.NewReader(form.Encode()))
	if err != nil {
		o.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	began := time.Now()
	res, err := o.http.Do(req)
	if err != nil {
		o.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		o.Fatalf("%s: status %d, %v: %s", path, res.StatusCode, err, body)
	}
	o.note("%s took %v", path, time.Since(began).Round(time.Millisecond))
}

// until waits until ok, or fails.
func (o *owner) until(what string, within time.Duration, ok func() bool) {
	o.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(time.Second) {
		if time.Now().After(end) {
			o.Fatalf("not within %v: %s\n%s", within, what, o.m.Serial.Tail())
		}
	}
}

// proof takes the proof of a closed night, which verifies by itself; one octet that is changed is refused.
func (o *owner) proof(night hours.Date) {
	o.Helper()
	began := time.Now()
	pdf := []byte(o.page("/night/" + night.String() + "/proof.pdf"))
	o.note("the proof, %d octets, took %v", len(pdf), time.Since(began).Round(time.Millisecond))
	r, err := proof.Verify(bytes.NewReader(pdf))
	if err != nil {
		o.Fatal(err)
	}
	if s := &r.Statement; s.Verdict != "closed" || s.Minutes.Seen != 600 || s.Night != night.String() || s.Box != address.Box {
		o.Errorf("the proof states %+v", s)
	}
	pdf[len(pdf)/2] ^= 1
	if _, err := proof.Verify(bytes.NewReader(pdf)); !errors.Is(err, proof.ErrProof) {
		o.Errorf("of which an octet is changed: %v", err)
	}
}

// asset is what a page has a browser load.
var asset = regexp.MustCompile(`(?:href|src)="(/[^"]+\.(?:css|svg))"`)

// measure loads the page as a browser does that was never there, again and again: a new connection, the page, what it is made of.
func (o *owner) measure() {
	o.Helper()
	o.page("/") // the book has been read by then
	const rounds = 7
	var handshakes, loads []time.Duration
	for range rounds {
		began := time.Now()
		c, err := o.dial(o.Context(), "", "")
		if err != nil {
			o.Fatal(err)
		}
		s := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		if err := s.HandshakeContext(o.Context()); err != nil {
			o.Fatal(err)
		}
		handshakes = append(handshakes, time.Since(began))
		s.Close()

		o.http = o.client()
		began = time.Now()
		body := o.page("/")
		for _, a := range asset.FindAllStringSubmatch(body, -1) {
			o.page(a[1])
		}
		loads = append(loads, time.Since(began))
	}
	slices.Sort(handshakes)
	slices.Sort(loads)
	hand, load := handshakes[rounds/2], loads[rounds/2]
	o.note("a TLS handshake takes %v, the whole page %v (medians of %d; the slowest %v)", hand, load, rounds, loads[rounds-1])
	// The fastest: that is what the box takes, the rest is what else the machine does that emulates it.
	hold.AtMost(o.T, "the owner's page, loaded over a new connection", loads[0].Milliseconds(), 1000, "ms")
}
