package ledger

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// placed is a record with its time, milliseconds.
type placed struct {
	uplink.Stored
	t    int64
	body uplink.Body
}

// life is a run as the naive reading has it: all its records, and when it ended.
type life struct {
	rs    []placed
	from  int64
	to    int64 // last sign of life
	told  int64 // up to here what happened has been told
	begun bool  // by a boot record
}

// lives cuts records into runs.
func lives(rs []placed, now int64) (out []life) {
	for i, r := range rs {
		if i == 0 || r.Boot != rs[i-1].Boot {
			_, begun := r.body.(*uplink.Boot)
			out = append(out, life{from: r.t, begun: begun})
		}
		x := &out[len(out)-1]
		x.rs = append(x.rs, r)
		x.to = max(x.to, r.t)
	}
	for i := range out {
		x := &out[i]
		if i == len(out)-1 {
			x.to = max(x.to, now)
			x.told = (x.to - settle) / minute * minute
			continue
		}
		clean := false
		for _, r := range out[i+1].rs {
			if b, ok := r.body.(*uplink.Boot); ok {
				x.to = max(x.to, int64(b.Alive))
			}
			if o, ok := r.body.(*uplink.Off); ok {
				clean = o.Clean
			}
		}
		if x.told = (x.to - settle) / minute * minute; clean {
			x.told = x.to
		}
	}
	return out
}

// naive answers one minute from the whole list of records, by what the package says that a minute is.
type naive struct {
	lives []life
	rs    []placed
}

func touches(at, from, to int64) bool { return from < to && at < to && at+minute > from }

// spans returns the times from each record that on says yes to, to the next that off does, or the end of the run.
func (x *life) spans(on, off func(placed) bool) (out [][2]int64) {
	since := int64(-1)
	for _, r := range x.rs {
		if since >= 0 && off(r) {
			out = append(out, [2]int64{since, r.t})
			since = -1
		}
		if since < 0 && on(r) {
			since = r.t
		}
	}
	if since >= 0 {
		out = append(out, [2]int64{since, x.to})
	}
	return out
}

func (n *naive) any(at int64, on, off func(placed) bool) bool {
	for i := range n.lives {
		for _, s := range n.lives[i].spans(on, off) {
			if touches(at, s[0], s[1]) {
				return true
			}
		}
	}
	return false
}

func isVantage(r placed) bool { return r.Kind == uplink.KindVantage }

func vantageIs(f func(*uplink.Vantage) bool) func(placed) bool {
	return func(r placed) bool { v, ok := r.body.(*uplink.Vantage); return ok && f(v) }
}

func (n *naive) minute(at int64) Minute {
	m := Minute{InUse: uint16(len(n.using(at)))}
	var off, gap, alive bool
	for i := range n.lives {
		x := &n.lives[i]
		alive = alive || touches(at, x.from, x.told)
		off = off || i > 0 && x.begun && touches(at, n.lives[i-1].to, x.from)
	}
	for i, r := range n.rs {
		if i > 0 && r.Seq != n.rs[i-1].Seq+1 {
			gap = gap || touches(at, n.before(i)-settle, max(r.t, n.upTo(i)))
		}
	}
	blind := n.any(at, func(r placed) bool { b, ok := r.body.(*uplink.Blind); return ok && b.Blind },
		func(r placed) bool { b, ok := r.body.(*uplink.Blind); return ok && !b.Blind }) ||
		n.any(at, vantageIs(func(v *uplink.Vantage) bool { return v.Class == "BLIND" }), isVantage)
	plain := n.any(at, vantageIs(func(v *uplink.Vantage) bool { return v.Class == "C" }), isVantage)
	sighted := n.any(at, vantageIs(func(v *uplink.Vantage) bool { return v.Class != "BLIND" }), isVantage)
	m.Hiding = n.any(at, vantageIs(func(v *uplink.Vantage) bool { return v.Class == "A" && v.Hidden > 0 }), isVantage)
	switch {
	case off:
		m.State = Off
	case gap:
		m.State = Gap
	case blind:
		m.State = Blind
	case !alive || !sighted:
	case plain && m.InUse == 0:
		m.State = Blind
	default:
		m.State = Seen
	}
	return m
}

// before returns the last sign of life of the run that record i−1 is of, by then.
func (n *naive) before(i int) (t int64) {
	for _, r := range n.rs[:i] {
		if r.Boot == n.rs[i-1].Boot {
			t = max(t, r.t)
		}
	}
	return t
}

// upTo is the same of record i, with it.
func (n *naive) upTo(i int) (t int64) {
	for _, r := range n.rs[:i+1] {
		if r.Boot == n.rs[i].Boot {
			t = max(t, r.t)
		}
	}
	return t
}

// using returns who was in use in the minute.
func (n *naive) using(at int64) map[uplink.StationID]bool {
	out := map[uplink.StationID]bool{}
	for i := range n.lives {
		x := &n.lives[i]
		open := map[uplink.StationID]int64{}
		for _, r := range x.rs {
			switch b := r.body.(type) {
			case *uplink.Open:
				open[b.Station] = r.t
			case *uplink.Close:
				delete(open, b.Station)
				out[b.Station] = out[b.Station] || touches(at, int64(b.Began), r.t)
			}
		}
		for s, from := range open {
			out[s] = out[s] || touches(at, from, x.to)
		}
	}
	for s, used := range out {
		if !used {
			delete(out, s)
		}
	}
	return out
}

// story makes up records of some days: what a box writes, in the order in which it does.
type story struct {
	r     *rand.Rand
	out   []placed
	seq   uint64
	boot  uint64
	since int64 // of the machine's boot
	users map[byte]int64
	dark  bool
	exact bool           // a close does not know better than the open when a session began
	stale map[byte]int64 // until when a station was in use last
}

func (s *story) write(t int64, b uplink.Body) {
	r, err := uplink.Encode(b)
	if err != nil {
		panic(err)
	}
	s.seq++
	s.out = append(s.out, placed{uplink.Stored{Record: r, Seq: s.seq, Boot: s.boot}, t, b})
}

func (s *story) stamp(t int64) uplink.Stamp {
	return uplink.Stamp{Mono: uplink.Int(max(0, t-s.since)), Time: uplink.Time(t), Quality: uplink.QualitySync}
}

func (s *story) start(t int64, last int64) {
	s.boot++
	s.since = t - 20_000
	clean := s.r.IntN(2) == 0
	b := uplink.Boot{Stamp: s.stamp(t), Firmware: "1", Why: uplink.BootPower, Alive: uplink.Time(last)}
	s.write(t, &b)
	if last > 0 {
		s.write(t, &uplink.Off{Stamp: s.stamp(t), From: uplink.Time(last), Boot: uplink.Int(s.boot - 1), Clean: clean})
	}
	clear(s.users)
	s.dark = false
}

// tell makes up the story from t on for a time.
func (s *story) tell(t, d int64) int64 {
	s.start(t, 0)
	for end := t + d; t < end; {
		t += int64(s.r.IntN(12*60_000)) + 1000
		who := byte(s.r.IntN(6))
		late := t - int64(s.r.IntN(16*60_000))
		switch since, open := s.users[who]; s.r.IntN(14) {
		case 0, 1, 2, 3, 4: // somebody came, or went: told late
			late = max(late, s.stale[who], s.since+1)
			if !open {
				s.users[who] = late
				s.write(late, &uplink.Open{Station: st(who), Stamp: s.stamp(late), Confidence: 90, Of: uplink.OfUse})
				break
			}
			began := since
			if !s.exact {
				began = max(since+int64(s.r.IntN(120_000))-60_000, s.stale[who], 1)
			}
			if late <= began {
				break
			}
			delete(s.users, who)
			s.stale[who] = late
			s.write(late, &uplink.Close{
				Station: st(who), Stamp: s.stamp(late), Cause: uplink.CauseIdleTimeout, Confidence: 90, Began: uplink.Time(began),
				Duration: uplink.Int((late - began) / 1000), Of: uplink.OfUse,
			})
		case 5:
			s.write(t, &uplink.Blind{Stamp: s.stamp(t), Blind: !s.dark, Why: "no-frames"})
			s.dark = !s.dark
		case 6, 7:
			v := uplink.Vantage{Stamp: s.stamp(t), Class: [...]string{"A", "A", "A", "C", "BLIND"}[s.r.IntN(5)], Why: "mirror"}
			if v.Class == "A" && s.r.IntN(3) == 0 {
				v.Hidden = 2
			}
			s.write(t, &v)
		case 8:
			if s.r.IntN(8) == 0 {
				s.seq += 1 + uint64(s.r.IntN(5)) // records are lost
			}
		case 9:
			if s.r.IntN(6) == 0 {
				for who := range s.users {
					s.stale[who] = t
				}
				last := t
				t += int64(s.r.IntN(90*60_000)) + 1000
				s.start(t, last)
			}
		default:
			s.write(t, &uplink.Anchor{Stamp: s.stamp(t), Source: "ntp"})
		}
	}
	return t
}

// TestNaive: random stories, read as the ledger does and by asking each minute of the whole list, agree; and so does a night that is
// read from the records alone that Records names.
func TestNaive(t *testing.T) {
	p, err := hours.NewProfile(hours.Game, hours.Decreed, hours.Grace)
	if err != nil {
		t.Fatal(err)
	}
	states := map[State]int{}
	for seed := range uint64(24) {
		s := story{
			r: rand.New(rand.NewPCG(seed, 1)), exact: seed%2 == 0, users: map[byte]int64{}, stale: map[byte]int64{},
		}
		begin := at(t, "15:00").UnixMilli() + int64(s.r.IntN(10*60*60_000))
		now := s.tell(begin, 26*60*minute) + int64(s.r.IntN(50*60_000))
		l := New(p)
		for _, r := range s.out {
			l.Take(r.Stored)
		}
		n := naive{lives(s.out, now), s.out}
		for d := night; d <= dayOf(now); d++ {
			x := l.Day(d, time.UnixMilli(now))
			for i := int(seed % 3); i < PerDay; i += 3 {
				at := startOf(d) + int64(i)*minute
				want := n.minute(at)
				states[want.State]++
				got := x.Minutes[i]
				if got.On = 0; got != want {
					t.Fatalf("seed %d, minute %d of %s: %+v, want %+v", seed, i, d, got, want)
				}
			}
		}
		if s.exact {
			alone(t, l, p, s.out, now)
		}
	}
	for _, x := range []State{Unknown, Off, Blind, Gap, Seen} {
		if states[x] < 300 {
			t.Errorf("%d minutes %v, want all kinds of them: %v", states[x], x, states)
		}
	}
}

// alone compares the nights that l knows with those that are read from their own records.
func alone(t *testing.T, l *Ledger, p hours.Profile, rs []placed, now int64) {
	t.Helper()
	for _, d := range l.Days(time.UnixMilli(now)) {
		first, last, ok := l.Records(d)
		if !ok {
			continue
		}
		m := New(p)
		for _, r := range rs {
			if r.Seq >= first && (last == 0 || r.Seq <= last) {
				m.Take(r.Stored)
			}
		}
		got, want := m.Night(d, time.UnixMilli(now)), l.Night(d, time.UnixMilli(now))
		for i := range want.Minutes {
			got.Minutes[i].On, want.Minutes[i].On = 0, 0
		}
		if got.Verdict != want.Verdict || !slices.Equal(got.Minutes, want.Minutes) {
			i := 0
			for got.Minutes[i] == want.Minutes[i] {
				i++
			}
			t.Errorf("night of %s from records %d to %d: %v, want %v; minute %d %+v, want %+v",
				d, first, last, got.Verdict, want.Verdict, i, got.Minutes[i], want.Minutes[i])
		}
	}
}
