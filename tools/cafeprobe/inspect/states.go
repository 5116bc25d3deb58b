package inspect

import (
	"slices"
	"time"

	"cafeprobe/capture/title"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/state"
)

// states lays what s did end to end: off between the times it was on, unknown where nobody could be heard; and while it
// was on, what its minutes were judged to be, with the ends of use to the second.
func states(s *cafe.Station, blind []cafe.Interval) []State {
	list := []State{}
	for i, e := range s.Sessions {
		if i > 0 {
			before := s.Sessions[i-1]
			between := State{cafe.StateOff.String(), Time(before.End), Time(e.Start), before.Confidence}
			if slices.ContainsFunc(blind, func(b cafe.Interval) bool { return b.Start < e.Start && b.End > before.End }) {
				between.State, between.P = cafe.StateUnknown.String(), 1
			}
			if between.From < between.To {
				list = append(list, between)
			}
		}
		list = append(list, while(s, e)...)
	}
	return list
}

// while returns what s did while it was on.
func while(s *cafe.Station, on cafe.Session) []State {
	all := []State{{cafe.StateOn.String(), Time(on.Start), Time(on.End), on.Confidence}}
	if !seat(s) {
		return all
	}
	for _, d := range s.Did {
		switch d.State {
		case cafe.StateBooting, cafe.StateOnIdle, cafe.StateInUse:
			all = paint(all, d.State, d.From, d.To, d.P)
		case cafe.StateOff: // of a card that answers while its computer sleeps; the ends are known to the second
			if d.To-d.From >= asleep {
				all = paint(all, d.State, d.From, d.To, d.P)
			}
		}
	}
	for _, u := range s.Uses { // their ends are known better than to the minute
		all = paint(all, cafe.StateInUse, u.Start, u.End, u.Confidence)
		all = paint(all, cafe.StateOnIdle, u.Start-u.Start%minute, u.Start, doubt)
		all = paint(all, cafe.StateOnIdle, u.End, u.End-u.End%minute+minute, doubt)
	}
	return all
}

const (
	minute = int64(time.Minute)
	asleep = 3 * minute

	// doubt is the probability of what is said of a part of a minute that is said to be of use as a whole.
	doubt = 0.5
)

// paint lays one state from from to to over what is there.
func paint(all []State, what cafe.State, from, to int64, p float64) []State {
	if Time(to) <= all[0].From || Time(from) >= all[len(all)-1].To {
		return all
	}
	var out []State
	keep := func(s State) {
		switch n := len(out) - 1; {
		case s.From >= s.To && len(all) > 1:
		case n >= 0 && out[n].State == s.State && out[n].P == s.P:
			out[n].To = s.To
		default:
			out = append(out, s)
		}
	}
	for _, s := range all {
		a, b := max(s.From, Time(from)), min(s.To, Time(to))
		if a >= b {
			keep(s)
			continue
		}
		keep(State{s.State, s.From, a, s.P})
		keep(State{what.String(), a, b, p})
		keep(State{s.State, b, s.To, s.P})
	}
	return out
}

// seat reports whether somebody may sit at s. Of what is no computer, as far as is known, a session is a time for which it
// was on.
func seat(s *cafe.Station) bool {
	return s.Seat() || s.Role == cafe.RoleUnknown && len(s.Uses) > 0
}

// sessions returns when s was in use.
func sessions(s *cafe.Station, titles *title.Table) []Session {
	if !seat(s) {
		return power(s)
	}
	list := []Session{}
	name := func(id uint16) string { return titles.Title(title.ID(id)).Name }
	english, vietnamese := state.Teller{Title: name}, state.Teller{Title: name, Language: state.Vietnamese}
	for i := range s.Uses {
		u := &s.Uses[i]
		list = append(list, Session{
			Start: Time(u.Start), End: Time(u.End), StartErr: u.StartErr.Seconds(), EndErr: u.EndErr.Seconds(),
			Opened: u.Began.String(), Cause: u.Ended.String(), Confidence: u.Confidence,
			Why: english.Why(u), WhyVI: vietnamese.Why(u),
		})
	}
	return list
}

// power returns when s was on.
func power(s *cafe.Station) []Session {
	list := []Session{}
	for _, e := range s.Sessions {
		why := []string{}
		for _, r := range e.Why {
			why = append(why, r.String())
		}
		list = append(list, Session{
			Start: Time(e.Start), End: Time(e.End), StartErr: e.StartErr.Seconds(), EndErr: e.EndErr.Seconds(),
			Opened: string(e.Opened), Cause: string(e.Closed), Confidence: e.Confidence, Why: why,
		})
	}
	return list
}
