package decode

import "cafeprobe/capture"

// EtherTypes that this package reads itself (IANA, IEEE 802 Numbers).
const (
	minEtherType = 0x0600 // below: an 802.3 length (IEEE 802.3 §3.2.6)
	maxLength    = 1500   // of those, the ones that are a length

	etherVLAN      = 0x8100 // 802.1Q C-tag
	etherQinQ      = 0x88a8 // 802.1ad S-tag
	etherQinQOld   = 0x9100 // the same before 802.1ad
	etherQinQOlder = 0x9200
	etherVNTag     = 0x8926 // Cisco's VN-Tag
	etherETag      = 0x893f // 802.1BR
	etherCMD       = 0x8909 // Cisco MetaData
	etherBackbone  = 0x88e7 // 802.1ah I-TAG: a customer's frame in a provider's
	etherMPLS      = 0x8847
	etherMPLSMulti = 0x8848
	etherPPPoEDisc = 0x8863
	etherPPPoE     = 0x8864
	etherLLDP      = 0x88cc
	etherPPP       = 0x880b // PPP, in GRE
)

// ethernet reads the outermost Ethernet header: the one whose source is the station.
func (d *Decoder) ethernet(p *Packet, b []byte, n int) Verdict {
	if len(b) < 14 {
		return short(n, 14)
	}
	p.HasMAC = true
	p.Dst, p.Src = capture.MAC(b[0:6]), capture.MAC(b[6:12])
	return d.ethertype(p, be16(b[12:]), b[14:], n-14)
}

// bridged reads an Ethernet header inside a tunnel: its addresses are of another segment and are passed over.
func (d *Decoder) bridged(p *Packet, b []byte, n int) Verdict {
	if len(b) < 14 {
		return short(n, 14)
	}
	if d.depth++; d.depth > maxDepth {
		return opaque(p, b, n)
	}
	return d.ethertype(p, be16(b[12:]), b[14:], n-14)
}

// ethertype reads what an EtherType, or an 802.3 length in its place, announces. Tags of 802.1Q and 802.1ad are taken
// off here; each is four octets of the frame, so the loop is bounded by it.
func (d *Decoder) ethertype(p *Packet, t uint16, b []byte, n int) Verdict {
	for {
		switch t {
		case EtherIPv4:
			return d.ip4(p, b, n)
		case EtherIPv6:
			return d.ip6(p, b, n)
		case EtherARP:
			return d.arp(p, b, n)
		case etherVLAN, etherQinQ, etherQinQOld, etherQinQOlder: // see Tagged
			if len(b) < 4 {
				return short(n, 4)
			}
			if p.VLAN == 0 && p.Tunnels == 0 { // a priority tag has id 0: the next one tells the VLAN
				p.VLAN = be16(b) & 0x0fff
			}
			t, b, n = be16(b[2:]), b[4:], n-4
			continue
		case etherVNTag, etherETag, etherCMD:
			size := tagSize(t)
			if len(b) < size {
				return short(n, size)
			}
			t, b, n = be16(b[size-2:]), b[size:], n-size
			continue
		case etherBackbone: // flags and I-SID; the frame of the customer is of another segment
			if len(b) < 4 {
				return short(n, 4)
			}
			if d.enter(p) {
				return d.bridged(p, b[4:], n-4)
			}
		case etherMPLS, etherMPLSMulti:
			return d.mpls(p, b, n)
		case etherPPPoE:
			return d.pppoeSession(p, b, n)
		case etherPPPoEDisc:
			p.Ether = t
			return d.pppoeDiscovery(p, b, n)
		}
		if t < minEtherType {
			return d.length(p, int(t), b, n)
		}
		p.Ether = t
		return opaque(p, b, n)
	}
}

// Tagged reports whether t is the EtherType of a tag that says a VLAN.
func Tagged(t uint16) bool {
	return t == etherVLAN || t == etherQinQ || t == etherQinQOld || t == etherQinQOlder
}

// tagSize returns how long a tag is, with the EtherType that ends it: VN-Tag has 4 octets before that, E-TAG 6 and Cisco
// MetaData, whose length octet counts in its own way, 6.
func tagSize(t uint16) int {
	if t == etherVNTag {
		return 4 + 2
	}
	return 6 + 2
}

// length reads an 802.3 frame: the length of its LLC part, the rest is padding.
func (d *Decoder) length(p *Packet, size int, b []byte, n int) Verdict {
	if size > maxLength || size > n {
		return Malformed
	}
	return d.llc(p, b[:min(size, len(b))], size)
}
