package initctl

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cafeprobe/firmware/health"
)

// now is the steady time of these tests: reports are from before.
func now() time.Duration { return time.Hour }

// ends are PID 1 and a daemon in a test.
type ends struct {
	mu      sync.Mutex
	pending []Event
	acked   []string
	reports []health.Report
	updates []string
	boxes   []Box
	booked  []string
	refuse  int // events that the daemon's card does not take
	moved   chan struct{}
}

func (e *ends) did(f func()) {
	e.mu.Lock()
	f()
	e.mu.Unlock()
	select {
	case e.moved <- struct{}{}:
	default:
	}
}

// until waits for ok.
func (e *ends) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		e.mu.Lock()
		is := ok()
		e.mu.Unlock()
		if is {
			return
		}
		select {
		case <-e.moved:
		case <-late:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func (e *ends) server(users ...uint32) *Server {
	return NewServer(Config{
		Box: Box{Board: "qemu-arm64", Version: "2026.11.0", Number: 12, Slot: "b", Trial: true}, Users: users, Now: now,
		Pending: func() []Event { e.mu.Lock(); defer e.mu.Unlock(); return slices.Clone(e.pending) },
		Acknowledge: func(id string) error {
			e.did(func() {
				e.acked = append(e.acked, id)
				e.pending = slices.DeleteFunc(e.pending, func(p Event) bool { return p.ID == id })
			})
			return nil
		},
		Health: func(r health.Report) { e.did(func() { e.reports = append(e.reports, r) }) },
		Update: func(u json.RawMessage) { e.did(func() { e.updates = append(e.updates, string(u)) }) },
	})
}

func (e *ends) client(path string) *Client {
	return NewClient(ClientConfig{
		Dial: func(ctx context.Context) (net.Conn, error) { return Dial(ctx, path) },
		Box:  func(b Box) { e.did(func() { e.boxes = append(e.boxes, b) }) },
		Event: func(_ context.Context, ev Event) (err error) {
			e.did(func() {
				if e.refuse > 0 {
					e.refuse--
					err = errors.New("card full")
					return
				}
				e.booked = append(e.booked, ev.ID)
			})
			return err
		},
	})
}

func event(id string) Event {
	return Event{ID: id, Kind: "rolled-back", Uptime: 1500, Detail: json.RawMessage(`{"why":"crash"}`)}
}

// start runs PID 1's end at path until the returned function is called.
func start(t *testing.T, s *Server, path string) (stop func()) {
	t.Helper()
	l, err := Listen(path, -1)
	if err != nil {
		t.Fatal(err)
	}
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

// TestBothEnds: what each end says comes to the other, an event once it is recorded is acknowledged and gone, and one that the
// card does not take stays. PID 1's end may go away and come back.
func TestBothEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "init.sock")
	e := &ends{moved: make(chan struct{}, 1), pending: []Event{event("1-a"), event("2-a")}}
	s := e.server(uint32(os.Getuid()))
	stop := start(t, s, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v, want a socket for owner and group alone", info, err)
	}
	c := e.client(path)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- c.Run(ctx) }()
	e.until(t, "the box is told, and both events are recorded and acknowledged", func() bool {
		return len(e.boxes) == 1 && len(e.acked) == 2 && len(e.pending) == 0
	})
	c.Report(health.Evaluate(health.Inputs{Beat: 59 * time.Minute}, health.Report{}, 59*time.Minute))
	if err := c.Announce(json.RawMessage(`{"version": "2026.12.0"}`)); err != nil {
		t.Fatal(err)
	}
	e.until(t, "a report and an announcement", func() bool { return len(e.reports) == 1 && len(e.updates) == 1 })
	e.did(func() { e.pending = append(e.pending, event("3-a")) })
	s.Wake()
	e.until(t, "a later event", func() bool { return slices.Equal(e.acked, []string{"1-a", "2-a", "3-a"}) })

	s.Damaged(true)
	e.until(t, "the box has changed", func() bool { return len(e.boxes) == 2 && e.boxes[1].Damaged && !e.boxes[0].Damaged })
	s.Damaged(true)
	setup := Setup{Until: 4_200_000, Button: true}
	s.Setup(setup)
	e.until(t, "setup is open", func() bool { return len(e.boxes) == 3 && e.boxes[2].Setup == setup && e.boxes[1].Setup == Setup{} })
	s.Setup(setup)

	stop()
	e.did(func() { e.pending = append(e.pending, event("4-a")); e.refuse = 1 })
	c.Report(health.Evaluate(health.Inputs{Beat: 59 * time.Minute}, e.reports[0], 59*time.Minute))
	stop = start(t, s, path)
	e.until(t, "connected anew, and told the report that waited", func() bool {
		return len(e.boxes) == 4 && e.boxes[3].Damaged && e.boxes[3].Setup == setup && len(e.reports) == 2
	})
	e.until(t, "the event that was refused once was said", func() bool { return e.refuse == 0 })
	stop() // a connection of its own says it again
	stop = start(t, s, path)
	e.until(t, "the event is recorded at last", func() bool { return len(e.pending) == 0 && len(e.acked) == 4 })
	cancel()
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v, want the context's error", err)
	}
	stop()
	if want := []string{"1-a", "2-a", "3-a", "4-a"}; !slices.Equal(e.booked, want) {
		t.Errorf("recorded %v, want %v", e.booked, want)
	}
	if b := e.boxes[0]; b.Number != 12 || !b.Trial || e.updates[0] != `{"version":"2026.12.0"}` {
		t.Errorf("box %+v, updates %v", b, e.updates)
	}
}

// TestUser: who is not to connect is not heard, though the socket's mode would let him.
func TestUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "init.sock")
	e := &ends{moved: make(chan struct{}, 1)}
	stop := start(t, e.server(uint32(os.Getuid())+1), path)
	defer stop()
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if b, err := io.ReadAll(c); len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("was told %q, %v, want the connection ended", b, err)
	}
}

// TestOtherUser: a process of another user than the two is refused by what the kernel says of it.
func TestOtherUser(t *testing.T) {
	if os.Getenv("INITCTL_PATH") != "" { // the other user, below
		c, err := net.Dial("unix", os.Getenv("INITCTL_PATH"))
		if err != nil {
			os.Exit(3)
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		b, _ := io.ReadAll(io.LimitReader(c, 1))
		os.Exit(len(b))
	}
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("not root, and this is CI")
		}
		t.Skip("not root: this test runs a program as other users")
	}
	dir, err := os.MkdirTemp("/tmp", "initctl")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "init.sock")
	e := &ends{moved: make(chan struct{}, 1)}
	stop := start(t, e.server(), path)
	defer stop()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "other")
	if err := os.WriteFile(bin, self, 0o755); err != nil {
		t.Fatal(err)
	}
	f := func(user uint32, want int) {
		t.Helper()
		cmd := exec.Command(bin, "-test.run=^TestOtherUser$")
		cmd.Dir, cmd.Env = dir, []string{"INITCTL_PATH=" + path}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		out, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("user %d: status %d, %v, %s, want %d", user, got, err, out, want)
		}
	}
	f(DaemonUser, 1)
	f(901, 0)
	f(0, 1)
}

// TestHostileDaemon: what no daemon says ends the connection, and PID 1 serves the next.
func TestHostileDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "init.sock")
	e := &ends{moved: make(chan struct{}, 1), pending: []Event{event("1-a")}}
	stop := start(t, e.server(uint32(os.Getuid())), path)
	defer stop()
	f := func(name, said string) {
		t.Helper()
		c, err := Dial(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(c, said); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection goes on", name)
		}
	}
	f("no JSON", "hello\n")
	f("a long line", strings.Repeat("x", MaxLine+1)+"\n")
	f("another version", `{"v":2,"ack":"1-a"}`+"\n")
	f("two things", `{"v":1,"ack":"1-a","update":{}}`+"\n")
	f("PID 1's words", `{"v":1,"box":{"board":"pc"}}`+"\n")
	f("a report from the future", `{"v":1,"health":{"seq":1,"at":99999999999}}`+"\n")
	f("a report of no check", `{"v":1,"health":{"seq":1,"at":1,"checks":[{"c":"soul","s":"ok","why":"ok"}]}}`+"\n")
	f("a flood", strings.Repeat(`{"v":1,"ack":"9-z"}`+"\n", 4*floodLines))
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.reports) != 0 || len(e.pending) != 1 {
		t.Errorf("%d reports, %d events pending, want none and one", len(e.reports), len(e.pending))
	}
}

// TestReplaced: a daemon that connects while the one before still does takes its place.
func TestReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "init.sock")
	e := &ends{moved: make(chan struct{}, 1), pending: []Event{event("1-a")}}
	stop := start(t, e.server(uint32(os.Getuid())), path)
	defer stop()
	dial := func() (net.Conn, *bufio.Reader) {
		c, err := Dial(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		return c, bufio.NewReaderSize(c, MaxLine)
	}
	c1, r1 := dial()
	defer c1.Close()
	for range 2 {
		if _, err := Read(r1); err != nil {
			t.Fatal(err)
		}
	}
	c2, r2 := dial()
	defer c2.Close()
	if _, err := Read(r1); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the first is told more: %v", err)
	}
	if m, err := Read(r2); err != nil || m.Box == nil {
		t.Errorf("the second: %+v, %v, want the box", m, err)
	}
	if m, err := Read(r2); err != nil || m.Event == nil || m.Event.ID != "1-a" {
		t.Errorf("the second: %+v, %v, want the event that nobody acknowledged", m, err)
	}
}

// TestBarred: a daemon that may make no socket any more is told so at once.
func TestBarred(t *testing.T) {
	barred := func(context.Context) (net.Conn, error) { return nil, os.NewSyscallError("socket", syscall.EPERM) }
	c := NewClient(ClientConfig{Dial: barred})
	if err := c.Run(t.Context()); !errors.Is(err, os.ErrPermission) {
		t.Errorf("run: %v, want ErrPermission", err)
	}
}

func TestAnnounce(t *testing.T) {
	c := NewClient(ClientConfig{})
	f := func(a string, want error) {
		t.Helper()
		if err := c.Announce(json.RawMessage(a)); !errors.Is(err, want) {
			t.Errorf("%.40s: %v, want %v", a, err, want)
		}
	}
	f(`{}`, nil)
	f(`null`, ErrMessage)
	f(`{`, ErrMessage)
	f(`"`+strings.Repeat("x", MaxLine)+`"`, ErrLine)
}

// FuzzParse: what is read is valid, fits into a line, and reads the same again.
func FuzzParse(f *testing.F) {
	for _, m := range []Message{
		{Ack: "00000001-1f3c"},
		{Update: json.RawMessage(`{"version":"1"}`)},
		{Box: &Box{Board: "pc", Slot: "a"}},
		{Box: &Box{Board: "pc", Setup: Setup{Until: 600_000, Button: true}}},
		{Event: &Event{ID: "1-a", Kind: "crash", Uptime: 1, Detail: json.RawMessage(`[1]`)}},
	} {
		line, err := m.Line()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.TrimSuffix(line, []byte("\n")))
	}
	r := health.Evaluate(health.Inputs{Beat: time.Second}, health.Report{}, time.Minute)
	line, err := Message{Health: &r}.Line()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add([]byte(`{"v":1,"update":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		line, err := m.Line()
		if errors.Is(err, ErrLine) {
			return // escapes make it longer
		}
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", b, err)
		}
		again, err := Parse(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			t.Fatalf("%q was written and cannot be read: %v", line, err)
		}
		if back, err := again.Line(); err != nil || !bytes.Equal(back, line) {
			t.Errorf("%q reads as %q, %v", line, back, err)
		}
	})
}
