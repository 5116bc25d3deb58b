// Package clock says what time it was. Everything on the box is ordered by a steady scale, the time since the machine
// booted, which nobody sets; a Clock turns a time on it into UTC, with how far that can be trusted. The kernel's own UTC
// is used once, at the start, as what the machine's battery-backed clock says: a box may start in 1970 or in 2040.
//
// A Clock has no clock: it is told what time servers answered (Take), and asked (At). What was said once is not taken
// back; when the Clock learns that it was wrong, it makes an anchor, from which others can put right what was said.
package clock

import (
	"sync"
	"time"

	"cafeprobe/uplink"
)

const (
	fresh     = 24 * time.Hour                    // without contact for longer, sync is coarse
	stepLimit = uplink.MinStep * time.Millisecond // a correction above it makes an anchor
	horizon   = 20 * 365 * 24 * time.Hour
	rtcError  = 2 * time.Minute // 20 ppm over ten weeks in a drawer; nobody knows when it was set
)

// oldest is earlier than any build of this program: where not even the build time is known, an answer before it is refused.
var oldest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Config configures a Clock. The zero Config is valid: a Clock that knows nothing.
type Config struct {
	Build  time.Time     // when this program was built; zero: unknown
	Floor  time.Time     // what an earlier run knew for sure to be over (Clock.Floor); zero: nothing
	Offset time.Duration // what event times (Stamp) are ahead of the steady scale
}

// Reading is what a Clock says of one time.
type Reading struct {
	UTC     time.Time // zero for QualityNone; for QualityFloor it is this or later
	Quality uplink.Quality
	Error   time.Duration // UTC is right within it; 0 where nothing is known, at QualityNone and QualityFloor
}

// Fix ties the steady scale to UTC.
type Fix struct {
	At      time.Duration // steady
	UTC     time.Time     // at At
	Error   time.Duration
	Quality uplink.Quality // QualityCoarse or QualitySync
	Source  string         // uplink.Anchor.Source
}

// Stats counts what a Clock did not believe.
type Stats struct {
	Early    uint64 // answers before the floor
	Late     uint64 // answers more than 20 years after the build
	Vague    uint64 // answers that may be wrong by more than a second: the way there was too slow
	Disagree uint64 // rounds in which the servers contradict each other, or one alone contradicts what is known
	Held     uint64 // agreed steps out of sync that wait to be confirmed
}

// Clock turns steady time into UTC. Use New. Its methods are safe for concurrent use.
type Clock struct {
	cfg Config

	mu      sync.Mutex
	floor   time.Time     // UTC was not earlier …
	floorAt time.Duration // … than floor at this steady time
	fix     *Fix          // nil: never set
	held    *Fix          // a step that waits to be confirmed, and how often it was
	heldFor int
	told    *Fix // at the last anchor
	stats   Stats
}

// New returns a Clock. now is the steady time.
func New(cfg Config, now time.Duration) *Clock {
	c := &Clock{cfg: cfg, floor: cfg.Build, floorAt: now}
	if cfg.Floor.After(c.floor) && !c.late(cfg.Floor) {
		c.floor = cfg.Floor
	}
	return c
}

// At says what UTC was at the steady time t. The present knowledge is used for times before it was gained, too.
func (c *Clock) At(t time.Duration) Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at(t)
}

func (c *Clock) at(t time.Duration) Reading {
	switch {
	case c.fix != nil:
		return c.fix.at(t)
	case c.floor.IsZero():
		return Reading{Quality: uplink.QualityNone}
	}
	return Reading{UTC: c.lowest(t), Quality: uplink.QualityFloor}
}

// at goes on from f. Contact that is a day old is no contact any more.
func (f *Fix) at(t time.Duration) Reading {
	r := Reading{UTC: f.UTC.Add(t - f.At), Quality: f.Quality, Error: f.Error + Drift(t-f.At)}
	if t-f.At > fresh {
		r.Quality = uplink.QualityCoarse
	}
	return r
}

// Drift returns by how much the steady scale may be wrong after d.
func Drift(d time.Duration) time.Duration { return time.Duration(uplink.Drift * float64(d.Abs())) }

// lowest returns a time that UTC had reached at t for sure.
func (c *Clock) lowest(t time.Duration) time.Time {
	d := t - c.floorAt
	return c.floor.Add(d - Drift(d))
}

// Stamp says when t was, a time of the events: the steady scale plus Config.Offset, in nanoseconds. Before the machine's
// boot there is no such time; it is taken for the boot.
func (c *Clock) Stamp(t int64) uplink.Stamp {
	at := max(0, time.Duration(t)-c.cfg.Offset)
	return c.At(at).Stamp(at)
}

// Within reports whether UTC at t, a time of the events, is known to d (rule R12): servers agreed on it, of which one alone
// may be a liar, and since then the steady scale cannot have gone wrong by more.
func (c *Clock) Within(t int64, d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fix == nil || c.fix.Quality != uplink.QualitySync {
		return false
	}
	return c.fix.at(max(0, time.Duration(t)-c.cfg.Offset)).Error <= d
}

// Stamp returns r as what a record says of the steady time t.
func (r Reading) Stamp(t time.Duration) uplink.Stamp {
	s := uplink.Stamp{Mono: uplink.Int(max(0, t).Milliseconds()), Quality: r.Quality}
	if r.Quality != uplink.QualityNone {
		s.Time = uplink.TimeOf(r.UTC)
	}
	return s
}

// Floor returns what is known for sure to be over at now, whoever lied. An answer of a single source never raises it: one
// forged answer from 2040 would otherwise make the box refuse the truth until then.
func (c *Clock) Floor(now time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lowest(now)
}

// Certain returns the time by which certificates are judged at now: UTC where it is known, and never before the floor.
func (c *Clock) Certain(now time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	low := c.lowest(now)
	if low.Before(oldest) {
		low = oldest
	}
	if r := c.at(now); r.UTC.After(low) {
		return r.UTC
	}
	return low
}

// Fix returns what the Clock goes by; ok is false while it was never set.
func (c *Clock) Fix() (f Fix, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fix == nil {
		return Fix{}, false
	}
	return *c.fix, true
}

// Stats returns the counters.
func (c *Clock) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

func (c *Clock) late(t time.Time) bool {
	from := c.cfg.Build
	if from.Before(oldest) {
		from = oldest
	}
	return t.Sub(from) > horizon
}
