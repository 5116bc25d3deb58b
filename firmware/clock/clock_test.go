package clock

import (
	"encoding/binary"
	"testing"
	"time"

	"cafeprobe/uplink"
)

var (
	built = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	now   = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
)

// answers returns one answer of each server at the steady time at, off by that many milliseconds.
func answers(at time.Duration, utc time.Time, off ...int) Round {
	r := Round{Servers: len(off)}
	for i, ms := range off {
		r.Answers = append(r.Answers, Answer{
			Server: string(rune('a' + i)), At: at, UTC: utc.Add(time.Duration(ms) * time.Millisecond), Error: 20 * time.Millisecond,
		})
	}
	return r
}

func TestNoneAndFloor(t *testing.T) {
	f := func(name string, cfg Config, quality uplink.Quality, utc time.Time) {
		t.Helper()
		c := New(cfg, time.Minute)
		if r := c.At(time.Minute); r.Quality != quality || !r.UTC.Equal(utc) {
			t.Errorf("%s: got %v %v, want %v %v", name, r.Quality, r.UTC, quality, utc)
		}
	}
	f("nothing known", Config{}, uplink.QualityNone, time.Time{})
	f("build", Config{Build: built}, uplink.QualityFloor, built)
	f("saved", Config{Build: built, Floor: now}, uplink.QualityFloor, now)
	f("saved by an older build", Config{Build: now, Floor: built}, uplink.QualityFloor, now)
	f("saved by nobody in his right mind", Config{Build: built, Floor: built.AddDate(21, 0, 0)}, uplink.QualityFloor, built)
}

func TestAgreement(t *testing.T) {
	f := func(name string, r Round, quality uplink.Quality, err time.Duration, disagree uint64) {
		t.Helper()
		c := New(Config{Build: built}, 0)
		c.Take(time.Minute, r)
		got := c.At(time.Minute)
		if got.Quality != quality || got.Error != err || c.Stats().Disagree != disagree {
			t.Errorf("%s: got %v, error %v, %+v; want %v, %v, %d", name, got.Quality, got.Error, c.Stats(), quality, err, disagree)
		}
	}
	ms := time.Millisecond
	f("four agree", answers(time.Minute, now, 0, 5, -5, 10), uplink.QualitySync, 20*ms, 0)
	f("spread above their errors", answers(time.Minute, now, -200, 0, 200), uplink.QualitySync, 200*ms, 0)
	f("one of four lies", answers(time.Minute, now, 0, 5, 3600_000, -5), uplink.QualitySync, 20*ms, 0)
	f("two of four lie", answers(time.Minute, now, 0, 5, 3600_000, 3600_005), uplink.QualityFloor, 0, 1)
	f("two that disagree", answers(time.Minute, now, 0, 600), uplink.QualityFloor, 0, 1)
	f("the only one, once", answers(time.Minute, now, 0), uplink.QualityCoarse, 20*ms, 0)
	only := answers(time.Minute, now, 0, 1, 2)
	only.Servers = 1
	f("the only one, three times", only, uplink.QualitySync, 20*ms, 0)
	same := answers(time.Minute, now, 0, 1, 2)
	for i := range same.Answers {
		same.Answers[i].Server = "a"
	}
	f("one of three, three times", same, uplink.QualityCoarse, 20*ms, 0)
	f("nobody", Round{Servers: 4}, uplink.QualityFloor, 0, 0)
}

func TestRefused(t *testing.T) {
	f := func(name string, utc time.Time, err time.Duration, want Stats) {
		t.Helper()
		c := New(Config{Build: built, Floor: now}, 0)
		c.Take(0, Round{Servers: 2, Answers: []Answer{{Server: "a", UTC: utc, Error: err}}})
		if got := c.Stats(); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		if q := c.At(0).Quality; (q == uplink.QualityFloor) != (want != Stats{}) {
			t.Errorf("%s: quality %v", name, q)
		}
	}
	f("at the floor", now, time.Millisecond, Stats{})
	f("before the floor, by less than it may be wrong", now.Add(-time.Second), time.Second, Stats{})
	f("before the floor", now.Add(-time.Second), 999*time.Millisecond, Stats{Early: 1})
	f("1970", time.Unix(0, 0), 0, Stats{Early: 1})
	f("20 years", built.Add(horizon), 0, Stats{})
	f("more than 20 years", built.Add(horizon+1), 0, Stats{Late: 1})
	f("beyond what nanoseconds hold", time.Unix(1<<40, 0), 0, Stats{Late: 1})
	f("a slow way", now, time.Second+1, Stats{Vague: 1})
	f("an impossible error", now, -1, Stats{Vague: 1})
}

func TestQualityFades(t *testing.T) {
	c := New(Config{Build: built}, 0)
	c.Take(0, answers(0, now, 0, 0, 0))
	f := func(name string, after time.Duration, quality uplink.Quality, err time.Duration) {
		t.Helper()
		if r := c.At(after); r.Quality != quality || r.Error != err {
			t.Errorf("%s: got %v within %v, want %v within %v", name, r.Quality, r.Error, quality, err)
		}
	}
	f("at once", 0, uplink.QualitySync, 20*time.Millisecond)
	f("a day", 24*time.Hour, uplink.QualitySync, 4340*time.Millisecond)
	f("more than a day", 24*time.Hour+1, uplink.QualityCoarse, 4340*time.Millisecond)
	f("a year", 365*24*time.Hour, uplink.QualityCoarse, 1576820*time.Millisecond)
	f("before it was set", -time.Hour, uplink.QualitySync, 200*time.Millisecond)
}

// TestCertain: certificates are judged by UTC where it is known, never by less than the floor, and a forged answer that nobody
// confirms does not raise the floor.
// TestWithin: what only one says is not known, and what was known long ago not to a minute any more (rule R12).
func TestWithin(t *testing.T) {
	f := func(name string, take func(c *Clock), at time.Duration, d time.Duration, want bool) {
		t.Helper()
		c := New(Config{Build: built, Offset: time.Hour}, 0)
		take(c)
		if got := c.Within(int64(time.Hour+at), d); got != want {
			t.Errorf("%s: within %v: %v, want %v", name, d, got, want)
		}
	}
	agreed := func(c *Clock) { c.Take(time.Minute, answers(time.Minute, now, 0, 5, -5)) }
	f("nothing", func(*Clock) {}, time.Minute, time.Minute, false)
	f("battery", func(c *Clock) { c.TakeRTC(time.Minute, now) }, time.Minute, time.Hour, false)
	f("one server", func(c *Clock) { c.Take(time.Minute, answers(time.Minute, now, 0)) }, time.Minute, time.Minute, false)
	f("servers agree", agreed, time.Minute, 20*time.Millisecond, true)
	f("to less", agreed, time.Minute, 19*time.Millisecond, false)
	f("a minute before", agreed, 0, time.Minute, true)
	f("two days ago", agreed, 48*time.Hour, time.Minute, true)
	f("a year ago", agreed, 365*24*time.Hour, time.Minute, false)
}

func TestCertain(t *testing.T) {
	f := func(name string, c *Clock, certain, floor time.Time) {
		t.Helper()
		if got := c.Certain(0); !got.Equal(certain) {
			t.Errorf("%s: certain %v, want %v", name, got, certain)
		}
		if got := c.Floor(0); !got.Equal(floor) {
			t.Errorf("%s: floor %v, want %v", name, got, floor)
		}
	}
	f("nothing known", New(Config{}, 0), oldest, time.Time{})
	f("floor", New(Config{Build: built}, 0), built, built)
	c := New(Config{Build: built}, 0)
	far := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	c.Take(0, Round{Servers: 4, Answers: []Answer{{Server: "a", UTC: far}}})
	f("one answer", c, far, built)
	c.Take(0, answers(0, now, 0, 0, 0))
	f("agreement", c, now, now.Add(-20*time.Millisecond))
}

func TestHeldStep(t *testing.T) {
	c := New(Config{Build: built}, 0)
	c.Take(0, answers(0, now, 0, 0, 0))
	day := now.Add(24 * time.Hour)
	f := func(name string, at time.Duration, r Round, want time.Time) {
		t.Helper()
		c.Take(at, r)
		if got := c.At(at).UTC; got.Sub(want).Abs() > stepLimit {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	m := time.Minute
	f("once", 1*m, answers(1*m, day.Add(1*m), 0, 0, 0), now.Add(1*m))
	f("twice", 2*m, answers(2*m, day.Add(2*m), 0, 0, 0), now.Add(2*m))
	f("then not", 3*m, answers(3*m, now.Add(3*m), 0, 0, 0), now.Add(3*m))
	f("again once", 4*m, answers(4*m, day.Add(4*m), 0, 0, 0), now.Add(4*m))
	f("another step", 5*m, answers(5*m, day.Add(2*time.Hour), 0, 0, 0), now.Add(5*m))
	f("that again", 6*m, answers(6*m, day.Add(2*time.Hour+m), 0, 0, 0), now.Add(6*m))
	f("and a third time", 7*m, answers(7*m, day.Add(2*time.Hour+2*m), 0, 0, 0), day.Add(2*time.Hour+2*m))
}

func TestResume(t *testing.T) {
	f := func(name string, fix Fix, quality uplink.Quality) {
		t.Helper()
		c := New(Config{Build: built}, time.Hour)
		c.Resume(fix)
		r := c.At(time.Hour)
		if r.Quality != quality {
			t.Errorf("%s: got %v, want %v", name, r.Quality, quality)
		}
		a, due := c.Anchor(time.Hour)
		if due != (quality != uplink.QualityFloor) || (due && (a.Source != SourceFile || a.Step != 0)) {
			t.Errorf("%s: anchor %v %+v, want one from file without a step", name, due, a)
		}
	}
	f("sync", Fix{At: time.Minute, UTC: now, Quality: uplink.QualitySync}, uplink.QualitySync)
	f("coarse", Fix{At: time.Minute, UTC: now, Quality: uplink.QualityCoarse}, uplink.QualityCoarse)
	f("nonsense", Fix{At: time.Minute, UTC: now, Quality: "best"}, uplink.QualityFloor)
	f("too early", Fix{At: time.Minute, UTC: time.Unix(1, 0), Quality: uplink.QualitySync}, uplink.QualityFloor)
	f("negative", Fix{At: time.Minute, UTC: now, Error: -1, Quality: uplink.QualitySync}, uplink.QualityFloor)
}

func TestStamp(t *testing.T) {
	c := New(Config{Build: built, Offset: time.Hour}, 0)
	c.Take(0, answers(0, now, 0, 0, 0))
	f := func(name string, t1 time.Duration, mono uplink.Int, utc time.Time) {
		t.Helper()
		got := c.Stamp(int64(t1))
		if want := (uplink.Stamp{Mono: mono, Time: uplink.TimeOf(utc), Quality: uplink.QualitySync}); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	f("event time is ahead by the offset", time.Hour+1500*time.Millisecond, 1500, now.Add(1500*time.Millisecond))
	f("before the machine's boot", time.Minute, 0, now)
	if got := New(Config{}, 0).Stamp(5e6); got != (uplink.Stamp{Mono: 5, Quality: uplink.QualityNone}) {
		t.Errorf("nothing known: got %+v", got)
	}
}

func TestAnchors(t *testing.T) {
	c := New(Config{Build: built}, 0)
	f := func(name string, at time.Duration, want bool, step uplink.Delta, quality uplink.Quality) {
		t.Helper()
		a, due := c.Anchor(at)
		if due != want || a.Step != step || (due && a.Quality != quality) {
			t.Errorf("%s: got %v %+v, want %v, step %d, %s", name, due, a, want, step, quality)
		}
		if _, again := c.Anchor(at); again {
			t.Errorf("%s: due twice", name)
		}
		if _, err := uplink.Encode(&a); due && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := time.Minute
	f("never set", 0, false, 0, "")
	c.TakeRTC(m, now)
	f("the machine's clock", m, true, 0, uplink.QualityCoarse)
	c.Take(2*m, answers(2*m, now.Add(m+100*time.Millisecond), 0, 0, 0))
	f("first sync", 2*m, true, 100, uplink.QualitySync)
	c.Take(3*m, answers(3*m, now.Add(2*m+599*time.Millisecond), 0, 0, 0))
	f("499 ms", 3*m, false, 0, "")
	c.Take(4*m, answers(4*m, now.Add(3*m+602*time.Millisecond), 0, 0, 0))
	f("502 ms since the last", 4*m, true, 502, uplink.QualitySync)
	f("an hour without news", 64*m, true, 0, uplink.QualitySync)
	f("a day without contact", 4*m+fresh+time.Hour, true, 0, uplink.QualityCoarse)
}

// FuzzTake: whatever servers say, the floor and what certificates are judged by never go back, and no time is told that is
// before the floor of the start.
func FuzzTake(f *testing.F) {
	f.Add(make([]byte, 64))
	say := func(b []byte, head byte, utc time.Time) []byte {
		return binary.BigEndian.AppendUint64(append(b, head), uint64(utc.UnixMilli()))
	}
	three := say(say(say(nil, 0x82, now), 2, now), 2, now) // one round of three servers
	f.Add(three)
	f.Add(append(three, say(say(say(nil, 0x82, now.AddDate(1, 0, 0)), 2, now.AddDate(1, 0, 0)), 2, now)...))
	f.Add(say(say(nil, 0, now.AddDate(14, 0, 0)), 0, now)) // alone, twice
	f.Fuzz(func(t *testing.T, b []byte) {
		c := New(Config{Build: built}, 0)
		at, low := time.Duration(0), c.Floor(0)
		for len(b) >= 9 {
			r := Round{Servers: 1 + int(b[0]&3)}
			for n := range 1 + int(b[0]>>6) {
				if len(b) < 9 {
					break
				}
				v := int64(binary.BigEndian.Uint64(b[1:]))
				r.Answers = append(r.Answers, Answer{
					Server: string(rune('a' + n)), At: at, UTC: time.UnixMilli(v), Error: time.Duration(int8(b[0])) * 10 * time.Millisecond,
				})
				b = b[9:]
			}
			c.Take(at, r)
			if floor := c.Floor(at); floor.Before(low) {
				t.Fatalf("floor goes back from %v to %v", low, floor)
			} else {
				low = floor
			}
			if s := c.At(at); s.UTC.Before(built.Add(-maxError)) {
				t.Fatalf("tells %v, which is before the build", s.UTC)
			}
			if c.Certain(at).Before(low) {
				t.Fatalf("judges certificates by %v, the floor is %v", c.Certain(at), low)
			}
			at += time.Minute
		}
	})
}
