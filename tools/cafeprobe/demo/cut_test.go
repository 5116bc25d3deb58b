package demo

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cafeprobe/firmware/vm"
	"cafeprobe/tools/cafeprobe/cut"
	"cafeprobe/tools/province/provincetest"
	"cafeprobe/tools/soak/hold"
)

// releases returns the folders of two images of a board: the one that is tested, which a repository in dir has signed, and the one before.
func releases(t *testing.T, board, dir string) (first, second string) {
	t.Helper()
	repo, first, second := candidate(t, board, dir)
	sign(t, repo, second)
	return first, second
}

// record lets a box live through all that a power cut may meet, and notes what is written to its card: the first boot, which grows the
// data, enrolment, an evening's records, an update, its trial and confirmation, and a shutdown in order.
func record(t *testing.T, board string) *cut.Recording {
	t.Helper()
	dir := t.TempDir()
	first, second := releases(t, board, dir)
	version := releaseOf(t, second).Version
	p, stop := provincetest.Run(t, provinceIn(dir, filepath.Join(dir, "repo")))
	run := Config{Dir: dir, Image: first, Speed: 30, Out: io.Discard}
	path, err := card(t.Context(), run, p)
	if err != nil {
		t.Fatal(err)
	}
	rec := &cut.Recording{Disk: filepath.Join(dir, "before.img"), Log: filepath.Join(dir, "writes.log")}
	if out, err := exec.Command("cp", "--sparse=always", path, rec.Disk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(rec.Log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rec.Take(first, second); err != nil {
		t.Fatal(err)
	}
	m := powered(t, first, path, rec.Log)
	defer m.Close()
	watched, end := context.WithCancel(t.Context())
	defer end()
	began := time.Now()
	phase := func(name string) {
		t.Helper()
		t.Logf("%6s %s", time.Since(began).Round(time.Second), name)
		if err := rec.Begin(name); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- rec.Watch(watched, p) }()

	phase("first boot")
	runs(t, m, "a", false, bootTime)
	phase("enrolment")
	if err := records(t.Context(), p, 1); err != nil {
		t.Fatal(err)
	}
	phase(cut.Records)
	fed, stopFeeding := context.WithCancel(t.Context())
	defer stopFeeding()
	go func() { _, _, _ = feed(fed, run, m.Capture, p) }() // ends with the box
	time.Sleep(45 * time.Second)
	phase(cut.Update)
	offer(t, filepath.Join(dir, "province"), p, version)
	runs(t, m, "b", true, 8*time.Minute)
	phase("trial")
	told(t, p, taken(version))
	phase("shutdown")
	if err := shutdown(m); err != nil {
		t.Fatal(err)
	}
	phase("")
	end()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	stop()
	if err := rec.Know(filepath.Join(dir, "province"), string(address.Box)); err != nil {
		t.Fatal(err)
	}
	return rec
}

// powered starts the box of an image with a card.
func powered(t *testing.T, dir, card, log string) *vm.Machine {
	t.Helper()
	c, err := machine(filepath.Dir(card), dir, card)
	if err != nil {
		t.Fatal(err)
	}
	c.WriteLog = log
	m, err := vm.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestCutReplay: of all that a box writes to its card from its first boot to its shutdown, power cuts in the midst of each phase leave a
// card that comes back: a boot state, one slot that is whole, data, and each record that the province held, with a chain that goes on. The
// same writes in another order, or without flushes, do not.
func TestCutReplay(t *testing.T) {
	long(t, "a quarter of an hour")
	for _, board := range boards() {
		t.Run(board, func(t *testing.T) { replayed(t, record(t, board)) })
	}
}

// cutsEach is how many power cuts there are in each phase.
const cutsEach = 50

func replayed(t *testing.T, rec *cut.Recording) {
	t.Helper()
	replay := func(each int, phase string, change func(*vm.Log)) *cut.Result {
		t.Helper()
		began := time.Now()
		res, err := rec.Replay(t.Context(), cut.Replay{Dir: inMemory(t), Each: each, Phase: phase, Seed: 6, Change: change})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %v", time.Since(began).Round(time.Second), res)
		return res
	}
	res := replay(cutsEach, "", nil)
	for _, v := range res.Violations {
		t.Error(v)
	}
	hold.AtLeast(t, "states after a power cut", res.States(), 300, "states")
	hold.Equal(t, "violations", len(res.Violations), 0, "states")
	hold.AtLeast(t, "states in which the data are to be grown yet", res.Count(func(f cut.Found) bool { return f.Grown }), 3, "states")
	hold.AtLeast(t, "states in which the next boot is a trial", res.Count(func(f cut.Found) bool { return f.Tried }), 10, "states")
	hold.AtLeast(t, "states in which the province held records", res.Count(func(f cut.Found) bool { return f.Known > 0 }), 150, "states")

	if rec.Raw() {
		hold.AtLeast(t, "violations if the slot is tried before it is written", len(replay(40, cut.Update, rec.Hasty()).Violations), 1, "states")
	}
	hold.AtLeast(t, "violations if nothing is flushed", len(replay(20, cut.Records, cut.Careless).Violations), 1, "states")
}

// inMemory returns a folder in memory where there is one: a card is written once and read once.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "cafeprobe-cut")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
