package cafe

import (
	"cmp"
	"slices"
	"time"

	"cafeprobe/firmware/state"
)

// judged is a station whose minutes are judged.
type judged struct {
	model    *state.Model
	sessions state.Sessions
	told     bool // of the open session
}

// Stretch is a time in which a station did one thing, whole minutes.
type Stretch struct {
	State    State
	From, To int64   // nanoseconds since the Unix epoch
	P        float64 // mean probability of the state, 0 to 1
}

// settled is what a station did in one minute.
type settled struct {
	start int64
	doing Doing
}

// settle closes the minutes that are complete, judges them, and tells of those on which later ones have had their say.
func (c *Cafe) settle() {
	n := c.now / int64(time.Minute)
	if n == c.minute {
		return
	}
	c.minute = n
	c.sees = c.Vantage()
	for _, s := range c.Stations() {
		s.shown.Take(c.now, c.view(s), func(m *state.Minute) { c.judgeMinute(s, m) })
	}
	c.tellMinutes()
	c.tellEmpty()
}

// judgeMinute takes the next minute of s. One that was not heard in two minutes is not judged: it may be no station.
func (c *Cafe) judgeMinute(s *Station, m *state.Minute) {
	if s.judged == nil {
		if !s.Confirmed {
			return
		}
		s.judged = &judged{model: state.New(c.params)}
	}
	if done, ok := s.judged.model.Step(*m); ok {
		c.take(s, &done)
	}
}

// take takes a settled minute of s.
func (c *Cafe) take(s *Station, m *state.Settled) {
	d := Doing{Station: s, State: stateOf(m), P: m.Belief[m.State]}
	if m.State == state.Unknown {
		d.P = 1
	}
	s.did(m.Start, d, c.cfg.History)
	if s.Reported() && s.Seat() {
		c.settled = append(c.settled, settled{m.Start, d})
	}
	if ended, ok := s.judged.sessions.Take(m); ok {
		c.endUse(s, &ended)
	}
	if s.judged.told || !s.Reported() || !s.Seat() {
		return
	}
	if open, ok := s.judged.sessions.Current(); ok {
		s.judged.told = true
		c.events = append(c.events, Event{Kind: EventUse, Time: c.now, Station: s, Use: open})
	}
}

// endUse takes the end of a session of use.
func (c *Cafe) endUse(s *Station, e *state.Session) {
	told := s.judged.told
	s.judged.told = false
	if len(s.Uses) >= c.cfg.History {
		s.Uses = append(s.Uses[:0], s.Uses[1:]...)
	}
	s.Uses = append(s.Uses, *e)
	if told || s.Reported() && s.Seat() {
		c.events = append(c.events, Event{Kind: EventUse, Time: c.now, Station: s, Use: *e})
	}
}

// endMinutes closes and settles all that is open of s, as nothing will follow of it.
func (c *Cafe) endMinutes(s *Station) {
	s.shown.Flush(c.view(s), func(m *state.Minute) { c.judgeMinute(s, m) })
	if s.judged == nil {
		return
	}
	s.judged.model.Flush(func(m *state.Settled) { c.take(s, m) })
	if e, ok := s.judged.sessions.End(); ok {
		c.endUse(s, &e)
	}
}

// forgetMinutes begins anew with s: the clock was set back, or it is forgotten.
func (c *Cafe) forgetMinutes(s *Station) {
	c.endMinutes(s)
	s.shown.Reset()
	s.judged = nil
}

// tellMinutes says what all seats did in each minute that was settled.
func (c *Cafe) tellMinutes() {
	slices.SortFunc(c.settled, func(a, b settled) int {
		return cmp.Or(cmp.Compare(a.start, b.start), slices.Compare(a.doing.Station.MAC[:], b.doing.Station.MAC[:]))
	})
	for from := 0; from < len(c.settled); {
		to := from
		e := Event{Kind: EventMinute, Time: c.settled[from].start}
		for ; to < len(c.settled) && c.settled[to].start == e.Time; to++ {
			e.Occupancy = append(e.Occupancy, c.settled[to].doing)
		}
		c.events = append(c.events, e)
		from = to
	}
	c.settled = c.settled[:0]
}

// Seat reports whether s is a computer at which somebody may sit.
func (s *Station) Seat() bool { return s.Role == RolePC || s.Role == RoleCashier }

// did notes what s did in the minute that began at start.
func (s *Station) did(start int64, d Doing, keep int) {
	end := start + int64(time.Minute)
	if n := len(s.Did); n > 0 {
		if l := &s.Did[n-1]; l.State == d.State && l.To == start {
			minutes := float64((l.To - l.From) / int64(time.Minute))
			l.P, l.To = (l.P*minutes+d.P)/(minutes+1), end
			return
		}
	}
	if len(s.Did) >= keep {
		s.Did = append(s.Did[:0], s.Did[1:]...)
	}
	s.Did = append(s.Did, Stretch{State: d.State, From: start, To: end, P: d.P})
}

// stateOf returns what is said of a settled minute. Where nothing proves what a station does that runs, it is on.
func stateOf(m *state.Settled) State {
	switch m.State {
	case state.Off:
		return StateOff
	case state.Booting:
		return StateBooting
	case state.Idle:
		return StateOnIdle
	case state.Use:
		return StateInUse
	}
	if m.View != state.Blind && m.Belief.On() > 0.5 {
		return StateOn
	}
	return StateUnknown
}

// sure is how probable a state has to be for it to be said of now (rule R1: 0.7 is what use is counted from).
const sure = 0.7

// doing returns what s does now: by its silence whether it is on, and by the newest minute what.
func (s *Station) doing(now int64, blind bool) Doing {
	d := Doing{Station: s, State: s.StateAt(now, blind), P: 1}
	if d.State != StateOn || s.judged == nil || !s.Seat() {
		return d
	}
	b := s.judged.model.Now()
	switch {
	case b[state.Use] > sure:
		d.State, d.P = StateInUse, b[state.Use]
	case b[state.Idle] > sure:
		d.State, d.P = StateOnIdle, b[state.Idle]
	case b[state.Booting] > sure:
		d.State, d.P = StateBooting, b[state.Booting]
	}
	return d
}
