package ledger

import (
	"cafeprobe/uplink"
)

// station is what is known of one station.
type station struct {
	other      bool // it is no computer of a guest: the cashier's, a server
	use, power session
}

// session is the open session of a station, if it has one.
type session struct {
	open    bool
	by      uint64 // number of the record that opened it
	from    int64
	counted int64 // minutes before it are counted: sessions may follow each other within one
}

func (s *station) of(o uplink.Of) *session {
	if o == uplink.OfUse {
		return &s.use
	}
	return &s.power
}

// station returns the station of id, made if there is room; else nil.
func (l *Ledger) station(id uplink.StationID) *station {
	if s, ok := l.stations[id]; ok {
		return s
	}
	if len(l.stations) == MaxStations {
		l.forget()
		if len(l.stations) == MaxStations {
			return nil
		}
	}
	s := new(station)
	l.stations[id] = s
	return s
}

// forget makes room: of stations without a session only the role is lost.
func (l *Ledger) forget() {
	for id, s := range l.stations {
		if !s.use.open && !s.power.open {
			delete(l.stations, id)
		}
	}
}

// roster takes which stations are guests' computers. One of which nothing is known counts as one.
func (l *Ledger) roster(r *uplink.Roster, seq uint64) {
	if r.Part == 1 {
		l.roles = seq
	}
	for _, m := range r.Stations {
		if s := l.station(m.Station); s != nil {
			s.other = m.Role != "pc" && m.Role != "unknown"
		}
	}
}

// opened takes the begin of a session. Where one is open its end was lost: it is counted up to here.
func (l *Ledger) opened(o *uplink.Open, seq uint64, t int64) {
	s := l.station(o.Station)
	if s == nil || l.open == MaxOpen && !s.of(o.Of).open {
		l.counts.Passed++
		return
	}
	x := s.of(o.Of)
	if x.open {
		l.count(s, o.Of, x.from, t)
	} else {
		l.open++
	}
	x.open, x.by, x.from = true, seq, t
}

// closed takes the end of a session, which may know better when it began.
func (l *Ledger) closed(c *uplink.Close, t int64) {
	s := l.station(c.Station)
	if s == nil {
		l.counts.Passed++
		return
	}
	x := s.of(c.Of)
	from := t - 1000*int64(min(c.Duration, 1<<40))
	if c.Began > 0 {
		from = int64(c.Began)
	}
	if x.open {
		l.open--
	}
	x.open = false
	l.count(s, c.Of, from, t)
}

// endAll ends what is open at t, when the box ended.
func (l *Ledger) endAll(t int64) {
	for _, s := range l.stations {
		for _, of := range []uplink.Of{uplink.OfPower, uplink.OfUse} {
			if x := s.of(of); x.open {
				x.open = false
				l.open--
				l.count(s, of, x.from, t)
			}
		}
	}
}

// count counts a session in its minutes, each station once in a minute.
func (l *Ledger) count(s *station, of uplink.Of, from, to int64) {
	l.counts.Sessions++
	x := s.of(of)
	from = max(from, x.counted)
	if to <= from {
		return
	}
	x.counted = to - to%minute
	if to%minute > 0 {
		x.counted += minute
	}
	if !s.other {
		l.each(from, to, adder(of))
	}
}

func adder(of uplink.Of) func(*cell) {
	return func(c *cell) {
		if of == uplink.OfUse {
			c.use++
		} else {
			c.on++
		}
	}
}
