package account

import (
	"encoding/json"
	"fmt"
	"time"

	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// Nights judges the nights of a café, whose stations are pseudonyms.
type Nights = hours.Nights[uplink.StationID]

// NightKeeper keeps what is known of a night over a restart, and knows what maintenance was declared.
type NightKeeper interface {
	// Keep takes the state of the nights, JSON, behind a minute of the night: late says that a station was late in it, now
	// that the state is to outlive what comes: something was told, or the profile changed.
	Keep(state []byte, late, now bool)
	// Maintained reports whether t is in a declared maintenance (rule R23).
	Maintained(t time.Time) bool
}

// minute judges a settled minute by the rules of the night. Where nobody knows what time it was, nothing can be said.
func (a *Account) minute(e *cafe.Event) error {
	at := a.stamp(e.Time)
	if a.cfg.Profile == (hours.Profile{}) || at.Quality == uplink.QualityNone {
		return nil
	}
	start := at.Time.Time()
	changed := a.nights.Change(a.cfg.Profile, start)
	m := hours.Minute[uplink.StationID]{
		Start: start, Certain: a.within(e.Time, hours.ClockError), Maintained: a.cfg.Keeper != nil && a.cfg.Keeper.Maintained(start),
	}
	late := a.inUse(&m, e.Occupancy)
	told := a.nights.Take(&m)
	if err := a.tell(at, told); err != nil {
		return err
	}
	if now := changed || len(told) > 0; now || a.nights.Night(start) {
		return a.keep(late, now)
	}
	return nil
}

// inUse fills m in: who is in use, or that it cannot be told of any station that is on. The cashier's computer is not the
// guests', so its use after hours says nothing.
func (a *Account) inUse(m *hours.Minute[uplink.StationID], doing []cafe.Doing) (late bool) {
	judged, open := 0, 0
	for i := range doing {
		d := &doing[i]
		if d.Station.Role != cafe.RolePC {
			continue
		}
		switch d.State {
		case cafe.StateInUse:
			judged++
			late = late || d.P >= hours.MinP
			m.Use = append(m.Use, hours.Use[uplink.StationID]{Station: a.pseudonym(d.Station), P: d.P})
		case cafe.StateOnIdle, cafe.StateBooting:
			judged++
		case cafe.StateOn, cafe.StateUnknown:
			open++
		}
	}
	m.Blind = judged == 0 && open > 0
	return late
}

// settling is more than what settled minutes come late by: a night is not over before its last ones can have come.
const settling = time.Hour

// pass tells the final figures of nights that were over by t where no minute came behind them, since no station is there to be
// judged.
func (a *Account) pass(t int64) error {
	at := a.stamp(t)
	if a.cfg.Profile == (hours.Profile{}) || at.Quality == uplink.QualityNone {
		return nil
	}
	changed := a.nights.Change(a.cfg.Profile, at.Time.Time())
	told := a.nights.Pass(at.Time.Time().Add(-settling))
	if !changed && len(told) == 0 {
		return nil
	}
	if err := a.tell(at, told); err != nil {
		return err
	}
	return a.keep(false, true)
}

// tell records what is told at at.
func (a *Account) tell(at uplink.Stamp, told []hours.Told) error {
	for i := range told {
		if err := a.record(recordOf(at, &told[i])); err != nil {
			return err
		}
	}
	return nil
}

func (a *Account) keep(late, now bool) error {
	if a.cfg.Keeper == nil {
		return nil
	}
	state, err := json.Marshal(a.nights)
	if err != nil {
		return fmt.Errorf("state of the night: %w", err)
	}
	a.cfg.Keeper.Keep(state, late, now)
	return nil
}

// within reports whether UTC at t is known to d. Without a Clock the frames' own times are as good as they are said to be.
func (a *Account) within(t int64, d time.Duration) bool {
	if a.cfg.Clock != nil {
		return a.cfg.Clock.Within(t, d)
	}
	return a.cfg.Quality == uplink.QualitySync
}

func recordOf(at uplink.Stamp, t *hours.Told) *uplink.AfterHours {
	return &uplink.AfterHours{
		Stamp: at, Night: uplink.Date(t.Night.String()), Stage: string(t.Stage), Category: string(t.Profile.Category),
		Hours: t.Profile.Window.String(), First: uplink.TimeOf(t.First), Last: uplink.TimeOf(t.Last), Peak: uplink.Int(t.Peak),
		Minutes: uplink.Int(t.Minutes), Blind: uplink.Int(t.Blind), Confidence: percent(t.Confidence),
		Maintained: uplink.Int(t.Maintained), Uncertain: t.Uncertain,
	}
}

// Told returns what r, a record of an earlier run, told: Nights.Know takes it.
func Told(r *uplink.AfterHours) (t hours.Told, err error) {
	t = hours.Told{
		Stage: hours.Stage(r.Stage),
		Figures: hours.Figures{
			First: r.First.Time(), Last: r.Last.Time(), Peak: int(r.Peak), Minutes: int(r.Minutes), Blind: int(r.Blind),
			Maintained: int(r.Maintained), Confidence: float64(r.Confidence) / 100, Uncertain: r.Uncertain,
		},
	}
	if t.Night, err = hours.ParseDate(string(r.Night)); err != nil {
		return t, err
	}
	w, err := hours.ParseWindow(r.Hours)
	if err != nil {
		return t, err
	}
	t.Profile, err = hours.NewProfile(hours.Category(r.Category), w, hours.Grace)
	return t, err
}
