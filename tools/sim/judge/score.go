package judge

import (
	"slices"
	"time"

	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/timeline"
)

// Score is how well rooms were judged. The zero Score is of none.
type Score struct {
	Rooms int
	Views [state.Full + 1]View // minutes, by what could be seen of the station
	Uses  Uses                 // sessions
	Apart Uses                 // likewise, but two guests whom nothing parts, told as one, are one: see apart
	Night Nights
}

// View is how well minutes of one view were judged.
type View struct {
	Minutes  int
	Right    int // the state that was said is the true one
	On       int // on or off is right; within five minutes
	Unproved int // use was claimed with more than 0.7, and nothing proved it
	Silent   int // no state was said

	Confusion   [state.Use + 1][state.Use + 1]int // true, said
	States, Ons state.Calibration                 // of the state that was said, and of on or off
}

// Uses is how well sessions were found, of stations and in times of which all is seen.
type Uses struct {
	True, Said int
	Found      int // with both ends within Slack of the truth, beyond the errors that are stated
	Close      int // both ends within five minutes, whatever is stated
	Starts     []time.Duration
	Ends       []time.Duration // how far those of Close are off
	Stated     []time.Duration // the larger error that sessions of Close state
	Confident  state.Calibration
	Missed     [causes]int // true sessions that are not found, by cause
}

// Slack is how far the ends of a session may be off beyond what it states: the rule of the shared captures.
const Slack = time.Minute

const (
	minute = int64(time.Minute)
	near   = 5 // minutes
	edge   = 5 * minute
)

// F1 returns the harmonic mean of precision and recall of sessions.
func (u *Uses) F1() float64 { return ratio(2*u.Found, u.True+u.Said) }

// F1Close is F1 with ends within five minutes.
func (u *Uses) F1Close() float64 { return ratio(2*u.Close, u.True+u.Said) }

func ratio(a, b int) float64 { return float64(a) / float64(max(1, b)) }

// Accuracy returns the share of minutes whose state is right.
func (v *View) Accuracy() float64 { return ratio(v.Right, v.Minutes) }

// OnNear returns the share of minutes in which on or off is right within five minutes.
func (v *View) OnNear() float64 { return ratio(v.On, v.Minutes) }

// Add takes what was said of one station.
func (c *Score) Add(t *timeline.Timeline, st *Station) {
	truth := map[int64]state.State{}
	views := map[int64]state.View{}
	for i := range t.Minutes {
		truth[t.Minutes[i].Start], views[t.Minutes[i].Start] = t.States[i], t.Minutes[i].View
	}
	for i := range st.Minutes {
		s := &st.Minutes[i]
		if is, ok := truth[s.Start]; ok && is != state.Unknown {
			c.Views[s.View].add(s, is, truth)
		}
	}
	if len(t.Minutes) > 0 {
		from, to := t.Minutes[0].Start, t.Minutes[len(t.Minutes)-1].Start+minute
		c.Uses.add(t, from, to, t.Uses(), st.Sessions, views)
		c.Apart.add(t, from, to, apart(t, st.Sessions), st.Sessions, views)
	}
}

func (v *View) add(s *Said, is state.State, truth map[int64]state.State) {
	v.Minutes++
	v.Confusion[is][s.State]++
	if s.State == is {
		v.Right++
	}
	if s.State == state.Unknown {
		v.Silent++
	} else {
		v.States.Add(s.P, s.State == is)
	}
	if s.Belief != (state.Belief{}) {
		on := s.Belief.On()
		v.Ons.Add(max(on, 1-on), (on > 0.5) == (is != state.Off))
	}
	if (s.State == state.Use && s.P > 0.7 || s.Belief[state.Use] > 0.7) && !s.Proved && s.View == state.Broadcasts {
		v.Unproved++
	}
	for k := int64(-near); k <= near; k++ {
		if other, ok := truth[s.Start+k*minute]; ok && (other != state.Off) == s.On {
			v.On++
			break
		}
	}
}

// unparted is how long nobody sits at a station, at most, for two guests to be taken for one who paused: as long as a pause of one
// may be (the menus between two matches last up to nine minutes in shape.Titles).
const unparted = 10 * minute

// apart returns t's uses as somebody can know them who sees all that is on the wire: two guests who follow each other within
// unparted, on a station that neither boots nor is off between them, are one where said has one that goes over both.
func apart(t *timeline.Timeline, said []state.Session) (uses []sim.Interval) {
	for _, x := range t.Uses() {
		n := len(uses) - 1
		if n >= 0 && x.From-uses[n].To < unparted && !parted(t, uses[n].To, x.From) && slices.ContainsFunc(said, func(s state.Session) bool {
			return s.Start < uses[n].To-minute && s.End > x.From+minute
		}) {
			uses[n].To = x.To
			continue
		}
		uses = append(uses, x)
	}
	return uses
}

// parted reports whether t's station is off, boots, or shows that it does, between from and to.
func parted(t *timeline.Timeline, from, to int64) bool {
	for i := range t.Minutes {
		m := &t.Minutes[i]
		if m.Start+minute > from && m.Start < to && (t.States[i] < state.Idle || m.Signs&state.Boot != 0) {
			return true
		}
	}
	return false
}

// add compares the sessions of a station whose minutes are from from to to. Of those in the first and last five minutes, which are cut
// off, true ones that are not found count for nothing, as those that are said there do.
func (u *Uses) add(t *timeline.Timeline, from, to int64, uses []sim.Interval, said []state.Session, views map[int64]state.View) {
	seen := func(a, b int64) bool {
		for m := a - a%minute; m < b; m += minute {
			if v, ok := views[m]; ok && v != state.Full {
				return false
			}
		}
		return true
	}
	var left []sim.Interval
	for _, x := range uses {
		x.From, x.To = max(x.From, from), min(x.To, to)
		if x.To-x.From >= 3*minute && seen(x.From, x.To) {
			left = append(left, x)
		}
	}
	u.True += len(left)
	all := slices.Clone(left)
	for i := range said {
		s := &said[i]
		if !seen(s.Start, s.End) || s.End < from+edge || s.Start > to-edge {
			continue
		}
		u.Said++
		n, hit := u.best(left, s)
		u.Confident.Add(s.Confidence, hit)
		if n < 0 {
			continue
		}
		x := left[n]
		left = append(left[:n:n], left[n+1:]...)
		if hit {
			u.Found++
		} else {
			u.Missed[causeOf(t, x, all, said)]++
		}
		start, end := abs(s.Start-x.From), abs(s.End-x.To)
		if start > edge || end > edge {
			continue
		}
		u.Close++
		u.Stated = append(u.Stated, max(s.StartErr, s.EndErr))
		if x.From > from { // before, nobody saw when it began
			u.Starts = append(u.Starts, time.Duration(start))
		}
		if x.To < to {
			u.Ends = append(u.Ends, time.Duration(end))
		}
	}
	for _, x := range left {
		if x.To < from+edge || x.From > to-edge {
			u.True--
			continue
		}
		u.Missed[causeOf(t, x, all, said)]++
	}
}

// best returns which of the true sessions s is, −1 for none; hit says that the ends are where s says.
func (u *Uses) best(left []sim.Interval, s *state.Session) (n int, hit bool) {
	n = -1
	for i, x := range left {
		start, end := abs(s.Start-x.From), abs(s.End-x.To)
		switch {
		case start <= int64(Slack+s.StartErr) && end <= int64(Slack+s.EndErr):
			return i, true
		case start <= edge && end <= edge:
			n = i
		}
	}
	return n, false
}

func abs(n int64) int64 { return max(n, -n) }
