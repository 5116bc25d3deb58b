// Package account turns what the café did into what the province is told. It is the only place that knows both: here a
// MAC address becomes a pseudonym, and here a device that is somebody's own ends.
//
// It is pure, and its records depend on nothing but the events and the configuration: a capture that is replayed gives
// the same octets.
package account

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// Config configures an Account.
type Config struct {
	Secret  [32]byte       // of the box; what pseudonyms are made with
	Clock   Clock          // says when the events' times were; nil, as in a replay: they are UTC, see Quality
	Quality uplink.Quality // how far the events' times can be trusted where there is no Clock
	Window  time.Duration  // period of the café's occupancy events

	Profile hours.Profile // what nights are judged by; the zero Profile: none are
	Nights  *Nights       // what an earlier run knew of them; nil: nothing
	Keeper  NightKeeper   // keeps that for the next run; nil, as in a replay: nobody does
}

// Clock says when t was, a time of the events: on a box that listens they are steady, and only the Clock knows UTC.
type Clock interface {
	Stamp(t int64) uplink.Stamp
	Within(t int64, d time.Duration) bool // whether that is known to d
}

// Sink takes what an Account makes, in order. Records must not be lost; an Occ replaces the one before it.
type Sink interface {
	Record(uplink.Record) error
	Occ(uplink.Occ) error
}

// Keeper is a Sink that keeps what was learned of the mirror for the next run: see cafe.Config.Mirror.
type Keeper interface {
	Mirror(cafe.Mirror) error
}

// ComputerKeeper is a Sink that keeps what was learned of computers for the next run: see cafe.Config.Computers.
type ComputerKeeper interface {
	Computers([]cafe.Computer) error
}

// Account keeps the books of one café. Use New. It is not safe for concurrent use.
type Account struct {
	cfg   Config
	sink  Sink
	base  int64 // where there is no Clock, the time from which m counts: the first event's
	begun bool

	rev     uplink.Int // revision of the roster, rises with every change
	roster  []uplink.Member
	place   map[capture.MAC]int // index in roster, by Station.ID
	changed bool                // the roster was changed since it was sent
	sent    int64               // when it was

	nights *Nights
}

// New returns an Account that writes to sink.
func New(cfg Config, sink Sink) *Account {
	a := &Account{cfg: cfg, sink: sink, place: map[capture.MAC]int{}, nights: cfg.Nights}
	if a.nights == nil {
		a.nights = new(Nights)
	}
	return a
}

// Take books one event.
func (a *Account) Take(e *cafe.Event) error {
	if !a.begun {
		a.begun, a.base = true, e.Time
	}
	switch e.Kind {
	case cafe.EventStation:
		a.member(e.Station)
		return nil
	case cafe.EventOpen:
		a.member(e.Station)
		return a.record(&uplink.Open{
			Station:    a.pseudonym(e.Station),
			Stamp:      a.stamp(e.Session.Start),
			Confidence: confidence(e.Session.Opened),
			Uncertain:  seconds(e.Session.StartErr),
		})
	case cafe.EventClose:
		return a.record(&uplink.Close{
			Station:    a.pseudonym(e.Station),
			Stamp:      a.stamp(e.Session.End),
			Cause:      causes[e.Session.Closed],
			Confidence: percent(e.Session.Confidence),
			Uncertain:  seconds(e.Session.EndErr),
			Duration:   seconds(time.Duration(e.Session.End - e.Session.Start)),
			Began:      a.began(e.Session.Start),
		})
	case cafe.EventVantage:
		return a.record(a.vantage(e))
	case cafe.EventBlind:
		b := &uplink.Blind{Stamp: a.stamp(e.From), Blind: e.To == 0, Why: string(e.Why)}
		if e.To != 0 {
			b.Stamp = a.stamp(e.To)
		}
		return a.record(b)
	case cafe.EventOccupancy:
		return errors.Join(a.pass(e.Time), a.occupancy(e))
	case cafe.EventUse:
		return a.use(e)
	case cafe.EventMinute:
		return a.minute(e)
	case cafe.EventMirror:
		if k, ok := a.sink.(Keeper); ok {
			return k.Mirror(e.Mirror)
		}
		return nil
	case cafe.EventComputers:
		if k, ok := a.sink.(ComputerKeeper); ok {
			return k.Computers(e.Computers)
		}
		return nil
	}
	return fmt.Errorf("account: event of unknown kind %d", e.Kind)
}

// vantage says how many stations are hidden, and never which.
func (a *Account) vantage(e *cafe.Event) *uplink.Vantage {
	v := &e.Vantage
	r := &uplink.Vantage{
		Stamp: a.stamp(e.Time), Class: string(v.Grade), Confidence: percent(v.Confidence), Why: string(v.Word),
		Stations: uplink.Int(v.Both), Hidden: uplink.Int(len(v.Hidden)),
	}
	if share, ok := v.Loss.Share(); ok {
		r.Lost = uplink.Int(math.Round(10_000 * share))
		r.Of = uplink.Int((v.Loss.Came + v.Loss.Lost) / 1000)
	}
	return r
}

// causes translates why a session ended into the terms of RFC 2866 §5.10.
var causes = map[cafe.Cause]uplink.Cause{
	cafe.CauseOff:       uplink.CauseIdleTimeout,
	cafe.CauseRelease:   uplink.CauseUserRequest,
	cafe.CauseReboot:    uplink.CauseHostRequest,
	cafe.CauseBlind:     uplink.CauseLostService,
	cafe.CauseEnd:       uplink.CauseNASReboot,
	cafe.CauseClock:     uplink.CauseNASRequest,
	cafe.CauseForgotten: uplink.CauseNASRequest,
}

// confidence is that a session is open at all: two minutes of evidence have been seen when it is reported, and a boot
// leaves less doubt than frames alone. (First version; calibration comes with the states.)
func confidence(opened cafe.Cause) uplink.Int {
	if opened == cafe.CauseBoot {
		return 95
	}
	return 75
}

func (a *Account) record(b uplink.Body) error {
	r, err := uplink.Encode(b)
	if err != nil {
		return err
	}
	return a.sink.Record(r)
}

// member puts s into the roster, or notes its new role.
func (a *Account) member(s *cafe.Station) {
	m := uplink.Member{Station: a.pseudonym(s), Role: s.Role.String()}
	i, ok := a.place[s.ID()]
	switch {
	case !ok:
		a.place[s.ID()] = len(a.roster)
		a.roster = append(a.roster, m)
	case a.roster[i] == m:
		return
	default:
		a.roster[i] = m
	}
	a.changed = true
}

// pseudonym returns what s is told of by: Keys of the same secret have made its alias, if it has one.
func (a *Account) pseudonym(s *cafe.Station) uplink.StationID {
	if alias := s.Alias(); alias != "" {
		return uplink.StationID(alias)
	}
	return uplink.NewStationID(a.cfg.Secret, s.ID())
}

// maxRoster is how many stations, told of in all, the roster may hold before those that the café has forgotten leave it. A
// café remembers 1024. Somebody who makes up addresses, and keeps each for two minutes, would let it grow past what an Occ
// may hold.
const maxRoster = 2048

// strike begins the roster anew: what the café still knows is put in behind.
func (a *Account) strike() {
	a.roster = nil
	clear(a.place)
	a.changed = true
}

// sendAgain is after how long the roster is sent though it is the same, so that who has the records of a few days knows what
// stations they are of.
const sendAgain = int64(24 * time.Hour)

// occupancy sends the roster if it has changed, and each day, then what its stations do.
func (a *Account) occupancy(e *cafe.Event) error {
	if len(a.roster) > maxRoster {
		a.strike()
	}
	for i := range e.Occupancy {
		a.member(e.Occupancy[i].Station)
	}
	if a.changed || a.rev > 0 && e.Time-a.sent >= sendAgain {
		if err := a.sendRoster(e.Time); err != nil {
			return err
		}
	}
	at := a.stamp(e.Time)
	o := uplink.Occ{
		V: uplink.Version, Time: at.Time, Quality: at.Quality, Window: seconds(a.cfg.Window),
		Vantage: string(e.Vantage.Grade), Roster: a.rev, Confidence: 75,
	}
	letters := slices.Repeat([]byte{uplink.StateUnknown}, len(a.roster))
	for _, d := range e.Occupancy {
		letter := letterOf(d.State)
		letters[a.place[d.Station.ID()]] = letter
		switch letter {
		case uplink.StateInUse:
			o.On++
			o.Use++
		case uplink.StateIdle:
			o.On++
		case uplink.StateOn:
			o.On++
			o.Unknown++
		case uplink.StateUnknown:
			o.Unknown++
		}
	}
	o.States = string(letters)
	return a.sink.Occ(o)
}

func letterOf(s cafe.State) byte {
	switch s {
	case cafe.StateOff:
		return uplink.StateOff
	case cafe.StateInUse:
		return uplink.StateInUse
	case cafe.StateOnIdle:
		return uplink.StateIdle
	case cafe.StateOn, cafe.StateBooting:
		return uplink.StateOn
	}
	return uplink.StateUnknown
}

func (a *Account) sendRoster(t int64) error {
	a.changed, a.sent = false, t
	a.rev++
	parts := uplink.Int((len(a.roster) + uplink.MaxRoster - 1) / uplink.MaxRoster)
	n := uplink.Int(0)
	for some := range slices.Chunk(a.roster, uplink.MaxRoster) {
		n++
		r := &uplink.Roster{Rev: a.rev, Part: n, Parts: parts, Stamp: a.stamp(t), Stations: some}
		if err := a.record(r); err != nil {
			return err
		}
	}
	return nil
}

// stamp says when t was. Without a Clock t is nanoseconds since the Unix epoch, and a time before the first event, which a
// session can have that was open already, is given as the start: boot time has no negative side.
func (a *Account) stamp(t int64) uplink.Stamp {
	if a.cfg.Clock != nil {
		return a.cfg.Clock.Stamp(t)
	}
	s := uplink.Stamp{Mono: uplink.Int(max(0, t-a.base) / int64(time.Millisecond)), Quality: a.cfg.Quality}
	if s.Quality != uplink.QualityNone {
		s.Time = uplink.TimeOf(time.Unix(0, t))
	}
	if s.Time == 0 {
		s.Quality = uplink.QualityNone
	}
	return s
}

// began returns when t was where that is known: a floor is no start of anything.
func (a *Account) began(t int64) uplink.Time {
	s := a.stamp(t)
	if s.Quality.Rank() < uplink.QualityCoarse.Rank() {
		return 0
	}
	return s.Time
}

func percent(p float64) uplink.Int { return uplink.Int(math.Round(100 * max(0, min(1, p)))) }

func seconds(d time.Duration) uplink.Int {
	return uplink.Int(max(0, d+time.Second-1) / time.Second)
}
