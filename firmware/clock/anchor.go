package clock

import (
	"time"

	"cafeprobe/uplink"
)

// anchorPeriod is how often an anchor is made when nothing changes.
const anchorPeriod = time.Hour

// Anchor returns the anchor that is due at the steady time now: when the Clock was first set or first came into sync, every
// hour, and when UTC was put forward or back by more than 500 ms since the last.
func (c *Clock) Anchor(now time.Duration) (a uplink.Anchor, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fix == nil {
		return a, false
	}
	r := c.fix.at(now)
	var step time.Duration
	if c.told != nil {
		step = r.UTC.Sub(c.told.at(now).UTC)
		first := r.Quality == uplink.QualitySync && c.told.at(now).Quality != uplink.QualitySync
		if !first && now-c.told.At < anchorPeriod && step.Abs() <= stepLimit {
			return a, false
		}
	}
	c.told = &Fix{now, r.UTC, r.Error, r.Quality, c.fix.Source}
	return uplink.Anchor{
		Stamp: r.Stamp(now), Error: uplink.Int((r.Error + time.Millisecond - 1).Milliseconds()),
		Step: uplink.Delta(step.Milliseconds()), Source: c.fix.Source,
	}, true
}
