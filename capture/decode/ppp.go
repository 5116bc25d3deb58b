package decode

// PPP protocol numbers (IANA).
const (
	pppIPv4 = 0x0021
	pppIPv6 = 0x0057
	pppMPLS = 0x0281
)

// pppLink reads a PPP link: with address and control (ff 03, RFC 1662) or without; and Cisco's HDLC, which shares the
// link type and has 0f or 8f, 00 and an EtherType.
func (d *Decoder) pppLink(p *Packet, b []byte, n int) Verdict {
	if len(b) >= 4 && (b[0] == 0x0f || b[0] == 0x8f) && b[1] == 0 {
		return d.ethertype(p, be16(b[2:]), b[4:], n-4)
	}
	return d.ppp(p, b, n)
}

// ppp reads a PPP frame (RFC 1661 §2). Protocol numbers have an odd last octet and an even first one, so a first octet
// that is odd is a number compressed to one octet.
func (d *Decoder) ppp(p *Packet, b []byte, n int) Verdict {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		b, n = b[2:], n-2
	}
	if len(b) < 2 {
		return short(n, 2)
	}
	proto := be16(b)
	if b[0]&1 != 0 {
		proto = uint16(b[0])
		b, n = b[1:], n-1
	} else {
		b, n = b[2:], n-2
	}
	switch proto {
	case pppIPv4:
		return d.ip4(p, b, n)
	case pppIPv6:
		return d.ip6(p, b, n)
	case pppMPLS:
		return d.mpls(p, b, n)
	}
	return opaque(p, b, n) // LCP, IPCP, CHAP and other control, or compressed data
}
