package life

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cafeprobe/firmware/clock"
	"cafeprobe/uplink"
)

// TestLives lets a box live several times: what each run begins with, and what its clock says at once.
func TestLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, began, booted, machine, boot := t.TempDir(), time.Now(), time.Now(), "m1", uint64(0)
		utc := func() time.Time { return now.Add(time.Since(began)) }
		steady := func() time.Duration { return time.Since(booted) }
		f := func(name, why string, quality uplink.Quality, off time.Duration, clean bool, live func(*Life)) {
			t.Helper()
			boot++
			l, err := Open(Config{
				Dir: dir, Boot: boot, Machine: machine, Steady: steady, Clock: clock.Config{Build: now.AddDate(0, -1, 0)},
			})
			if err != nil {
				t.Fatal(err)
			}
			bodies := l.Begin(uplink.Boot{Firmware: "1.4.0"})
			b := bodies[0].(*uplink.Boot)
			if b.Why != why || b.Quality != quality || b.Mono != uplink.Int(steady().Milliseconds()) {
				t.Errorf("%s: boot %+v, want why %q, quality %s, m %v", name, b, why, quality, steady())
			}
			if (off < 0) != (len(bodies) == 1) {
				t.Errorf("%s: %d records, want an off record: %v", name, len(bodies), off >= 0)
			} else if off >= 0 {
				o := bodies[1].(*uplink.Off)
				if d := utc().Sub(o.From.Time()); o.Boot != uplink.Int(boot-1) || o.Clean != clean || (d-off).Abs() > time.Second {
					t.Errorf("%s: off %+v, last alive %v ago, want boot %d, clean %v, %v ago", name, o, d, boot-1, clean, off)
				}
			}
			for _, body := range bodies {
				if _, err := uplink.Encode(body); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			live(l)
		}
		run := func(l *Life, d time.Duration) {
			ctx, stop := context.WithTimeout(t.Context(), d)
			defer stop()
			l.Run(ctx, func(*uplink.Anchor) error { return nil })
		}
		power := func(d time.Duration) { // off for d
			time.Sleep(d)
			booted, machine = time.Now(), machine+"'"
		}
		f("first", "", uplink.QualityFloor, -1, false, func(l *Life) {
			r := clock.Round{Servers: 2}
			for _, s := range []string{"a", "b"} {
				r.Answers = append(r.Answers, clock.Answer{Server: s, At: steady(), UTC: utc(), Error: time.Millisecond})
			}
			l.Clock().Take(steady(), r)
			run(l, 25*time.Minute) // dies 5 minutes after the third saving
		})
		f("daemon died", "crash", uplink.QualitySync, 5*time.Minute-10*time.Second, false, func(l *Life) {
			run(l, time.Minute)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		})
		time.Sleep(30 * time.Second)
		f("daemon was stopped", "restart", uplink.QualitySync, 30*time.Second, true, func(l *Life) { run(l, 15*time.Minute) })
		power(time.Hour)
		f("power cut", "power", uplink.QualityFloor, time.Hour+5*time.Minute-10*time.Second, false, func(l *Life) {
			if got := l.Clock().Floor(steady()); utc().Sub(got) > 90*time.Minute || got.After(utc()) {
				t.Errorf("floor %v at %v, want what the run before knew", got, utc())
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		})
		power(time.Minute)
		boot++ // the run before knew no time, so nothing can be said of when it was last alive
		l, err := Open(Config{Dir: dir, Boot: boot, Machine: machine, Steady: steady, Clock: clock.Config{Build: now}})
		if err != nil {
			t.Fatal(err)
		}
		bodies := l.Begin(uplink.Boot{Firmware: "1.4.0"})
		if o := bodies[1].(*uplink.Off); o.From != 0 || !o.Clean || bodies[0].(*uplink.Boot).Why != "reboot" {
			t.Errorf("after a run without time: off %+v, want from null, clean, and the boot a reboot", o)
		}
	})
}

// TestRefusedTimeIsTold: what the machine takes for UTC and cannot be, and what a server answers that cannot be, is told of.
func TestRefusedTimeIsTold(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 512)
		for {
			_, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo(append([]byte{3<<6 | 4<<3 | 4}, make([]byte, 47)...), from) // a server that is not in sync
		}
	})
	defer wg.Wait()
	defer pc.Close()
	told := make(chan string, 64)
	began := time.Now()
	l, err := Open(Config{
		Dir: t.TempDir(), Boot: 1, Machine: "m1", Steady: func() time.Duration { return time.Since(began) },
		RTC: time.Unix(20, 0), Clock: clock.Config{Build: now}, Servers: []string{pc.LocalAddr().String(), pc.LocalAddr().String()},
		Refused: func(what, from string) { told <- what + " " + from },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	wg.Go(func() { l.Run(ctx, func(*uplink.Anchor) error { return nil }) })
	for _, want := range []string{"untrue clock", "malformed clock", "malformed clock"} {
		select {
		case got := <-told:
			if got != want {
				t.Errorf("told of %q, want %q", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("not told of %q within 10 s", want)
		}
	}
}
