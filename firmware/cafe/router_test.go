package cafe

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"cafeprobe/capture"
)

// gate is the router of the tests.
var gate = capture.MAC{0x4c, 0x5e, 0x0c, 0, 0, 1}

// talk is a flow: of a client at from with the address addr, with a server at peer behind to.
func (r *room) talk(at time.Duration, from capture.MAC, addr string, to capture.MAC, peer string, up, down uint64) {
	for _, m := range []capture.MAC{from, to} {
		r.see(at, capture.Observation{Kind: capture.KindActivity, MAC: m, Up: capture.Count{Frames: 1, Octets: 60}})
	}
	r.see(at, capture.Observation{
		Kind: capture.KindFlow, Proto: 17, MAC: from, Target: to, Addr: netip.MustParseAddr(addr), Peer: netip.MustParseAddr(peer),
		Port: 50000, PeerPort: 443,
		Up: capture.Count{Frames: up, Octets: 100 * up}, Down: capture.Count{Frames: down, Octets: 100 * down},
	})
}

// uses says that m has an address, which its ARP or ND shows.
func (r *room) uses(at time.Duration, m capture.MAC, origin capture.Origin, addr string) {
	r.see(at, capture.Observation{Kind: capture.KindAddr, Origin: origin, MAC: m, Addr: netip.MustParseAddr(addr)})
}

// TestRouterHandsOn tells who hands on for others by what was answered.
func TestRouterHandsOn(t *testing.T) {
	f := func(name string, pc, router Role, talk func(r *room)) {
		t.Helper()
		r := newRoom(Config{})
		talk(r)
		r.Finish()
		a, _ := r.Known(pc1)
		b, _ := r.Known(gate)
		if a.Role != pc || b.Role != router {
			t.Errorf("%s: the host is %v, want %v; the router %v, want %v", name, a.Role, pc, b.Role, router)
		}
	}
	f("one answer from the internet to a private address", RoleUnknown, RoleRouter, func(r *room) {
		r.talk(0, pc1, "192.168.1.21", gate, "203.0.113.7", 2, 2)
	})
	f("no answer", RoleUnknown, RoleUnknown, func(r *room) { r.talk(0, pc1, "192.168.1.21", gate, "203.0.113.7", 9, 0) })
	f("a server in the café that is asked from the internet", RoleUnknown, RoleRouter, func(r *room) {
		r.talk(0, gate, "203.0.113.7", pc1, "192.168.1.21", 2, 2)
	})
	f("private addresses on both sides", RoleUnknown, RoleUnknown, func(r *room) {
		r.talk(0, pc1, "192.168.1.21", gate, "192.168.2.7", 9, 9)
	})
	f("a public LAN: three servers", RoleUnknown, RoleRouter, func(r *room) {
		for _, peer := range []string{"198.51.100.9", "198.51.100.10", "192.0.2.1"} {
			r.talk(0, pc1, "203.0.113.7", gate, peer, 9, 9)
		}
	})
	f("a public LAN: two servers may be one neighbour", RoleUnknown, RoleUnknown, func(r *room) {
		for _, peer := range []string{"198.51.100.9", "198.51.100.10"} {
			r.talk(0, pc1, "203.0.113.7", gate, peer, 9, 9)
		}
	})
	f("neighbours in a public LAN", RoleUnknown, RoleUnknown, func(r *room) {
		r.uses(0, pc1, capture.OriginARP, "203.0.113.7")
		for _, peer := range []string{"203.0.113.9", "203.0.113.10", "203.0.113.11"} {
			r.talk(0, pc1, "203.0.113.7", gate, peer, 9, 9)
		}
	})
	f("IPv6, its own address shown by ND", RoleUnknown, RoleRouter, func(r *room) {
		r.talk(0, pc1, "fe80::1", gate, "fe80::2", 1, 1)
		r.uses(0, pc1, capture.OriginND, "2001:db8:1:1::15")
		r.talk(time.Second, pc1, "2001:db8:1:1::15", gate, "2001:db8:9::1", 9, 9)
	})
	f("IPv6 with privacy addresses (RFC 8981)", RoleUnknown, RoleRouter, func(r *room) {
		for i, a := range []string{"2001:db8:1:1::15", "2001:db8:1:1:c044:a6d4:80d:5d55", "2001:db8:1:1:9a00:ba78:86b1:e177"} {
			r.talk(0, pc1, a, gate, []string{"2001:db8:9::1", "2001:db8:a::1", "2001:db8:b::1"}[i], 9, 9)
		}
	})
	f("IPv6 that is renumbered every day", RoleUnknown, RoleUnknown, func(r *room) {
		for day, a := range []string{"2001:db8:1:1::15", "2001:db8:1:2::15", "2001:db8:1:3::15", "2001:db8:1:4::15"} {
			r.talk(time.Duration(day)*24*time.Hour, pc1, a, gate, "2001:db8:9::1", 9, 9)
		}
	})
	f("a tunnel", RoleUnknown, RoleRouter, func(r *room) { r.talk(0, pc1, "10.0.0.5", gate, "162.159.192.7", 99, 99) })
}

// TestRouterOfItsOwnWord: stations that say they are routers, and look like PCs in all else.
func TestRouterOfItsOwnWord(t *testing.T) {
	asks := func(message, class string) capture.Observation {
		d := &capture.DHCP{Message: message, Client: pc1, VendorClass: class}
		return capture.Observation{Kind: capture.KindDHCP, MAC: pc1, DHCP: d}
	}
	windows, boots := asks("REQUEST", "MSFT 5.0"), asks("DISCOVER", "PXEClient:Arch:00007")
	advert := capture.Observation{
		Kind: capture.KindEvidence, Origin: capture.OriginND, Evidence: capture.EvidenceRouterAdvert, MAC: pc1,
	}
	leases := capture.Observation{Kind: capture.KindService, Origin: capture.OriginDHCP, MAC: pc1}
	disks := capture.Observation{Kind: capture.KindService, Origin: capture.OriginISCSI, MAC: pc1}
	f := func(name string, want Role, users int, said ...capture.Observation) {
		t.Helper()
		r := newRoom(Config{})
		for _, o := range said {
			r.see(0, o)
		}
		for i := range users {
			r.talk(time.Second, pc(10+i), "192.168.1.77", pc1, "203.0.113.7", 9, 9)
		}
		r.Finish()
		if s, _ := r.Known(pc1); s.Role != want {
			t.Errorf("%s, %d users: %v, want %v", name, users, s.Role, want)
		}
	}
	f("advertises", RoleRouter, 0, advert)
	f("leases", RoleRouter, 0, leases)
	f("Windows that advertises", RolePC, 0, windows, advert)
	f("Windows that leases", RolePC, 0, windows, leases)
	f("Windows that shares its line", RolePC, 2, windows, advert)
	f("Windows that is the router", RoleRouter, 3, windows)
	f("booted from the net, and advertises", RolePC, 0, boots, advert)
	f("booted from the net, and shares its line", RolePC, 3, boots, advert)
	f("a boot server that leases", RoleServer, 0, leases, disks)
}

// TestFloodChangesNoRole: real PCs that flood from made-up addresses, and the router that floods them, stay what they are,
// and keep their own addresses.
func TestFloodChangesNoRole(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	madeUp := func() netip.Addr {
		v := random.Uint32()
		return netip.AddrFrom4([4]byte{1 + byte(v>>24)%126, byte(v >> 16), byte(v >> 8), byte(v)})
	}
	r := newRoom(Config{})
	d := &capture.DHCP{Message: "REQUEST", Client: pc1, VendorClass: "MSFT 5.0"}
	r.see(0, capture.Observation{Kind: capture.KindDHCP, MAC: pc1, DHCP: d})
	for _, m := range []capture.MAC{pc1, pc2} { // of pc2 nothing is known but that it talks
		r.frames(m, 0, 2*time.Minute, 10*time.Second)
	}
	for i := range 2000 {
		for _, m := range []capture.MAC{pc1, pc2} {
			at := 2*time.Minute + time.Duration(i)*time.Millisecond
			from, to := madeUp(), madeUp()
			r.see(at, capture.Observation{Kind: capture.KindAddr, Origin: capture.OriginIP, MAC: m, Addr: from})
			r.talk(at, m, from.String(), gate, to.String(), 1, 0)
			r.talk(at, gate, madeUp().String(), m, madeUp().String(), 1, 0)
		}
	}
	r.uses(3*time.Minute, pc1, capture.OriginARP, "192.168.1.21")
	r.talk(3*time.Minute, pc1, "192.168.1.21", gate, "203.0.113.7", 9, 9)
	r.Finish()
	for m, want := range map[capture.MAC]Role{pc1: RolePC, pc2: RoleUnknown, gate: RoleRouter} {
		if s, _ := r.Known(m); s.Role != want {
			t.Errorf("%v is a %v, want %v", m, s.Role, want)
		}
	}
	s, _ := r.Known(pc1)
	own := 0
	for _, a := range s.OwnAddrs() {
		if a == netip.MustParseAddr("192.168.1.21") {
			own++
		} else if !a.IsPrivate() {
			t.Errorf("%v is said to be its own", a)
		}
	}
	if own != 1 {
		t.Error("its own address is forgotten")
	}
}

// TestVirtualRouter: addresses that routers share are routers'.
func TestVirtualRouter(t *testing.T) {
	f := func(name string, m capture.MAC, want Role) {
		t.Helper()
		r := newRoom(Config{})
		r.frames(m, 0, 2*time.Minute, 10*time.Second)
		r.Finish()
		if s, _ := r.Known(m); s.Role != want {
			t.Errorf("%s: %v, want %v", name, s.Role, want)
		}
	}
	f("VRRP", capture.MAC{0, 0, 0x5e, 0, 1, 7}, RoleRouter)
	f("HSRP", capture.MAC{0, 0, 0x0c, 0x07, 0xac, 7}, RoleRouter)
	f("HSRP version 2", capture.MAC{0, 0, 0x0c, 0x9f, 0xf0, 7}, RoleRouter)
	f("Cisco", capture.MAC{0, 0, 0x0c, 0x9f, 0x10, 7}, RoleUnknown)
}
