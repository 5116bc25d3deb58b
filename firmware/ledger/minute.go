package ledger

import (
	"time"

	"cafeprobe/firmware/hours"
)

// State says what is known of a minute.
type State uint8

// The states.
const (
	Unknown State = iota // nothing was told of it, or not yet
	Off                  // the box was off, or its daemon was
	Blind                // it could not see, or what it saw does not tell use
	Gap                  // records of it are lost
	Seen                 // it saw; no station in use means that none was
)

var stateNames = [...]string{"unknown", "off", "blind", "gap", "seen"}

// String returns the state's word.
func (s State) String() string { return stateNames[s] }

// MarshalText returns the state's word.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Minute is one minute of a day.
type Minute struct {
	State  State
	On     uint16 // computers of guests that were on in it, as far as was told
	InUse  uint16 // and in use
	Unsure bool   // the clock may have been wrong by more than hours.ClockError
	Hiding bool   // some stations could not be seen while others were
}

// PerDay is how many minutes a day has: Asia/Ho_Chi_Minh knows no summer time.
const PerDay = 24 * 60

// bits is what is known of a minute, before one thing outweighs another.
type bits uint16

const (
	isAlive   bits = 1 << iota // the box lived, and went on for long enough to have told of it
	isSighted                  // it had said what it can see
	isPlain                    // broadcasts only
	isHiding                   // some stations were hidden
	isBlind                    // by its vantage
	isDark                     // by a record of kind blind, whose reason comes first
	isGap
	isOff
	isUnsure
)

// cell is a minute as it is kept.
type cell struct {
	bits    bits
	why     uint8 // index of words: why it is off or blind
	on, use uint16
}

// minute returns what c says.
func (c *cell) minute() Minute {
	m := Minute{On: c.on, InUse: c.use, Unsure: c.bits&isUnsure != 0, Hiding: c.bits&isHiding != 0}
	switch b := c.bits; {
	case b&isOff != 0:
		m.State = Off
	case b&isGap != 0:
		m.State = Gap
	case b&(isBlind|isDark) != 0:
		m.State = Blind
	case b&isAlive == 0 || b&isSighted == 0:
	case b&isPlain != 0 && c.use == 0:
		m.State = Blind
	default:
		m.State = Seen
	}
	return m
}

// day is the minutes of a day.
type day [PerDay]cell

// dayOf returns the day of a time in milliseconds.
func dayOf(t int64) hours.Date { return hours.DateOf(time.UnixMilli(t)) }

func startOf(d hours.Date) int64 { return d.Start().UnixMilli() }

// day returns the day of d, made if there is room: only the newest are kept. It returns nil where there is not.
func (l *Ledger) day(d hours.Date) *day {
	if x, ok := l.days[d]; ok {
		return x
	}
	if len(l.days) >= MaxDays {
		oldest := d
		for o := range l.days {
			oldest = min(oldest, o)
		}
		if oldest == d {
			return nil
		}
		delete(l.days, oldest)
		delete(l.nights, oldest)
	}
	x := new(day)
	l.days[d] = x
	return x
}

// each calls f with the minutes that the time from from to to touches, of the last MaxDays before to.
func (l *Ledger) each(from, to int64, f func(*cell)) {
	if to <= from {
		return
	}
	from = max(from, to-MaxDays*PerDay*minute, 0)
	for from < to {
		d := dayOf(from)
		start := startOf(d)
		end := min(to, start+PerDay*minute)
		if x := l.day(d); x != nil {
			x.span(start, from, end, f)
		}
		from = start + PerDay*minute
	}
}

// span calls f with the minutes of x, a day that begins at start, that the time from from to to touches.
func (x *day) span(start, from, to int64, f func(*cell)) {
	first, last := max(0, (from-start)/minute), min(PerDay, (to-start+minute-1)/minute)
	for i := first; i < last; i++ {
		f(&x[i])
	}
}

// paint writes b, and why if it says so, into the minutes that the time from from to to touches.
func (l *Ledger) paint(from, to int64, b bits, why string) {
	w := l.word(why)
	l.each(from, to, func(c *cell) { c.paint(b, w) })
}

func (c *cell) paint(b bits, why uint8) {
	if b&isOff != 0 || b&isDark != 0 && c.bits&isOff == 0 || b&isBlind != 0 && c.bits&(isOff|isDark) == 0 {
		c.why = why
	}
	c.bits |= b
}

// word returns the index of w in words.
func (l *Ledger) word(w string) uint8 {
	for i := range l.words {
		if l.words[i] == w {
			return uint8(i)
		}
	}
	if len(l.words) == maxWords {
		return 0
	}
	l.words = append(l.words, w)
	return uint8(len(l.words) - 1)
}
