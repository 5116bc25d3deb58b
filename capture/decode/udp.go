package decode

// udpHeader reads a UDP header (RFC 768), and the tunnels that live on UDP.
func (d *Decoder) udpHeader(p *Packet, b []byte, n int) Verdict {
	if len(b) < 8 {
		if len(b) >= 4 && n >= 8 {
			p.SrcPort, p.DstPort = be16(b), be16(b[2:])
		}
		return short(n, 8)
	}
	size := int(be16(b[4:]))
	if size == 0 && n > 0xffff {
		size = n // a jumbogram (RFC 2675 §4)
	}
	if size < 8 || size > n {
		return Malformed
	}
	p.SrcPort, p.DstPort = be16(b), be16(b[2:])
	p.PayloadLen = size - 8
	if size <= len(b) {
		b = b[:size]
		p.Payload = b[8:] // also where the checksum is wrong: a QUIC Initial proves itself
		if !d.sumHolds(p, b, ProtoUDP, be16(b[6:])) {
			return Malformed
		}
	}
	p.Payload = b[8:]
	return d.udpTunnel(p)
}

// udpTunnel looks into the tunnels that are known by their UDP port alone. A port is no proof: where what follows does
// not decode as the tunnel, the frame stays the sound UDP datagram it was.
func (d *Decoder) udpTunnel(p *Packet) Verdict {
	if !tunnelPorts(p.SrcPort, p.DstPort) || p.PayloadLen < 8 {
		return Whole
	}
	saved := *p
	b, n := p.Payload, p.PayloadLen
	v := Malformed
	switch p.DstPort {
	case portVXLAN, portVXLANLinux:
		v = d.vxlan(p, b, n)
	case portVXLANGPE:
		v = d.vxlanGPE(p, b, n)
	case portGTPU:
		v = d.gtp(p, b, n)
	case portGeneve:
		v = d.geneve(p, b, n)
	case portTZSP:
		v = d.tzsp(p, b, n)
	case portL2TP:
		v = d.l2tp(p, b, n)
	case portMPLS:
		v = d.carried(p, etherMPLS, b, n)
	default:
		v = d.teredo(p, b, n)
	}
	if v == Malformed {
		*p = saved
		return Whole
	}
	return v
}

// tunnelPorts reports whether a datagram between these ports may be one of a tunnel.
func tunnelPorts(src, dst uint16) bool {
	switch dst {
	case portVXLAN, portVXLANLinux, portVXLANGPE, portGTPU, portTeredo, portGeneve, portTZSP, portL2TP, portMPLS:
		return true
	}
	return src == portTeredo
}

// sumHolds reports whether the checksum field of a whole TCP or UDP segment b may be believed: it holds, or it is one of
// those that are wrong without damage (skew.go).
func (d *Decoder) sumHolds(p *Packet, b []byte, proto uint64, field uint16) bool {
	if field == 0 || !d.summed {
		return true
	}
	pseudo := d.pseudo + proto
	full := pseudo + uint64(len(b))
	skew := skewOf(sum(full, b))
	return skew == 0 || field == fold(full) || field == fold(pseudo) || d.skews.known(p.Src, skew)
}
