package sight

import (
	"math/bits"
	"net/netip"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/title"
	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
)

// Told is one minute of one station, with what it truly did.
type Told struct {
	Station int // in Room.Stations
	Minute  state.Minute
	State   state.State // for most of the minute; Off when it was
}

// Minutes plays a room and tells what each PC for guests and the cashier's showed, minute by minute, the silent ones too: what the
// box would collect of its observations, without them. titles nil means the built-in ones.
func Minutes(r *sim.Room, titles *title.Table, emit func(*Told)) {
	if titles == nil {
		titles = title.Builtin()
	}
	c := newCollector(r, titles)
	for s := r.Stage(); ; {
		start, acts, ok := s.Minute(false)
		if !ok {
			return
		}
		c.begin(start)
		for i := range acts {
			c.take(&acts[i])
		}
		c.end(emit)
	}
}

const minute = int64(time.Minute)

// collector folds acts into minutes.
type collector struct {
	room   *sim.Room
	titles *title.Table
	alone  map[string]bool      // whether programs ask for a name by themselves
	now    []gathered           // by station
	flows  map[flowKey]title.ID // what connections are taken for
	asked  []map[string]int64   // by station: when it asked for a name last
	behind []sim.Act            // stretches that go on in the next minute
	start  int64
}

type flowKey struct {
	who  int32
	port uint16
	addr netip.Addr
}

// gathered is what a station showed in this minute.
type gathered struct {
	m                state.Minute
	play             uint64 // seconds of the minute, a bit each
	userOct, backOct uint64
}

func newCollector(r *sim.Room, titles *title.Table) *collector {
	c := &collector{
		room: r, titles: titles, alone: map[string]bool{}, flows: map[flowKey]title.ID{},
		now: make([]gathered, len(r.Stations)), asked: make([]map[string]int64, len(r.Stations)),
	}
	for i := range c.asked {
		c.asked[i] = map[string]int64{}
	}
	return c
}

// counts reports whether minutes are told of a station: of what is a PC.
func (c *collector) counts(i int32) bool {
	return i >= 0 && (c.room.Stations[i].Role == sim.PC || c.room.Stations[i].Role == sim.Cashier)
}

// begin starts a minute, with what still goes on.
func (c *collector) begin(start int64) {
	c.start = start
	for i := range c.now {
		c.now[i] = gathered{m: state.Minute{Start: start, View: c.view(i, start)}}
	}
	list := c.behind
	c.behind = nil
	for i := range list {
		c.stretch(&list[i])
	}
	if start%int64(time.Hour) == 0 {
		c.forget(start)
	}
}

// forget drops names that were asked for longer ago than matters.
func (c *collector) forget(now int64) {
	for _, names := range c.asked {
		for name, at := range names {
			if now-at > int64(time.Hour) {
				delete(names, name)
			}
		}
	}
}

// view is the worse of what is seen at a minute's beginning and at its end.
func (c *collector) view(i int, start int64) state.View {
	views := map[sim.Sight]state.View{sim.SeesNothing: state.Blind, sim.SeesBroadcasts: state.Broadcasts, sim.SeesAll: state.Full}
	return min(views[c.room.Truth.SightOf(i, start)], views[c.room.Truth.SightOf(i, start+minute-1)])
}

// take takes an act that begins in this minute.
func (c *collector) take(a *sim.Act) {
	if !c.counts(a.Who) && !c.counts(a.To) || !c.room.Sees(a) {
		return
	}
	if a.Say == sim.Talk {
		c.stretch(a)
		return
	}
	if a.Say == sim.DNS {
		c.ask(a, a.At)
	}
	if c.counts(a.Who) {
		g := &c.now[a.Who]
		g.sent(a.At, a.At, 1)
		g.m.Signs |= signs(a.Say)
		if a.Up.Frames > 0 {
			g.backOct += a.Up.Octets + a.Down.Octets // questions to name servers and clocks
		}
	}
}

// signs returns what a message is a sign of.
func signs(s sim.Say) (signs state.Signs) {
	if s.Starts() {
		signs |= state.Boot
	}
	if s.Running() {
		signs |= state.CPU
	}
	if s.Leaves() {
		signs |= state.Farewell
	}
	switch s {
	case sim.SteamPlaying:
		signs |= state.GameRunning
	case sim.SteamLocked:
		signs |= state.ScreenLocked
	}
	return signs
}

func (g *gathered) sent(first, last int64, n uint64) {
	if n == 0 {
		return
	}
	if g.m.Sent == 0 {
		g.m.First, g.m.Last = first, last
	}
	g.m.Sent += uint32(n)
	g.m.First, g.m.Last = min(g.m.First, first), max(g.m.Last, last)
}

// used notes evidence of a person.
func (g *gathered) used(first, last int64) {
	if g.m.FirstUse == 0 {
		g.m.FirstUse, g.m.LastUse = first, last
	}
	g.m.FirstUse, g.m.LastUse = min(g.m.FirstUse, first), max(g.m.LastUse, last)
}

// stretch counts what of a stretch lies in this minute, and keeps what does not.
func (c *collector) stretch(a *sim.Act) {
	end := c.start + minute
	if a.At >= c.start && a.Opens {
		c.opens(a)
	}
	if a.At+a.For > end {
		c.behind = append(c.behind, *a)
	}
	if !c.counts(a.Who) {
		return
	}
	g := &c.now[a.Who]
	up, firstUp := c.part(a, a.Up, 3)
	down, _ := c.part(a, a.Down, 2)
	from, to := max(a.At, c.start), min(a.At+a.For, end)
	g.sent(max(firstUp, from), to, up.Frames)
	octets := up.Octets + down.Octets
	switch real := a.Real(); {
	case c.byItself(a):
		g.backOct += octets
		return
	case real:
		for s := (from - c.start) / second; s*second+c.start < to && s < 60; s++ {
			g.play |= 1 << s
		}
		g.used(from, to)
		if id := c.flows[flowKey{a.Who, a.Port, a.Addr}]; c.titles.Title(id).Use == title.Play && c.titles.Title(id).Class == title.Game {
			g.m.Title = uint16(id)
		}
	case octets >= burst:
		g.used(from, to)
	}
	g.userOct += octets
}

// burst is from how many octets on a stretch of a talk is evidence of a person by itself: more than a heartbeat, less than
// a picture.
const burst = 16_000

// part returns what of one direction of a stretch lies in this minute, and when its first frame comes; first is how many
// come at once when it opens.
func (c *collector) part(a *sim.Act, all capture.Count, first uint64) (part capture.Count, from int64) {
	if all.Frames == 0 {
		return capture.Count{}, c.start
	}
	before := uint64(0)
	if a.At < c.start {
		before = until(a, all.Frames, first, c.start)
	}
	n := until(a, all.Frames, first, c.start+minute) - before
	return capture.Count{Frames: n, Octets: all.Octets * n / all.Frames}, moment(a, all.Frames, before)
}

// opens takes what a connection shows when it begins.
func (c *collector) opens(a *sim.Act) {
	k := flowKey{a.Who, a.Port, a.Addr}
	delete(c.flows, k)
	if id := titleOf(c.titles, c.room, a); id != 0 {
		c.flows[k] = id
	}
	c.ask(a, a.At)
}

// byItself reports whether a stretch is of what programs do by themselves, as far as a name tells, or stays in the LAN.
func (c *collector) byItself(a *sim.Act) bool {
	return int(a.To) != c.room.Router() || c.titles.Background(c.flows[flowKey{a.Who, a.Port, a.Addr}])
}

// ask counts a name that somebody asks for anew.
func (c *collector) ask(a *sim.Act, at int64) {
	if a.Name == "" || !c.counts(a.Who) || c.program(a.Name) {
		return
	}
	last, ok := c.asked[a.Who][a.Name]
	c.asked[a.Who][a.Name] = at
	if g := &c.now[a.Who]; !ok || at-last > int64(time.Hour) {
		g.m.Names = uint8(min(int(g.m.Names)+1, 255))
		g.used(at, at)
	}
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

// end tells of the minute.
func (c *collector) end(emit func(*Told)) {
	for i := range c.now {
		if !c.counts(int32(i)) {
			continue
		}
		g := &c.now[i]
		g.m.Play = uint8(bits.OnesCount64(g.play))
		g.m.User, g.m.Back = uint32((g.userOct+999)/1000), uint32((g.backOct+999)/1000)
		emit(&Told{i, g.m, stateOf(c.room.Truth.MinuteState(i, c.start))})
	}
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
