package mix

import (
	"bytes"
	"math/rand/v2"
	"net/netip"

	"cafeprobe/capture"
)

// host is one network card of the café.
type host struct {
	mac      capture.MAC
	v4       netip.Addr
	v6, link netip.Addr
	port     uint16 // of the flow it opened last
}

// addr returns the address with which h stands in for like.
func (h *host) addr(like netip.Addr) netip.Addr {
	switch {
	case like.Is4():
		return h.v4
	case like.IsLinkLocalUnicast():
		return h.link
	}
	return h.v6
}

// cafe is one network, 192.168.1.0/24 and 2001:db8::/64, behind one router, with a server of disks.
type cafe struct {
	router, server host
	stations       []host
}

// vendors are the first octets of the addresses of network cards that such computers have (IEEE MA-L): Micro-Star, Giga-Byte,
// ASUSTek, ASRock, Realtek.
var vendors = [][3]byte{{0x2c, 0xf0, 0x5d}, {0xb4, 0x2e, 0x99}, {0x24, 0x4b, 0xfe}, {0x70, 0x85, 0xc2}, {0x00, 0xe0, 0x4c}}

const (
	routerHost  = 1
	serverHost  = 2
	firstHost   = 21
	firstPort   = 49152 // of the dynamic ports (RFC 6335 §6)
	dynamicMask = 1<<14 - 1
)

func newCafe(n int) *cafe {
	c := &cafe{
		router: newHost(capture.MAC{0x4c, 0x5e, 0x0c, 0x51, 0x00, 0x01}, routerHost), // Routerboard
		server: newHost(capture.MAC{0xac, 0x1f, 0x6b, 0x52, 0x00, 0x02}, serverHost), // Super Micro
	}
	for i := range n {
		v := vendors[i%len(vendors)]
		c.stations = append(c.stations, newHost(capture.MAC{v[0], v[1], v[2], 0x53, 0x00, byte(firstHost + i)}, byte(firstHost+i)))
	}
	return c
}

func newHost(m capture.MAC, n byte) host {
	return host{
		mac: m, v4: netip.AddrFrom4([4]byte{192, 168, 1, n}), port: firstPort,
		v6:   netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: n}),
		link: netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}), // EUI-64
	}
}

var broadcast4 = netip.AddrFrom4([4]byte{192, 168, 1, 255})

// ends are those between whom one copy of a script is played, and what is written over in its payloads.
type ends struct {
	in, out end
	swaps   []swap
}

// swap replaces octets by as many others.
type swap struct{ old, new []byte }

// cast gives the parts of sc: the station who, and the other end as seen in the café. What was on the Internet keeps its
// address but for the last two bits, and is behind the router; what was in a LAN is the café's server, a name server there
// its router.
func (c *cafe) cast(sc *script, who int, rng *rand.Rand) ends {
	h := &c.stations[who]
	e := ends{in: end{h.mac, h.addr(sc.in.addr), sc.in.port}, out: sc.out}
	near := rng.Uint32()
	switch {
	case sc.boot != nil:
		c.castBoot(sc.boot, h, &e)
		return e
	case sc.group:
		if sc.out.mac == capture.Broadcast && sc.out.addr.Is4() && sc.out.addr.As4() != [4]byte{255, 255, 255, 255} {
			e.out.addr = broadcast4
		}
		e.swaps = []swap{swapAddr(sc.in.addr, e.in.addr), swapMAC(sc.in.mac, h.mac)}
		return e
	case sc.ether == etherARP:
		e.out.mac, e.out.addr = c.router.mac, c.router.v4
		return e
	case !local(sc.out.addr):
		e.out.mac, e.out.addr = c.router.mac, vary(sc.out.addr, near)
	case sc.out.port == portDNS:
		e.out.mac, e.out.addr = c.router.mac, c.router.addr(sc.out.addr)
	default:
		e.out.mac, e.out.addr = c.server.mac, c.server.addr(sc.out.addr)
	}
	if sc.class != classGroup { // names are told between well-known ports
		e.in.port = h.port
		h.port = firstPort | (h.port+1)&dynamicMask
	}
	return e
}

// vary returns one of the four neighbours of a: a service has more than one address.
func vary(a netip.Addr, n uint32) netip.Addr {
	b := a.AsSlice()
	b[len(b)-1] ^= byte(n & 3)
	out, _ := netip.AddrFromSlice(b)
	return out
}

func swapAddr(old, new netip.Addr) swap { return swap{old.AsSlice(), new.AsSlice()} }

func swapMAC(old, new capture.MAC) swap { return swap{old[:], new[:]} }

// in replaces what b has of s.old.
func (s *swap) in(b []byte) {
	for {
		i := bytes.Index(b, s.old)
		if i < 0 {
			return
		}
		b = b[i+copy(b[i:], s.new):]
	}
}
