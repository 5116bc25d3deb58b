package state

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"unsafe"
)

// anyMinute returns a minute that may be anything, of a view from v up, after the one that started at last.
func anyMinute(r *rand.Rand, v View, last int64) Minute {
	m := Minute{Start: last + minute, View: v + View(r.IntN(int(Full-v)+1))}
	if r.IntN(3) == 0 {
		return m
	}
	m.Sent, m.Signs = uint32(1)<<r.IntN(14), Signs(r.IntN(32)&r.IntN(32))
	m.Play, m.Names = uint8(r.IntN(61)*r.IntN(2)), uint8(r.IntN(9)*r.IntN(2))
	m.User, m.Back, m.Title = uint32(1)<<r.IntN(18)>>1, uint32(1)<<r.IntN(20)>>1, uint16(r.IntN(2))
	return m
}

// TestExact compares the model with what it is short for: the sum over every sequence of phases.
func TestExact(t *testing.T) {
	p := Builtin()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		m := New(p)
		const n = 5 // 9⁵ sequences
		last := morning
		for i := range n {
			minute := anyMinute(r, Blind, last)
			switch {
			case i == 3 && seed%4 == 1:
				minute.Start += 7 * 60e9 // seven minutes that were not given
			case i == 3 && seed%4 == 2:
				minute.Start = morning // the clock was set back
			}
			last = minute.Start
			m.push(&minute)
		}
		want := enumerate(p, m.pending[:n])
		var got []Settled
		m.Flush(func(s *Settled) { got = append(got, *s) })
		for i := range want {
			b := m.say(&want[i], Full, 0)
			if got[i].View != Full {
				continue // a ceiling may have been put on it
			}
			for s := Off; s <= Use; s++ {
				if math.Abs(b[s]-got[i].Belief[s]) > 1e-6 { // kept as float32
					t.Fatalf("seed %d, minute %d, %v: %.12f, want %.12f", seed, i, s, got[i].Belief[s], b[s])
				}
			}
		}
	}
}

// enumerate returns how probable each phase is in each minute, by adding up every sequence.
func enumerate(p *Params, minutes []evidence) [][phases]float64 {
	out := make([][phases]float64, len(minutes))
	path := make([]phase, len(minutes))
	var total float64
	var walk func(i int, weight float64)
	walk = func(i int, weight float64) {
		if i == len(minutes) {
			total += weight
			for k, s := range path {
				out[k][s] += weight
			}
			return
		}
		mix := float64(minutes[i].mix)
		for s := range phases {
			path[i] = s
			step := p.start[s]
			if i > 0 {
				step = (1-mix)*p.step[path[i-1]][s] + mix*p.start[s]
			}
			if step > 0 {
				walk(i+1, weight*step*float64(minutes[i].show[s]))
			}
		}
	}
	walk(0, 1)
	for i := range out {
		for s := range out[i] {
			out[i][s] /= total
		}
	}
	return out
}

// TestLag compares what Step settles, which forgets what is behind, with all that was given until then.
func TestLag(t *testing.T) {
	p := Builtin()
	r := rand.New(rand.NewPCG(4, 4))
	m, record := New(p), New(p)
	var seen []evidence
	var settled int
	last := morning
	for range 60 {
		x := anyMinute(r, Full, last)
		last = x.Start
		record.first, record.n = 0, 0
		record.push(&x)
		seen = append(seen, record.pending[0])
		s, ok := m.Step(x)
		if !ok {
			continue
		}
		heard := settled/atOnce*atOnce + Lag + 1 // minutes given when it was worked out
		want := m.say(smooth(p, seen[:heard], settled), Full, 0)
		for of := Off; of <= Use; of++ {
			if math.Abs(want[of]-s.Belief[of]) > 1e-6 {
				t.Fatalf("minute %d, %v: %.9f, want %.9f", settled, of, s.Belief[of], want[of])
			}
		}
		settled++
	}
	if settled != 60-Lag {
		t.Errorf("%d minutes settled, want %d", settled, 60-Lag)
	}
}

// smooth returns how probable each phase is in minute k, by the forward and backward sums as the textbooks have them.
func smooth(p *Params, minutes []evidence, k int) *[phases]float64 {
	row := func(i int, weight func(s phase) float64) (x [phases]float64) {
		sum := 0.0
		for s := range phases {
			x[s] = weight(s) * float64(minutes[i].show[s])
			sum += x[s]
		}
		for s := range x {
			x[s] /= sum
		}
		return x
	}
	before := row(0, func(s phase) float64 { return p.start[s] })
	for i := 1; i <= k; i++ {
		was := before
		before = row(i, func(s phase) (sum float64) {
			for from, x := range was {
				sum += x * p.step[from][s]
			}
			return sum
		})
	}
	after := before // minute k's, then what follows
	for s := range after {
		after[s] = 1
	}
	for i := len(minutes) - 1; i > k; i-- {
		x := row(i, func(s phase) float64 { return after[s] })
		for from := range after {
			after[from] = 0
			for to, y := range x {
				after[from] += p.step[from][to] * y
			}
		}
	}
	sum := 0.0
	for s := range before {
		before[s] *= after[s]
		sum += before[s]
	}
	for s := range before {
		before[s] /= sum
	}
	return &before
}

// TestExplain compares what a minute says of each phase with the product that params.tsv means.
func TestExplain(t *testing.T) {
	p := Builtin()
	m := New(p)
	minute := Minute{Start: morning, View: Full, Sent: 20, Signs: CPU, Names: 3, User: 300, Back: 5}
	m.push(&minute)
	product := func(s phase, firstHeard float64) float64 {
		x := firstHeard
		for _, f := range []struct {
			feature feature
			bucket  string
		}{
			{sent, "16-63"},
			{bootSign, "no"},
			{cpuSign, "yes"},
			{farewellSign, "no"},
			{gameSign, "no"},
			{lockedSign, "no"},
			{playTime, "0"},
			{newNames, "2-3"},
			{userVolume, "256-1023"},
			{backVolume, "1-63"},
			{ownTitle, "no"},
			{chatVolume, "0"},
		} {
			for b := range buckets(f.feature) {
				if bucketName(f.feature, b) == f.bucket {
					x *= p.show[Full-Broadcasts][f.feature][b][s]
				}
			}
		}
		return x
	}
	best := product(browse, 1) // sent of browse has a bucket 0
	idle := product(quiet, 1-0.2)
	want := 0.002 + 0.998*idle/best
	if got := float64(m.pending[0].show[quiet]) / whole; math.Abs(got-want) > 1e-5 {
		t.Errorf("a minute of three names: quiet explains it %.6f times as well as browse, want %.6f", got, want)
	}
	if got := m.pending[0].show[browse]; got != whole {
		t.Errorf("a minute of three names: browse explains it %d parts as well as the best, want %d", got, whole)
	}
}

// check looks for what must hold of every settled minute.
func check(t *testing.T, s *Settled) {
	t.Helper()
	sum := 0.0
	for i, x := range s.Belief {
		if !(x >= 0 && x <= 1) {
			t.Fatalf("%v is believed %v: %+v", State(i), x, s)
		}
		sum += x
	}
	switch {
	case math.Abs(sum-1) > 1e-9 || s.Belief[Unknown] != 0:
		t.Fatalf("beliefs %v sum to %v, and UNKNOWN is none", s.Belief, sum)
	case s.View == Blind && s.State != Unknown:
		t.Fatalf("%v said of a minute that nobody saw", s.State)
	case s.View == Broadcasts && !s.Proved && (s.State == Use || s.State == Idle || s.Belief[Use] > 0.7+1e-9):
		t.Fatalf("%v said at a plain port without proof, belief %v", s.State, s.Belief)
	case s.Missing < -1:
		t.Fatalf("%d minutes missing", s.Missing)
	}
}

func TestAnything(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := New(Builtin())
		last, given, out := morning, 0, 0
		for range 600 {
			x := anyMinute(r, View(seed%3), last)
			last = x.Start
			given++
			if s, ok := m.Step(x); ok {
				out++
				check(t, &s)
			}
			now := m.Now()
			check(t, &Settled{Belief: now})
		}
		m.Flush(func(s *Settled) { out++; check(t, s) })
		if out != given {
			t.Errorf("seed %d: %d minutes settled of %d", seed, out, given)
		}
	}
}

// FuzzMinutes reads octets as minutes, with clocks that jump as they like.
func FuzzMinutes(f *testing.F) {
	f.Add([]byte("a minute, and another one, and a third that is not whole"))
	f.Add(make([]byte, 200))
	p := Builtin()
	f.Fuzz(func(t *testing.T, b []byte) {
		m := New(p)
		var sessions Sessions
		n := 0
		take := func(s *Settled) {
			n++
			check(t, s)
			if e, ok := sessions.Take(s); ok {
				checkSession(t, &e)
			}
		}
		given := 0
		for ; len(b) >= 12 && given < 200; given++ {
			x := Minute{
				Start: int64(b[0])<<55 + int64(b[1])*minute, View: View(b[2]),
				Sent: uint32(b[3]) << (b[4] % 30), Signs: Signs(b[4]), Play: b[5], Names: b[6],
				User: uint32(b[7]) << (b[8] % 30), Back: uint32(b[8]) << (b[7] % 30), Title: uint16(b[10]),
				First: int64(b[9]) << 55, Last: int64(b[10]) << 55, FirstUse: int64(b[11]) << 55, LastUse: int64(b[9]) << 55,
			}
			b = b[12:]
			if s, ok := m.Step(x); ok {
				take(&s)
			}
		}
		m.Flush(take)
		if e, ok := sessions.End(); ok {
			checkSession(t, &e)
		}
		if n != given {
			t.Errorf("%d minutes settled of %d", n, given)
		}
	})
}

func TestCost(t *testing.T) {
	d := newDay(Full).off(5).boot().browse(30).play(30).idle(30)
	m := New(Builtin())
	var sessions Sessions
	at := int64(0)
	step := func() {
		for _, x := range d.minutes {
			x.Start = at
			at += minute
			if s, ok := m.Step(x); ok {
				sessions.Take(&s)
				sessions.Current()
			}
		}
	}
	if n := testing.AllocsPerRun(10, step); n != 0 {
		t.Errorf("%v allocations for %d minutes, want 0", n, len(d.minutes))
	}
	if size := unsafe.Sizeof(*m); size > 2048 {
		t.Errorf("a model takes %d octets, at most 2048", size)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p := Builtin()
	room := make([]struct {
		*Model
		Sessions
	}, 500)
	for i := range room {
		room[i].Model = New(p)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("500 stations and the parameters take %d octets, at most 4 MiB", grown)
	}
	t.Logf("model %d octets, sessions %d; 500 stations %d KiB",
		unsafe.Sizeof(*m), unsafe.Sizeof(Sessions{}), (after.TotalAlloc-before.TotalAlloc)>>10)
}

func BenchmarkStep(b *testing.B) {
	d := newDay(Full).off(60).boot().idle(20).browse(60).play(60).lobby(5, Use).play(60).idle(60).update(30)
	m := New(Builtin())
	at := int64(0)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		x := d.minutes[i%len(d.minutes)]
		x.Start = at
		at += minute
		i++
		m.Step(x)
	}
}
