// Package timeline has what stations showed minute by minute beside what they truly did, for scores and for the fit of
// firmware/state; and keeps it in files.
//
// A file is JSON, a line a station, gzipped where its name ends with .gz:
//
//	{"v":1,"room":"7","station":"2c:f0:5d:00:00:01",
//	 "sessions":[{"from":1795777200000000000,"to":1795780800000000000}],
//	 "minutes":[{"at":1795777200000000000,"view":"Full","state":"IN_USE","sent":1800,"signs":["cpu"],"play":60,…}]}
//
// Moments are nanoseconds since the Unix epoch. What is 0 or empty is left out. The keys of a minute are state.Minute's
// fields, state is what it truly was for the most of it and may be UNKNOWN; signs are boot, cpu, farewell, game, locked
// and unanswered.
package timeline

import (
	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/sight"
)

// Timeline is one station, minute by minute, with what it truly did: States[i] in Minutes[i].
type Timeline struct {
	Room     string // minutes of one room are of one time and place
	Station  string
	Minutes  []state.Minute
	States   []state.State
	Sessions []sim.Interval // who sat there; nil: that is as the minutes' states say
}

// Labelled returns t as state.Fit takes it.
func (t *Timeline) Labelled() state.Labelled {
	return state.Labelled{Minutes: t.Minutes, States: t.States}
}

// Uses returns when the station was in use.
func (t *Timeline) Uses() (uses []sim.Interval) {
	if t.Sessions != nil {
		return t.Sessions
	}
	for i, s := range t.States {
		from := t.Minutes[i].Start
		switch n := len(uses) - 1; {
		case s != state.Use:
		case n >= 0 && uses[n].To == from:
			uses[n].To = from + minute
		default:
			uses = append(uses, sim.Interval{From: from, To: from + minute})
		}
	}
	return uses
}

const minute = int64(60e9)

// Of returns the timelines of a room's PCs for guests, in the room's order: the box's minutes, without frames (see
// sight.Minutes).
func Of(r *sim.Room, name string) (list []Timeline) {
	at := map[int]int{}
	for i := range r.Stations {
		if r.Stations[i].Role != sim.PC {
			continue
		}
		at[i] = len(list)
		t := Timeline{Room: name, Station: r.Stations[i].MAC.String(), Sessions: []sim.Interval{}}
		for _, s := range r.Truth.Stations[i].Sessions {
			t.Sessions = append(t.Sessions, s.Interval)
		}
		list = append(list, t)
	}
	sight.Minutes(r, nil, func(x *sight.Told) {
		if n, ok := at[x.Station]; ok {
			list[n].Minutes = append(list[n].Minutes, x.Minute)
			list[n].States = append(list[n].States, x.State)
		}
	})
	return list
}
