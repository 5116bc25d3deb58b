package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"cafeprobe/firmware/console"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/init/crash"
	"cafeprobe/firmware/init/events"
	"cafeprobe/firmware/init/kernel"
)

func testBox(t *testing.T) *box {
	t.Helper()
	b := newBox(slog.New(slog.NewTextHandler(io.Discard, nil)))
	b.crashes = crash.Open(t.TempDir())
	s, err := events.Open(t.TempDir(), "boot")
	if err != nil {
		t.Fatal(err)
	}
	b.events = s
	return b
}

// TestBug: a bug in a task ends that task, and leaves a report and an event.
func TestBug(t *testing.T) {
	b := testBox(t)
	b.task(func() { panic("BUG: of a test") })
	b.tasks.Wait()
	names, pending := b.crashes.Names(), b.events.Pending()
	if len(names) != 1 || !strings.HasSuffix(names[0], "-init.txt") || len(pending) != 1 || pending[0].Kind != eventCrash {
		t.Errorf("reports %v, events %+v", names, pending)
	}
}

// TestEnds: who asks first says how the box ends.
func TestEnds(t *testing.T) {
	f := func(name string, ask func(b *box, signals chan os.Signal), want kernel.End) {
		t.Helper()
		b := testBox(t)
		signals := make(chan os.Signal, 2)
		ask(b, signals)
		if got := b.serve(signals); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("Ctrl-Alt-Del", func(_ *box, s chan os.Signal) { s <- syscall.SIGCHLD; s <- syscall.SIGINT }, kernel.Reboot)
	f("SIGTERM", func(_ *box, s chan os.Signal) { s <- syscall.SIGTERM }, kernel.Reboot)
	f("SIGUSR2", func(_ *box, s chan os.Signal) { s <- syscall.SIGUSR2 }, kernel.PowerOff)
	f("button", func(b *box, _ chan os.Signal) { b.pressed(); b.finish(kernel.Reboot) }, kernel.PowerOff)
}

// TestDiagnose: the answer fits into a line of the console, however much there is to say.
func TestDiagnose(t *testing.T) {
	b := testBox(t)
	b.data.Why = strings.Repeat("é", 5000)
	for range 100 {
		b.try("something", os.ErrInvalid)
		b.try(strings.Repeat("long", 100), os.ErrInvalid)
		if _, err := b.crashes.Save("daemon", ""); err != nil {
			t.Fatal(err)
		}
	}
	seen := &health.Seen{PCs: 1000, Unknown: 1000, Both: 1000, Hidden: 1000, Loss: 10_000, Frames: 1<<53 - 1, Group: 1<<53 - 1}
	b.judge.Heard(health.Evaluate(health.Inputs{Beat: time.Hour, Celsius: 123.456, Seen: seen}, health.Report{Seq: 1 << 40}, 400*24*time.Hour))
	body, err := json.Marshal(b.diagnose())
	if err != nil {
		t.Fatal(err)
	}
	if line, err := (console.Frame{Seq: 1, Verb: console.OK, Body: body}).Line(); err != nil {
		t.Error(err)
	} else if len(line) < 1000 {
		t.Errorf("%d octets: %s", len(line), line)
	}
	var said diag
	if err := json.Unmarshal(body, &said); err != nil || said.Health == nil || len(said.Health.Checks) == 0 {
		t.Errorf("the daemon's report is not in it: %v", err)
	}
}
