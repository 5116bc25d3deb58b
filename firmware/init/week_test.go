package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"cafeprobe/firmware/health"
	"cafeprobe/firmware/init/judge"
	"cafeprobe/firmware/init/provision"
	"cafeprobe/firmware/init/run"
	"cafeprobe/firmware/initctl"
	"cafeprobe/tools/soak/hold"
	"cafeprobe/uplink"
)

// week is PID 1's week, of which each second is the next one at once.
type week struct {
	*box
	t      *testing.T
	now    atomic.Int64 // seconds
	dir    string
	state  *os.File // the partition
	client *initctl.Client
	report health.Report
	heard  int // events of which the daemon made a record
	spared int // writes of the spare
}

func (w *week) steady() time.Duration { return time.Duration(w.now.Load()) * time.Second }

func newWeek(t *testing.T) *week {
	w := &week{box: testBox(t), t: t, dir: t.TempDir()}
	var err error
	if w.state, err = os.Create(filepath.Join(t.TempDir(), "state")); err == nil {
		err = w.state.Truncate(1 << 20)
	}
	for _, n := range provision.SpareNames {
		path := filepath.Join(w.dir, n)
		text := "{}"
		if filepath.Ext(n) == ".pem" {
			text = "-----BEGIN TEST-----\nAAAA\n-----END TEST-----\n"
		}
		err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.state.Close() })
	w.connect()
	return w
}

// connect connects a daemon by the socket, as it is on a box.
func (w *week) connect() {
	path := filepath.Join(w.t.TempDir(), "init.sock")
	l, err := initctl.Listen(path, -1)
	if err != nil {
		w.t.Fatal(err)
	}
	server := initctl.NewServer(initctl.Config{
		Users: []uint32{uint32(os.Getuid())}, Now: w.steady, Pending: w.pending, Acknowledge: w.acknowledge,
		Health: func(r health.Report) { w.judged(func(j *judge.Judge) { j.Heard(r) }) },
	})
	w.wake = server.Wake
	w.client = initctl.NewClient(initctl.ClientConfig{
		Dial:  func(ctx context.Context) (net.Conn, error) { return initctl.Dial(ctx, path) },
		Event: func(context.Context, initctl.Event) error { w.heard++; return nil },
	})
	ctx, stop := context.WithCancel(context.Background())
	w.task(func() { _ = server.Serve(ctx, l) })
	w.task(func() { _ = w.client.Run(ctx) })
	w.t.Cleanup(func() { stop(); w.tasks.Wait() })
}

// await waits until what another goroutine does is done.
func (w *week) await(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			w.t.Fatalf("after %v: %s", w.steady(), what)
		}
	}
}

// second is what PID 1 does in one.
func (w *week) second() {
	now := w.now.Add(1)
	w.judged(func(j *judge.Judge) {
		if v, why := j.Next(w.steady()); v != judge.Nothing {
			w.t.Fatalf("after %v: verdict %d: %s", w.steady(), v, why)
		}
	})
	w.light(w.t.Context())
	w.feed()
	if now%10 == 0 {
		w.reports()
	}
	if now%60 == 0 {
		wrote, err := provision.OpenSpare(w.state).Save(w.dir)
		if err != nil {
			w.t.Fatal(err)
		}
		if wrote {
			w.spared++
		}
	}
	if now%3600 == 0 {
		w.hour()
	}
	if now%86400 == 5000 {
		w.daemonEnds()
	}
}

// reports has the daemon report.
func (w *week) reports() {
	in := health.Inputs{
		Beat: w.steady(), Supply: health.SupplyGood, Quality: uplink.QualitySync, Capture: health.LinkUp, Grade: "A",
		Uplink: health.LinkUp, Address: true, Connected: true, Reached: true,
	}
	w.report = health.Evaluate(in, w.report, w.steady())
	w.client.Report(w.report)
	w.await("a report is not heard", func() (ok bool) {
		w.judged(func(j *judge.Judge) { ok = j.Report().Seq == w.report.Seq })
		return ok
	})
}

// hour is what happens now and then: somebody asks the console, an order changes the settings, an event is told.
func (w *week) hour() {
	if _, err := json.Marshal(w.diagnose()); err != nil {
		w.t.Fatal(err)
	}
	text := fmt.Appendf(nil, `{"n":%d}`, w.now.Load())
	if err := os.WriteFile(filepath.Join(w.dir, "state/command.json"), text, 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.event(eventProvision, map[string]int{"files": 1})
	w.await("an event is not acknowledged", func() bool { return len(w.pending()) == 0 })
}

// daemonEnds has a program end as a daemon may, and be started anew.
func (w *week) daemonEnds() {
	ctx, stop := context.WithCancel(w.t.Context())
	defer stop()
	p := run.Program{Path: "/bin/true", User: uint32(os.Getuid()), Reaper: &w.reaper}
	run.Keep(ctx, p, w.log, func(pid int) {
		w.daemon.Store(int64(pid))
		w.judged(func(j *judge.Judge) { j.Started(w.steady()) })
	}, func(e run.Exit) {
		w.daemon.Store(0)
		w.count()
		w.box.report("daemon", e, "its last words")
		stop()
	})
	w.judged(func(j *judge.Judge) { j.Started(w.steady()) })
	w.reports()
}

// holding is what the process holds.
type holding struct {
	heap              uint64
	files, goroutines int
}

func held(t *testing.T) (h holding) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return holding{m.HeapAlloc, len(list), runtime.NumGoroutine()}
}

// TestWeek: PID 1's loops run for a week, of which each second is the next one at once: 604 800 looks of the judge, 60 480 reports over the
// daemon's socket, each minute the spare, each hour an event, a question and new settings, each day an end of the daemon. Nothing is held
// at the end that was not after the first day. Not in it: uplink, watchdog, LED, and what the kernel does.
func TestWeek(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("another user's programs are root's to start")
	}
	hours, early := 7*24, 24
	if os.Getenv("SOAK") == "" {
		hours, early = 3, 1
	}
	w := newWeek(t)
	w.now.Store(10)
	w.daemonEnds()
	var first holding
	for hour := range hours {
		for range 3600 {
			w.second()
		}
		if hour == early-1 {
			first = held(t)
		}
	}
	last := held(t)
	t.Logf("%d hours: %d reports, %d events, %d ends, %d spares; live heap %d KiB after %d, %d KiB at the end", hours, w.report.Seq, w.heard,
		w.exits, w.spared, first.heap>>10, early, last.heap>>10)
	hold.AtMost(t, "PID 1: live heap, growth after the first day", (float64(last.heap)-float64(first.heap))/(1<<10), 128, "KiB")
	hold.AtMost(t, "PID 1: files open that were not after the first day", last.files-first.files, 0, "files")
	hold.AtMost(t, "PID 1: goroutines that were not there after the first day", last.goroutines-first.goroutines, 0, "goroutines")
	if want := hours + w.exits; w.heard != want || w.exits < 1+hours/24 {
		t.Errorf("%d events were recorded of %d; the daemon ended %d times", w.heard, want, w.exits)
	}
}
