package sim

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"

	"cafeprobe/capture"
	"cafeprobe/tools/sim/shape"
)

// conn is one end's view of a connection or an association of datagrams.
type conn struct {
	tcp            bool
	to             int32
	addr           netip.Addr
	port, peerPort uint16
	name           string
	hello          shape.Hello
	class          shape.Class
	title          *shape.Title
	open           bool
}

// resolve asks for a name unless its address is still known, and returns when the answer is there.
func (a *actor) resolve(at int64, name string) int64 {
	if a.known[name] > at {
		return at
	}
	a.known[name] = at + between(a.g, 60, 900)
	resolver := a.room.habits.resolver
	x := Act{
		At: at, For: seconds(0.03), Say: DNS, Who: a.who, To: int32(a.room.router), Addr: resolver, Name: name,
		Port: a.nextPort(), PeerPort: 53, Up: capture.Count{Frames: 1, Octets: uint64(60 + len(name))},
		Down: capture.Count{Frames: 1, Octets: uint64(76 + len(name))},
	}
	a.hide(&x)
	a.act(x)
	return at + seconds(0.04)
}

// reach makes a connection to a name that was resolved. It opens with the first stretch.
func (a *actor) reach(name string, hello shape.Hello, class shape.Class) *conn {
	c := &conn{
		tcp: hello != shape.QUIC, to: int32(a.room.router), addr: host(name), port: a.nextPort(), peerPort: 443,
		name: name, hello: hello, class: class,
	}
	if hello == shape.HTTP {
		c.peerPort = 80
	}
	return c
}

// mss is what a full frame carries.
const mss = 1400

// longest is the longest stretch of a talk, so that what begins in a minute is told of soon.
const longest = 15.

// carry moves so many KB each way over c, beginning at at, and returns when it is done. The last stretch ends c if ends.
func (a *actor) carry(at int64, c *conn, up, down float64, ends bool) int64 {
	n := math.Ceil(down*1000/mss) + 1
	m := math.Ceil(up*1000/mss) + math.Ceil(n/2)
	if c.tcp && !c.open {
		n, m = n+3, m+3
		down += 3.5 // certificates
	}
	length := 0.12 + 0.2*a.g.Float64() + (up+down)*8/1000/(a.room.habits.mbit*(0.4+0.6*a.g.Float64()))
	pieces := math.Ceil(length / longest)
	each := seconds(length / pieces)
	for i := range int(pieces) {
		x := c.stretch(a, at, each)
		part := func(frames, kb float64) capture.Count {
			f := uint64(math.Ceil(frames / pieces))
			return capture.Count{Frames: f, Octets: f*66 + uint64(kb*1000/pieces)}
		}
		x.Up, x.Down = part(m, up+0.6), part(n, down)
		x.Ends = ends && i == int(pieces)-1 && c.tcp
		a.hide(&x)
		a.act(x)
		at += each
	}
	if ends {
		c.open = false
	}
	return at
}

// stretch returns the next stretch of c without its frames.
func (c *conn) stretch(a *actor, at, length int64) Act {
	x := Act{
		At: at, For: length, Who: a.who, To: c.to, Addr: c.addr, TCP: c.tcp, Class: c.class, Title: c.title,
		Port: c.port, PeerPort: c.peerPort,
	}
	if !c.open {
		c.open = true
		x.Opens, x.Hello, x.Name = true, c.hello, c.name
	}
	return x
}

// fetch asks for a name, gets something over a connection of its own, and returns when it is there.
func (a *actor) fetch(at int64, name string, hello shape.Hello, class shape.Class, up, down float64) int64 {
	return a.carry(a.resolve(at, name), a.reach(name, hello, class), up, down, true)
}

// overQUIC are the ends of names whose servers speak QUIC.
var overQUIC = []string{
	"google.com", "gstatic.com", "googleapis.com", "googlevideo.com", "youtube.com", "ytimg.com", "doubleclick.net",
	"googlesyndication.com", "facebook.com", "fbcdn.net", "instagram.com", "tiktok.com", "tiktokcdn.com", "cloudflare.com",
}

// browserHello returns how a browser begins with the server of a name.
func (a *actor) browserHello(name string) shape.Hello {
	for _, end := range overQUIC {
		if strings.HasSuffix(name, end) && a.g.Float64() < 0.75 {
			return shape.QUIC
		}
	}
	return shape.TLS
}

// hide puts what goes to the internet into the guest's tunnel while he has one: datagrams to one port of one address, each
// 60 octets longer (WireGuard over IPv4: 20, 8, 32).
func (a *actor) hide(x *Act) {
	if x.At >= a.tunnel || int(x.To) != a.room.router {
		return
	}
	longer := func(c capture.Count) capture.Count {
		return capture.Count{Frames: c.Frames, Octets: min(c.Octets+60*c.Frames, 1342*c.Frames)}
	}
	*x = Act{
		At: x.At, For: max(x.For, seconds(0.05)), Who: x.Who, To: x.To, Addr: a.room.habits.tunnel.addr, Class: shape.Site,
		Port: a.vpn, PeerPort: a.room.habits.tunnel.port, Up: longer(x.Up), Down: longer(x.Down),
	}
}

// between returns a duration of from to to seconds.
func between(g *rand.Rand, from, to float64) int64 { return seconds(from + g.Float64()*(to-from)) }
