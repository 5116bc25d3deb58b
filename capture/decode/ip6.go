package decode

import "net/netip"

// IPv6 extension headers (IANA).
const (
	extHopByHop = 0
	extRouting  = 43
	extFragment = 44
	extAuth     = 51
	extNone     = 59
	extDest     = 60
	extMobility = 135
	extHIP      = 139
	extShim6    = 140
)

// maxExtensions bounds the chain of extension headers. RFC 8200 §4.1 asks for each once, and destination options twice:
// seven; RFC 8504 §5.3 lets a node refuse longer chains.
const maxExtensions = 12

// ip6 reads an IPv6 packet (RFC 8200).
func (d *Decoder) ip6(p *Packet, b []byte, n int) Verdict {
	if len(b) < 40 {
		if len(b) > 0 && b[0]>>4 != 6 {
			return Malformed
		}
		return short(n, 40)
	}
	size := int(be16(b[4:]))
	if b[0]>>4 != 6 || size > n-40 {
		return Malformed
	}
	next := b[6]
	if size == 0 && (next == extHopByHop || n-40 > 0xffff) {
		size = n - 40 // a jumbogram (RFC 2675), or the capturing host's own before its card cuts it up
		if next == extHopByHop && n-40 <= 0xffff {
			return Malformed
		}
	}
	p.HasIP, p.Ether = true, EtherIPv6
	p.SrcAddr, p.DstAddr = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	p.Proto, p.TTL = next, b[7]
	p.RouterAlert = false
	d.pseudo = sum(0, b[8:40])
	d.summed = true
	b = b[40:min(40+size, len(b))]
	switch next {
	case ProtoTCP, ProtoUDP, ProtoICMPv6:
		return d.transport(p, next, b, size)
	}
	return d.extensions(p, next, b, size)
}

// extensions walks the chain of extension headers to the transport.
func (d *Decoder) extensions(p *Packet, next uint8, b []byte, n int) Verdict {
	for i := range maxExtensions {
		p.Proto = next
		switch next {
		case extHopByHop, extDest, extRouting, extMobility, extHIP, extShim6, extAuth, extFragment:
		case extNone:
			return opaque(p, b, n)
		default:
			return d.transport(p, next, b, n)
		}
		if len(b) < 8 {
			return short(n, 8)
		}
		size := 8 + 8*int(b[1])
		switch next {
		case extFragment:
			size = 8
		case extAuth:
			size = 8 + 4*int(b[1]) // RFC 4302 §2.2: in 32-bit words, minus 2
		}
		if size > n {
			return Malformed
		}
		if size > len(b) {
			return Cut
		}
		switch next {
		case extHopByHop:
			if i > 0 || !d.options6(p, b[2:size]) { // RFC 8200 §4.1: only directly behind the IPv6 header
				return Malformed
			}
		case extDest:
			if !d.options6(p, b[2:size]) {
				return Malformed
			}
		case extRouting:
			if b[3] > 0 {
				d.summed = false // segments left: the checksum is over the last address, not over this one
			}
		case extFragment:
			off := be16(b[2:])
			key := fragKey{src: p.SrcAddr, dst: p.DstAddr, id: be32(b[4:]), vlan: p.VLAN, depth: p.Tunnels, v6: true}
			next = b[0]
			b, n = b[8:], n-8
			if off&^6 == 0 { // an atomic fragment: a datagram of its own (RFC 6946)
				continue
			}
			// The first fragment names the transport; the others repeat it, and are not asked.
			key.proto = next
			whole, v := d.fragment(p, &key, int(off&^7), off&1 != 0, b, n)
			if whole == nil {
				p.Proto = next
				return v
			}
			next, b, n = key.proto, whole, len(whole)
			continue
		}
		next = b[0]
		b, n = b[size:], n-size
	}
	return Malformed
}

// options6 reads hop-by-hop or destination options (RFC 8200 §4.2) and reports whether their lengths hold. It notes
// router alert (RFC 2711), which MLD must carry.
func (d *Decoder) options6(p *Packet, b []byte) bool {
	const (
		pad1        = 0
		routerAlert = 5
	)
	for len(b) > 0 {
		if b[0] == pad1 {
			b = b[1:]
			continue
		}
		if len(b) < 2 || 2+int(b[1]) > len(b) {
			return false
		}
		if b[0] == routerAlert && b[1] == 2 {
			p.RouterAlert = true
		}
		b = b[2+int(b[1]):]
	}
	return true
}
