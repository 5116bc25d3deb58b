package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/tools/mix"
)

// flood writes a capture of n frames.
func flood(t *testing.T, n int) string {
	t.Helper()
	src, err := mix.New(mix.Config{Seed: 1, Flood: n})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "flood.pcap")
	if err := write(path, src); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRecords: the read loop sees what was written, also where records cross the end of its buffer, and says what is damaged.
func TestRecords(t *testing.T) {
	const n = 3 * readBuffer / (recordHeader + 60)
	path := flood(t, n)
	if frames, octets, err := records(path); err != nil || frames != n || octets != 60*n {
		t.Errorf("%d frames, %d octets, %v; want %d, %d", frames, octets, err, n, 60*n)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, content []byte) {
		t.Helper()
		bad := filepath.Join(t.TempDir(), "bad.pcap")
		if err := os.WriteFile(bad, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := records(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	f("empty", nil)
	f("half a header", b[:fileHeader/2])
	f("half a record", b[:len(b)-30])
	f("a record without end", append(b[:fileHeader:fileHeader], b[fileHeader+1:fileHeader+100]...))
}

// broken is a source that fails.
type broken struct{}

func (broken) Next(*capture.Frame) error { return os.ErrInvalid }

// TestWriteIsWholeOrNothing: what cannot be made leaves no file that a later run would take for it.
func TestWriteIsWholeOrNothing(t *testing.T) {
	dir := t.TempDir()
	if err := write(filepath.Join(dir, "mix.pcap"), broken{}); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("got %v, want the source's error", err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 0 {
		t.Errorf("left behind: %v", list)
	}
}

func TestTable(t *testing.T) {
	const frames = 1000
	times := func(ns ...int) (list []cost) {
		for _, n := range ns {
			list = append(list, cost{time.Duration(n * frames), int64(n) * 1e6})
		}
		return list
	}
	b := &bench{rounds: 3, frames: map[string]int{mixFile: frames, floodFile: frames}, took: map[string]map[string][]cost{
		mixFile:   {readLoop: times(50, 100, 70), "ours": times(200, 200, 140)},
		floodFile: {readLoop: times(10, 10, 10), "ours": times(90, 210, 150)},
	}}
	list := []program{{name: readLoop, flooded: true}, {name: "ours", flooded: true}, {name: "theirs", deb: "their-package"}}
	var out strings.Builder
	if err := b.print(&out, list, map[string]bool{"theirs": true}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"| ours | this one | 200 (140–200) | 2.00 | 200.0 | 150 (90–210) | -50.0 |\n", // ratios 4, 2, 2
		"| theirs | not installed (package their-package) |",
	} {
		if !strings.Contains(out.String(), row) {
			t.Errorf("no row %q in\n%s", row, out.String())
		}
	}
}

// TestFind: a program is looked for by the first word of its name.
func TestFind(t *testing.T) {
	f := func(name string, want bool) {
		t.Helper()
		p := program{name: name}
		if got := p.find(); got != want {
			t.Errorf("%s: found %v (%s), want %v", name, got, p.path, want)
		}
	}
	f("sh -c", true)
	f("no-such-program -r", false)
}
