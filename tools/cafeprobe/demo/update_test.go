package demo

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/image"
)

// TestEmulateUpdate: a box that runs takes two firmware releases from the province. PID 1 of the first ends at once, and the box goes back.
// That one is withdrawn; the second, which is to be released, stays. The box's chain says both.
func TestEmulateUpdate(t *testing.T) {
	long(t, "twenty minutes")
	for _, board := range boards() {
		t.Run(board, func(t *testing.T) { takesUpdates(t, board) })
	}
}

func takesUpdates(t *testing.T, board string) {
	dir := t.TempDir()
	repo, first, img := candidate(t, board, dir)
	of := releaseOf(t, img)
	const bad = "bad"
	ends := build(t, image.Config{
		Board: board, Out: filepath.Join(dir, bad), Version: bad, Number: of.Number, Root: repo.RootFile(),
		Init: "./firmware/cafeprobed", // without a configuration
	})
	sign(t, repo, ends)
	b := newBench(t, dir, first, filepath.Join(dir, "repo"))
	m := b.boot(t, false)
	began := time.Now()
	note := func(what string) { t.Logf("%6s %s", time.Since(began).Round(time.Second), what) }
	runs(t, m, "a", false, bootTime)
	known(t, b.p)
	note("slot a runs, and is known to the province")

	offer(t, b.cfg.Dir, b.p, bad)
	runs(t, m, "a", false, 10*time.Minute)
	note("slot a runs again")
	told(t, b.p, "announced bad  , written bad b , rolled-back bad b reset")
	if tries := strings.Count(m.Serial.Said(), "Attempted to kill init"); tries != 3 {
		t.Errorf("slot b was tried %d times, want 3", tries)
	}
	note("and the chain says so")

	if err := repo.Withdraw(bad, time.Now()); err != nil {
		t.Fatal(err)
	}
	sign(t, repo, img)
	offer(t, b.cfg.Dir, b.p, of.Version)
	runs(t, m, "b", true, 8*time.Minute)
	note("slot b is tried")
	told(t, b.p, taken(of.Version))
	note("slot b is confirmed")
	if sent, _ := m.Capture.FromBox(); sent != 0 {
		t.Errorf("%d frames left the capture port", sent)
	}
}
