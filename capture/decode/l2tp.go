package decode

const portL2TP = 1701

// l2tp reads a data message of L2TP version 2 (RFC 2661 §3.1), which carries PPP: flags, tunnel and session; a length, two
// sequence numbers and padding where the flags say so. Control messages carry nothing of a user.
func (d *Decoder) l2tp(p *Packet, b []byte, n int) Verdict {
	const (
		control  = 0x8000
		length   = 0x4000
		sequence = 0x0800
		offset   = 0x0200
		reserved = 0x34f0
	)
	if len(b) < 8 {
		return Cut
	}
	flags := be16(b)
	if flags&0x0f != 2 || flags&reserved != 0 || flags&control != 0 {
		return Malformed
	}
	header := 6
	if flags&length != 0 {
		if size := int(be16(b[2:])); size != n {
			return Malformed
		}
		header += 2
	}
	if flags&sequence != 0 {
		header += 4
	}
	if flags&offset != 0 {
		if len(b) < header+2 {
			return short(n, header+2)
		}
		header += 2 + int(be16(b[header:]))
	}
	if len(b) < header+4 { // address, control and protocol of PPP
		return short(n, header+4)
	}
	// A port is no proof, and PPP that is not IP could be anything: only IP is looked into.
	rest := b[header:]
	if rest[0] == 0xff && rest[1] == 3 {
		rest = rest[2:]
	}
	if proto := be16(rest); proto != pppIPv4 && proto != pppIPv6 || !d.enter(p) {
		return Malformed
	}
	return d.ppp(p, b[header:], n-header)
}
