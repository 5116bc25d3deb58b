package collector_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/province/live"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// day0 is the true UTC at which the box of these tests is first switched on.
var day0 = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// fact is a record that a test sends: what it says, and when it was in truth.
type fact struct {
	body uplink.Body
	true time.Time
}

// sender chains facts and hands them to a collector.
type sender struct {
	t     *testing.T
	s     *store.Store
	c     *collector.Collector
	chain store.Chain
	head  uplink.Head
	facts map[uint64]fact // by seq
}

func newSender(t *testing.T) *sender {
	t.Helper()
	s, c := open(t, filepath.Join(t.TempDir(), "p.db"))
	t.Cleanup(func() { s.Close() })
	none := uplink.Head{Hash: uplink.Genesis(chain, public(1))}
	hello(t, c, none)
	ch, err := s.ChainOf(t.Context(), string(at.Box), "")
	if err != nil {
		t.Fatal(err)
	}
	return &sender{t, s, c, ch, none, map[uint64]fact{}}
}

// batch chains facts of one boot into a message.
func (s *sender) batch(boot uint64, facts ...fact) collector.Message {
	s.t.Helper()
	b := &uplink.Batch{Box: at.Box, Chain: chain, Boot: boot, From: s.head.Seq + 1, Prev: s.head.Hash}
	for _, f := range facts {
		r, err := uplink.Encode(f.body)
		if err != nil {
			s.t.Fatal(err)
		}
		b.Recs = append(b.Recs, r)
		s.head = s.head.Next(boot, r)
		s.facts[s.head.Seq] = f
	}
	b.Head = s.head.Hash
	p, err := b.Append(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return collector.Message{Topic: at.Topic(uplink.UpRecords), Payload: p}
}

func (s *sender) arrive(when time.Time, m collector.Message) {
	s.t.Helper()
	if _, err := s.c.Handle(when, m); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sender) when(seq uint64) store.When {
	s.t.Helper()
	w, ok, err := s.s.When(s.t.Context(), s.chain, seq)
	if err != nil || !ok {
		s.t.Fatalf("record %d: %v, %v", seq, ok, err)
	}
	return w
}

// unchanged checks that no record was rewritten.
func (s *sender) unchanged() {
	s.t.Helper()
	n := 0
	err := s.s.EachRecord(s.t.Context(), s.chain, func(r store.Record) error {
		want, err := uplink.Encode(s.facts[r.Seq].body)
		if err != nil {
			return err
		}
		if n++; !bytes.Equal(r.Body, want.Raw) {
			s.t.Errorf("record %d is %s, want %s", r.Seq, r.Body, want.Raw)
		}
		return nil
	})
	if err != nil || n != len(s.facts) {
		s.t.Errorf("%d records, %v, want %d", n, err, len(s.facts))
	}
}

func stampAt(m, t time.Duration, q uplink.Quality) uplink.Stamp {
	s := uplink.Stamp{Mono: uplink.Int(m.Milliseconds()), Quality: q}
	if q != uplink.QualityNone {
		s.Time = uplink.TimeOf(day0.Add(t))
	}
	return s
}

// health is a record at m that says it was t after day0.
func health(m, t, truth time.Duration, q uplink.Quality) fact {
	return fact{&uplink.Health{Stamp: stampAt(m, t, q)}, day0.Add(truth)}
}

func anchor(m, t, err, step time.Duration, q uplink.Quality) fact {
	return fact{&uplink.Anchor{
		Stamp: stampAt(m, t, q), Error: uplink.Int(err.Milliseconds()), Step: uplink.Delta(step.Milliseconds()), Source: "ntp",
	}, day0.Add(t)}
}

func boot(m, truth time.Duration, why string) fact {
	return fact{&uplink.Boot{Stamp: stampAt(m, 0, uplink.QualityNone), Firmware: "1", Why: why}, day0.Add(truth)}
}

const (
	none, floor, coarse, sync_ = uplink.QualityNone, uplink.QualityFloor, uplink.QualityCoarse, uplink.QualitySync
	sec, minute, hour, day     = time.Second, time.Minute, time.Hour, 24 * time.Hour
)

// TestAnchorsBackfill: an anchor says when the records before it were.
func TestAnchorsBackfill(t *testing.T) {
	s := newSender(t)
	f := func(name string, seq uint64, known bool, off, err time.Duration) {
		t.Helper()
		w, truth := s.when(seq), s.facts[seq].true
		if w.Known != known || (known && (w.Time.Sub(truth).Abs() > off || (w.Error-err).Abs() > err/100)) {
			t.Errorf("%s: record %d: got %+v, off by %v; want known %v, off by at most %v, said %v", name, seq, w, w.Time.Sub(truth), known, off, err)
		}
	}
	s.arrive(day0.Add(2*hour), s.batch(41, health(minute, 0, minute, none), health(hour, 0, hour, none)))
	f("nothing known", 1, false, 0, 0)
	s.arrive(day0.Add(3*hour), s.batch(41, anchor(2*hour, 2*hour, 20*time.Millisecond, 0, sync_)))
	f("an anchor later", 1, true, 0, 20*time.Millisecond+357*time.Millisecond)
	f("an anchor later, nearer", 2, true, 0, 20*time.Millisecond+181*time.Millisecond)
	s.arrive(day0.Add(4*hour), s.batch(42, boot(3*hour, 3*hour, "crash"), health(3*hour+sec, 0, 3*hour+sec, none)))
	f("the daemon died, the machine went on", 5, true, 0, 20*time.Millisecond+180*time.Millisecond)
	s.arrive(day0.Add(5*hour), s.batch(43, boot(sec, 4*hour, "power"), health(minute, 0, 4*hour+minute-sec, none)))
	f("the machine was off: after what was, before it came", 7, true, hour, 59*minute+30*sec)
	s.unchanged()
}

// TestStepPutsRight: a clock that believed a wrong answer for a while; what it said then is not rewritten, but known to be wrong.
func TestStepPutsRight(t *testing.T) {
	for _, lie := range []time.Duration{day, -day} {
		s := newSender(t)
		first := s.batch(41, health(minute, 0, minute, none), anchor(hour, hour+lie, 50*time.Millisecond, 0, coarse),
			health(2*hour, 2*hour+lie, 2*hour, coarse))
		step := s.batch(41, anchor(3*hour, 3*hour, 20*time.Millisecond, -lie, sync_), health(4*hour, 4*hour, 4*hour, sync_))
		f := func(name string, seq uint64, off time.Duration, uncertain bool) {
			t.Helper()
			w := s.when(seq)
			if got := w.Time.Sub(s.facts[seq].true); got != off || live.Uncertain(w) != uncertain {
				t.Errorf("%s: record %d: off by %v, may be by %v, uncertain %v; want off by %v, %v", name, seq, got, w.Error, live.Uncertain(w), off, uncertain)
			}
		}
		s.arrive(day0.Add(30*day), first)
		f("before the step: estimate", 1, lie, false)
		f("before the step: own time", 3, lie, false)
		s.arrive(day0.Add(30*day), step)
		f("estimate", 1, 0, false)
		f("own time, known to be wrong", 3, lie, true)
		f("behind the step", 5, 0, false)
		s.unchanged()
	}
}

// TestBracket: a boot whose clock was never set lies between the boots before and behind it, and before its records came.
func TestBracket(t *testing.T) {
	s := newSender(t)
	f := func(name string, seq uint64, lo, hi time.Duration) {
		t.Helper()
		w := s.when(seq)
		from, to := w.Time.Add(-w.Error).Sub(day0), w.Time.Add(w.Error).Sub(day0)
		if !w.Known || (from-lo).Abs() > 2*sec || (to-hi).Abs() > 2*sec {
			t.Errorf("%s: record %d: got %v to %v, %v, want %v to %v", name, seq, from, to, w.Known, lo, hi)
		}
	}
	s.arrive(day0.Add(hour), s.batch(1, boot(sec, sec, ""), anchor(minute, minute, 20*time.Millisecond, 0, sync_), health(hour, hour, hour, sync_)))
	s.arrive(day0.Add(9*hour), s.batch(2, health(10*minute, 0, 2*hour+10*minute, none), health(70*minute, 0, 3*hour+10*minute, none)))
	f("the boot before is over, and it has come", 4, hour, 8*hour)
	s.arrive(day0.Add(9*hour), s.batch(3, boot(sec, 4*hour, "power"), anchor(hour, 5*hour, 20*time.Millisecond, 0, sync_)))
	f("the boot behind had not begun", 4, hour, 3*hour)
	f("and so on", 5, 2*hour, 4*hour)
	s.arrive(day0.Add(10*hour), s.batch(4, boot(sec, 6*hour, "power"), health(minute, 5*hour+30*minute, 6*hour+minute, floor)))
	f("not before its floor", 9, 5*hour+30*minute, 10*hour)
	s.unchanged()
}

// TestEstimatesHold: whatever a box goes through and in whatever order its batches come, what an estimate says of its error
// holds, for each record.
func TestEstimatesHold(t *testing.T) {
	judged, total := 0, 0
	var worst time.Duration
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		s := newSender(t)
		ms := s.life(rnd, day0)
		end := day0.Add(60 * day)
		for len(ms) > 0 { // mostly in order
			i := min(rnd.IntN(3)/2*rnd.IntN(4), len(ms)-1)
			s.arrive(end, ms[i])
			ms = slices.Delete(ms, i, i+1)
		}
		for seq, f := range s.facts {
			w := s.when(seq)
			off := w.Time.Sub(f.true).Abs()
			total++
			if !w.Known {
				continue
			}
			judged++
			worst = max(worst, w.Error)
			if off > w.Error+2*time.Millisecond {
				t.Errorf("seed %d: record %d: off by %v, said %v", seed, seq, off, w.Error)
			}
		}
		s.unchanged()
	}
	t.Logf("%d of %d records have a time, the least sure within %v", judged, total, worst)
	if judged < total/2 {
		t.Errorf("%d of %d records have a time, want most", judged, total)
	}
}

// life makes up what a box tells over some boots of the machine and of the daemon, and the truth.
func (s *sender) life(rnd *rand.Rand, now time.Time) (ms []collector.Message) {
	between := func(a, b time.Duration) time.Duration { return a + time.Duration(rnd.Int64N(int64(b-a))) }
	began, fast, set := now, 1.0, false
	for n := range uint64(3 + rnd.IntN(6)) {
		why := "power"
		now = now.Add(between(sec, 6*hour))
		if n > 0 && rnd.IntN(3) == 0 {
			why = "crash"
		} else {
			began, fast, set = now, 1+(rnd.Float64()*2-1)*uplink.Drift, false
		}
		mono := func() time.Duration { return time.Duration(fast * float64(now.Sub(began))) }
		facts := []fact{boot(mono(), now.Sub(day0), why)}
		knows := rnd.IntN(3) > 0
		for range 5 + rnd.IntN(20) {
			now = now.Add(between(sec, 2*hour))
			truth := now.Sub(day0)
			switch {
			case knows && rnd.IntN(4) == 0:
				set = true
				facts = append(facts, anchor(mono(), truth+between(-50*time.Millisecond, 50*time.Millisecond), 52*time.Millisecond, 0, sync_))
			case set:
				facts = append(facts, health(mono(), truth, truth, sync_))
			case rnd.IntN(2) == 0:
				facts = append(facts, health(mono(), truth-between(sec, 2*day), truth, floor))
			default:
				facts = append(facts, health(mono(), 0, truth, none))
			}
		}
		for some := range slices.Chunk(facts, 1+rnd.IntN(8)) {
			ms = append(ms, s.batch(n+1, some...))
		}
	}
	return ms
}

// TestHostileAnchors: no anchor that a box can send makes an estimate of nothing or stops the collector.
func TestHostileAnchors(t *testing.T) {
	s := newSender(t)
	far := uplink.Stamp{Mono: uplink.MaxInt, Time: uplink.MaxInt, Quality: sync_}
	for i := range uplink.Int(200) {
		a := &uplink.Anchor{Stamp: far, Error: uplink.MaxInt, Step: -uplink.MaxInt, Source: "ntp"}
		a.Mono -= i
		s.arrive(day0, s.batch(1, fact{a, day0}, fact{&uplink.Health{Stamp: uplink.Stamp{Mono: 1 + i, Quality: none}}, day0}))
	}
	for seq := range uint64(400) {
		if w := s.when(seq + 1); !live.Uncertain(w) || w.Error < 0 {
			t.Fatalf("record %d: %+v, want an uncertain time", seq+1, w)
		}
	}
}

func TestUncertain(t *testing.T) {
	f := func(w store.When, want bool) {
		t.Helper()
		if got := live.Uncertain(w); got != want {
			t.Errorf("%+v: got %v, want %v", w, got, want)
		}
	}
	f(store.When{}, true)
	f(store.When{Known: true, Error: minute}, false)
	f(store.When{Known: true, Error: minute + time.Millisecond}, true)
}
