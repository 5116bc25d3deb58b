package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cafeprobe/firmware/image"
	"cafeprobe/firmware/vm"
	"cafeprobe/tools/cafeprobe/cut"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/provincetest"
	"cafeprobe/tools/release"
	"cafeprobe/tools/soak/hold"
)

// releases makes two firmware releases of a board and the repository that they are signed in, and returns the folder of the first.
func releases(t *testing.T, board, dir string) (first, second string) {
	t.Helper()
	repo, err := release.Init(filepath.Join(dir, "repo"), filepath.Join(dir, "keys"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i, version := range []string{"2026.11.0", "2026.12.0"} {
		cfg := image.Config{
			Board: board, Source: "../../..", Out: filepath.Join(dir, version), Version: version, Number: uint64(11 + i), Root: repo.RootFile(),
		}
		if _, err := image.Build(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	first, second = filepath.Join(dir, "2026.11.0"), filepath.Join(dir, "2026.12.0")
	sign(t, repo, second)
	return first, second
}

// released starts a province that has releases of dir to offer.
func released(t *testing.T, dir string) (p *province.Province, stop func()) {
	return provincetest.Run(t, province.Config{
		Dir: filepath.Join(dir, "province"), Province: address.Province, Releases: filepath.Join(dir, "repo"),
		Secure: &province.Secure{Names: []string{host, "127.0.0.1"}},
	})
}

// record lets a box live through all that a power cut may meet, and notes what is written to its card: the first boot, which grows the
// data, enrolment, an evening's records, an update, its trial and confirmation, and a shutdown in order.
func record(t *testing.T, board string) *cut.Recording {
	t.Helper()
	dir := t.TempDir()
	first, second := releases(t, board, dir)
	p, stop := released(t, dir)
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
	slotRuns(t, m, "a", false, bootTime)
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
	offer(t, filepath.Join(dir, "province"), p, "2026.12.0")
	slotRuns(t, m, "b", true, 8*time.Minute)
	phase("trial")
	told(t, p, "announced 2026.12.0  , written 2026.12.0 b , trial 2026.12.0 b , confirmed 2026.12.0 b ")
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

// slotRuns waits until the box says that it runs from slot.
func slotRuns(t *testing.T, m *vm.Machine, slot string, trial bool, within time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), within)
	defer stop()
	if _, err := m.Serial.Expect(ctx, fmt.Sprintf(`runs after [0-9.]+ s; slot %s, trial %v`, slot, trial)); err != nil {
		t.Fatal(err)
	}
}

// TestCutReplay: of all that a box writes to its card from its first boot to its shutdown, power cuts in the midst of each phase leave a
// card that comes back: a boot state, one slot that is whole, data, and each record that the province held, with a chain that goes on. The
// same writes in another order, or without flushes, do not.
func TestCutReplay(t *testing.T) {
	if os.Getenv("SOAK") == "" {
		t.Skip("SOAK is not set: it takes a quarter of an hour")
	}
	for _, board := range boards {
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
