package fetch

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/slot"
	"cafeprobe/firmware/update"
)

// The test's program is the child too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "-child" {
		os.Exit(Main())
	}
	os.Exit(m.Run())
}

// box is one with slots that are files, and an Updater whose child is a process of its own.
type box struct {
	*lab
	state *os.File
	child func(context.Context, update.Job, slot.Place, func(update.Report)) error
	run   bootstate.Slot
	runs  update.Release
	slots *slot.Raw
	u     *update.Updater
	steps []string
	ready chan bool
	stop  func()
}

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{lab: newLab(t), run: bootstate.A, runs: update.Release{Version: "2026.11.0", Number: 11, Board: board}, ready: make(chan bool, 1)}
	// Another user is to reach all this.
	dir, err := os.MkdirTemp("", "update")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	user := uint32(0)
	if os.Geteuid() == 0 {
		user = update.User
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, self, filepath.Join(dir, "child"))
	copyFile(t, b.job.Root, filepath.Join(dir, "root.json"))
	b.job.Root, b.job.Dir = filepath.Join(dir, "root.json"), filepath.Join(dir, "seen")
	for _, err := range []error{
		os.Chmod(dir, 0o755), os.Chmod(filepath.Join(dir, "child"), 0o755), os.Mkdir(b.job.Dir, 0o700),
		os.Chown(b.job.Dir, max(int(user), os.Geteuid()), -1),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b.child = update.Process(update.ProcessConfig{Command: []string{filepath.Join(dir, "child"), "-child"}, User: user})
	if b.state, err = os.Create(filepath.Join(dir, "state")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.state.Close() })
	for _, s := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, "slot-"+s), []byte("old "), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.state.Truncate(8192); err != nil {
		t.Fatal(err)
	}
	if _, err := bootstate.Save(b.state, bootstate.Factory); err != nil {
		t.Fatal(err)
	}
	b.start(dir)
	return b
}

// start starts the box's firmware.
func (b *box) start(dir string) {
	b.t.Helper()
	var err error
	if b.slots, err = slot.NewRaw(b.state, b.run); err != nil {
		b.t.Fatal(err)
	}
	b.u = update.New(update.Config{
		Slots: b.slots, Child: b.child, Release: b.runs, Root: b.job.Root, Dir: b.job.Dir, File: filepath.Join(dir, "update.json"),
		Now: func() time.Time { return day }, Ready: func() { b.ready <- true },
		Event: func(s update.Step) {
			b.steps = append(b.steps, fmt.Sprint(s.Step, " ", s.Version, " ", s.Slot, " ", s.Why))
		},
		Open: func() (slot.Place, int64, error) {
			f, err := os.OpenFile(filepath.Join(dir, "slot-"+b.run.Other().String()), os.O_RDWR, 0)
			return f, slotSize, err
		},
	})
	if err := b.u.Begin(); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan bool)
	go func() { b.u.Run(ctx); close(done) }()
	b.stop = func() { cancel(); <-done }
}

// restart ends the firmware, and has the boot loader choose; versions say what is in the slots.
func (b *box) restart(versions map[bootstate.Slot]update.Release) {
	b.t.Helper()
	b.stop()
	s, _, err := bootstate.Load(b.state)
	if err != nil {
		b.t.Fatal(err)
	}
	run, next := s.Choose(func(bootstate.Slot) bool { return false })
	if next != s {
		if _, err := bootstate.Save(b.state, next); err != nil {
			b.t.Fatal(err)
		}
	}
	b.run, b.runs = run, versions[run]
	b.start(filepath.Dir(b.state.Name()))
}

// told fails the test unless exactly these steps were told since the last call.
func (b *box) told(want ...string) {
	b.t.Helper()
	if !slices.Equal(b.steps, want) {
		b.t.Errorf("steps %q, want %q", b.steps, want)
	}
	b.steps = nil
}

// TestBox is the way of two updates: one that stays, and one that is rolled back.
func TestBox(t *testing.T) {
	b := newBox(t)
	fw := firmware(1, 300_001)
	b.add(board, "2026.12.0", 12, fw)
	versions := map[bootstate.Slot]update.Release{bootstate.A: b.runs, bootstate.B: {Version: "2026.12.0", Number: 12, Board: board}}

	b.u.Offer(b.job.Offer)
	<-b.ready
	b.restart(versions)
	b.told("announced 2026.12.0  ", "written 2026.12.0 b ", "trial 2026.12.0 b ")
	got, err := os.ReadFile(filepath.Join(filepath.Dir(b.state.Name()), "slot-b"))
	if err != nil || string(got) != string(fw) {
		t.Errorf("slot b does not hold the firmware, %v", err)
	}
	if err := b.u.Confirm(); err != nil || b.run != bootstate.B {
		t.Errorf("slot %s runs, confirmed: %v", b.run, err)
	}
	b.restart(versions)
	b.told("confirmed 2026.12.0 b ")

	b.add(board, "2026.12.1", 13, firmware(2, 200_000))
	versions[bootstate.A] = update.Release{Version: "2026.12.1", Number: 13, Board: board}
	o := b.job.Offer
	o.Version = "2026.12.1"
	b.u.Offer(o)
	<-b.ready
	for range bootstate.Tries {
		b.restart(versions)
		b.u.Failing("not-well")
	}
	b.restart(versions)
	const trial = "trial 2026.12.1 a "
	b.told("announced 2026.12.1  ", "written 2026.12.1 a ", trial, trial, trial, "rolled-back 2026.12.1 a not-well")
	if st, err := b.slots.State(); err != nil || st.Running != bootstate.B || st.Failed != bootstate.None {
		t.Errorf("state %+v, %v", st, err)
	}
	b.restart(versions)
	b.told()
	b.stop()
}

// TestBoxRefuses: what is refused is told, with what a security record says, and the slot and the state stay as they are.
func TestBoxRefuses(t *testing.T) {
	b := newBox(t)
	b.server.Config.ErrorLog = quiet
	b.add(board, "2026.12.0", 12, firmware(1, 300_001))
	resign(b.lab, "timestamp.json", func(*timestamp) {})
	before, err := io.ReadAll(io.NewSectionReader(b.state, 0, 8192))
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan update.Step, 4)
	b.stop()
	u := update.New(update.Config{
		Slots: b.slots, Child: b.child, Release: b.runs, Root: b.job.Root, Dir: b.job.Dir, File: filepath.Join(t.TempDir(), "update.json"),
		Event: func(s update.Step) { told <- s },
		Open:  func() (slot.Place, int64, error) { t.Error("the slot was opened"); return nil, 0, os.ErrClosed },
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go u.Run(ctx)
	u.Offer(b.job.Offer)
	<-told
	s := <-told
	if want := (update.Step{Version: "2026.12.0", Step: "refused", Why: "unsigned"}); s != want || s.Security() != "forged" {
		t.Errorf("told %+v, security %q", s, s.Security())
	}
	after, err := io.ReadAll(io.NewSectionReader(b.state, 0, 8192))
	if err != nil || string(after) != string(before) {
		t.Errorf("the boot state has changed, %v", err)
	}
}
