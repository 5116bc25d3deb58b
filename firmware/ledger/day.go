package ledger

import (
	"slices"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// Span is a time of whole minutes, from From until before To.
type Span struct {
	From, To time.Time
	Why      string // a word, of off and blind times: why
}

// Minutes returns how long s is.
func (s Span) Minutes() int { return int(s.To.Sub(s.From) / time.Minute) }

// Figures are what was counted of a day's or a night's minutes.
type Figures struct {
	Seen, Off, Blind, Gap, Unknown int // minutes in each state
	Unsure                         int // minutes whose time may be wrong by more than hours.ClockError
	Hiding                         int // minutes in which some stations could not be seen while others were
	InUse                          int // station-minutes in use
	Peak                           int // the most stations in use in one minute
	PeakAt                         time.Time
	First, Last                    time.Time // the first and the last minute in use; zero: there was none
}

// Day is one day.
type Day struct {
	Date        hours.Date
	Minutes     []Minute // PerDay of them, from 00:00 on
	Figures     Figures
	Open        []Span // in which a station or more were in use
	Off         []Span
	Blind       []Span
	Gaps        []Span
	Maintenance []Maintenance
	Alerts      []Alert // of the night that begins on the day
	Lost        []Lost  // said on the day
	Forks       []Fork
}

// Verdict says what a night's minutes come to.
type Verdict uint8

// The verdicts.
const (
	NoNight Verdict = iota // the site has no hours in which nobody may use a station
	Pending                // the night is not over, or its last minutes are not settled
	Used                   // a station was in use, as far as could be seen
	Partly                 // none was in the minutes that were seen; there are others
	Closed                 // every minute was seen, at a time that is sure, and no station was in use
)

var verdictNames = [...]string{"none", "pending", "used", "partly", "closed"}

// String returns the verdict's word.
func (v Verdict) String() string { return verdictNames[v] }

// MarshalText returns the verdict's word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Night is the hours of the profile that begin on a day.
type Night struct {
	Date        hours.Date
	From, To    time.Time
	Verdict     Verdict
	Minutes     []Minute // from From until To
	Figures     Figures
	Open        []Span
	Off         []Span
	Blind       []Span
	Gaps        []Span
	Maintenance []Maintenance
	Alerts      []Alert
}

// Days returns the days up to now of which something is known, the newest first: MaxDays-1 of them at most.
func (l *Ledger) Days(now time.Time) (out []hours.Date) {
	today := hours.DateOf(now)
	for d := range l.days {
		if d <= today && d > today-MaxDays+1 {
			out = append(out, d)
		}
	}
	if _, ok := l.days[today]; !ok && l.run.on {
		out = append(out, today)
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out[:min(len(out), MaxDays-1)]
}

// Day returns the day of d as it is known at now, which is when the chain was last known to end where it ends: on a box that
// lives, the present.
func (l *Ledger) Day(d hours.Date, now time.Time) Day {
	from, to := startOf(d), startOf(d+1)
	cells := l.cells(d, now.UnixMilli())
	x := Day{Date: d, Minutes: minutes(cells), Maintenance: l.maintained(from, to)}
	x.Figures = figures(x.Minutes, from)
	x.Open, x.Off, x.Blind, x.Gaps = l.spans(cells, from)
	x.Alerts = clone(l.nights[d])
	x.Lost = during(l.lost, from, to, func(x Lost) time.Time { return x.At })
	x.Forks = during(l.forks, from, to, func(x Fork) time.Time { return x.At })
	return x
}

// Night returns the night that begins on d as it is known at now: see Day.
func (l *Ledger) Night(d hours.Date, now time.Time) Night {
	begin, end, ok := l.profile.Night(d)
	x := Night{Date: d, Alerts: clone(l.nights[d])}
	if !ok {
		return x
	}
	from, to := begin.UnixMilli(), end.UnixMilli()
	cells := append(l.cells(d, now.UnixMilli()), l.cells(d+1, now.UnixMilli())...)
	first := (from - startOf(d)) / minute
	cells = cells[first : first+(to-from)/minute]
	x.From, x.To, x.Minutes, x.Maintenance = begin, end, minutes(cells), l.maintained(from, to)
	x.Figures = figures(x.Minutes, from)
	x.Open, x.Off, x.Blind, x.Gaps = l.spans(cells, from)
	x.Verdict = x.judge(now)
	return x
}

func (x *Night) judge(now time.Time) Verdict {
	f := &x.Figures
	switch {
	case f.InUse > 0:
		return Used
	case now.Before(x.To.Add(Settle)):
		return Pending
	case f.Seen < len(x.Minutes) || f.Unsure > 0 || f.Hiding > 0:
		return Partly
	}
	return Closed
}

// cells returns the minutes of d with what is not written down yet at now: what goes on, and is open.
func (l *Ledger) cells(d hours.Date, now int64) []cell {
	x := new(day)
	if have, ok := l.days[d]; ok {
		*x = *have
	}
	start := startOf(d)
	paint := func(from, to int64, b bits, why string) {
		if w := l.word(why); to > from {
			x.span(start, from, to, func(c *cell) { c.paint(b, w) })
		}
	}
	u := &l.run
	if !u.on {
		return x[:]
	}
	end := max(u.to, now)
	alive := max(u.to, now) - settle
	paint(u.painted, alive-alive%minute, isAlive|unsureIf(u.unsure), "")
	if u.sighted {
		paint(u.since, end, u.bits(), u.why)
	}
	if u.dark > 0 {
		paint(u.dark, end, isDark, u.cause)
	}
	for _, s := range l.stations {
		if s.other {
			continue
		}
		for _, of := range []uplink.Of{uplink.OfPower, uplink.OfUse} {
			if o := s.of(of); o.open {
				if from := max(o.from, o.counted); from < end {
					x.span(start, from, end, adder(of))
				}
			}
		}
	}
	return x[:]
}

func minutes(cells []cell) []Minute {
	out := make([]Minute, len(cells))
	for i := range cells {
		out[i] = cells[i].minute()
	}
	return out
}

// figures counts ms, which begin at from.
func figures(ms []Minute, from int64) (f Figures) {
	count := [...]*int{&f.Unknown, &f.Off, &f.Blind, &f.Gap, &f.Seen}
	for i := range ms {
		m := &ms[i]
		at := time.UnixMilli(from + int64(i)*minute).UTC()
		*count[m.State]++
		if m.Unsure {
			f.Unsure++
		}
		if m.Hiding {
			f.Hiding++
		}
		if m.InUse == 0 {
			continue
		}
		f.InUse += int(m.InUse)
		if f.First.IsZero() {
			f.First = at
		}
		f.Last = at
		if int(m.InUse) > f.Peak {
			f.Peak, f.PeakAt = int(m.InUse), at
		}
	}
	return f
}

// spans returns the runs of minutes in use, off, blind and lost.
func (l *Ledger) spans(cells []cell, from int64) (open, off, blind, gaps []Span) {
	add := func(list []Span, at time.Time, why string) []Span {
		if n := len(list) - 1; n >= 0 && list[n].To.Equal(at) && list[n].Why == why {
			list[n].To = at.Add(time.Minute)
			return list
		}
		return append(list, Span{at, at.Add(time.Minute), why})
	}
	for i := range cells {
		c := &cells[i]
		at := time.UnixMilli(from + int64(i)*minute).UTC()
		m := c.minute()
		switch m.State {
		case Off:
			off = add(off, at, l.words[c.why])
		case Blind:
			why := l.words[c.why]
			if c.bits&(isBlind|isDark) == 0 {
				why = WhyPlain
			}
			blind = add(blind, at, why)
		case Gap:
			gaps = add(gaps, at, "")
		}
		if m.InUse > 0 {
			open = add(open, at, "")
		}
	}
	return open, off, blind, gaps
}

// WhyPlain is the reason of a blind time in which the box was at a plain port: it hears who is on, and does not see who uses it.
const WhyPlain = "plain-port"

// Maintenances returns all declared maintenances that are remembered, those to come too, in the order in which they were declared.
func (l *Ledger) Maintenances() []Maintenance { return slices.Clone(l.maint) }

// maintained returns the maintenances that touch the time from from to to.
func (l *Ledger) maintained(from, to int64) (out []Maintenance) {
	for _, m := range l.maint {
		if m.From.UnixMilli() < to && m.To.UnixMilli() > from {
			out = append(out, m)
		}
	}
	return out
}

func during[T any](list []T, from, to int64, at func(T) time.Time) (out []T) {
	for _, x := range list {
		if t := at(x).UnixMilli(); from <= t && t < to {
			out = append(out, x)
		}
	}
	return out
}

func clone(as []Alert) []Alert {
	out := slices.Clone(as)
	for i := range out {
		out[i].Disputes = slices.Clone(out[i].Disputes)
	}
	return out
}
