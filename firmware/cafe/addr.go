package cafe

import (
	"net/netip"
	"slices"
	"time"

	"cafeprobe/capture"
)

// temporary is after what silence an IPv6 address is taken for one that its system has replaced, while others of the same
// network are in use. Windows makes a new one a day (RFC 8981 §3.8) and uses the newest for all that begins.
const temporary = time.Hour

// Holders are, of each address that stations have shown to be their own, the one that did so last.
type Holders map[netip.Addr]holder

type holder struct {
	mac  capture.MAC
	last int64
}

// Holders returns who has which address now.
func (c *Cafe) Holders() Holders {
	h := Holders{}
	for _, s := range c.stations {
		for i := range s.Addrs {
			a := &s.Addrs[i]
			if had, ok := h[a.Addr]; a.Origin != capture.OriginIP && (!ok || a.Last > had.last) {
				h[a.Addr] = holder{s.MAC, a.Last}
			}
		}
	}
	return h
}

// Of returns which of s.OwnAddrs s has now, as far as is seen.
func (h Holders) Of(s *Station) []netip.Addr {
	var now []netip.Addr
	own := s.OwnAddrs()
	for i := range s.Addrs {
		a := &s.Addrs[i]
		had, ok := h[a.Addr]
		if taken := ok && had.mac != s.MAC && had.last > a.Last; !taken && slices.Contains(own, a.Addr) && !s.replaced(a) {
			now = append(now, a.Addr)
		}
	}
	return now
}

// taken reports whether another station has shown since that a is its own.
func (c *Cafe) taken(s *Station, a *Addr) bool {
	for _, other := range c.stations {
		if other == s {
			continue
		}
		for i := range other.Addrs {
			if b := &other.Addrs[i]; b.Addr == a.Addr && b.Origin != capture.OriginIP && b.Last > a.Last {
				return true
			}
		}
	}
	return false
}

// replaced reports whether s uses another address instead of a: of IPv4 one that it has shown to be its own since, so that
// APIPA (RFC 3927) ends with a lease; of IPv6 one of the same network, while a, which is not made of the card's (RFC 4291
// appendix A), is silent.
func (s *Station) replaced(a *Addr) bool {
	for i := range s.Addrs {
		b := &s.Addrs[i]
		switch {
		case b == a || a.Addr.Is4() != b.Addr.Is4():
		case a.Addr.Is4():
			if b.First > a.Last && b.Origin != capture.OriginIP && (a.Addr.IsLinkLocalUnicast() || !b.Addr.IsLinkLocalUnicast()) {
				return true
			}
		case a.Addr.IsLinkLocalUnicast() || fromMAC(a.Addr):
		case neighbours(a.Addr, b.Addr) && b.Last-a.Last > int64(temporary):
			return true
		}
	}
	return false
}

// fromMAC reports whether an IPv6 address is made of a MAC.
func fromMAC(a netip.Addr) bool {
	b := a.As16()
	return b[11] == 0xff && b[12] == 0xfe
}
