package decode

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/pcapfile"
)

// eachFrame calls do for every frame of a shared capture.
func eachFrame(t testing.TB, name string, do func(i int, f *capture.Frame)) {
	t.Helper()
	r, err := pcapfile.Open(filepath.Join(capturetest.Shared(t), name))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var f capture.Frame
	for i := 1; ; i++ {
		if err := r.Next(&f); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Logf("%s: frame %d: %v", name, i, err)
			}
			return
		}
		do(i, &f)
	}
}

// sharedFiles returns the names of the shared captures.
func sharedFiles(t testing.TB) []string {
	t.Helper()
	var names []string
	entries, err := os.ReadDir(capturetest.Shared(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), ".pcap") {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestStationsOfSharedCaptures holds the sources of sound Ethernet frames against the stations that are known. Where the
// catalogue asserts strictly, each station must be found and none besides.
func TestStationsOfSharedCaptures(t *testing.T) {
	strict := map[string]bool{}
	want := map[string]map[string]bool{}
	for _, fact := range capturetest.Truth(t) {
		switch {
		case fact.Kind == "assert" && fact.Key == "stations" && fact.Value == "strict":
			strict[fact.File] = true
		case fact.Kind == "station":
			if want[fact.File] == nil {
				want[fact.File] = map[string]bool{}
			}
			want[fact.File][fact.Key] = true
		}
	}
	if len(strict) < 80 {
		t.Fatalf("%d files assert stations strictly, want at least 80", len(strict))
	}
	d := New()
	for _, name := range sharedFiles(t) {
		got := map[string]int{}
		bad := 0
		eachFrame(t, name, func(i int, f *capture.Frame) {
			var p Packet
			if d.Decode(f, &p) == Malformed {
				bad++
			}
			if p.HasMAC && p.Verdict != Malformed && !p.Src.IsGroup() && !p.Src.IsZero() {
				got[p.Src.String()]++
			}
		})
		found, missed, extra := 0, 0, 0
		for mac := range want[name] {
			if got[mac] > 0 {
				found++
				continue
			}
			missed++
			if strict[name] {
				t.Errorf("%s: station %s not found", name, mac)
			}
		}
		for mac, frames := range got {
			if !want[name][mac] {
				extra++
				if strict[name] {
					t.Errorf("%s: %s is no station, but %d frames of it are sound", name, mac, frames)
				}
			}
		}
		t.Logf("%s: strict=%v found %d missed %d extra %d; malformed frames %d", name, strict[name], found, missed, extra, bad)
	}
}
