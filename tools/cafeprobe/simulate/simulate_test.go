package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cafeprobe/tools/cafeprobe/inspect"
	"cafeprobe/tools/sim"
)

// TestSave: inspect finds in a saved room the stations that are on, their roles, and when they were switched on.
func TestSave(t *testing.T) {
	for seed := range uint64(2) {
		r, err := sim.New(seed, sim.Options{
			Stations: 5, For: 25 * time.Minute, Vantage: sim.VantageAPlus, Diskless: sim.Yes, SecondSwitch: sim.No,
			MirrorLost: sim.No, PowerCut: sim.No, Asleep: sim.No,
		})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "room.pcap.gz")
		n, err := Save(t.Context(), r, path, Config{})
		if err != nil {
			t.Fatal(err)
		}
		doc, err := inspect.Run(t.Context(), inspect.Config{}, path)
		if err != nil {
			t.Fatal(err)
		}
		if doc.Capture.Frames != n.Frames || doc.Capture.Malformed > 0 || doc.Vantage.Grade != "A+" && doc.Vantage.Grade != "A" {
			t.Errorf("seed %d: %+v, vantage %s; written %+v", seed, doc.Capture, doc.Vantage.Grade, n)
		}
		compare(t, r, doc)
		beside(t, r, path)
	}
}

func compare(t *testing.T, r *sim.Room, doc *inspect.Document) {
	t.Helper()
	for i := range r.Truth.Stations {
		f := &r.Truth.Stations[i]
		k := slices.IndexFunc(doc.Stations, func(s inspect.Station) bool { return s.MAC == f.MAC })
		first := slices.IndexFunc(f.Spans, func(s sim.Span) bool { return s.State != sim.Off })
		if (k >= 0) != (first >= 0) && f.Role != sim.Printer {
			t.Errorf("seed %d: station %s %s found: %v, was on: %v", r.Seed, f.Role, f.Name, k >= 0, first >= 0)
		}
		if k < 0 {
			continue
		}
		s := &doc.Stations[k]
		before := f.Spans[0].State != sim.Off && s.Role == "unknown" // it said who it is before anybody listened
		if cashier := f.Role == sim.Cashier && s.Role == "pc"; s.Role != string(f.Role) && !cashier && !before {
			t.Errorf("seed %d: %s is a %s, found as %s", r.Seed, f.Name, f.Role, s.Role)
		}
		if f.Role == sim.PC && f.Spans[first].From > r.From() && len(s.Sessions) > 0 {
			start := time.Unix(0, int64(s.Sessions[0].Start))
			if d := start.Sub(time.Unix(0, f.Spans[first].From)); math.Abs(d.Seconds()) > 15 {
				t.Errorf("seed %d: %s was found on %v after it was switched on", r.Seed, f.Name, d)
			}
		}
	}
}

// beside reads what lies beside a capture.
func beside(t *testing.T, r *sim.Room, path string) {
	t.Helper()
	tsv, doc := Truth(path)
	text, err := os.ReadFile(tsv)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Count(line, "\t") != 4 {
			t.Fatalf("truth: %q: want five columns", line)
		}
	}
	b, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	var truth sim.Truth
	if err := json.Unmarshal(b, &truth); err != nil || len(truth.Stations) != len(r.Stations) || truth.Seed != r.Seed {
		t.Errorf("%s: %d stations of seed %d, %v", doc, len(truth.Stations), truth.Seed, err)
	}
}

// TestSaveStops: a context that is done ends it with an error that says how far it came.
func TestSaveStops(t *testing.T) {
	r, err := sim.New(1, sim.Options{For: 2 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n, err := Save(ctx, r, filepath.Join(t.TempDir(), "room.pcap"), Config{Snap: 64, Progress: func(time.Time) { cancel() }})
	if !errors.Is(err, context.Canceled) || n.Frames == 0 {
		t.Errorf("%d frames, %v", n.Frames, err)
	}
}
