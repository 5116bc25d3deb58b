package clock

import (
	"time"

	"cafeprobe/uplink"
)

// confirm is how many rounds in a row have to agree on a step before a clock that is in sync makes it.
const confirm = 3

// Sources of a Fix.
const (
	SourceNTP  = "ntp"
	SourceRTC  = "rtc"
	SourceFile = "file" // the fix of an earlier run in the same boot of the machine
)

// Take learns from a round at the steady time now. When servers agree, that is the time: at once while the Clock is not in
// sync, and for a step out of sync when three rounds in a row say so. One answer alone is better than none or than the
// machine's own clock, and else is believed only if it fits what is known.
func (c *Clock) Take(now time.Duration, r Round) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answers := votes(r.Servers, c.sane(r))
	if len(answers) == 0 {
		return
	}
	best, ok := agree(r.Servers, answers)
	switch {
	case ok:
		c.agreed(now, Fix{best.At, best.UTC, best.Error, uplink.QualitySync, SourceNTP})
	case len(answers) == 1:
		a := answers[0]
		c.lone(now, Fix{a.At, a.UTC, a.Error, uplink.QualityCoarse, SourceNTP})
	default:
		c.stats.Disagree++
	}
}

// agreed takes what servers agree on.
func (c *Clock) agreed(now time.Duration, f Fix) {
	if c.fix != nil && c.fix.at(now).Quality == uplink.QualitySync && c.off(f) > stepLimit && !c.confirmed(f) {
		c.stats.Held++
		return
	}
	c.held, c.heldFor = nil, 0
	c.fix = &f
	if low := f.UTC.Add(-f.Error); low.After(c.lowest(f.At)) {
		c.floor, c.floorAt = low, f.At
	}
}

// off returns by how much f is beyond what the present fix allows.
func (c *Clock) off(f Fix) time.Duration {
	was := c.fix.at(f.At)
	return max(0, f.UTC.Sub(was.UTC).Abs()-was.Error-f.Error)
}

// confirmed counts how often in a row the same step was agreed on.
func (c *Clock) confirmed(f Fix) bool {
	if c.held == nil || f.UTC.Sub(c.held.at(f.At).UTC).Abs() > stepLimit {
		c.heldFor = 0
	}
	c.held = &f
	c.heldFor++
	return c.heldFor >= confirm
}

// lone takes one answer that nobody confirms.
func (c *Clock) lone(now time.Duration, f Fix) {
	if c.fix == nil || c.fix.Source == SourceRTC {
		c.fix = &f
		return
	}
	if c.off(f) > 0 {
		c.stats.Disagree++
		return
	}
	if r := c.fix.at(now); r.Quality == uplink.QualityCoarse && f.Error < r.Error {
		c.fix = &f
	}
}

// TakeRTC takes what the machine's own clock says at now, where nothing better is known.
func (c *Clock) TakeRTC(now time.Duration, utc time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fix != nil {
		return
	}
	utc = utc.Round(0) // no monotonic reading: it would be compared by that
	a := Answer{Server: SourceRTC, At: now, UTC: utc}
	if len(c.sane(Round{Servers: 1, Answers: []Answer{a}})) == 1 {
		c.fix = &Fix{now, utc, rtcError, uplink.QualityCoarse, SourceRTC}
	}
}

// Resume goes on from the fix of an earlier run in the same boot of the machine: its steady scale is this one.
func (c *Clock) Resume(f Fix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.UTC.Before(oldest) || c.late(f.UTC) || f.Error < 0 || f.Quality.Rank() < uplink.QualityCoarse.Rank() {
		return
	}
	f.Source = SourceFile
	c.fix = &f
}
