package provision

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cafeprobe/firmware/console"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/init/commission"
	"cafeprobe/firmware/init/provision"
	"cafeprobe/tools/lang"
	"cafeprobe/uplink/fingerprint"
)

// fake is a box whose card is memory: what a Desk needs, and what a diag says.
type fake struct {
	mu     sync.Mutex
	files  map[string][]byte // in place
	kept   int
	open   bool
	boots  int // hellos until it is ready
	starts int // labels until the daemon has started
	refuse error
}

var key = ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)

func (f *fake) About() commission.Hello {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := commission.Hello{Board: "nanopi-r2s", Release: "2026.11.0", Ready: f.boots <= 0}
	f.boots--
	if _, h.Inside = f.files["config.json"]; h.Inside {
		h.Box, h.Key, h.Fingerprint = boxID(f.files["config.json"]), key, fingerprint.Of(key)
	}
	return h
}

func boxID(config []byte) string {
	var c struct{ Box struct{ ID string } }
	_ = json.Unmarshal(config, &c)
	return c.Box.ID
}

func (f *fake) Open() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.open }

func (f *fake) Trust([][]byte) (commission.Signer, error) {
	return nil, errors.New("no certificate is trusted here")
}

func (f *fake) Label() (commission.Label, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.starts > 0 {
		f.starts--
		return commission.Label{}, errors.New("the page has no certificate yet")
	}
	return commission.Label{Box: boxID(f.files["config.json"]), Key: key, Code: "ABCDE-FGHJK"}, nil
}
func (f *fake) Check([]provision.File) error { return f.refuse }
func (f *fake) Keep(files []provision.File) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, file := range files {
		f.files[file.Name] = bytes.Clone(file.Data)
	}
	f.kept++
	return nil
}

// line is a serial line to a box: it loses, doubles, garbles and cuts what it carries, and is pulled out, as rnd has it.
type line struct {
	io.ReadWriteCloser
	rnd    *rand.Rand
	bad    float64 // how likely a line is not carried as it is
	pulled func() bool
}

func (l *line) Write(b []byte) (int, error) {
	if l.pulled() {
		l.Close()
		return 0, io.ErrClosedPipe
	}
	for _, part := range bytes.SplitAfter(b, []byte("\n")) {
		out := bytes.Clone(part)
		if l.rnd.Float64() < l.bad && len(out) > 3 {
			switch l.rnd.IntN(5) {
			case 0:
				continue
			case 1:
				out = append(out, out...)
			case 2:
				out[l.rnd.IntN(len(out))] ^= 1 << l.rnd.IntN(8)
			case 3:
				out = out[:l.rnd.IntN(len(out))]
			case 4:
				out = append([]byte("[   12.345] usb 1-1: new \xff\x00device\r\ncp1 7 hello {"), out...)
			}
		}
		if _, err := l.ReadWriteCloser.Write(out); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// Read gives up after a while, as a port does.
func (l *line) Read(b []byte) (int, error) {
	c := l.ReadWriteCloser.(net.Conn)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	n, err := c.Read(b)
	if errors.Is(err, context.DeadlineExceeded) || err != nil && strings.Contains(err.Error(), "timeout") {
		err = nil
	}
	return n, err
}

// serve is the box's end of a line.
func serve(t *testing.T, desk *commission.Desk, conn net.Conn) {
	verbs := desk.Verbs()
	maps.Copy(verbs, console.Verbs{"diag": func(json.RawMessage) (any, error) {
		return map[string]any{"health": health.Report{Seq: 1, Reached: true}}, nil
	}})
	go func() { _ = console.Serve(conn, verbs) }()
	t.Cleanup(func() { conn.Close() })
}

func pair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func settings(t testing.TB, id string) []provision.File {
	t.Helper()
	files, err := Box{
		ID: id, Province: "ha-giang", Key: strings.Repeat("A", 43), Broker: "tcp://10.0.0.1:1883", Address: "192.168.1.10/24",
		NTP: slices.Repeat([]string{"time.example.org"}, 8),
	}.Files()
	if err != nil {
		t.Fatal(err)
	}
	return append([]provision.File{{Name: "state/titles.signed", Data: bytes.Repeat([]byte("title "), 2000)}}, files...)
}

// TestHostileLines: over lines that lose, double, garble and cut, and that are pulled out, a box is what it was or all that it was given,
// at whatever moment one looks; and the technician's command, or the same again, ends well.
func TestHostileLines(t *testing.T) {
	want := settings(t, "b-00000001")
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		box := &fake{files: map[string][]byte{}, boots: rnd.IntN(3), starts: rnd.IntN(3)}
		var label commission.Label
		desk := commission.New(box, func() time.Duration { return time.Duration(time.Now().UnixNano()) })
		cut := rnd.IntN(20)
		cfg := Config{
			Files: want, Box: "b-00000001", By: "laptop", Answer: 15 * time.Millisecond, Pause: 15 * time.Millisecond, Silence: time.Millisecond, Patience: 10 * time.Second, Receipt: time.Second,
			Open: func() (io.ReadWriteCloser, error) {
				if rnd.IntN(4) == 0 {
					return nil, errors.New("unplugged")
				}
				a, b := pair(t)
				r := rand.New(rand.NewPCG(rnd.Uint64(), 1))
				serve(t, desk, b)
				return &line{a, r, 0.15, func() bool { cut--; return cut == 0 || r.IntN(40) == 0 }}, nil
			},
			Label: func(l commission.Label) error { label = l; return nil },
		}
		h, err := Give(t.Context(), cfg)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if h.Box != "b-00000001" || h.Fingerprint != fingerprint.Of(key) {
			t.Errorf("seed %d: %+v", seed, h)
		}
		for _, f := range want {
			if !bytes.Equal(box.files[f.Name], f.Data) {
				t.Errorf("seed %d: %s differs", seed, f.Name)
			}
		}
		if box.kept != 1 || label.Code != "ABCDE-FGHJK" || label.Box != "b-00000001" {
			t.Errorf("seed %d: put in place %d times, label %+v", seed, box.kept, label)
		}
	}
}

// give gives a box over a sound line.
func give(t *testing.T, box *fake, desk *commission.Desk, by string, files []provision.File, change func(*Config)) (commission.Hello, []Step, error) {
	t.Helper()
	var steps []Step
	cfg := Config{
		Files: files, Box: "b-00000001", By: by, Answer: time.Second, Silence: time.Millisecond, Patience: time.Millisecond,
		Open: func() (io.ReadWriteCloser, error) {
			a, b := pair(t)
			serve(t, desk, b)
			return &line{a, rand.New(rand.NewPCG(1, 1)), 0, func() bool { return false }}, nil
		},
		Tell: func(s Step) { steps = append(steps, s) },
	}
	if change != nil {
		change(&cfg)
	}
	h, err := Give(t.Context(), cfg)
	return h, steps, err
}

// TestRefusals: what a box refuses is said in both languages, with what to do, and changes nothing on it.
func TestRefusals(t *testing.T) {
	f := func(name string, vi, en string, prepare func(*fake, *commission.Desk, *Config)) {
		t.Helper()
		box := &fake{files: map[string][]byte{}}
		var now time.Duration
		desk := commission.New(box, func() time.Duration { return now })
		_, _, err := give(t, box, desk, "laptop", settings(t, "b-00000001"), func(c *Config) { prepare(box, desk, c) })
		var fault *lang.Fault
		if !errors.As(err, &fault) || !strings.Contains(fault.In(lang.VI), vi) || !strings.Contains(fault.In(lang.EN), en) {
			t.Errorf("%s: %v, want words with %q and %q", name, err, vi, en)
		}
		if box.kept > 0 {
			t.Errorf("%s: something was put in place", name)
		}
	}
	inside := func(b *fake, id string) { b.files["config.json"] = fmt.Appendf(nil, `{"box":{"id":%q}}`, id) }
	f("locked", "giữ nút", "hold its button", func(b *fake, _ *commission.Desk, _ *Config) { inside(b, "b-00000001") })
	f("locked, and asked again too soon", "giữ nút", "hold its button", func(b *fake, _ *commission.Desk, c *Config) {
		inside(b, "b-00000001")
		c.Pause, c.Patience = time.Millisecond, 50*time.Millisecond
	})
	f("another box", "b-00000009", "not b-00000001", func(b *fake, _ *commission.Desk, _ *Config) { inside(b, "b-00000009") })
	f("starting", "chưa ghi được", "cannot write", func(b *fake, _ *commission.Desk, _ *Config) { b.boots = 1 << 30 })
	f("bad files", "sửa tệp", "mend the room file", func(b *fake, _ *commission.Desk, _ *Config) { b.refuse = errors.New("uplink.broker: want ssl://") })
	f("another laptop", "máy khác", "another laptop", func(_ *fake, d *commission.Desk, _ *Config) {
		if _, err := d.Verbs()["begin"](json.RawMessage(`{"by":"other"}`)); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAgain: the same once more does nothing; with other files it needs the button.
func TestAgain(t *testing.T) {
	box := &fake{files: map[string][]byte{}}
	desk := commission.New(box, func() time.Duration { return 0 })
	files := settings(t, "b-00000001")
	for range 2 {
		if _, _, err := give(t, box, desk, "laptop", files, nil); err != nil {
			t.Fatal(err)
		}
	}
	if box.kept != 1 {
		t.Errorf("put in place %d times", box.kept)
	}
	other := settings(t, "b-00000001")
	other[0].Data = []byte("another table")
	if _, _, err := give(t, box, desk, "laptop", other, nil); err == nil {
		t.Error("a box in use took other files")
	}
	box.open = true
	if _, steps, err := give(t, box, desk, "laptop", other, nil); err != nil || steps[len(steps)-1].Stage != Named {
		t.Errorf("with its button held: %v", err)
	}
	if string(box.files["state/titles.signed"]) != "another table" {
		t.Error("it did not take them")
	}
}

// TestLabel: the label is told to who has just given the box its files, and again while its button is held; of a box in use nobody is told,
// which is said and is no error.
func TestLabel(t *testing.T) {
	box := &fake{files: map[string][]byte{}, starts: 2}
	desk := commission.New(box, func() time.Duration { return 0 })
	files := settings(t, "b-00000001")
	f := func(name, by string, told bool) {
		t.Helper()
		labels := 0
		_, steps, err := give(t, box, desk, by, files, func(c *Config) {
			c.Patience, c.Pause = time.Second, time.Millisecond
			c.Label = func(commission.Label) error { labels++; return nil }
		})
		last := steps[len(steps)-1]
		if err != nil || last.Stage != Labelled || (last.Err == nil) != told || (labels == 1) != told {
			t.Errorf("%s: %d labels, last step %+v, %v, want a label: %v", name, labels, last, err, told)
		}
	}
	f("fresh", "laptop", true)
	f("in use", "laptop", false) // another run: it knows no session
	box.open = true
	f("its button is held", "laptop", true)
	broken := errors.New("disk full")
	_, _, err := give(t, box, desk, "laptop", files, func(c *Config) { c.Label = func(commission.Label) error { return broken } })
	if !errors.Is(err, broken) {
		t.Errorf("a label that cannot be written: %v", err)
	}
}
