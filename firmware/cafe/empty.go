package cafe

import (
	"time"

	"cafeprobe/firmware/state"
)

// emptyLag is how much later than now a minute is told of in which nobody was there to be judged: as late as settled ones.
const emptyLag = state.Lag + 2

// maxEmpty is how many such minutes are told of at once. A wire that is silent for longer is blind.
const maxEmpty = 10

// tellEmpty tells of minutes in which no seat was there that could be judged, as after a start in a room at night, where it was
// seen that there was none. Without it nobody could tell them from minutes in which the box was off.
func (c *Cafe) tellEmpty() {
	last := c.minute - emptyLag
	for m := max(c.emptied+1, last-maxEmpty+1); m <= last; m++ {
		if start := m * int64(time.Minute); c.empty(start, start+int64(time.Minute)) {
			c.events = append(c.events, Event{Kind: EventMinute, Time: start})
		}
	}
	c.emptied = last
}

// empty reports whether it was seen that nobody was there from from to to: behind a mirror that has proved itself in this run,
// with nobody on the LAN by then but who is known to be no seat, or has long been gone. What only an earlier run has seen of
// the mirror proves nothing, nor does a plain port.
func (c *Cafe) empty(from, to int64) bool {
	v := &c.vantage
	if c.sees.Grade != GradeA && c.sees.Grade != GradeAPlus || v.proof == 0 || from < v.proof || c.unseen(from, to) {
		return false
	}
	for _, s := range c.stations {
		if s.First >= to || s.somebodys() {
			continue
		}
		if s.Seat() || s.Role == RoleUnknown && s.Last >= from-int64(maxSilence) {
			return false
		}
	}
	return true
}
