package decode

import (
	"net/netip"

	"cafeprobe/capture"
)

// servedEvery is how often a server is said to serve: its answers come with every block of a disk or a file.
const servedEvery = 60_000_000_000 // nanoseconds

// served remembers which servers were said to serve lately, for protocols whose answers never end. The oldest is
// forgotten first; a server that is forgotten is said again, nothing worse.
type served struct {
	slot [32]struct {
		addr   netip.Addr
		origin capture.Origin
		time   int64
	}
	next uint8
}

// due reports whether it is time to say that addr serves origin, and then notes that it was said. A clock that is turned
// back makes it due.
func (s *served) due(addr netip.Addr, origin capture.Origin, now int64) bool {
	for i := range s.slot {
		e := &s.slot[i]
		if e.addr != addr || e.origin != origin {
			continue
		}
		if since := now - e.time; since >= 0 && since < servedEvery {
			return false
		}
		e.time = now
		return true
	}
	e := &s.slot[s.next]
	e.addr, e.origin, e.time = addr, origin, now
	s.next = (s.next + 1) % uint8(len(s.slot))
	return true
}

// serves emits that the packet's source serves origin on port, at most once in servedEvery.
func (d *Decoder) serves(p *Packet, origin capture.Origin, port uint16) {
	if d.served.due(p.SrcAddr, origin, p.Time) {
		d.emit(capture.Observation{Kind: capture.KindService, Origin: origin, PeerPort: port})
	}
}
