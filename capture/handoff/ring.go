// Package handoff is the one crossing from hot to slow: a bounded ring of observations between the goroutine that owns
// the source and the one that owns the café's state. It starts no goroutine.
//
// Order is kept: what Take returns is what Put was given, in that order, without what was dropped. Live capture must
// never wait for the slow side, so a full ring drops and counts. The slow side knows the time from observations only;
// therefore the last sixteenth of the ring is kept for KindTick, and the time goes on when everything else is dropped:
// at one tick a second a ring of 8192 holds eight minutes of them. The three sixteenths before it are kept for what keeps
// stations and the vantage alive and nobody makes with single frames of made-up addresses, see weighty: in a flood that is
// too much the flood is dropped, not the café.
package handoff

import (
	"sync/atomic"

	"cafeprobe/capture"
)

// Mode says what Put does when the ring is full.
type Mode uint8

// The modes.
const (
	Live   Mode = iota // drop the observation and count it
	Replay             // wait for the slow side
)

// liveBatch is how many observations Put gathers in mode Live before the slow side hears of them; a tick or Flush ends one
// early. It halves what an observation costs (BenchmarkRing: 10 instead of 19 ns) and wakes a sleeping consumer 64 times
// less. A replay, in which nobody waits for the time, gathers an eighth of the ring and stops for no tick: of 1.5 million
// frames, that took a twentieth of all time.
const liveBatch = 64

// Ring is the crossing. Put, Flush and Close are for one goroutine, the producer; Take and Leave for another, the
// consumer; Dropped for any.
type Ring struct {
	slots []capture.Observation // a power of two
	mask  uint64
	mode  Mode
	batch uint64        // observations that are put before the consumer hears of them
	light uint64        // slots that anything may fill
	heavy uint64        // slots that what is weighty may fill; the rest is for ticks
	full  chan struct{} // holds a token when the consumer should look again
	empty chan struct{} // holds a token when the producer should look again

	_       [64]byte // between what the two sides write, so that neither takes the cache line of the other
	next    uint64   // observations put, published or not
	seen    uint64   // taken, when the producer last looked
	told    uint64   // published
	closed  atomic.Bool
	dropped atomic.Uint64
	put     atomic.Uint64 // published

	_     [64]byte
	at    uint64 // observations taken
	left  atomic.Bool
	taken atomic.Uint64
	_     [64]byte
}

// New returns a ring for at least capacity observations, which is rounded up to a power of two and to 256. It grows no
// further.
func New(capacity int, mode Mode) *Ring {
	n := 256
	for n < capacity {
		n *= 2
	}
	r := &Ring{
		slots: make([]capture.Observation, n),
		mask:  uint64(n - 1),
		mode:  mode,
		batch: uint64(n / 8),
		full:  make(chan struct{}, 1),
		empty: make(chan struct{}, 1),
	}
	r.light, r.heavy = uint64(n), uint64(n)
	if mode == Live {
		r.light, r.heavy, r.batch = uint64(n-n/4), uint64(n-n/16), liveBatch
	}
	return r
}

// Put hands *o over and keeps nothing of it but what its pointers point to. It returns false when o was dropped: in mode
// Live because the ring is full, in mode Replay only after Leave. The consumer may hear of o later: in mode Live with the
// next tick, when a batch is full, or by Flush.
func (r *Ring) Put(o *capture.Observation) bool {
	if used := r.next - r.seen; used >= r.light {
		if limit := r.limit(o); used >= limit && !r.room(limit) {
			r.dropped.Add(1)
			return false
		}
	}
	r.slots[r.next&r.mask] = *o
	r.next++
	if o.Kind == capture.KindTick && r.mode == Live || r.next-r.told >= r.batch {
		r.Flush()
	}
	return true
}

// limit returns how many slots may be in use for o to be put behind them.
func (r *Ring) limit(o *capture.Observation) uint64 {
	switch {
	case o.Kind == capture.KindTick:
		return uint64(len(r.slots))
	case weighty(o):
		return r.heavy
	}
	return r.light
}

// weighty reports whether o says that a station goes on sending, or that a flow was heard in both directions.
func weighty(o *capture.Observation) bool {
	switch o.Kind {
	case capture.KindActivity:
		return o.Up.Frames > 1
	case capture.KindFlow:
		return o.Up.Frames > 0 && o.Down.Frames > 0
	}
	return false
}

// room looks, and in mode Replay waits, for fewer than limit observations in the ring.
func (r *Ring) room(limit uint64) bool {
	if r.closed.Load() {
		panic("BUG: Put after Close")
	}
	for {
		r.seen = r.taken.Load()
		if r.left.Load() {
			return false
		}
		if r.next-r.seen < limit {
			return true
		}
		r.Flush()
		if r.mode == Live {
			return false
		}
		<-r.empty
	}
}

// Flush lets the consumer hear of all that was put. The producer calls it before it waits for frames.
func (r *Ring) Flush() {
	if r.told == r.next {
		return
	}
	r.told = r.next
	r.put.Store(r.next)
	wake(r.full)
}

// Close ends the ring: the consumer gets what is in it, and then is told so. No Put may follow.
func (r *Ring) Close() {
	r.Flush()
	r.closed.Store(true)
	wake(r.full)
}

// Take waits for observations and moves as many as there are, or as fit, to buf. It returns false once the ring was
// closed and all of it taken. The slots keep what strings and DHCP messages they held until they are filled anew.
func (r *Ring) Take(buf []capture.Observation) (n int, ok bool) {
	for {
		closed := r.closed.Load() // before put: what was put before Close is then seen
		ready := r.put.Load() - r.at
		if ready > 0 && len(buf) > 0 {
			n = int(min(ready, uint64(len(buf))))
			first := copy(buf[:n], r.slots[r.at&r.mask:])
			copy(buf[first:n], r.slots)
			r.at += uint64(n)
			r.taken.Store(r.at)
			wake(r.empty)
			return n, true
		}
		if closed || len(buf) == 0 {
			return 0, !closed || ready > 0
		}
		<-r.full
	}
}

// Leave says that the consumer takes no more. A Put that waits, and each that finds the ring full, returns false.
func (r *Ring) Leave() {
	r.left.Store(true)
	wake(r.empty)
}

// Dropped returns how many observations Put dropped.
func (r *Ring) Dropped() uint64 { return r.dropped.Load() }

// wake leaves a token in c unless there is one: whoever waits, or is about to, looks again.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
