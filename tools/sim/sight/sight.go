// Package sight makes of what is played in a room what the box's hot side would make of its frames: observations, second
// by second, and minutes of stations as firmware/state takes them. It makes no frames of talks, so it is far faster than
// wire with the pipeline behind it; a test holds both together.
package sight

import (
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/decode"
	"cafeprobe/capture/title"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/shape"
	"cafeprobe/tools/sim/wire"
)

// observer tells what the box observes of a room.
type observer struct {
	room     *sim.Room
	emit     func(*capture.Observation)
	messages *wire.Messages
	decoder  *decode.Decoder
	titles   *title.Table
	flows    flows
	going    []going
	senders  []sender
	loss     loss
	now      int64 // the second that is told
	obs      capture.Observation
	heard    map[message]*heard
}

const second = int64(time.Second)

// Play plays the whole room and tells emit what the box observes, in the order of time; each time the same. The observation
// is good until emit returns; titles nil means the built-in ones.
func Play(r *sim.Room, titles *title.Table, emit func(*capture.Observation)) {
	if titles == nil {
		titles = title.Builtin()
	}
	o := &observer{
		room: r, emit: emit, messages: wire.NewMessages(r), decoder: decode.New(), titles: titles, flows: newFlows(),
		senders: make([]sender, len(r.Stations)), heard: map[message]*heard{},
	}
	for s := r.Stage(); ; {
		start, acts, ok := s.Minute(true)
		if !ok {
			break
		}
		for at := start; at < min(start+int64(time.Minute), r.To()); at += second {
			acts = o.second(at, acts)
		}
	}
	o.flows.all(o.emit)
}

// second tells of one second, of acts that of those that begin in it, and returns the others.
func (o *observer) second(at int64, acts []sim.Act) []sim.Act {
	o.now = at
	end := at + second
	if o.room.Truth.SightOf(o.room.Router(), at) != sim.SeesNothing {
		o.tells(capture.Observation{Kind: capture.KindTick, Time: at})
	}
	o.flows.tick(at, o.emit)
	for len(acts) > 0 && acts[0].At < end {
		if a := &acts[0]; o.room.Sees(a) {
			o.begin(a)
		}
		acts = acts[1:]
	}
	live := o.going[:0]
	for i := range o.going {
		g := &o.going[i]
		o.count(g, end)
		if g.act.At+g.act.For > end {
			live = append(live, *g)
		}
	}
	o.going = live
	for i := range o.senders {
		o.tell(i)
	}
	o.loss.tell(end, o.emit)
	return acts
}

// tells passes x on. It is kept in one place, so that none is allocated for it.
func (o *observer) tells(x capture.Observation) {
	o.obs = x
	o.emit(&o.obs)
}

// begin takes an act that begins.
func (o *observer) begin(a *sim.Act) {
	if a.Say != sim.Talk {
		o.message(a, false)
		if a.Down.Frames > 0 {
			o.message(a, true)
		}
		return
	}
	if a.Opens {
		o.opens(a)
	}
	o.going = append(o.going, going{act: *a, flow: o.flows.of(a, o.room, o.titles)})
}

// message says what a message says: of its frame, decoded as the hot side does it.
func (o *observer) message(a *sim.Act, answer bool) {
	at := a.At
	if answer {
		at += max(a.For, int64(time.Millisecond)) / 2
	}
	h := o.hear(a, answer, at)
	for i := range h.said {
		h.said[i].Time = at
		if o.obs = h.said[i]; a.Say == sim.DNS && !answer {
			o.obs.Name = a.Name
		}
		o.emit(&o.obs)
	}
	if h.ip {
		o.flows.packet(h, a, at)
	}
	who := int(a.Who)
	if answer {
		who = int(a.To)
	}
	octets := uint64(h.len)
	if a.Say == sim.DNS {
		octets += uint64(len(a.Name))
	}
	o.senders[who].add(at, at, capture.Count{Frames: 1, Octets: octets})
	o.address(who, h.src, at)
}

// systems are the words for what a station runs.
var systems = [...]string{sim.Linux: "Linux", sim.Windows: "Windows", sim.Android: "Android", sim.Apple: "Apple"}

// opens says what the client of a connection runs, once a minute, the name with which it begins, and who serves.
func (o *observer) opens(a *sim.Act) {
	who := &o.room.Stations[a.Who]
	if s := &o.senders[a.Who]; a.TCP && (s.shown == 0 || a.At-s.shown >= int64(time.Minute)) {
		s.shown = a.At
		o.tells(capture.Observation{Kind: capture.KindSystem, MAC: who.MAC, Addr: who.Addr, Name: systems[who.Runs()], Time: a.At})
	}
	x := capture.Observation{
		Kind: capture.KindQuery, Proto: 6, MAC: who.MAC, Addr: who.Addr, Peer: a.Addr, PeerPort: a.PeerPort, Name: a.Name,
		Time: a.At + 22e6,
	}
	switch a.Hello {
	case shape.TLS:
		x.Origin = capture.OriginSNI
	case shape.HTTP:
		x.Origin = capture.OriginHTTP
	case shape.QUIC:
		x.Origin, x.Proto, x.Time = capture.OriginQUIC, 17, a.At
	}
	if x.Origin != capture.OriginNone {
		o.tells(x)
	}
	if a.Hello == shape.HTTP {
		x.Kind, x.Name = capture.KindAgent, wire.Agent
		o.tells(x)
	}
	if a.PeerPort == wire.PortISCSI && a.TCP {
		o.tells(capture.Observation{
			Kind: capture.KindService, Origin: capture.OriginISCSI, PeerPort: wire.PortISCSI,
			MAC: o.room.Stations[a.To].MAC, Addr: a.Addr, Time: a.At + 42e6,
		})
	}
}

// going is a stretch of a talk, of which so much was told.
type going struct {
	act      sim.Act
	flow     *flow
	up, down told
}

// told is how far one direction was told of.
type told struct{ frames, octets uint64 }

// until returns how many frames of n come before t, by the rule of sim.Act; first is how many come at once when it opens.
func until(a *sim.Act, n, first uint64, t int64) uint64 {
	if t >= a.At+a.For || a.For == 0 {
		return n
	}
	k := uint64(float64(n)*float64(t-a.At)/float64(a.For) + 0.5)
	if a.Opens && a.TCP {
		k = max(k, first)
	}
	return min(k, n)
}

// moment is when frame k of n comes.
func moment(a *sim.Act, n, k uint64) int64 {
	return a.At + int64(float64(a.For)*(float64(k)+0.5)/float64(n))
}

// count counts the frames of a stretch that come before end.
func (o *observer) count(g *going, end int64) {
	o.direction(g, &g.up, g.act.Up, 3, end, false)
	o.direction(g, &g.down, g.act.Down, 2, end, true)
}

func (o *observer) direction(g *going, t *told, all capture.Count, first uint64, end int64, down bool) {
	a := &g.act
	k := until(a, all.Frames, first, end)
	if k == t.frames {
		return
	}
	octets := all.Octets * k / all.Frames
	c := capture.Count{Frames: k - t.frames, Octets: octets - t.octets}
	from, to := moment(a, all.Frames, t.frames), moment(a, all.Frames, k-1)
	t.frames, t.octets = k, octets
	from, to = max(from, o.now), min(to, end-1)
	g.flow.count(from, to, c, down)
	if a.TCP && c.Octets > 54*c.Frames {
		o.loss.came(to, c.Octets-54*c.Frames)
	}
	who, addr := int(a.Who), o.room.Stations[a.Who].Addr
	if down {
		who, addr = int(a.To), a.Addr
	}
	o.senders[who].add(from, to, c)
	o.address(who, addr, from)
}
