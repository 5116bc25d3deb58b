package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cafeprobe/board"
	"cafeprobe/board/virt"
	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/initctl"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
	"cafeprobe/uplink/mqtt"
	"cafeprobe/uplink/spool"
)

// issued makes a folder with an identity.
func issued(t *testing.T) (dir string, id spool.Identity) {
	t.Helper()
	dir = t.TempDir()
	id, err := spool.NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Save(filepath.Join(dir, spool.IdentityFile)); err != nil {
		t.Fatal(err)
	}
	return dir, id
}

// records returns the chain of a box that does not run.
func records(t *testing.T, dir string, id spool.Identity) (list []string) {
	t.Helper()
	sp, err := spool.Open(dir, id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	if err := each(sp, func(r uplink.Stored) { list = append(list, string(r.Raw)) }); err != nil {
		t.Fatal(err)
	}
	return list
}

// pid1 is PID 1's end in a test.
type pid1 struct {
	mu      sync.Mutex
	pending []initctl.Event
	last    health.Report
	moved   chan struct{}
}

func (p *pid1) did(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	select {
	case p.moved <- struct{}{}:
	default:
	}
}

func (p *pid1) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		p.mu.Lock()
		is := ok()
		p.mu.Unlock()
		if is {
			return
		}
		select {
		case <-p.moved:
		case <-late:
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func (p *pid1) serve(t *testing.T, path string) (stop func()) {
	t.Helper()
	l, err := initctl.Listen(path, -1)
	if err != nil {
		t.Fatal(err)
	}
	s := initctl.NewServer(initctl.Config{
		Box: initctl.Box{Board: "qemu-arm64", Version: "2026.11.0", Number: 12, Slot: "b"}, Users: []uint32{uint32(os.Getuid())},
		Now: boottime.Now, Health: func(r health.Report) { p.did(func() { p.last = r }) },
		Pending: func() []initctl.Event {
			p.mu.Lock()
			defer p.mu.Unlock()
			return append([]initctl.Event(nil), p.pending...)
		},
		Acknowledge: func(id string) error {
			p.did(func() {
				for i := range p.pending {
					if p.pending[i].ID == id {
						p.pending = append(p.pending[:i], p.pending[i+1:]...)
						return
					}
				}
			})
			return nil
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	}
}

// TestUnderPID1: a daemon that PID 1 started reports how it is and goes on moving, chains what PID 1 tells, says in its boot
// record which release it is, and ends when it has lost PID 1, since it may make no socket to come back with.
func TestUnderPID1(t *testing.T) {
	dir, id := issued(t)
	free, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	conf := filepath.Join(dir, "config.json")
	text := fmt.Sprintf(`{"dir":%q,"capture":{"remote":{"senders":["127.0.0.1"],"listen":"127.0.0.1","formats":["tzsp:%d"]}},
		"uplink":{"broker":"tcp://127.0.0.1:1"},"clock":{"servers":[]}}`, dir, free.LocalAddr().(*net.UDPAddr).Port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "init.sock")
	one := &pid1{moved: make(chan struct{}, 1), pending: []initctl.Event{
		{ID: "1-a", Kind: "rolled-back", Uptime: 1500, Detail: json.RawMessage(`{"slot":"b"}`)},
		{ID: "2-a", Kind: "crash", Uptime: 2500, Detail: json.RawMessage(`{"of":"daemon","how":"signal: killed","report":"x"}`)},
	}}
	stop := one.serve(t, path)
	bin := filepath.Join(t.TempDir(), "cafeprobed")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // with cgo a process cannot give up its rights
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), bin, "-config", conf)
	cmd.Env = append(os.Environ(), initctl.Env+"="+path)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Logf("the daemon said: %s", said.String())
		}
	}()
	one.until(t, "both events are recorded", func() bool { return len(one.pending) == 0 })
	one.until(t, "a report of a daemon that runs", func() bool {
		return one.last.Well > 0 && one.last.Check(health.Capture).State == health.OK
	})
	one.mu.Lock()
	first := one.last
	one.mu.Unlock()
	one.until(t, "the heartbeat goes on", func() bool { return one.last.Beat > first.Beat })
	one.mu.Lock()
	if c := one.last.Check(health.Broker); c.Why != health.RefusalRefused || one.last.Reached {
		t.Errorf("broker %+v, reached %v, want one that refuses", c, one.last.Reached)
	}
	one.mu.Unlock()
	stop()
	err = cmd.Wait()
	status := (*exec.ExitError)(nil)
	if !errors.As(err, &status) || status.ExitCode() != exitError || !strings.Contains(said.String(), "PID 1 is lost") {
		t.Errorf("without PID 1: %v, %s, want status 1 and why", err, said.String())
	}
	got := strings.Join(records(t, dir, id), "\n")
	for _, want := range []string{
		`"fw":"2026.11.0"`, `"fw":"unknown","step":"rolled-back","slot":"b"}`,
		`"what":"crash","of":"daemon","why":"signal-killed","up":2500}`,
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("records\n%s\nwant %s once", got, want)
		}
	}
}

// TestEventsOnce: an event whose acknowledgement was lost comes again, in this life or a later one, and is recorded once; one
// that is alike but another is recorded too, and one that was noted and not recorded, as by a power cut, is.
func TestEventsOnce(t *testing.T) {
	dir, id := issued(t)
	crash := func(id string) initctl.Event {
		return initctl.Event{ID: id, Kind: "crash", Uptime: 5, Detail: json.RawMessage(`{"of":"kernel"}`)}
	}
	life := func(list ...initctl.Event) {
		t.Helper()
		sp, err := spool.Open(dir, id, spool.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer sp.Close()
		stamp := func() uplink.Stamp { return uplink.Stamp{Mono: 9, Quality: uplink.QualityNone} }
		e := openEvents(dir, sp, stamp, slog.New(slog.DiscardHandler))
		for _, ev := range list {
			if err := e.take(ev); err != nil {
				t.Fatalf("event %s: %v", ev.ID, err)
			}
		}
	}
	count := func(want int) {
		t.Helper()
		n := 0
		for _, r := range records(t, dir, id) {
			if strings.Contains(r, `"k":"event"`) {
				n++
			}
		}
		if n != want {
			t.Errorf("%d records of events, want %d", n, want)
		}
	}
	life(crash("1-a"), crash("1-a"))
	count(1)
	life(crash("1-a"), crash("2-b"))
	count(2)
	life(crash("1-a"), crash("2-b"), crash("2-b"))
	count(2)
	b, err := os.ReadFile(filepath.Join(dir, eventsFile))
	if err != nil {
		t.Fatal(err)
	}
	noted := strings.Replace(string(b), "]", `,{"id":"3-c","head":9000}]`, 1)
	if err := os.WriteFile(filepath.Join(dir, eventsFile), []byte(noted), 0o600); err != nil {
		t.Fatal(err)
	}
	life(crash("3-c"))
	count(3)
	if err := os.WriteFile(filepath.Join(dir, eventsFile), []byte(`[{"id":`), 0o600); err != nil {
		t.Fatal(err)
	}
	life(crash("4-d")) // a torn file stops nothing
	count(4)
}

func TestBodyOf(t *testing.T) {
	f := func(kind, detail, want string) {
		t.Helper()
		ev := initctl.Event{ID: "1", Kind: kind, Uptime: 5, Detail: json.RawMessage(detail)}
		r, err := uplink.Encode(bodyOf(ev, uplink.Stamp{Quality: uplink.QualityNone}))
		if got := string(r.Raw); err != nil || !strings.HasSuffix(got, want) || !strings.HasPrefix(want, `"tq"`) {
			t.Errorf("%s: got %s, %v, want …%s", kind, got, err, want)
		}
	}
	f("update", `{"version":"2026.12.0","step":"confirmed","slot":"a"}`, `"tq":"none","fw":"2026.12.0","step":"confirmed","slot":"a"}`)
	f("update", `{"version":"2026.12.0","step":"refused","why":"wrong key"}`,
		`"tq":"none","fw":"2026.12.0","step":"refused","why":"wrong-key"}`)
	f("update", `{}`, `"tq":"none","what":"update","up":5}`)
	f("security", `{"what":"forged","from":"update"}`, `"tq":"none","what":"forged","n":1,"from":"update"}`)
	f("data", `{"mode":"memory","why":"EXT4-fs: bad geometry!"}`,
		`"tq":"none","what":"data","of":"memory","why":"ext4-fs-bad-geometry","up":5}`)
	f("reboot", `{"why":"a firmware on trial has not reached the province","slot":"b","trial":true}`,
		`"tq":"none","what":"reboot","why":"a-firmware-on-trial-has-not-reached-the-province","up":5}`)
	f("power-down", `null`, `"tq":"none","what":"power-down","up":5}`)
	f("7", `[1]`, `"tq":"none","what":"x7","up":5}`)
}

// FuzzBodyOf: whatever PID 1 says becomes a record that can be written.
func FuzzBodyOf(f *testing.F) {
	f.Add("crash", []byte(`{"of":"daemon","how":"signal: killed"}`), int64(5), 2)
	f.Add("rolled-back", []byte(`{"version":"\ud800","slot":"-","why":"9"}`), int64(-1), -1)
	f.Fuzz(func(t *testing.T, kind string, b []byte, up int64, lost int) {
		ev := initctl.Event{Kind: kind, Detail: b, Uptime: up, Lost: lost}
		if _, err := uplink.Encode(bodyOf(ev, uplink.Stamp{Quality: uplink.QualityNone})); err != nil {
			t.Errorf("%s %s: %v", kind, b, err)
		}
	})
}

// TestPulse: the heartbeat is that of the side that stands still.
func TestPulse(t *testing.T) {
	var p pulse
	p.start(time.Second)
	f := func(now time.Duration, hot, slow uint64, want time.Duration) {
		t.Helper()
		if got := p.beat(now)(hot, slow); got != want {
			t.Errorf("at %v, %d and %d: %v, want %v", now, hot, slow, got, want)
		}
	}
	f(2*time.Second, 0, 0, time.Second)
	f(3*time.Second, 7, 3, 3*time.Second)
	f(4*time.Second, 8, 3, 3*time.Second)
	f(60*time.Second, 900, 3, 3*time.Second)
	f(61*time.Second, 900, 4, 60*time.Second)
	f(62*time.Second, 901, 5, 62*time.Second)
}

// TestSupply: a supply that becomes weak is recorded once, and that it is good again.
func TestSupply(t *testing.T) {
	var s virt.Sensor
	m := newMonitor(t.TempDir(), slog.New(slog.DiscardHandler))
	m.parts = board.Parts{Supply: &s, Temperature: &s, Storage: &s}
	var told []string
	detach := m.attach(vitals{
		look:   func(in *health.Inputs) (uint64, uint64) { in.Capture = health.LinkUp; return 1, 1 },
		record: func(b uplink.Body) error { told = append(told, b.(*uplink.Power).What); return nil },
		stamp:  func() uplink.Stamp { return uplink.Stamp{Quality: uplink.QualityNone} },
	})
	for _, low := range []bool{false, true, true, false, false} {
		s.Say(61, low, board.Wear{Used: 30}, nil)
		m.report()
	}
	s.Say(0, true, board.Wear{}, errors.New("gone"))
	m.report()
	if got := strings.Join(told, " "); got != "low good" {
		t.Errorf("recorded %q, want low and good", got)
	}
	detach()
	m.report()
	if r := m.latest(); r.Well != 0 || r.Check(health.Storage).State != health.Unknown {
		t.Errorf("between two lives: %+v, want nothing known", r)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := m.take(ctx, initctl.Event{ID: "1"}); !errors.Is(err, context.Canceled) {
		t.Errorf("an event between two lives: %v, want it to wait", err)
	}
}

// TestSetup: that PID 1 has opened the setup of the owner's page is fresh to the first life that hears of it, and known to those behind it.
func TestSetup(t *testing.T) {
	m := newMonitor(t.TempDir(), slog.New(slog.DiscardHandler))
	var heard []string
	life := func() (detach func()) {
		return m.attach(vitals{
			look:  func(*health.Inputs) (uint64, uint64) { return 1, 1 },
			setup: func(s initctl.Setup, fresh bool) { heard = append(heard, fmt.Sprint(s.Until, fresh)) },
		})
	}
	want := func(name string, list ...string) {
		t.Helper()
		if !slices.Equal(heard, list) {
			t.Errorf("%s: heard %q, want %q", name, heard, list)
		}
		heard = nil
	}
	m.heard(initctl.Box{})
	end := life()
	want("nothing is open")
	m.heard(initctl.Box{Setup: initctl.Setup{Until: 10}})
	m.heard(initctl.Box{Setup: initctl.Setup{Until: 10}, Damaged: true})
	want("in a life, said again", "10 true")
	end()
	m.heard(initctl.Box{Setup: initctl.Setup{Until: 20, Button: true}})
	end = life()
	want("between two lives", "20 true")
	end()
	defer life()()
	want("to the next life", "20 false")
}

// TestUnreached: why a broker is not reached is known by what the connection says.
func TestUnreached(t *testing.T) {
	dial := func(broker string, cfg *tls.Config) error {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		c, err := mqtt.Dial(ctx, mqtt.Config{Broker: broker, Client: "b-1", TLS: cfg, Timeout: time.Second}, func(mqtt.Message) {})
		if err == nil {
			c.Close()
			t.Fatalf("%s: connected", broker)
		}
		return err
	}
	f := func(name string, err error, want string) {
		t.Helper()
		if got := unreached(err); got != want {
			t.Errorf("%s: %v is %q, want %q", name, err, got, want)
		}
	}
	f("none", nil, "")
	f("nobody there", dial("tcp://127.0.0.1:1", nil), health.RefusalRefused)
	f("no such name", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "broker.invalid", IsNotFound: true}},
		health.RefusalName)
	https := httptest.NewTLSServer(nil)
	defer https.Close()
	server := func(name string, cfg *tls.Config, want string) {
		t.Helper()
		f(name, dial("ssl://"+https.Listener.Addr().String(), cfg), want)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(https.Certificate())
	server("another's name", &tls.Config{ServerName: "broker"}, health.RefusalServer)
	server("another's CA", &tls.Config{ServerName: "example.com", RootCAs: x509.NewCertPool()}, health.RefusalAuthority)
	late := func() time.Time { return https.Certificate().NotAfter.Add(time.Hour) }
	server("a clock that is wrong", &tls.Config{ServerName: "example.com", RootCAs: trusted, Time: late}, health.RefusalDates)
	web := httptest.NewServer(nil)
	defer web.Close()
	f("a login page", dial("ssl://"+web.Listener.Addr().String(), &tls.Config{ServerName: "example.com", RootCAs: trusted}), health.RefusalPlain)
	picky := httptest.NewUnstartedServer(nil)
	picky.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}
	picky.StartTLS()
	defer picky.Close()
	f("it does not accept our certificate", dial("ssl://"+picky.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true}),
		health.RefusalCertificate)
	f("no certificate yet: the claim code is used up", fmt.Errorf("enrol b-1: %w", credential.ErrRefused), health.RefusalClaim)
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	f("it says nothing", dial("tcp://"+mute.Addr().String(), nil), health.RefusalTimeout)
	go func() {
		c, err := mute.Accept()
		for ; err == nil; c, err = mute.Accept() {
			_, _ = c.Read(make([]byte, 512))
			_, _ = c.Write([]byte{0x20, 2, 0, 5}) // CONNACK: not authorised
		}
	}()
	f("it does not let us in", dial("tcp://"+mute.Addr().String(), nil), health.RefusalLogin)
}
