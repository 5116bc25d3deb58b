package ledger

import (
	"cmp"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

const (
	minute = int64(time.Minute / time.Millisecond)
	settle = int64(Settle / time.Millisecond)
	jump   = int64(hours.ClockError / time.Millisecond)
)

// run is one life of the daemon, or the part of one in which its clock went on. Times are UTC, milliseconds.
type run struct {
	on       bool
	boot     uint64
	from, to int64 // the first and the last sign of life
	painted  int64 // up to here its minutes are written down as seen
	epoch    int64 // UTC at m = 0, by its last record
	timed    bool  // epoch is known
	unsure   bool  // the last record's time was not in step with a time server
	anchored int64 // when the clock was last known to be right

	begunBy string // why its boot record says that it began

	sighted bool   // a vantage was told
	sightBy uint64 // number of the record
	since   int64  // the newest one
	class   string // of it
	why     string
	hidden  int

	dark   int64 // since when the box is blind; 0: it is not
	darkBy uint64
	cause  string
}

// when returns the time of a stamp: its own, or by a record of the same boot of the machine that has one.
func (l *Ledger) when(s uplink.Stamp) (t int64, ok bool) {
	if s.Quality.Rank() >= uplink.QualityCoarse.Rank() {
		l.epoch, l.timed = int64(s.Time)-int64(s.Mono), true
		return int64(s.Time), true
	}
	return l.epoch + int64(s.Mono), l.timed
}

// reboot notes that the records from here on are of another life, which b begins if it is a Boot. What waits has no time then,
// unless the machine went on.
func (l *Ledger) reboot(b uplink.Body) {
	if s, ok := b.(*uplink.Boot); ok && (s.Why == uplink.BootRestart || s.Why == uplink.BootCrash) {
		return
	}
	l.timed = false
	l.counts.Untimed += uint64(len(l.wait))
	l.wait = nil
}

// start begins a run with its boot record: the box was off before it, since it was last known to be alive.
func (l *Ledger) start(r *uplink.Stored, b *uplink.Boot, t int64) {
	was, known := l.run, l.run.on
	end := was.to
	if alive := int64(b.Alive); alive > 0 && alive <= t && (!known || alive > end) {
		end, known = alive, true
	}
	end = min(end, t)
	l.finish(end)
	why := cmp.Or(b.Why, "boot")
	if known {
		l.paint(end, t, isOff, why)
	}
	l.ended = was
	l.ended.to = end
	l.run = run{on: true, boot: r.Boot, from: t, to: t, painted: t, anchored: t, begunBy: why}
}

// begin begins a run without its boot record: of what was before nothing is known.
func (l *Ledger) begin(r *uplink.Stored, t int64) {
	l.finish(l.run.to)
	l.ended = run{}
	l.run = run{on: true, boot: r.Boot, from: t, to: t, painted: t, anchored: t}
}

// finish ends the run at end, and with it all sessions. What its last minutes would have told was lost with it: see off.
func (l *Ledger) finish(end int64) {
	if !l.run.on {
		return
	}
	l.run.to = max(l.run.to, end)
	l.seen(l.run.to - settle)
	l.sight(l.run.to)
	if l.run.dark > 0 {
		l.paint(l.run.dark, l.run.to, isDark, l.run.cause)
	}
	l.endAll(l.run.to)
	l.run.on = false
}

// off says how the run before ended: behind a goodbye all that was seen has been told.
func (l *Ledger) off(o *uplink.Off, t int64) {
	if from := int64(o.From); from > 0 && from < t {
		l.paint(from, t, isOff, cmp.Or(l.run.begunBy, "off"))
	}
	if e := &l.ended; o.Clean && e.on && e.boot == uint64(o.Boot) {
		l.paint(e.painted, e.to, isAlive|unsureIf(e.unsure), "")
	}
	l.ended = run{}
}

// live notes that the box lived at t.
func (l *Ledger) live(s uplink.Stamp, t int64) {
	u := &l.run
	unsure := s.Quality != uplink.QualitySync
	if s.Mono > 0 {
		epoch := t - int64(s.Mono)
		if u.timed && (epoch-u.epoch > jump || u.epoch-epoch > jump) {
			l.step(t)
		}
		u.epoch, u.timed = epoch, true
	}
	u.unsure = u.unsure || unsure
	u.to = max(u.to, t)
	l.seen(u.to - settle)
	u.unsure = unsure
}

// step goes on at t behind a step of the clock: the times since it was last known to be right are wrong.
func (l *Ledger) step(t int64) {
	u := &l.run
	l.paint(u.painted, u.to, isAlive, "")
	l.sight(u.to)
	if u.dark > 0 {
		l.paint(u.dark, u.to, isDark, u.cause)
		u.dark = t
	}
	l.paint(u.anchored, u.to, isUnsure, "")
	u.from, u.to, u.painted, u.since, u.anchored = t, t, t, t, t
	for _, s := range l.stations {
		s.use.counted, s.power.counted = 0, 0
	}
}

// seen writes down that the box lived up to t.
func (l *Ledger) seen(t int64) {
	u := &l.run
	if t = t - t%minute; t > u.painted {
		l.paint(u.painted, t, isAlive|unsureIf(u.unsure), "")
		u.painted = t
	}
}

// blind takes that the box sees no more, or again.
func (l *Ledger) blind(b *uplink.Blind, seq uint64, t int64) {
	u := &l.run
	switch {
	case b.Blind && u.dark == 0:
		u.dark, u.darkBy, u.cause = t, seq, b.Why
	case b.Blind:
		u.dark = min(u.dark, t)
	case u.dark > 0:
		l.paint(u.dark, t, isDark, u.cause)
		u.dark = 0
	}
}

// vantage takes what the box can see from t on.
func (l *Ledger) vantage(v *uplink.Vantage, seq uint64, t int64) {
	u := &l.run
	l.sight(t)
	u.sighted, u.sightBy, u.since = true, seq, t
	u.class, u.why, u.hidden = v.Class, v.Why, int(min(v.Hidden, MaxStations))
}

// sight writes down what could be seen up to t.
func (l *Ledger) sight(t int64) {
	if u := &l.run; u.sighted && t > u.since {
		l.paint(u.since, t, u.bits(), u.why)
		u.since = t
	}
}

// bits returns what the vantage means for a minute.
func (u *run) bits() bits {
	switch {
	case u.class == "BLIND":
		return isBlind
	case u.class == "C":
		return isSighted | isPlain
	case u.hidden > 0:
		return isSighted | isHiding
	}
	return isSighted
}

func unsureIf(unsure bool) bits {
	if unsure {
		return isUnsure
	}
	return 0
}
