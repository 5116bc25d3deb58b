package decode

const portMPLS = 6635 // MPLS in UDP (RFC 7510)

// mpls takes the labels off (RFC 3032) and guesses what is below, as every reader on the way must: IP by its version
// nibble, and behind a pseudowire control word (RFC 4385: first nibble 0) an Ethernet frame. A guess that does not hold
// proves nothing about the frame, so it is put back and the payload left as it is.
func (d *Decoder) mpls(p *Packet, b []byte, n int) Verdict {
	p.Ether = etherMPLS
	for {
		if len(b) < 4 {
			return short(n, 4)
		}
		bottom := b[2]&1 != 0
		b, n = b[4:], n-4
		if bottom {
			break
		}
	}
	if len(b) == 0 {
		return opaque(p, b, n)
	}
	saved := *p
	v := Malformed
	switch b[0] >> 4 {
	case 4:
		v = d.ip4(p, b, n)
	case 6:
		v = d.ip6(p, b, n)
	case 0:
		if len(b) >= 4 {
			v = d.bridged(p, b[4:], n-4)
		}
	}
	if v == Malformed {
		*p = saved
		return opaque(p, b, n)
	}
	return v
}
