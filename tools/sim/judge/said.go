// Package judge says how well the states, sessions and nights of a room are told: what a model, or a whole café, says of each
// minute beside what is true. It knows the truth, and so nothing that runs on a box may use it.
package judge

import (
	"cafeprobe/capture"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/sight"
	"cafeprobe/tools/sim/timeline"
)

// Said is what was said of one minute of a station.
type Said struct {
	Start  int64
	View   state.View
	State  state.State
	On     bool         // it was on, whatever it did
	P      float64      // of State; 0 where none was said
	Belief state.Belief // zero where it is not known
	Proved bool
}

// Station is what was said of one station: minutes in order, sessions as they ended.
type Station struct {
	Minutes  []Said
	Sessions []state.Session
}

// Model judges a timeline by a model of its own.
func Model(p *state.Params, t *timeline.Timeline) (st Station) {
	var sessions state.Sessions
	take := func(s *state.Settled) {
		st.Minutes = append(st.Minutes, Said{
			Start: s.Start, View: s.View, State: s.State, On: s.Belief.On() > 0.5, P: s.Belief[s.State], Belief: s.Belief,
			Proved: s.Proved,
		})
		if e, ok := sessions.Take(s); ok {
			st.Sessions = append(st.Sessions, e)
		}
	}
	m := state.New(p)
	for i := range t.Minutes {
		if s, ok := m.Step(t.Minutes[i]); ok {
			take(&s)
		}
	}
	m.Flush(take)
	if e, ok := sessions.End(); ok {
		st.Sessions = append(st.Sessions, e)
	}
	return st
}

// Observe judges a room by what the box observes of it: all of the slow side, with the stations' roles and the vantage. It
// returns a Station for each timeline of the room, in their order.
func Observe(r *sim.Room, list []timeline.Timeline) []Station {
	out := make([]Station, len(list))
	at, views := map[string]int{}, map[string]map[int64]state.View{}
	for i := range list {
		at[list[i].Station] = i
		views[list[i].Station] = map[int64]state.View{}
		for k := range list[i].Minutes {
			views[list[i].Station][list[i].Minutes[k].Start] = list[i].Minutes[k].View
		}
	}
	c := cafe.New(cafe.Config{History: 1 << 10})
	take := func(events []cafe.Event) {
		for i := range events {
			e := &events[i]
			if e.Kind != cafe.EventMinute {
				continue
			}
			for _, d := range e.Occupancy {
				mac := d.Station.MAC.String()
				if n, ok := at[mac]; ok {
					out[n].Minutes = append(out[n].Minutes, saidOf(e.Time, views[mac][e.Time], d))
				}
			}
		}
	}
	sight.Play(r, nil, func(o *capture.Observation) { take(c.Observe(o)) })
	take(c.Finish())
	for _, s := range c.Stations() {
		if n, ok := at[s.MAC.String()]; ok {
			out[n].Sessions = s.Uses
		}
	}
	return out
}

func saidOf(start int64, view state.View, d cafe.Doing) Said {
	s := Said{Start: start, View: view, P: d.P, Proved: view == state.Full}
	switch d.State {
	case cafe.StateOff:
		s.State = state.Off
	case cafe.StateBooting:
		s.State = state.Booting
	case cafe.StateOnIdle:
		s.State = state.Idle
	case cafe.StateInUse:
		s.State = state.Use
	default:
		s.P = 0
	}
	s.On = s.State >= state.Booting || d.State == cafe.StateOn
	return s
}
