package sight

import (
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/title"
	"cafeprobe/firmware/evidence"
	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
)

// Told is one minute of one station, with what it truly did.
type Told struct {
	Station int // in Room.Stations
	Minute  state.Minute
	State   state.State // for most of the minute
}

// Minutes plays a room and tells what each PC for guests and the cashier's showed, minute by minute from the first in which
// it showed anything, the silent ones too: what the box would collect of its observations. It counts talks whole, not second by
// second, and makes no frames. Minutes come as they are closed, up to three behind. titles nil means the built-in ones.
func Minutes(r *sim.Room, titles *title.Table, emit func(*Told)) {
	if titles == nil {
		titles = title.Builtin()
	}
	c := &collector{
		room: r, titles: titles, flows: newFlows(), shown: make([]evidence.Station, len(r.Stations)),
		alone: map[string]bool{}, routes: map[capture.MAC]int{},
	}
	for i := range r.Stations {
		c.routes[r.Stations[i].MAC] = i
	}
	for s := r.Stage(); ; {
		start, acts, ok := s.Minute(true)
		if !ok {
			break
		}
		c.minute(start, acts, emit)
	}
	c.flows.all(c.flow)
	for i := range c.shown {
		c.shown[i].Flush(c.view(i), c.told(i, emit))
	}
}

const minute = int64(time.Minute)

// collector gives evidence.Stations what the café would give them.
type collector struct {
	room   *sim.Room
	titles *title.Table
	flows  flows
	shown  []evidence.Station
	alone  map[string]bool // whether programs ask for a name by themselves
	routes map[capture.MAC]int
}

// counts reports whether minutes are told of a station: of what is a PC.
func (c *collector) counts(i int32) bool {
	return i >= 0 && (c.room.Stations[i].Role == sim.PC || c.room.Stations[i].Role == sim.Cashier)
}

// minute takes the acts of a minute, second by second, since flows are told of at seconds. The minutes before are closed at
// the second from which on the oldest can be, so that there is room for what goes on in the next one.
func (c *collector) minute(start int64, acts []sim.Act, emit func(*Told)) {
	for at := start; at < start+minute; at += second {
		if at-start == int64(evidence.Late)%minute {
			c.close(at, emit)
		}
		c.flows.tick(at, c.flow)
		for len(acts) > 0 && acts[0].At < at+second {
			if a := &acts[0]; (c.counts(a.Who) || c.counts(a.To)) && c.room.Sees(a) {
				c.take(a)
			}
			acts = acts[1:]
		}
	}
}

func (c *collector) take(a *sim.Act) {
	if a.Say != sim.Talk && a.Up.Frames == 0 {
		c.says(a)
		return
	}
	f := c.flows.of(a, c.room, c.titles)
	last := a.At + a.For
	if a.Up.Frames > 0 {
		f.count(a.At, last, a.Up, false)
	}
	if a.Down.Frames > 0 {
		f.count(a.At, last, a.Down, true)
	}
	if !c.counts(a.Who) {
		return
	}
	s := &c.shown[a.Who]
	s.Sent(a.At, last, a.Up.Frames)
	switch {
	case a.Say == sim.NTP:
		s.Sign(a.At, state.CPU)
	case a.Name != "" && !c.program(a.Name):
		s.Name(a.At, a.Name, a.Say == sim.Talk)
	}
}

// says takes a message.
func (c *collector) says(a *sim.Act) {
	if !c.counts(a.Who) {
		return
	}
	s := &c.shown[a.Who]
	s.Sent(a.At, a.At, 1)
	if sign := signOf(a.Say); sign != 0 {
		s.Sign(a.At, sign)
	}
}

// signOf returns what a message is a sign of.
func signOf(s sim.Say) state.Signs {
	switch {
	case s == sim.SteamPlaying:
		return state.GameRunning
	case s == sim.SteamLocked:
		return state.ScreenLocked
	case s.Starts(), s == sim.TFTPRead:
		return state.Boot
	case s.Leaves():
		return state.Farewell
	case s.Running():
		return state.CPU
	}
	return 0
}

// flow takes a flow that is told of, as evidence of the end that is a PC.
func (c *collector) flow(o *capture.Observation) {
	mac, peer, up, down := o.MAC, o.Peer, o.Up, o.Down
	if o.Peer.IsPrivate() && !o.Addr.IsPrivate() { // its beginning was not heard
		mac, peer, up, down = o.Target, o.Addr, o.Down, o.Up
	}
	i, ok := c.routes[mac]
	if !ok || !c.counts(int32(i)) {
		return
	}
	traffic, id := evidence.Personal, uint16(0)
	switch {
	case peer.IsPrivate():
		traffic = evidence.Local
	case c.titles.Messenger(title.ID(o.Title)):
		traffic = evidence.Messenger
	case c.titles.Background(title.ID(o.Title)):
		traffic = evidence.Background
	}
	if traffic == evidence.Messenger || c.titles.Title(title.ID(o.Title)).Use == title.Play {
		id = o.Title
	}
	c.shown[i].Flow(o.First, o.Time, o.Proto, up, down, traffic, id)
}

// program reports whether a name is known as one that programs ask for by themselves. What no row matches is a person's.
func (c *collector) program(name string) bool {
	alone, ok := c.alone[name]
	if !ok {
		alone = c.titles.Background(c.titles.Name(name))
		c.alone[name] = alone
	}
	return alone
}

// close closes the minutes that are complete at now.
func (c *collector) close(now int64, emit func(*Told)) {
	for i := range c.shown {
		if c.counts(int32(i)) {
			c.shown[i].Take(now, c.view(i), c.told(i, emit))
		}
	}
}

func (c *collector) told(i int, emit func(*Told)) func(*state.Minute) {
	return func(m *state.Minute) {
		if m.Start < c.room.To() {
			emit(&Told{i, *m, stateOf(c.room.Truth.MinuteState(i, m.Start))})
		}
	}
}

// view says what can be seen of a station in a minute: the worse of its beginning and its end.
func (c *collector) view(i int) func(start int64) state.View {
	return func(start int64) state.View {
		t := c.room.Truth
		return min(viewOf(t.SightOf(i, start)), viewOf(t.SightOf(i, start+minute-1)))
	}
}

func viewOf(s sim.Sight) state.View {
	switch s {
	case sim.SeesAll:
		return state.Full
	case sim.SeesBroadcasts:
		return state.Broadcasts
	}
	return state.Blind
}

func stateOf(s sim.State) state.State {
	switch s {
	case sim.Booting:
		return state.Booting
	case sim.Idle:
		return state.Idle
	case sim.InUse:
		return state.Use
	}
	return state.Off
}
