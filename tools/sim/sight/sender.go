package sight

import (
	"net/netip"
	"time"

	"cafeprobe/capture"
)

// sender is what a station sent in this second, and the addresses that it was told to have.
type sender struct {
	first, last int64
	sent        capture.Count
	addrs       []known
	forwards    bool
	shown       int64 // when its system was told of last
}

type known struct {
	addr netip.Addr
	told int64
}

func (s *sender) add(first, last int64, c capture.Count) {
	if s.sent.Frames == 0 {
		s.first, s.last = first, last
	}
	s.first, s.last = min(s.first, first), max(s.last, last)
	s.sent.Frames += c.Frames
	s.sent.Octets += c.Octets
}

// tell tells of what a station sent.
func (o *observer) tell(i int) {
	s := &o.senders[i]
	if s.sent.Frames == 0 {
		return
	}
	o.tells(capture.Observation{
		Kind: capture.KindActivity, MAC: o.room.Stations[i].MAC, First: s.first, Time: s.last,
		Up: s.sent,
	})
	s.sent = capture.Count{}
}

// ownAddrs is how many addresses a station shows before it is known to forward for others, as capture/flow has it.
const ownAddrs = 16

// address tells of an address that a station sent from, once a minute.
func (o *observer) address(i int, addr netip.Addr, at int64) {
	s := &o.senders[i]
	if !addr.IsValid() || addr.IsUnspecified() || s.forwards && !addr.IsPrivate() && !addr.IsLinkLocalUnicast() {
		return
	}
	for j := range s.addrs {
		if k := &s.addrs[j]; k.addr == addr {
			if at-k.told >= int64(time.Minute) {
				k.told = at
				o.tellAddr(i, addr, at)
			}
			return
		}
	}
	if len(s.addrs) == ownAddrs {
		s.forwards = true
		return
	}
	s.addrs = append(s.addrs, known{addr, at})
	o.tellAddr(i, addr, at)
}

func (o *observer) tellAddr(i int, addr netip.Addr, at int64) {
	o.tells(capture.Observation{
		Kind: capture.KindAddr, Origin: capture.OriginIP, MAC: o.room.Stations[i].MAC, Addr: addr, Time: at, First: at,
	})
}
