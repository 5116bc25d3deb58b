package decode

// ipip reads an IP packet inside another: IPv4 (RFC 2003) or IPv6 (6in4, RFC 4213; RFC 2473), by the protocol number of
// the outer header.
func (d *Decoder) ipip(p *Packet, proto uint8, b []byte, n int) Verdict {
	if !d.enter(p) {
		return opaque(p, b, n)
	}
	if proto == protoIPIP {
		return d.ip4(p, b, n)
	}
	return d.ip6(p, b, n)
}

// etherIP reads an Ethernet frame in IP (RFC 3378 §3): version 3 and twelve reserved bits come first.
func (d *Decoder) etherIP(p *Packet, b []byte, n int) Verdict {
	if len(b) < 2 {
		return short(n, 2)
	}
	if be16(b) != 0x3000 {
		return Malformed
	}
	if !d.enter(p) {
		return opaque(p, b, n)
	}
	return d.bridged(p, b[2:], n-2)
}
