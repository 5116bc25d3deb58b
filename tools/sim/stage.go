package sim

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"cafeprobe/capture"
	"cafeprobe/tools/sim/shape"
)

// Stage plays a room: minute by minute it says what is on the wire. Its memory does not grow with the time. Use
// Room.Stage. It is not safe for concurrent use; a room may have many stages, which all play the same.
type Stage struct {
	room   *Room
	actors []actor
	minute int64
	now    []Act // of this minute
	later  []Act // that were drawn already and come later
	order  []Act // now in order
	places []place
}

// Stage returns a stage on which nothing was played yet.
func (r *Room) Stage() *Stage {
	s := &Stage{room: r, minute: r.from}
	s.actors = make([]actor, len(r.Stations))
	for i := range s.actors {
		s.actors[i] = newActor(s, i)
	}
	return s
}

// Minute returns the acts that begin in the next minute, and that minute's start. They are in order of their beginnings if
// ordered is set. ok is false when the room's time is over. The slice
// is good until the next call.
func (s *Stage) Minute(ordered bool) (start int64, acts []Act, ok bool) {
	if start = s.minute; start >= s.room.to {
		return start, nil, false
	}
	s.minute += int64(time.Minute)
	end := min(s.minute, s.room.to)
	s.now = s.now[:0]
	s.due(end)
	for i := range s.actors {
		s.actors[i].play(end)
	}
	s.outages()
	if ordered {
		return start, s.sorted(), true
	}
	return start, s.now, true
}

// place is where an act stands: acts are long, so their places are sorted instead.
type place struct {
	at int64
	i  int
}

// sorted returns the acts of this minute in order; of two at once the first drawn comes first.
func (s *Stage) sorted() []Act {
	s.places = s.places[:0]
	for i := range s.now {
		s.places = append(s.places, place{s.now[i].At, i})
	}
	slices.SortFunc(s.places, func(a, b place) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.i, b.i)) })
	s.order = s.order[:0]
	for _, p := range s.places {
		s.order = append(s.order, s.now[p.i])
	}
	return s.order
}

// due takes what was drawn before and begins before end.
func (s *Stage) due(end int64) {
	rest := s.later[:0]
	for i := range s.later {
		if s.later[i].At < end {
			s.now = append(s.now, s.later[i])
		} else {
			rest = append(rest, s.later[i])
		}
	}
	s.later = rest
}

// outages takes the answers from what is asked of the internet while the line is down: questions and beginnings are
// repeated a few times, what goes on goes unanswered for a while.
func (s *Stage) outages() {
	for _, out := range s.room.Truth.Outages {
		for i := range s.now {
			a := &s.now[i]
			if a.Say != Talk && a.Say != DNS && a.Say != NTP || int(a.To) != s.room.router || !out.has(a.At) ||
				a.Addr.IsPrivate() {
				continue
			}
			frames := min(a.Up.Frames, 3)
			if a.Up.Frames > 0 {
				a.Up = capture.Count{Frames: frames, Octets: a.Up.Octets / a.Up.Frames * frames}
			}
			a.Down = capture.Count{}
			if a.TCP && a.Opens {
				a.Name, a.Hello, a.Up.Octets, a.Ends = "", shape.Silent, 66*frames, false
			}
		}
	}
}

// program is something that runs on a station: at its next time it acts, and says when it will again.
type program struct {
	next, until int64
	step        func(at int64) (next int64)
}

// run is a stretch in which a station is on, from power to the end.
type run struct {
	Interval
	booted int64 // when its system is there; From if it was on before
	boots  bool
	end    End
}

// actor is a station on the stage.
type actor struct {
	stage    *Stage
	room     *Room
	st       *Station
	who      int32
	g        *rand.Rand
	runs     []run
	todo     []Activity
	doing    *Activity // the last begun that is no side show
	programs []program
	run      run

	port   uint16
	known  map[string]int64 // names that were resolved, until when
	tunnel int64            // until when its guest's VPN is up
	vpn    uint16           // from which port
}

func newActor(s *Stage, i int) actor {
	f := &s.room.Truth.Stations[i]
	return actor{
		stage: s, room: s.room, st: &s.room.Stations[i], who: int32(i),
		g: s.room.rand("acts " + f.MAC), runs: runsOf(f.Spans), todo: f.Activities, port: 49151, known: map[string]int64{},
	}
}

// runsOf returns the stretches of spans in which the station is on without a break.
func runsOf(spans []Span) (runs []run) {
	open := false
	for _, s := range spans {
		switch {
		case s.State == Off:
			open = false
			continue
		case !open || s.State == Booting:
			runs = append(runs, run{Interval: s.Interval, booted: s.From, boots: s.State == Booting})
			open = true
		}
		r := &runs[len(runs)-1]
		r.To, r.end = s.To, s.End
		if s.State == Booting {
			r.booted = s.To
		}
	}
	return runs
}

// play lets the station act until end.
func (a *actor) play(end int64) {
	for {
		switch {
		case len(a.runs) > 0 && a.runs[0].From < end && (len(a.todo) == 0 || a.runs[0].From <= a.todo[0].From):
			a.advance(a.runs[0].From)
			a.begin(a.runs[0])
			a.runs = a.runs[1:]
			continue
		case len(a.todo) > 0 && a.todo[0].From < end:
			a.advance(a.todo[0].From)
			a.do(&a.todo[0])
			a.todo = a.todo[1:]
			continue
		}
		break
	}
	a.advance(end)
}

// advance lets the programs run until end.
func (a *actor) advance(end int64) {
	live := a.programs[:0]
	for _, p := range a.programs {
		for p.next < end && p.next < p.until {
			p.next = max(p.step(p.next), p.next+int64(time.Millisecond))
		}
		if p.next < p.until {
			live = append(live, p)
		}
	}
	clear(a.programs[len(live):])
	a.programs = live
}

// start lets a program run from at until a time.
func (a *actor) start(at, until int64, step func(at int64) int64) {
	a.programs = append(a.programs, program{at, until, step})
}

// begin starts what a station of its kind does when it is switched on, or was on before.
func (a *actor) begin(r run) {
	a.run, a.tunnel, a.doing = r, 0, nil
	clear(a.known)
	switch a.st.Role {
	case Router:
		a.routes()
	case Printer:
		a.prints()
	case Phone:
		a.carried()
	default:
		a.computes()
	}
}

// act puts an act onto the stage. What would come after the end of the run does not.
func (a *actor) act(x Act) {
	if x.At >= a.run.To || x.At < a.run.From {
		return
	}
	if x.At+x.For > a.run.To {
		x.For = a.run.To - x.At
	}
	a.put(x)
}

// put puts an act of anybody onto the stage, to or for this station while it is on.
func (a *actor) put(x Act) {
	if x.At < a.run.From || x.At >= a.run.To {
		return
	}
	if s := a.stage; x.At < s.minute {
		s.now = append(s.now, x)
	} else {
		s.later = append(s.later, x)
	}
}

// say puts a message to all, or to one station.
func (a *actor) say(at int64, what Say, to int) {
	a.act(Act{At: at, Say: what, Who: a.who, To: int32(to)})
}

// ask puts a message that names an address or a name.
func (a *actor) ask(at int64, what Say, addr netip.Addr, name string) {
	a.act(Act{At: at, Say: what, Who: a.who, To: ToAll, Addr: addr, Name: name})
}

// nextPort returns the next ephemeral port (RFC 6335 §6).
func (a *actor) nextPort() uint16 {
	if a.port++; a.port < 49152 {
		a.port = 49152
	}
	return a.port
}
