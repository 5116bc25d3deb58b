package decode

// tcp reads a TCP header (RFC 9293 §3.1).
func (d *Decoder) tcp(p *Packet, b []byte, n int) Verdict {
	if len(b) < 20 {
		if len(b) >= 4 && n >= 20 {
			p.SrcPort, p.DstPort = be16(b), be16(b[2:])
		}
		return short(n, 20)
	}
	header := int(b[12]>>4) * 4
	if header < 20 || header > n {
		return Malformed
	}
	p.SrcPort, p.DstPort = be16(b), be16(b[2:])
	p.Seq, p.Ack = be32(b[4:]), be32(b[8:])
	p.TCPFlags, p.Window = b[13], be16(b[14:])
	p.PayloadLen = n - header
	if header > len(b) {
		return Cut
	}
	if header > 20 && !optionsTCP(b[20:header]) {
		return Malformed
	}
	if len(b) == n && !d.sumHolds(p, b, ProtoTCP, be16(b[16:])) {
		return Malformed
	}
	if p.TCPFlags&flagSYN != 0 {
		p.Options = b[20:header]
	}
	p.Payload = b[header:]
	return Whole
}

// optionsTCP reports whether TCP options have lengths that hold. Nearly all segments with options have a timestamp
// alone, aligned as RFC 7323 appendix A recommends.
func optionsTCP(b []byte) bool {
	if len(b) == 12 && be32(b) == 0x0101080a {
		return true
	}
	return options4(b) // the same form: 0 ends, 1 is one octet, all others have a length
}
