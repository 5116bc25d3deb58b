package decode

import "net/netip"

// ip4 reads an IPv4 packet (RFC 791).
//
// Two fields are not filled in yet where the capturing host itself sent the packet: the header checksum is 0 when the
// network card computes it, and the total length is 0 when the card cuts the packet up (TSO) and it is too long for the
// field. Both are taken as absent, not as wrong. See skew.go for sums that are wrong in every frame of a sender.
func (d *Decoder) ip4(p *Packet, b []byte, n int) Verdict {
	if len(b) < 20 {
		if len(b) > 0 && b[0]>>4 != 4 {
			return Malformed
		}
		return short(n, 20)
	}
	header := int(b[0]&15) * 4
	total := int(be16(b[2:]))
	if total == 0 {
		total = n
	}
	if b[0]>>4 != 4 || header < 20 || total < header || total > n {
		return Malformed
	}
	if len(b) < header {
		return Cut
	}
	var skew uint16
	if be16(b[10:]) != 0 {
		if skew = skewOf(sum(0, b[:header])); skew != 0 && !d.skews.known(p.Src, skew) {
			return Malformed
		}
	}
	if header > 20 && !options4(b[20:header]) {
		return Malformed
	}
	p.HasIP, p.Ether = true, EtherIPv4
	p.SrcAddr, p.DstAddr = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	p.Proto, p.TTL = b[9], b[8]
	d.pseudo = sum(uint64(skew), b[12:20]) // with the skew: the sum of the addresses before they were rewritten
	d.summed = true
	rest, size := b[header:min(total, len(b))], total-header
	frag := be16(b[6:])
	if frag&0x3fff == 0 { // neither MF nor an offset
		return d.transport(p, b[9], rest, size)
	}
	key := fragKey{src: p.SrcAddr, dst: p.DstAddr, id: uint32(be16(b[4:])), proto: b[9], vlan: p.VLAN, depth: p.Tunnels}
	whole, v := d.fragment(p, &key, int(frag&0x1fff)*8, frag&0x2000 != 0, rest, size)
	if whole == nil {
		return v
	}
	return d.transport(p, b[9], whole, len(whole))
}

// options4 reports whether the options of an IPv4 header (RFC 791 §3.1) have lengths that hold.
func options4(b []byte) bool {
	for len(b) > 0 {
		switch {
		case b[0] == 0: // end of list
			return true
		case b[0] == 1: // no operation
			b = b[1:]
		case len(b) < 2 || b[1] < 2 || int(b[1]) > len(b):
			return false
		default:
			b = b[b[1]:]
		}
	}
	return true
}
