package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// piece is a time of a second reading: of what, by whom.
type piece struct {
	from, to int64
	what     string
	by       uplink.StationID
}

// second reads a chain of one boot record a life in hindsight: all of it at once, piece by piece, with nothing kept between records.
func second(t *testing.T, rs []uplink.Stored, now int64) (out []piece) {
	t.Helper()
	bodies := make([]uplink.Body, len(rs))
	for i := range rs {
		var err error
		if bodies[i], err = rs[i].Body(); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(rs); {
		n := i + 1
		for n < len(rs) && rs[n].Boot == rs[i].Boot {
			n++
		}
		out = append(out, life(rs[i:n], bodies[i:n], bodies[n:], now)...)
		i = n
	}
	return out
}

// life reads the records of one life. after is what comes behind it: the next boot, which knows when this one ended.
func life(rs []uplink.Stored, bodies, after []uplink.Body, now int64) (out []piece) {
	add := func(from, to int64, what string, by uplink.StationID) { out = append(out, piece{from, to, what, by}) }
	begin, end := int64(rs[0].Stamp.Time), int64(0)
	for i := range rs {
		end = max(end, int64(rs[i].Stamp.Time))
	}
	told := max(end, now) - settle // of what is later it may still tell
	last := len(after) == 0
	if last {
		end = max(end, now)
	} else {
		boot := after[0].(*uplink.Boot)
		end = max(end, int64(boot.Alive))
		told = end - settle
		add(end, int64(boot.Time), "off", "")
		if len(after) > 1 {
			if o, ok := after[1].(*uplink.Off); ok && o.Clean {
				told = end + minute - 1
			}
		}
	}
	add(begin, told-told%minute, "alive", "")
	for i, b := range bodies {
		at := int64(rs[i].Stamp.Time)
		switch b := b.(type) {
		case *uplink.Vantage:
			add(at, next(bodies[i+1:], end, func(o uplink.Body) (int64, bool) { v, ok := o.(*uplink.Vantage); return timed(ok, v), ok }), "class "+b.Class, "")
		case *uplink.Blind:
			if b.Blind {
				add(at, next(bodies[i+1:], end, func(o uplink.Body) (int64, bool) { v, ok := o.(*uplink.Blind); return timed(ok, v), ok }), "blind", "")
			}
		case *uplink.Open:
			if next(bodies[i+1:], 0, func(o uplink.Body) (int64, bool) { c, ok := o.(*uplink.Close); return 1, ok && c.Station == b.Station }) == 0 {
				add(at, end, "use", b.Station)
			}
		case *uplink.Close:
			add(int64(b.Began), at, "use", b.Station)
		}
	}
	return out
}

// timed returns when b was, if ok.
func timed(ok bool, b uplink.Body) int64 {
	switch b := b.(type) {
	case *uplink.Vantage:
		if ok {
			return int64(b.Time)
		}
	case *uplink.Blind:
		if ok {
			return int64(b.Time)
		}
	}
	return 0
}

// next returns what f says of the first body that it takes, else none.
func next(bodies []uplink.Body, none int64, f func(uplink.Body) (int64, bool)) int64 {
	for _, b := range bodies {
		if t, ok := f(b); ok {
			return t
		}
	}
	return none
}

// read returns what the pieces say of the minute that begins at t.
func read(pieces []piece, t int64) (m Minute) {
	is := map[string]bool{}
	users := map[uplink.StationID]bool{}
	for _, p := range pieces {
		if p.from < p.to && p.from < t+minute && p.to > t {
			is[p.what] = true
			if p.what == "use" {
				users[p.by] = true
			}
		}
	}
	m.InUse = uint16(len(users))
	sighted := is["class A"] || is["class C"]
	switch {
	case is["off"]:
		m.State = Off
	case is["blind"] || is["class BLIND"]:
		m.State = Blind
	case !is["alive"] || !sighted:
		m.State = Unknown
	case is["class C"] && m.InUse == 0:
		m.State = Blind
	default:
		m.State = Seen
	}
	return m
}

// invent makes up days of a café: stations that come and go, a box that goes blind, is moved, dies or is switched off. With corrected set
// the ends of sessions know better when they began; with early set nobody comes behind 20:00.
func invent(t *testing.T, r *rand.Rand, corrected, early bool) (rs []uplink.Stored, now time.Time) {
	t.Helper()
	clock := at(t, "06:00").Add(time.Duration(r.IntN(3600)) * time.Second)
	booted, boot, seq := clock, uint64(1), uint64(0)
	stamp := func(at time.Time) uplink.Stamp {
		return uplink.Stamp{Mono: uplink.Int(at.Sub(booted).Milliseconds()), Time: uplink.TimeOf(at), Quality: uplink.QualitySync}
	}
	put := func(b uplink.Body) {
		t.Helper()
		x, err := uplink.Encode(b)
		if err != nil {
			t.Fatal(err)
		}
		seq++
		rs = append(rs, uplink.Stored{Record: x, Seq: seq, Boot: boot})
	}
	open := map[byte]time.Time{}
	see := func() {
		put(&uplink.Vantage{Stamp: stamp(clock), Class: []string{"A", "A", "A", "C", "BLIND"}[r.IntN(5)], Confidence: 90, Why: "mirror"})
	}
	put(&uplink.Boot{Stamp: stamp(clock), Firmware: "1"})
	see()
	blind := false
	for range 300 {
		clock = clock.Add(time.Duration(1+r.IntN(1800)) * time.Second)
		switch n := r.IntN(100); {
		case n < 3: // it dies, or is switched off in order
			alive, was := clock, boot
			clean := r.IntN(2) == 0
			clock = clock.Add(time.Duration(1+r.IntN(7200)) * time.Second)
			boot++
			booted = clock.Add(-20 * time.Second)
			put(&uplink.Boot{Stamp: stamp(clock), Firmware: "1", Why: uplink.BootPower, Alive: uplink.TimeOf(alive)})
			if clean {
				put(&uplink.Off{Stamp: stamp(clock), From: uplink.TimeOf(alive), Boot: uplink.Int(was), Clean: true})
			}
			clear(open)
			blind = false
			see()
		case n < 8:
			blind = !blind
			put(&uplink.Blind{Stamp: stamp(clock), Blind: blind, Why: "no-frames"})
		case n < 12:
			see()
		case n < 30:
			put(&uplink.Anchor{Stamp: stamp(clock), Source: "ntp"})
		default:
			i := byte(1 + r.IntN(6))
			from, ok := open[i]
			if h := clock.In(hours.Zone).Hour(); !ok && early && (h < 8 || h >= 20) {
				break
			}
			if !ok {
				open[i] = clock
				put(&uplink.Open{Station: st(i), Stamp: stamp(clock), Confidence: 90, Of: uplink.OfUse})
				break
			}
			if corrected {
				from = from.Add(time.Duration(r.Int64N(int64(clock.Sub(from)))))
			}
			delete(open, i)
			put(&uplink.Close{
				Station: st(i), Stamp: stamp(clock), Cause: uplink.CauseIdleTimeout, Confidence: 90, Began: uplink.TimeOf(from),
				Duration: uplink.Int(clock.Sub(from) / time.Second), Of: uplink.OfUse,
			})
		}
	}
	return rs, clock.Add(time.Duration(r.IntN(7200)) * time.Second)
}

// TestSecond: what the ledger keeps record by record is what a reading of all of them in hindsight finds, minute by minute; and each night
// is the same from its own records alone.
func TestSecond(t *testing.T) {
	p, err := hours.NewProfile(hours.Game, hours.Decreed, hours.Grace)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[Verdict]int{}
	for seed := range uint64(40) {
		rs, now := invent(t, rand.New(rand.NewPCG(seed, 1)), seed%2 == 0, seed%4 == 1)
		l := New(p)
		for _, r := range rs {
			l.Take(r)
		}
		if c := l.Counts(); c.Passed > 0 || c.Untimed > 0 {
			t.Fatalf("seed %d: %+v", seed, c)
		}
		pieces := second(t, rs, now.UnixMilli())
		for _, d := range l.Days(now) {
			for i, got := range l.Day(d, now).Minutes {
				at := startOf(d) + int64(i)*minute
				if want := read(pieces, at); got.State != want.State || got.InUse != want.InUse {
					t.Fatalf("seed %d: %s: %v, %d in use; want %v, %d", seed, time.UnixMilli(at).In(hours.Zone).Format("2006-01-02 15:04"), got.State, got.InUse,
						want.State, want.InUse)
				}
			}
			if seed%2 == 1 {
				verdicts[alone(t, l, p, rs, d, now)]++
			}
		}
	}
	if verdicts[Used] == 0 || verdicts[Partly] == 0 {
		t.Errorf("nights by verdict %v, want some of each", verdicts)
	}
}

// alone compares a night with what its own records say of it.
func alone(t *testing.T, l *Ledger, p hours.Profile, rs []uplink.Stored, d hours.Date, now time.Time) Verdict {
	t.Helper()
	want := l.Night(d, now)
	first, last, ok := l.Records(d)
	if !ok || want.Verdict == Pending {
		return NoNight
	}
	if last == 0 {
		last = rs[len(rs)-1].Seq
	}
	o := New(p)
	for _, r := range rs {
		if first <= r.Seq && r.Seq <= last {
			o.Take(r)
		}
	}
	got := o.Night(d, now)
	for i := range want.Minutes {
		a, b := got.Minutes[i], want.Minutes[i]
		a.On, b.On = 0, 0
		if a != b {
			t.Fatalf("night of %s, records %d to %d of %d: minute %d is %+v, want %+v", d, first, last, len(rs), i, a, b)
		}
	}
	same := func(a, b Span) bool { return a == b }
	if got.Verdict != want.Verdict || !slices.EqualFunc(got.Blind, want.Blind, same) || fmt.Sprint(got.Figures) != fmt.Sprint(want.Figures) {
		t.Fatalf("night of %s: %v %v, want %v %v", d, got.Verdict, got.Figures, want.Verdict, want.Figures)
	}
	return want.Verdict
}
