package ledger

import (
	"math"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// span is which records a night is worked out from: those of the night, and in front of it what was open, or was said, when it
// began. last is 0 as long as no record says that the night is settled.
type span struct{ first, last uint64 }

// Records returns the numbers of the first and of the last record that the night of d is worked out from; last is 0 if that is
// the chain's newest, whatever it is. A ledger that takes them alone comes to the same night, but for how many stations
// were on, and what is told of it much later. ok is false where the night is not known.
func (l *Ledger) Records(d hours.Date) (first, last uint64, ok bool) {
	s, ok := l.ranges[d]
	if !ok {
		return 0, 0, false
	}
	return s.first, s.last, true
}

// bound notes what record r, placed at t, means for the ranges of nights: it is in the first of those that it is behind the
// begin of, and settles those that are over, unless it is a boot: how the life before ended is said behind it.
func (l *Ledger) bound(r *uplink.Stored, t int64) {
	ends := r.Kind != uplink.KindBoot && r.Kind != uplink.KindGap
	for d, s := range l.ranges {
		if s.last == 0 && ends && l.over(d, t) {
			s.last = r.Seq
		}
	}
	today := dayOf(t)
	for d := today - 1; d <= today; d++ {
		begin, _, ok := l.profile.Night(d)
		if _, known := l.ranges[d]; ok && !known && begin.UnixMilli() <= t && !l.over(d, t) {
			l.ranges[d] = &span{first: l.needed(r.Seq)}
			l.narrow()
		}
	}
}

// over reports whether the night of d is settled at t.
func (l *Ledger) over(d hours.Date, t int64) bool {
	_, end, _ := l.profile.Night(d)
	return t >= end.Add(Settle).UnixMilli()
}

// narrow forgets the oldest range if there are too many.
func (l *Ledger) narrow() {
	if len(l.ranges) <= MaxDays {
		return
	}
	oldest := hours.Date(math.MaxInt32)
	for d := range l.ranges {
		oldest = min(oldest, d)
	}
	delete(l.ranges, oldest)
}

// needed returns the first record that what comes from seq on is to be read with.
func (l *Ledger) needed(seq uint64) uint64 {
	need := func(by uint64) {
		if by > 0 {
			seq = min(seq, by)
		}
	}
	need(l.placed)
	need(l.roles)
	if u := &l.run; u.on {
		if u.sighted {
			need(u.sightBy)
		}
		if u.dark > 0 {
			need(u.darkBy)
		}
	}
	for _, s := range l.stations {
		if s.use.open && !s.other {
			need(s.use.by)
		}
	}
	return seq
}

// Now returns when the chain's newest record was placed: the earliest time that Day and Night can be asked at.
func (l *Ledger) Now() time.Time { return time.UnixMilli(l.run.to).UTC() }
