package cafe

import (
	"net/netip"
	"slices"
	"time"

	"cafeprobe/capture"
)

// passes is what a station was seen to hand on: in flows that were heard in both directions, ends that are not its own.
//
// A source address proves nothing, for anybody can write it: a host that floods with made-up ones sends from a thousand.
// What comes back to it does: answers to a made-up address go to whoever has it.
type passes struct {
	far   [passedAddrs]netip.Addr // public IPv4 addresses, or networks (/64) of IPv6, at this MAC
	since int64                   // when the first of them was heard
	done  bool                    // so many that they cannot all be its own, or one that cannot be
	users [passedUsers]capture.MAC
}

const (
	// passedAddrs is from how many public ends a MAC is a router, where nothing says whose they are. A host has addresses in
	// two networks while its provider renumbers, as after each PPPoE reconnection.
	passedAddrs = 3

	// passedSpan is within what time: a host that is renumbered again and again has as many in the end.
	passedSpan = time.Hour

	// passedUsers is for how many stations one must hand on that shows to be a PC, before it is taken for a router: one that
	// shares its line for a neighbour stays a PC.
	passedUsers = 3
)

// lookRouter takes a flow that was heard in both directions: an end that is not its MAC's own address is behind a router.
func (c *Cafe) lookRouter(o *capture.Observation) {
	client, server := c.stations[o.MAC], c.stations[o.Target]
	if o.MAC == o.Target || client == nil || server == nil || neighbours(o.Addr, o.Peer) {
		return
	}
	near, far := client.owns(o.Addr), server.owns(o.Peer)
	if !far {
		server.Clues.Passes.take(o.Peer, near, o.MAC, o.Time)
	}
	if !near {
		client.Clues.Passes.take(o.Addr, far, o.Target, o.Time)
	}
}

// owns reports whether addr is one that s itself has: no router carries it, or more than a source address says so.
func (s *Station) owns(addr netip.Addr) bool {
	if local(addr) {
		return true
	}
	return slices.ContainsFunc(s.Addrs, func(a Addr) bool { return a.Addr == addr && a.Origin != capture.OriginIP })
}

// neighbours reports whether two addresses are likely of one network: as near as an IPv6 network or the usual IPv4 one has them.
func neighbours(a, b netip.Addr) bool {
	bits := 24
	if a.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(a, bits).Contains(b)
}

// take notes that an end at addr, behind this MAC, talks with user. Where user's own address is known, the two are in
// different networks, and somebody hands on between them: this MAC.
func (p *passes) take(addr netip.Addr, known bool, user capture.MAC, now int64) {
	if i := slices.Index(p.users[:], capture.MAC{}); i >= 0 && !slices.Contains(p.users[:], user) {
		p.users[i] = user
	}
	if known {
		p.done = true
	}
	if p.done {
		return
	}
	if addr.Is6() {
		addr = netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	if now-p.since > int64(passedSpan) {
		p.far, p.since = [passedAddrs]netip.Addr{}, now
	}
	i := slices.IndexFunc(p.far[:], func(a netip.Addr) bool { return a == addr || !a.IsValid() })
	p.far[i] = addr
	p.done = i == passedAddrs-1
}

// forMany reports whether so many stations were served as no PC serves.
func (p *passes) forMany() bool { return p.done && p.users[passedUsers-1] != capture.MAC{} }

// routes reports whether the clues are a router's. That a station says it is one proves little where all else says that it
// is a PC: who wants to hide his PCs only needs to let each of them send a router's advertisement. A PXE ROM is never one's.
func (c *Clues) routes(m capture.MAC) bool {
	switch {
	case c.Booted && !c.FileServer:
		return false
	case c.Passes.forMany():
		return true
	case c.Windows:
		return false
	}
	return c.Router || c.Passes.done || isVirtualRouter(m) || c.DHCPServer && !c.FileServer
}
