package cafe

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"cafeprobe/capture"
)

// madeUp returns the n-th address of a flood: no vendor's, and not one that is locally administered.
func madeUp(n int) capture.MAC {
	return capture.MAC{0, 1, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

// flood feeds the room frames of so many made-up addresses, one each, of which some come a second.
func (r *room) flood(from time.Duration, first, frames, each int) {
	for i := range frames {
		r.see(from+time.Duration(i)*time.Second/time.Duration(each),
			capture.Observation{Kind: capture.KindActivity, MAC: madeUp(first + i), Up: capture.Count{Frames: 1, Octets: 60}})
	}
}

// TestFloodForgetsItself: whoever was there before a flood stays, on or off, and its session is one.
func TestFloodForgetsItself(t *testing.T) {
	const limit, real = 64, 40
	r := newRoom(Config{MaxStations: limit})
	for at := time.Duration(0); at < 2*time.Minute; at += 30 * time.Second {
		for i := range real {
			r.windows(at, pc(i))
			r.frames(pc(i), at, at, time.Second)
		}
	}
	n := 0
	for at := 2 * time.Minute; at < 12*time.Minute; at += time.Second {
		for i := range real / 2 { // the others are off
			r.frames(pc(i), at, at, time.Second)
		}
		r.flood(at, n, 200, 1000)
		n += 200
	}
	for i := range real {
		s, ok := r.Known(pc(i))
		if on := i < real/2; !ok || s.on != on || r.count(EventOpen, pc(i)) != 1 || (len(r.closed(pc(i))) == 0) != on {
			t.Errorf("station %d: known %v, %d sessions opened, %d closed; want it known, one opened, closed %v", i, ok,
				r.count(EventOpen, pc(i)), len(r.closed(pc(i))), !on)
		}
	}
	if len(r.stations) != limit {
		t.Errorf("%d stations are remembered, want %d", len(r.stations), limit)
	}
}

// TestComingOnInAFlood: a station that comes on while a flood pushes out whatever is new is confirmed all the same, since
// more than a frame of it is heard.
func TestComingOnInAFlood(t *testing.T) {
	r := newRoom(Config{MaxStations: 64})
	r.windows(0, pc1)
	n := 0
	for at := time.Duration(0); at < 3*time.Minute; at += time.Second {
		r.see(at, capture.Observation{Kind: capture.KindActivity, MAC: pc1, Up: capture.Count{Frames: speaks, Octets: 180}})
		r.flood(at, n, 1000, 2000)
		n += 1000
	}
	if got := r.count(EventOpen, pc1); got != 1 || r.count(EventStation, pc1) > 1 {
		t.Errorf("%d sessions opened, the station told %d times, want 1, and once", got, r.count(EventStation, pc1))
	}
}

// TestNewcomersInAFullCafe: where all places are taken by stations that were confirmed once, those that come on together are
// confirmed too, and those that are on stay.
func TestNewcomersInAFullCafe(t *testing.T) {
	const limit, on, coming = 64, 10, 8
	r := newRoom(Config{MaxStations: limit})
	come := func(from, to time.Duration, first, n int) {
		for at := from; at < to; at += 10 * time.Second {
			for i := range on {
				r.windows(at, pc(i))
				r.frames(pc(i), at, at, time.Second)
			}
			for i := range n {
				r.see(at, capture.Observation{Kind: capture.KindActivity, MAC: madeUp(first + i), Up: capture.Count{Frames: 9}})
			}
		}
	}
	come(0, 3*time.Minute, 0, limit-on)
	if n := r.crowd[confirmed].n; n != limit {
		t.Fatalf("%d stations are confirmed, want %d", n, limit)
	}
	come(3*time.Minute, 6*time.Minute, 1000, coming)
	for i := range coming {
		if s, ok := r.Known(madeUp(1000 + i)); !ok || !s.Confirmed {
			t.Errorf("newcomer %d is not confirmed", i)
		}
	}
	for i := range on {
		if n := r.count(EventOpen, pc(i)); n != 1 || len(r.closed(pc(i))) != 0 {
			t.Errorf("station %d, which is on: %d sessions opened, %d closed, want 1 and none", i, n, len(r.closed(pc(i))))
		}
	}
}

// TestFloodCostsNoMemory: a frame of a flood allocates nothing once the café is full.
func TestFloodCostsNoMemory(t *testing.T) {
	r, n := New(Config{}), 0
	o := capture.Observation{Kind: capture.KindActivity, Up: capture.Count{Frames: 1, Octets: 60}}
	flood := func() {
		n++
		o.MAC, o.Time = madeUp(n), start+int64(n)*1000
		o.First = o.Time
		r.Observe(&o)
	}
	for range 4 * defaultMaxStations {
		flood()
	}
	if got := testing.AllocsPerRun(10_000, flood); got != 0 {
		t.Errorf("%v allocations a frame, want 0", got)
	}
}

// TestCrowd: whatever is heard in whatever order, the crowd holds the café's stations, each once, in its rank and in the order
// in which they were heard: whoever is forgotten is the first of them.
func TestCrowd(t *testing.T) {
	const limit = 32
	random := rand.New(rand.NewPCG(1, 2))
	r := New(Config{MaxStations: limit})
	heard := map[capture.MAC]int{}
	for i := range 20_000 {
		m := madeUp(random.IntN(3 * limit))
		now := start + int64(i)*int64(2*time.Second)
		o := capture.Observation{Kind: capture.KindActivity, MAC: m, Time: now, First: now}
		o.Up.Frames = random.Uint64N(3)
		if random.IntN(3) == 0 {
			o = capture.Observation{Kind: capture.KindService, Origin: capture.OriginSMB, MAC: m, Time: now}
		}
		r.Observe(&o)
		heard[m] = i
		if err := r.sound(heard); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// sound reports what is wrong with c's crowd. heard says when each station was heard last.
func (c *Cafe) sound(heard map[capture.MAC]int) error {
	n, counted := 0, 0
	for i := range c.crowd {
		last := -1
		var before *Station
		for s := c.crowd[i].front; s != nil; s, before = s.place.after, s {
			want := passing
			switch {
			case s.Confirmed:
				want = confirmed
			case s.Sent.Frames >= speaks:
				want = speaking
			}
			if c.stations[s.MAC] != s || s.place.rank != rank(i) || want != rank(i) || s.place.ahead != before || heard[s.MAC] <= last {
				return fmt.Errorf("%v, heard at %d behind one at %d, is in rank %d, want %d", s.MAC, heard[s.MAC], last, i, want)
			}
			last = heard[s.MAC]
			n++
		}
		if c.crowd[i].back != before {
			return fmt.Errorf("rank %d ends with the wrong station", i)
		}
		counted += c.crowd[i].n
	}
	if n != counted || n != len(c.stations) {
		return fmt.Errorf("%d in the crowd, which counts %d, %d stations", n, counted, len(c.stations))
	}
	return nil
}

// BenchmarkFlood is what one frame of a flood of made-up source addresses costs a café that is full.
func BenchmarkFlood(b *testing.B) {
	r := New(Config{})
	o := capture.Observation{Kind: capture.KindActivity, Up: capture.Count{Frames: 1, Octets: 60}}
	n := 0
	flood := func() {
		n++
		o.MAC, o.Time = madeUp(n), start+int64(n)*1000
		o.First = o.Time
		r.Observe(&o)
	}
	for range 2 * defaultMaxStations {
		flood()
	}
	b.ReportAllocs()
	for b.Loop() {
		flood()
	}
}
