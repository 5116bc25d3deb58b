package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/console"
	"cafeprobe/firmware/console/consoletest"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/init/commission"
	"cafeprobe/uplink"
)

// fakeBox is a box at the other end of a terminal: it answers diag with its states, one after the other, and the last for ever.
type fakeBox struct {
	states [][]byte
	asked  int
}

func (b *fakeBox) serve(m io.ReadWriter) {
	_ = console.Serve(m, console.Verbs{
		"hello": func(json.RawMessage) (any, error) {
			return commission.Hello{
				Version: 1, Board: "nanopi-r2s", Release: "2026.11.0", Box: "b-7f3a91c2", Key: bytes.Repeat([]byte{7}, 32),
				Fingerprint: "đam rung thân vân xông kâm",
			}, nil
		},
		"diag": func(json.RawMessage) (any, error) {
			b.asked++
			return json.RawMessage(b.states[min(b.asked, len(b.states))-1]), nil
		},
	})
}

// boxAt is what a box says of itself at a time since its start.
func boxAt(t *testing.T, at time.Duration, in *health.Inputs) []byte {
	t.Helper()
	d := map[string]any{"board": "nanopi-r2s", "release": "2026.11.0", "up": at.Milliseconds(), "uplink": "192.168.1.10/24"}
	if in != nil {
		in.Beat = at
		d["health"] = health.Evaluate(*in, health.Report{}, at)
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// says runs the command and returns its status and what it writes to a file that stands for *f.
func says(t *testing.T, f **os.File, args ...string) (int, string) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	old := *f
	*f = out
	got := run(args)
	*f = old
	b, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return got, string(b)
}

// TestCheck: a box that starts, finds its province, then its mirror, is green as soon as all is well; one that stays behind a plain port is
// not when the time is over.
func TestCheck(t *testing.T) {
	well := health.Inputs{
		Supply: health.SupplyGood, Quality: uplink.QualitySync, Capture: health.LinkUp, Grade: "A", Word: "mirror", Uplink: health.LinkUp,
		Address: true, Connected: true, Reached: true, Seen: &health.Seen{PCs: 38, Both: 38, Frames: 90_000, Group: 9000},
	}
	waits := well
	waits.Connected, waits.Reached, waits.Grade, waits.Seen = false, false, "", nil
	plain := well
	plain.Grade, plain.Word, plain.Seen = "C", "broadcasts", &health.Seen{PCs: 38, Frames: 900, Group: 890}
	start, next := boxAt(t, 10*time.Second, nil), boxAt(t, 30*time.Second, &waits)
	mirrorless, green := boxAt(t, 300*time.Second, &plain), boxAt(t, 320*time.Second, &well)

	m, name := consoletest.Pair(t)
	box := &fakeBox{states: [][]byte{start, next, mirrorless, green}}
	go box.serve(m)
	report := filepath.Join(t.TempDir(), "report.pdf")
	args := []string{"check", "--port", name, "--stations", "40", "--cafe", "Quán Hoa Sữa", "--report", report}
	got, out := says(t, &os.Stdout, append(args, "--lang", "en")...)
	if got != exitOK || box.asked != 4 {
		t.Errorf("status %d after %d questions, want 0 after 4:\n%s", got, box.asked, out)
	}
	at := 0
	for _, want := range []string{
		"the box is starting", "wait      receipt", "look      vantage", "a plain port",
		"ok        vantage", "38 of 40 PCs", "đam rung thân vân xông kâm", "The box works.",
	} {
		i := strings.Index(out[at:], want)
		if i < 0 {
			t.Fatalf("%q is missing, or not in its place:\n%s", want, out)
		}
		at += i
	}
	if b, err := os.ReadFile(report); err != nil || !bytes.HasPrefix(b, []byte("%PDF-")) {
		t.Errorf("the report: %.20q, %v", b, err)
	}

	m, name = consoletest.Pair(t)
	go (&fakeBox{states: [][]byte{mirrorless}}).serve(m)
	got, out = says(t, &os.Stdout, "check", "--port", name, "--for", "4s", "--json", "--lang", "vi")
	var doc struct {
		Box, State string
		Points     []struct{ Name, State, Why, Do string }
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || got != exitWarn || doc.Box != "b-7f3a91c2" || doc.State != "warn" {
		t.Fatalf("status %d, %v, want %d and a document:\n%s", got, err, exitWarn, out)
	}
	i := slices.IndexFunc(doc.Points, func(p struct{ Name, State, Why, Do string }) bool { return p.State != "ok" })
	if i < 0 || doc.Points[i].Name != "vantage" || !strings.Contains(doc.Points[i].Do, "sao chép cổng nối với bộ định tuyến") {
		t.Errorf("%+v, want the vantage to be seen to", doc.Points)
	}
}

// TestCheckNobody: where nobody answers it is said what to look at.
func TestCheckNobody(t *testing.T) {
	m, name := consoletest.Pair(t)
	go func() { _, _ = io.Copy(io.Discard, m) }()
	got, out := says(t, &os.Stderr, "check", "--port", name, "--for", "1s", "--lang", "vi")
	if got != exitError || !strings.Contains(out, "kiểm tra nguồn, dây TX và RX") {
		t.Errorf("status %d, want %d:\n%s", got, exitError, out)
	}
	if got := run([]string{"check", "--stations=-1"}); got != exitError {
		t.Errorf("less than no PC: status %d, want %d", got, exitError)
	}
}
