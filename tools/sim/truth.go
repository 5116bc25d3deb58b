package sim

import (
	"sort"
	"time"

	"cafeprobe/tools/sim/shape"
)

// State is what a station does, in the words of inspect's document.
type State string

// The states.
const (
	Off     State = "OFF"
	Booting State = "BOOTING"
	Idle    State = "ON_IDLE"
	InUse   State = "IN_USE"
)

// Interval is a stretch of time, its end not included, nanoseconds since the Unix epoch.
type Interval struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

func (i Interval) has(t int64) bool { return i.From <= t && t < i.To }

func (i Interval) within(from, to int64) Interval { return Interval{max(i.From, from), min(i.To, to)} }

// End is how a span ends.
type End string

// The ends. A span that goes over into another state of a running station has none.
const (
	Shutdown End = "shutdown" // in order: leases and names are given back
	Reset    End = "reset"    // the next boot begins without a word
	Cut      End = "cut"      // the power is gone
)

// Span is a stretch of one state.
type Span struct {
	State State `json:"state"`
	Interval
	End End `json:"end,omitempty"`
}

// Session is one guest, or the staff, at a station.
type Session struct {
	Interval
	Late bool `json:"late,omitempty"` // goes on, or begins, after closing time without being allowed to
}

// Activity is what somebody, or the station itself, does.
type Activity struct {
	What  shape.Class `json:"-"`
	Word  string      `json:"what"`
	Title string      `json:"title,omitempty"` // the game, the site
	Interval
	Tunnel bool `json:"tunnel,omitempty"` // hidden in a VPN

	title *shape.Title
}

// Facts are the truth of one station.
type Facts struct {
	MAC        string     `json:"mac"`
	Role       Role       `json:"role"`
	Addr       string     `json:"addr"`
	Name       string     `json:"name,omitempty"`
	Hidden     bool       `json:"hidden,omitempty"`
	Spans      []Span     `json:"states"` // without gaps from Truth.From to Truth.To
	Sessions   []Session  `json:"sessions,omitempty"`
	Activities []Activity `json:"activities,omitempty"`
}

// Sight is what the box can see of a station.
type Sight string

// The sights: the views of firmware/state.
const (
	SeesAll        Sight = "full"
	SeesBroadcasts Sight = "broadcasts"
	SeesNothing    Sight = "blind"
)

// View is a stretch of time in which the box sees no more than Sight.
type View struct {
	Sight Sight `json:"sight"`
	Interval
}

// Truth is all that happens in the room.
type Truth struct {
	Seed     uint64 `json:"seed"`
	Interval        // of what is made up
	Vantage  string `json:"vantage"`

	Stations []Facts    `json:"stations"` // in the order of Room.Stations
	Views    []View     `json:"views"`    // without gaps; hidden stations are never seen better than by broadcasts
	Outages  []Interval `json:"outages,omitempty"`
	Cuts     []Interval `json:"power_cuts,omitempty"`
}

// StateAt returns the state of station i at t, and the span that it is in.
func (t *Truth) StateAt(i int, at int64) (State, *Span) {
	list := t.Stations[i].Spans
	n := sort.Search(len(list), func(n int) bool { return list[n].To > at })
	if n == len(list) || list[n].From > at {
		return Off, nil
	}
	return list[n].State, &list[n]
}

// MinuteState returns the state that station i is in for most of the minute that starts at from.
func (t *Truth) MinuteState(i int, from int64) State {
	var had [4]int64
	states := [4]State{Off, Booting, Idle, InUse}
	for at, end := from, from+int64(time.Minute); at < end; {
		s, span := t.StateAt(i, at)
		to := end
		if span != nil {
			to = min(end, span.To)
		}
		for n := range states {
			if states[n] == s {
				had[n] += to - at
			}
		}
		at = to
	}
	best := 0
	for n := range had {
		if had[n] > had[best] {
			best = n
		}
	}
	return states[best]
}

// SightOf returns what the box can see of station i at t.
func (t *Truth) SightOf(i int, at int64) Sight {
	s := SeesAll
	for _, v := range t.Views {
		if v.has(at) {
			s = v.Sight
		}
	}
	if s == SeesAll && t.Stations[i].Hidden {
		s = SeesBroadcasts
	}
	return s
}

// Late returns the minutes, by their starts, of forbidden hours in which station i was in use when they began (rule R1).
func (t *Truth) Late(i int) (minutes []int64) {
	for m := up(t.From, int64(time.Minute)); m < t.To; m += int64(time.Minute) {
		if s, _ := t.StateAt(i, m); s == InUse && forbidden(m) {
			minutes = append(minutes, m)
		}
	}
	return minutes
}

// Night is one night of a room, by the evening in which it begins.
type Night struct {
	Evening  string `json:"evening"`  // 2026-11-27
	Stations int    `json:"stations"` // guests' PCs that were used for a minute of it
	Minutes  int    `json:"minutes"`  // of all of them together
	Longest  []int  `json:"longest"`  // of each: the most minutes in a row
	First    int64  `json:"first"`    // the first such minute
	Last     int64  `json:"last"`
}

// Nights returns the nights in which guests' PCs were used in forbidden hours.
func (t *Truth) Nights() (nights []Night) {
	at := map[string]int{}
	for i := range t.Stations {
		if t.Stations[i].Role != PC {
			continue
		}
		run, last, before := 0, int64(0), ""
		for _, m := range t.Late(i) {
			evening := time.Unix(0, m).In(vietnam).Add(-opens).Format(time.DateOnly)
			n, ok := at[evening]
			if !ok {
				n = len(nights)
				at[evening] = n
				nights = append(nights, Night{Evening: evening, First: m})
			}
			night := &nights[n]
			if before != evening {
				night.Stations++
				night.Longest = append(night.Longest, 0)
				before, run = evening, 0
			}
			if run++; m-last != int64(time.Minute) {
				run = 1
			}
			last = m
			longest := &night.Longest[len(night.Longest)-1]
			*longest = max(*longest, run)
			night.Minutes++
			night.First, night.Last = min(night.First, m), max(night.Last, m)
		}
	}
	sort.Slice(nights, func(i, j int) bool { return nights[i].Evening < nights[j].Evening })
	return nights
}

// forbidden reports whether t is within [22:00, 08:00) in Vietnam.
func forbidden(t int64) bool {
	d := sinceMidnight(t)
	return d >= closes || d < opens
}

// sinceMidnight returns how long ago it was midnight in Vietnam, which has no summer time.
func sinceMidnight(t int64) time.Duration {
	return time.Duration((t + int64(7*time.Hour)) % int64(24*time.Hour))
}

func up(t, to int64) int64 { return (t + to - 1) / to * to }
