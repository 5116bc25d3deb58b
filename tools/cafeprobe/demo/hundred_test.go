package demo

import (
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/tools/cafeprobe/diag"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/wire"
	"cafeprobe/tools/soak/hold"
	"cafeprobe/uplink"
)

// TestEmulateHundred: a box with 512 MiB takes up at most 128 MB of them, kernel and all, while it hears as much of a hundred stations as
// it can take.
func TestEmulateHundred(t *testing.T) {
	e := newEmulated(t)
	e.boot(nil)
	e.tells(0)
	const mb = 1e6
	var most, init, daemon uint64
	measure := func(when string) {
		t.Helper()
		m := e.ask().Memory
		most, init, daemon = max(most, m.Total-m.Available), max(init, m.Init), max(daemon, m.Daemon)
		e.note("%s: %.1f MB used of %.1f; PID 1 %.1f MB in memory, %d files open; the daemon %.1f MB, %d files", when,
			float64(m.Total-m.Available)/mb, float64(m.Total)/mb, float64(m.Init)/mb, m.InitOpen, float64(m.Daemon)/mb, m.DaemonOpen)
	}
	measure("nothing heard")
	room, err := sim.New(1, sim.Options{
		Stations: 120, From: time.Date(2026, 11, 27, 20, 0, 0, 0, time.FixedZone("ICT", 7*3600)), For: 10 * time.Minute, Vantage: "A",
	})
	if err != nil {
		t.Fatal(err)
	}
	src := wire.New(room)
	sent, next := 0, 30*time.Second
	for began := time.Now(); time.Since(began) < 3*time.Minute; sent++ {
		var f capture.Frame
		if err := src.Next(&f); err != nil {
			t.Fatal(err)
		}
		if len(f.Data) > maxFrame {
			continue
		}
		if err := e.m.Capture.Send(f.Data); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) > next {
			measure("hearing")
			next += 30 * time.Second
		}
	}
	stations := e.until("a hundred stations are told of", 3*time.Minute, func(*diag.Answer) bool { return e.stations() >= 100 })
	measure("heard")
	e.note("%d frames, %d stations; %d KiB written", sent, e.stations(), stations.Written>>10)
	hold.AtLeast(t, "stations that the province is told of", e.stations(), 100, "stations")
	hold.AtMost(t, "memory that the box takes up, kernel and all", float64(most)/mb, 128, "MB")
	hold.AtMost(t, "PID 1 in memory", float64(init)/mb, 24, "MB")
	hold.AtMost(t, "the daemon in memory", float64(daemon)/mb, 64, "MB")
	e.off()
}

// stations returns how many the vantage's last record says are seen. (Each station's own come after ten minutes.)
func (e *emulated) stations() (n int) {
	e.Helper()
	e.each(func(r uplink.Record) {
		body, err := r.Body()
		if v, ok := body.(*uplink.Vantage); ok && err == nil {
			n = int(v.Stations)
		}
	})
	return n
}
