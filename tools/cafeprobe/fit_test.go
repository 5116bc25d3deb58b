package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/timeline"
)

// TestFit: numbers are fitted to rooms in files, and what is written can be used.
func TestFit(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for seed := uint64(3200); seed < 3204; seed++ {
		r, err := sim.New(seed, sim.Options{Stations: 4, For: 2 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprint(seed)+".json.gz")
		if err := timeline.Save(path, timeline.Of(r, fmt.Sprint(seed))); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	out := filepath.Join(dir, "params.tsv")
	c := fitCmd{Out: out, Files: files}
	learn, held, err := c.load()
	if err != nil || len(learn) != 12 || len(held) != 4 || held[0].Room != "3203" {
		t.Fatalf("%d timelines to learn from, %d held out, %v; want 12, and 4 of the last room", len(learn), len(held), err)
	}
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := state.Parse(string(text)); err != nil || p.String() == state.Builtin().String() {
		t.Errorf("what was fitted is as before, or cannot be read: %v", err)
	}
	again := fitCmd{Params: out, Held: files[3:], Files: files[:1]}
	if err := again.Run(); err != nil {
		t.Errorf("with numbers of a file, and others to score by: %v", err)
	}
	alone := fitCmd{Files: files[:1]}
	if err := alone.Run(); !errors.Is(err, errFit) {
		t.Errorf("one room alone: %v, want %v", err, errFit)
	}
	wrong := fitCmd{Files: []string{out}}
	if err := wrong.Run(); !errors.Is(err, timeline.ErrFile) {
		t.Errorf("a file that has none: %v, want %v", err, timeline.ErrFile)
	}
}
