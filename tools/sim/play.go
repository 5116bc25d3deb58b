package sim

import (
	"math"
	"net/netip"
	"time"

	"cafeprobe/capture"
	"cafeprobe/tools/sim/shape"
)

// player is a guest in a game: he logs in, waits in the menus, plays a match, and so on.
type player struct {
	*actor
	title  *shape.Title
	stream *shape.Stream
	lobby  *conn
	match  *conn
	over   int64      // when what goes on now is over
	pace   [4]float64 // this match's rates and sizes: the room's, a little different
}

// games plays a game until the activity is over.
func (a *actor) games(d *Activity) {
	p := &player{actor: a, title: d.title, stream: shape.StreamOf(d.title.Stream)}
	a.start(d.From, d.To, p.login)
	begun := false
	a.start(d.From+between(a.g, 12, 70), d.To, func(at int64) int64 {
		if !begun {
			begun = true
			p.over = at + between(a.g, 5, 50)
		}
		return p.step(at)
	})
}

// login asks for what the game's client asks for when it starts, and keeps a connection.
func (p *player) login(at int64) int64 {
	for _, name := range p.title.Login {
		at = p.fetch(at, name, shape.TLS, shape.Game, 2+4*p.g.Float64(), shape.Range{From: 4, To: 600}.DrawLog(p.g))
		at += between(p.g, 0.2, 4)
	}
	return math.MaxInt64
}

// step is the next stretch, in the menus or in a match.
func (p *player) step(at int64) int64 {
	if p.lobby == nil {
		at = p.resolve(at, p.title.Lobby)
		p.lobby = p.reach(p.title.Lobby, shape.TLS, shape.Game)
	}
	if at >= p.over {
		if p.match == nil {
			p.load(at)
		} else {
			p.match = nil
			p.over = at + minutes(p.title.Pause.Draw(p.g))
		}
	}
	if p.match != nil {
		return p.plays(at)
	}
	p.carry(at, p.lobby, 0.1+0.4*p.g.Float64(), shape.Range{From: 0.1, To: 12}.DrawLog(p.g), false)
	if p.g.Float64() < 0.12 { // the shop, a profile, a picture
		p.fetch(at+seconds(1), pick(p.g, p.title.Login), shape.TLS, shape.Game, 1, shape.Range{From: 5, To: 900}.DrawLog(p.g))
	}
	return at + between(p.g, 3, 25)
}

// load begins a match: a server, and the match's own pace.
func (p *player) load(at int64) {
	p.over = at + minutes(p.title.Match.Draw(p.g))
	n := byte(p.g.IntN(24))
	addr := host(p.title.Name + string(rune('a'+n)))
	if p.title.Servers != "" {
		addr = within(netip.MustParsePrefix(p.title.Servers), uint32(n)*37+5)
	}
	span := int(p.title.Ports[1]) - int(p.title.Ports[0]) + 1
	p.match = &conn{
		tcp: p.stream.TCP, to: int32(p.room.router), addr: addr, port: p.nextPort(),
		peerPort: p.title.Ports[0] + uint16(p.g.IntN(span)), class: shape.Game, title: p.title, hello: p.title.Hello,
	}
	p.pace = p.room.habits.scale[p.stream]
	for i := range p.pace {
		p.pace[i] *= math.Exp(0.1 * p.g.NormFloat64())
	}
}

// plays is a stretch of a match. In one of forty next to nothing is sent: it loads, or waits for the others.
func (p *player) plays(at int64) int64 {
	length := min(8+7*p.g.Float64(), max(1, float64(p.over-at)/float64(time.Second)))
	rate := math.Exp(0.07 * p.g.NormFloat64())
	if p.g.Float64() < 0.025 {
		rate *= 0.15
	}
	x := p.match.stretch(p.actor, at, seconds(length))
	s := p.stream
	x.Up = frames(s.Up.Rate*p.pace[0]*rate*length, s.Up.Size*p.pace[1])
	x.Down = frames(s.Down.Rate*p.pace[2]*rate*length, s.Down.Size*p.pace[3])
	p.hide(&x)
	p.act(x)
	return at + x.For
}

// frames returns n frames of that size, within what Ethernet carries.
func frames(n, size float64) capture.Count {
	f := uint64(math.Max(1, math.Round(n)))
	return capture.Count{Frames: f, Octets: f * uint64(min(max(size, 60), 1400))}
}

// talks is a voice beside a game: what the others say comes all the time, what he says in spurts.
func (a *actor) talks(d *Activity) {
	s := shape.StreamOf("voice")
	pace := a.room.habits.scale[s]
	server := netip.AddrFrom4([4]byte{66, 22, byte(196 + a.g.IntN(40)), byte(1 + a.g.IntN(250))})
	c := &conn{
		to: int32(a.room.router), addr: server, port: a.nextPort(), peerPort: uint16(50000 + a.g.IntN(40)),
		class: shape.Voice, hello: shape.Discovery,
	}
	a.start(d.From, d.To, func(at int64) int64 {
		if !a.speaks() { // nobody speaks
			return at + between(a.g, 2, 25)
		}
		length := 2 + 10*a.g.Float64()
		x := c.stretch(a, at, seconds(length))
		x.Up, x.Down = frames(s.Up.Rate*length*(0.1+0.7*a.g.Float64()),
			s.Up.Size*pace[1]), frames(s.Down.Rate*length*(0.4+0.6*a.g.Float64()), s.Down.Size*pace[3])
		a.hide(&x)
		a.act(x)
		return at + x.For
	})
}

func (a *actor) speaks() bool { return a.g.Float64() < 0.8 }

// within returns the n-th address of a network.
func within(net netip.Prefix, n uint32) netip.Addr {
	b := net.Masked().Addr().As4()
	n %= 1 << (32 - net.Bits())
	b[1], b[2], b[3] = b[1]|byte(n>>16), b[2]|byte(n>>8), b[3]|byte(n)
	return netip.AddrFrom4(b)
}
