package sntp

import (
	"context"
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"cafeprobe/firmware/clock"
	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/uplink"
)

// server is a time server on loopback that answers each question by what reply makes of it; nil is no answer.
func server(t testing.TB, reply func(question []byte) []byte) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 512)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			if r := reply(b[:n]); r != nil {
				_, _ = pc.WriteTo(r, from) // a client that has gone away is not the server's business
			}
		}
	}()
	t.Cleanup(func() {
		pc.Close()
		<-done
	})
	return pc.LocalAddr().String()
}

// stamp returns t as an NTP timestamp (RFC 5905 §6).
func stamp(t time.Time) uint64 {
	return uint64(t.Unix()+2208988800)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// answer returns a server's answer to question at utc (RFC 5905 §7.3): stratum 2, root delay 10 ms, root dispersion 5 ms.
func answer(question []byte, utc time.Time) []byte {
	b := make([]byte, 48)
	b[0], b[1], b[2], b[3] = 4<<3|4, 2, 6, 0xec
	binary.BigEndian.PutUint32(b[4:], 655)
	binary.BigEndian.PutUint32(b[8:], 328)
	copy(b[12:], "\xc0\x00\x02\x01")
	binary.BigEndian.PutUint64(b[16:], stamp(utc.Add(-time.Minute)))
	copy(b[24:32], question[40:48])
	binary.BigEndian.PutUint64(b[32:], stamp(utc))
	binary.BigEndian.PutUint64(b[40:], stamp(utc))
	return b
}

// at answers as if it were t now, and time goes on.
func at(t time.Time) func([]byte) []byte {
	began := time.Now()
	return func(q []byte) []byte { return answer(q, t.Add(time.Since(began))) }
}

var cfg = Config{Timeout: 200 * time.Millisecond, Pause: time.Millisecond}

// TestAsk asks real servers over UDP. What the machine itself takes for UTC has no part in it.
func TestAsk(t *testing.T) {
	f := func(name string, utc time.Time) {
		t.Helper()
		began := time.Now()
		good := []string{server(t, at(utc)), server(t, at(utc)), server(t, at(utc.Add(time.Hour)))}
		r := New(good, boottime.Now, cfg).Ask(t.Context())
		if r.Servers != 3 || len(r.Answers) != 3 {
			t.Fatalf("%s: %d answers of %d servers, want 3 of 3", name, len(r.Answers), r.Servers)
		}
		for i, a := range r.Answers[:2] {
			want := utc.Add(time.Since(began) - (boottime.Now() - a.At))
			if d := a.UTC.Sub(want).Abs(); d > 50*time.Millisecond || a.Error < 10*time.Millisecond || a.Error > 60*time.Millisecond {
				t.Errorf("%s: server %d: got %v within %v, want %v within 10 ms and half the way", name, i, a.UTC, a.Error, want)
			}
		}
		c := clock.New(clock.Config{Build: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}, boottime.Now())
		c.Take(boottime.Now(), r)
		got := c.At(boottime.Now())
		want := utc.Add(time.Since(began))
		if got.Quality != uplink.QualitySync || got.UTC.Sub(want).Abs() > 50*time.Millisecond {
			t.Errorf("%s: clock says %v %v, want sync %v", name, got.Quality, got.UTC, want)
		}
	}
	f("2026", time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC))
	f("the second in which NTP's first era ends", time.Date(2036, 2, 7, 6, 28, 15, 0, time.UTC))
	f("2040", time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC))
}

func TestOnlyServerIsAskedThreeTimes(t *testing.T) {
	now := time.Now()
	c := New([]string{server(t, at(now))}, boottime.Now, cfg)
	if r := c.Ask(t.Context()); r.Servers != 1 || len(r.Answers) != 3 || c.Stats().Asked != 3 {
		t.Errorf("%d answers of %d servers, %+v, want 3 of 1", len(r.Answers), r.Servers, c.Stats())
	}
}

func TestRefuses(t *testing.T) {
	now := time.Now()
	f := func(name string, want Stats, change func(b []byte) []byte) {
		t.Helper()
		s := server(t, func(q []byte) []byte { return change(answer(q, now)) })
		told := uint64(0)
		cfg := cfg
		cfg.Refused = func(what, from string) {
			if told++; what != uplink.SecurityMalformed || from != "clock" {
				t.Errorf("%s: told of %s from %s", name, what, from)
			}
		}
		c := New([]string{s, s}, boottime.Now, cfg)
		c.servers = c.servers[:1]
		r := c.Ask(t.Context())
		want.Asked = c.stats.Asked
		if told != want.Invalid {
			t.Errorf("%s: told of %d refusals, want %d", name, told, want.Invalid)
		}
		if len(r.Answers) != 0 || c.Stats() != want {
			t.Errorf("%s: %d answers, %+v, want none and %+v", name, len(r.Answers), c.Stats(), want)
		}
	}
	set := func(i int, v ...byte) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[i:], v); return b }
	}
	f("silent", Stats{Silent: 3}, func([]byte) []byte { return nil })
	f("short", Stats{Silent: 3}, func(b []byte) []byte { return b[:47] })
	f("another question's answer", Stats{Silent: 3}, set(24, 1, 2, 3))
	f("a client's", Stats{Silent: 3}, set(0, 4<<3|3))
	f("not in sync itself", Stats{Invalid: 3}, set(0, 3<<6|4<<3|4))
	f("stratum 16", Stats{Invalid: 3}, set(1, 16))
	f("dispersion of 17 s", Stats{Invalid: 3}, set(8, 0, 17, 0, 0))
	f("set after it was sent", Stats{Invalid: 3}, set(16, 0xff, 0xff))
	f("precision of 2^-128 s", Stats{Invalid: 3}, set(3, 0x80))
	f("poll of 2^-128 s", Stats{Invalid: 3}, set(2, 0x80))
	f("kiss of death", Stats{Kissed: 1}, func(b []byte) []byte { b[1] = 0; copy(b[12:], "RATE"); return b })
}

// TestKissed: a server that does not want to be asked is left alone for an hour.
func TestKissed(t *testing.T) {
	var asked atomic.Int64
	s := server(t, func(q []byte) []byte {
		asked.Add(1)
		b := answer(q, time.Now())
		b[1] = 0
		copy(b[12:], "DENY")
		return b
	})
	var steady time.Duration
	c := New([]string{s, server(t, at(time.Now()))}, func() time.Duration { return steady }, cfg)
	f := func(name string, now time.Duration, want int64) {
		t.Helper()
		steady = now
		if r := c.Ask(t.Context()); len(r.Answers) != 1 || asked.Load() != want {
			t.Errorf("%s: %d answers, kissing server asked %d times, want 1 and %d", name, len(r.Answers), asked.Load(), want)
		}
	}
	f("first", 0, 1)
	f("a minute on", time.Minute, 1)
	f("an hour on", time.Hour, 2)
}

func TestAskEndsWithItsContext(t *testing.T) {
	c := New([]string{server(t, at(time.Now()))}, boottime.Now, Config{Pause: time.Hour})
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if r := c.Ask(ctx); len(r.Answers) != 1 {
		t.Errorf("%d answers, want the one that came in time", len(r.Answers))
	}
}

// FuzzAnswer: whatever comes over the wire, an answer is one of a server that says that it is in sync.
func FuzzAnswer(f *testing.F) {
	good := answer(make([]byte, 48), time.Now())
	f.Add(good)
	f.Add(good[:47])
	f.Add(append(good, make([]byte, 20)...))                                                                                                                                                  // with a MAC
	f.Add([]byte("$00\x8000000000000000000000000000000000000000001000"))                                                                                                                      // panicked in the library: precision -128
	f.Add([]byte("\xec\x02\x00$\x00\x06\x02\x8f\x00\x00\x01H\xc0\x00\x02\x01\xee\xb0x\x81\x19\xef\x10;\x00\x00\x00\x00\x00\x01\x00\x00\xee\xb0x\xbd\x19\xef\x10;\xee\xb0x\xbd\x19\xef\x10;")) // not in sync, at stratum 2
	var next atomic.Pointer[[]byte]
	s := server(f, func(q []byte) []byte {
		b := append([]byte(nil), *next.Load()...)
		if len(b) >= 32 {
			copy(b[24:32], q[40:48]) // or the answer is thrown away at once
		}
		return b
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		next.Store(&b)
		c := New([]string{s}, boottime.Now, Config{Timeout: 100 * time.Millisecond})
		a, err := c.query(t.Context(), s)
		if err == nil && (b[0]>>6 == 3 || b[0]&7 != 4 || b[1] == 0 || b[1] > 15 || a.Error < 0) {
			t.Errorf("took %x as %+v", b, a)
		}
	})
}
