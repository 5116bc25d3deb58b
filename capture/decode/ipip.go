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
