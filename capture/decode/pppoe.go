package decode

// pppoeHeader checks the header of PPPoE (RFC 2516 §4): version and type 1, code, session, length. It returns what the
// length leaves; Ethernet's padding is cut off.
func pppoeHeader(b []byte, n int) (rest []byte, size int, v Verdict) {
	const header = 6
	if len(b) < header {
		return nil, 0, short(n, header)
	}
	size = int(be16(b[4:]))
	if b[0] != 0x11 || size > n-header {
		return nil, 0, Malformed
	}
	rest = b[header:]
	return rest[:min(size, len(rest))], size, Whole
}

// pppoeSession reads a session frame: PPP without its address and control.
func (d *Decoder) pppoeSession(p *Packet, b []byte, n int) Verdict {
	p.Ether = etherPPPoE
	rest, size, v := pppoeHeader(b, n)
	if v != Whole {
		return v
	}
	if b[1] != 0 {
		return Malformed // RFC 2516 §5.5: CODE is 0 once there is a session
	}
	return d.ppp(p, rest, size)
}

// pppoeDiscovery checks that the tags of a discovery frame fill it: type 2, length 2, value (RFC 2516 §4).
func (d *Decoder) pppoeDiscovery(p *Packet, b []byte, n int) Verdict {
	rest, size, v := pppoeHeader(b, n)
	if v != Whole {
		return v
	}
	p.Payload, p.PayloadLen = rest, size
	for size > 0 {
		if len(rest) < 4 {
			return short(size, 4)
		}
		tag := 4 + int(be16(rest[2:]))
		if tag > size {
			return Malformed
		}
		if be16(rest) == 0 { // End-Of-List
			break
		}
		if tag > len(rest) {
			return Cut
		}
		rest, size = rest[tag:], size-tag
	}
	return Whole
}
