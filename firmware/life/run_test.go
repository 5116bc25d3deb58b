package life

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/clock"
	"cafeprobe/uplink"
)

var now = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// synced returns a clock that came into sync a minute after the machine's boot.
func synced() *clock.Clock {
	c := clock.New(clock.Config{Build: now.AddDate(0, -1, 0)}, 0)
	r := clock.Round{Servers: 2}
	for _, s := range []string{"a", "b"} {
		r.Answers = append(r.Answers, clock.Answer{Server: s, At: time.Minute, UTC: now, Error: 20 * time.Millisecond})
	}
	c.Take(time.Minute, r)
	return c
}

// TestGoesOn: a daemon that starts anew in the same boot of the machine goes on with the clock of the run before, and its sync
// is as old as it was.
func TestGoesOn(t *testing.T) {
	dir := t.TempDir()
	r := Run{Machine: "m1", Boot: 41}
	r.Note(synced(), 20*time.Hour)
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	last, ok, err := Load(dir)
	if err != nil || !ok || last.Boot != 41 || last.Alive != uplink.TimeOf(now.Add(20*time.Hour-time.Minute)) {
		t.Fatalf("got %+v, %v, %v", last, ok, err)
	}
	f := func(name, machine string, at time.Duration, want uplink.Quality) {
		t.Helper()
		c := clock.New(clock.Config{Build: now.AddDate(0, -1, 0), Floor: last.Floor.Time()}, at)
		if fix, ok := last.Resume(machine, at); ok {
			c.Resume(fix)
		}
		got := c.At(at)
		most := max(at, 20*time.Hour) - time.Minute // the machine was not off for any time here
		if got.Quality != want || got.UTC.After(now.Add(most)) || got.UTC.Before(now.Add(most-5*time.Second)) {
			t.Errorf("%s: got %v %v, want %v %v, or up to 5 s less", name, got.Quality, got.UTC, want, now.Add(most))
		}
	}
	f("at once", "m1", 20*time.Hour+time.Second, uplink.QualitySync)
	f("a day after the last contact", "m1", 25*time.Hour, uplink.QualityCoarse)
	f("the machine was off", "m2", time.Minute, uplink.QualityFloor)
	f("the machine's name again, but not its time", "m1", time.Second, uplink.QualityFloor)
}

func TestLoad(t *testing.T) {
	f := func(name, content string, want bool) {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, File), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r, ok, err := Load(dir)
		if ok != want || err != nil || (!ok && r != (Run{})) {
			t.Errorf("%s: got %+v, %v, %v, want %v and no error", name, r, ok, err, want)
		}
	}
	f("never set", `{"machine":"m1","boot":1,"alive":null,"floor":1795000000000,"fix":null,"clean":true}`, true)
	f("empty, as a bad card leaves it", "", false)
	f("zeros", strings.Repeat("\x00", 200), false)
	f("cut", `{"machine":"m1","boot":1,"al`, false)
	f("long", `{"machine":"m1"`+strings.Repeat(" ", maxFile)+"}", false)
	f("of no machine", `{}`, false)
	if _, ok, err := Load(t.TempDir()); ok || err != nil {
		t.Errorf("no file: %v, %v, want false and no error", ok, err)
	}
}

// FuzzLoad: whatever is on the card, a clock never goes on from a time that it has not had.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"machine":"m1","boot":1,"alive":1,"floor":1,"fix":{"m":1,"t":1795000000000,"err":1,"tq":"sync"},"clean":true}`))
	f.Add([]byte(`{"machine":"m1","fix":{"m":9007199254740991,"t":9007199254740991,"err":9007199254740991,"tq":"sync"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parse(b)
		if !ok {
			return
		}
		fix, ok := r.Resume("m1", time.Hour)
		if !ok {
			return
		}
		c := clock.New(clock.Config{Build: now}, time.Hour)
		c.Resume(fix)
		if got, set := c.Fix(); set && (got.At < 0 || got.At > time.Hour || got.Error < 0 || got.Error > maxError) {
			t.Errorf("%s: goes on from %+v", b, got)
		}
	})
}

func TestWhy(t *testing.T) {
	f := func(machine string, clean, watchdog bool, want string) {
		t.Helper()
		if got := (Run{Machine: "m1", Clean: clean}).Why(machine, watchdog); got != want {
			t.Errorf("machine %s, clean %v, watchdog %v: got %q, want %q", machine, clean, watchdog, got, want)
		}
	}
	f("m1", true, false, "restart")
	f("m1", false, false, "crash")
	f("m1", false, true, "crash") // the watchdog's word is of the machine's start, which is long past
	f("m2", true, false, "reboot")
	f("m2", false, false, "power")
	f("m2", false, true, "watchdog")
}

func TestBegin(t *testing.T) {
	at := synced().At(time.Minute).Stamp(time.Minute)
	alive := uplink.TimeOf(now.Add(-time.Hour))
	f := func(name string, last *Run, want ...string) {
		t.Helper()
		var got []string
		for _, b := range Begin(last, uplink.Boot{Stamp: at, Firmware: "1.4.0"}) {
			r, err := uplink.Encode(b)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(r.Raw))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	f("first", nil, `{"k":"boot","m":60000,"t":1795489200000,"tq":"sync","fw":"1.4.0","alive":null}`)
	f("power cut", &Run{Boot: 40, Alive: alive},
		`{"k":"boot","m":60000,"t":1795489200000,"tq":"sync","fw":"1.4.0","alive":1795485600000}`,
		`{"k":"off","m":60000,"t":1795489200000,"tq":"sync","from":1795485600000,"boot":40}`)
	f("goodbye", &Run{Boot: 40, Alive: alive, Clean: true},
		`{"k":"boot","m":60000,"t":1795489200000,"tq":"sync","fw":"1.4.0","alive":1795485600000}`,
		`{"k":"off","m":60000,"t":1795489200000,"tq":"sync","from":1795485600000,"boot":40,"clean":true}`)
	f("its clock was never set", &Run{Boot: 40},
		`{"k":"boot","m":60000,"t":1795489200000,"tq":"sync","fw":"1.4.0","alive":null}`,
		`{"k":"off","m":60000,"t":1795489200000,"tq":"sync","from":null,"boot":40}`)
}
