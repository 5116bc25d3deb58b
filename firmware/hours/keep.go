package hours

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// ErrState is wrapped by errors for a text that is no state of a Nights.
var ErrState = errors.New("hours: no state")

// maxState bounds the text: four times what 1024 stations of a night of ten hours take.
const maxState = 1 << 20

// The text of a Nights.
type (
	nightsText[K comparable] struct {
		Profiles schedule       `json:"profiles"`
		Nights   []nightText[K] `json:"nights,omitempty"`
	}
	nightText[K comparable] struct {
		Night      Date             `json:"night"`
		Profile    Profile          `json:"profile"`
		Told       []Stage          `json:"told,omitempty"`
		Over       bool             `json:"over,omitempty"`
		Newest     int              `json:"newest"`
		Seen       set              `json:"seen"`
		Unsure     set              `json:"unsure"`
		Maintained set              `json:"maintained"`
		Percent    int              `json:"percent"`
		Base       *base            `json:"base,omitempty"`
		Stations   []stationText[K] `json:"stations,omitempty"`
	}
	stationText[K comparable] struct {
		Station K   `json:"st"`
		Late    set `json:"late"`
	}
)

// MarshalJSON writes all that n knows: a Nights that reads it goes on as n does.
func (n *Nights[K]) MarshalJSON() ([]byte, error) {
	text := nightsText[K]{Profiles: n.schedule}
	for _, nt := range n.nights {
		t := nightText[K]{
			Night: nt.date, Profile: nt.profile, Told: nt.told, Over: nt.over, Newest: nt.newest, Seen: nt.seen,
			Unsure: nt.unsure, Maintained: nt.maintained, Percent: nt.percent,
		}
		if nt.base != (base{}) {
			t.Base = &nt.base
		}
		for _, s := range nt.stations {
			t.Stations = append(t.Stations, stationText[K]{s.key, s.late})
		}
		text.Nights = append(text.Nights, t)
	}
	return json.Marshal(text)
}

// UnmarshalJSON reads what MarshalJSON writes. It returns an error that wraps ErrState for anything else, and leaves n as it
// was.
func (n *Nights[K]) UnmarshalJSON(b []byte) error {
	var text nightsText[K]
	if len(b) > maxState {
		return fmt.Errorf("%w: %d octets", ErrState, len(b))
	}
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if err := text.Profiles.valid(); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if len(text.Nights) > maxNights {
		return fmt.Errorf("%w: %d nights", ErrState, len(text.Nights))
	}
	out := Nights[K]{schedule: text.Profiles}
	for i := range text.Nights {
		nt, err := text.Nights[i].night()
		if err == nil && out.find(nt.date) != nil {
			err = errors.New("a night twice")
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrState, err)
		}
		out.nights = append(out.nights, nt)
	}
	*n = out
	return nil
}

// night checks t and returns what it says.
func (t *nightText[K]) night() (*night[K], error) {
	if err := t.Profile.valid(); err != nil {
		return nil, err
	}
	minutes := t.Profile.Window.Minutes()
	for i, s := range t.Told {
		if s != Watch && s != Alert && s != End || slices.Contains(t.Told[:i], s) {
			return nil, fmt.Errorf("stage %.10q", s)
		}
	}
	n := &night[K]{
		date: t.Night, profile: t.Profile, told: t.Told, over: t.Over, newest: t.Newest, seen: t.Seen, unsure: t.Unsure,
		maintained: t.Maintained, percent: t.Percent,
	}
	if t.Base != nil {
		n.base = *t.Base
	}
	given := t.Newest + 1
	if minutes == 0 || given < 0 || given > minutes || t.Percent < 0 || t.Percent > maxMinutes*100 || !n.base.valid(given) ||
		!t.Seen.below(given) || !t.Unsure.below(given) || !t.Maintained.below(given) || len(t.Stations) > maxStations {
		return nil, errors.New("minutes out of range")
	}
	known := map[K]bool{}
	for _, s := range t.Stations {
		if known[s.Station] || !s.Late.below(given) {
			return nil, errors.New("station twice, or minutes out of range")
		}
		known[s.Station] = true
		n.stations = append(n.stations, station[K]{s.Station, s.Late})
	}
	return n, nil
}

// maxMinutes is more station-minutes than a night has.
const maxMinutes = maxStations * day

func (b *base) valid(minutes int) bool {
	in := func(v, most int) bool { return v >= 0 && v <= most }
	last := max(0, b.To-1)
	return in(b.To, minutes) && in(b.First, last) && in(b.Last, last) && b.First <= b.Last &&
		in(b.Peak, maxStations) && in(b.Minutes, maxMinutes) && in(b.Percent, 100*maxMinutes) &&
		in(b.Blind, b.To) && in(b.Maintained, b.To)
}

// below reports whether all of s is below n.
func (s *set) below(n int) bool {
	_, last, ok := s.ends()
	return !ok || last < n
}
