package handoff

import (
	"sync"
	"testing"
	"testing/synctest"

	"cafeprobe/capture"
)

func activity(i int) *capture.Observation {
	return &capture.Observation{Kind: capture.KindActivity, Time: int64(i)}
}

func tick(i int) *capture.Observation {
	return &capture.Observation{Kind: capture.KindTick, Time: int64(i)}
}

// drain takes all that is there until Close and returns the times.
func drain(r *Ring, size int) (times []int64) {
	buf := make([]capture.Observation, size)
	for {
		n, ok := r.Take(buf)
		if !ok {
			return times
		}
		for _, o := range buf[:n] {
			times = append(times, o.Time)
		}
	}
}

func ascending(t *testing.T, times []int64) {
	t.Helper()
	for i := 1; i < len(times); i++ {
		if times[i] <= times[i-1] {
			t.Fatalf("%d after %d: order is lost", times[i], times[i-1])
		}
	}
}

func TestReplayLosesNothing(t *testing.T) {
	const n = 100000
	for _, size := range []int{1, 7, 64, 1000} {
		r := New(256, Replay)
		var got []int64
		var wg sync.WaitGroup
		wg.Go(func() { got = drain(r, size) })
		for i := range n {
			o := activity(i)
			if i%100 == 0 {
				o = tick(i)
			}
			if !r.Put(o) {
				t.Fatalf("observation %d was refused", i)
			}
		}
		r.Close()
		wg.Wait()
		ascending(t, got)
		if len(got) != n || r.Dropped() != 0 {
			t.Errorf("buffer of %d: took %d of %d, dropped %d", size, len(got), n, r.Dropped())
		}
	}
}

func TestLiveNeverWaits(t *testing.T) {
	const n = 100000
	r := New(1024, Live)
	var got []int64
	var wg sync.WaitGroup
	wg.Go(func() { got = drain(r, 64) })
	put := 0
	for i := range n {
		if r.Put(activity(i)) {
			put++
		}
	}
	r.Close()
	wg.Wait()
	ascending(t, got)
	if len(got) != put || r.Dropped() != uint64(n-put) {
		t.Errorf("put %d of %d, took %d, dropped %d", put, n, len(got), r.Dropped())
	}
}

// TestTicksPassWhenFull: the slow side sleeps; what it finds then is the oldest observations and the ticks, in order.
func TestTicksPassWhenFull(t *testing.T) {
	r := New(1024, Live)
	ticks := 0
	for i := range 5000 {
		if i%100 == 99 && r.Put(tick(i)) {
			ticks++
		} else {
			r.Put(activity(i))
		}
	}
	r.Close()
	got := drain(r, 100)
	ascending(t, got)
	if ticks != 50 {
		t.Errorf("%d ticks passed, want 50", ticks)
	}
	if last := got[len(got)-1]; last != 4999 {
		t.Errorf("time stands at %d, want 4999", last)
	}
	if total := uint64(len(got)) + r.Dropped(); total != 5000 {
		t.Errorf("took and dropped %d, want 5000", total)
	}
}

// TestRoomByWeight: what may still be put behind so many observations in a ring of 1024.
func TestRoomByWeight(t *testing.T) {
	f := func(name string, o capture.Observation, want int) {
		t.Helper()
		put := func(mode Mode, behind int) bool {
			r := New(1024, mode)
			for i := range behind {
				r.Put(tick(i))
			}
			return r.Put(&o)
		}
		if !put(Live, want-1) || want < 1024 && put(Live, want) {
			t.Errorf("%s: put behind %d %v, behind %d %v, want true and false", name, want-1, put(Live, want-1), want, put(Live, want))
		}
		if !put(Replay, 1023) {
			t.Errorf("%s: a replay drops it", name)
		}
	}
	count := func(n uint64) capture.Count { return capture.Count{Frames: n, Octets: 60 * n} }
	f("tick", capture.Observation{Kind: capture.KindTick}, 1024)
	f("a station goes on", capture.Observation{Kind: capture.KindActivity, Up: count(2)}, 960)
	f("a flow of both directions", capture.Observation{Kind: capture.KindFlow, Up: count(1), Down: count(1)}, 960)
	f("a station's frame", capture.Observation{Kind: capture.KindActivity, Up: count(1)}, 768)
	f("a flow of one direction", capture.Observation{Kind: capture.KindFlow, Up: count(9)}, 768)
	f("an address", capture.Observation{Kind: capture.KindAddr}, 768)
}

// TestHeardOf: when the consumer hears of an observation.
func TestHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(256, Live)
		var heard int
		go func() {
			buf := make([]capture.Observation, 256)
			for {
				n, ok := r.Take(buf)
				if !ok {
					return
				}
				heard += n
			}
		}()
		f := func(name string, do func(), want int) {
			t.Helper()
			do()
			synctest.Wait()
			if heard != want {
				t.Errorf("%s: heard of %d, want %d", name, heard, want)
			}
		}
		f("one", func() { r.Put(activity(1)) }, 0)
		f("flush", func() { r.Flush() }, 1)
		f("second flush", func() { r.Flush() }, 1)
		f("two and a tick", func() { r.Put(activity(2)); r.Put(activity(3)); r.Put(tick(4)) }, 4)
		f("a batch", func() {
			for i := range liveBatch {
				r.Put(activity(5 + i))
			}
		}, 4+liveBatch)
		f("close", func() { r.Put(activity(1000)); r.Close() }, 5+liveBatch)
	})
}

func TestReplayWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(256, Replay)
		put, refused := 0, false
		go func() {
			for range 600 {
				if !r.Put(activity(put)) {
					refused = true
					return
				}
				put++
			}
		}()
		synctest.Wait()
		if put != 256 {
			t.Fatalf("put %d before anything was taken, want 256", put)
		}
		if n, ok := r.Take(make([]capture.Observation, 10)); n != 10 || !ok {
			t.Fatalf("took %d, %v", n, ok)
		}
		synctest.Wait()
		if put != 266 {
			t.Fatalf("put %d after 10 were taken, want 266", put)
		}
		r.Leave()
		synctest.Wait()
		if !refused || r.Dropped() != 1 {
			t.Errorf("after Leave: refused %v, dropped %d, want true, 1", refused, r.Dropped())
		}
	})
}

func TestTakeNothing(t *testing.T) {
	r := New(1, Live)
	if n, ok := r.Take(nil); n != 0 || !ok {
		t.Errorf("open, no buffer: %d, %v, want 0, true", n, ok)
	}
	r.Put(activity(1))
	r.Close()
	if n, ok := r.Take(nil); n != 0 || !ok {
		t.Errorf("closed, no buffer, one left: %d, %v, want 0, true", n, ok)
	}
	buf := make([]capture.Observation, 4)
	if n, ok := r.Take(buf); n != 1 || !ok {
		t.Errorf("closed, one left: %d, %v, want 1, true", n, ok)
	}
	for range 2 {
		if n, ok := r.Take(buf); n != 0 || ok {
			t.Errorf("closed, none left: %d, %v, want 0, false", n, ok)
		}
	}
}

// FuzzRing: any order of calls by one goroutine keeps the order, and loses nothing that is not counted.
func FuzzRing(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 0, 255})
	f.Fuzz(func(t *testing.T, calls []byte) {
		r := New(256, Live)
		buf := make([]capture.Observation, 256)
		var made, taken int
		last := int64(-1)
		take := func(n int) {
			got, _ := r.Take(buf[:n])
			for _, o := range buf[:got] {
				if o.Time <= last {
					t.Fatalf("%d after %d", o.Time, last)
				}
				last = o.Time
			}
			taken += got
		}
		for _, c := range calls {
			switch {
			case c < 100: // some observations
				for range c {
					r.Put(activity(made))
					made++
				}
			case c < 150:
				r.Put(tick(made))
				made++
			default: // a tick, so that Take does not wait; then some are taken
				r.Put(tick(made))
				made++
				take(int(c) - 149)
			}
		}
		r.Close()
		for before := -1; before < taken; {
			before = taken
			take(100)
		}
		if taken+int(r.Dropped()) != made {
			t.Fatalf("took %d, dropped %d of %d", taken, r.Dropped(), made)
		}
	})
}

func TestAllocations(t *testing.T) {
	r := New(256, Live)
	o, buf := tick(1), make([]capture.Observation, 256)
	if n := testing.AllocsPerRun(1000, func() { r.Put(o); r.Take(buf) }); n != 0 {
		t.Errorf("%v allocations per observation, want 0", n)
	}
}

func BenchmarkRing(b *testing.B) {
	r := New(8192, Replay)
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]capture.Observation, 256)
		for ok := true; ok; {
			_, ok = r.Take(buf)
		}
	})
	o := activity(1)
	b.ReportAllocs()
	for b.Loop() {
		r.Put(o)
	}
	r.Close()
	wg.Wait()
}
