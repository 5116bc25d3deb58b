package decode

// GRE flags (RFC 2784, RFC 2890, RFC 1701; RFC 2637 §4.1 for version 1).
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greAck      = 0x0080 // version 1 only
	greVersion  = 0x0007
)

// gre reads a GRE header and what is inside.
func (d *Decoder) gre(p *Packet, b []byte, n int) Verdict {
	if len(b) < 4 {
		return short(n, 4)
	}
	switch flags := be16(b); flags & greVersion {
	case 0:
		return d.gre0(p, flags, b, n)
	case 1:
		return d.gre1(p, flags, b, n)
	}
	return Malformed
}

func (d *Decoder) gre0(p *Packet, flags uint16, b []byte, n int) Verdict {
	header := 4
	if flags&(greChecksum|greRouting) != 0 {
		header += 4
	}
	if flags&greKey != 0 {
		header += 4
	}
	if flags&greSequence != 0 {
		header += 4
	}
	if len(b) < header {
		return short(n, header)
	}
	if flags&greChecksum != 0 && len(b) == n && be16(b[4:]) != 0 && fold(sum(0, b)) != 0xffff {
		return Malformed
	}
	t := be16(b[2:])
	b, n = b[header:], n-header
	if flags&greRouting != 0 { // RFC 1701: source route entries; one of length 0 ends the list
		for {
			if len(b) < 4 {
				return short(n, 4)
			}
			family, size := be16(b), 4+int(b[3])
			if size > n {
				return Malformed
			}
			if size > len(b) {
				return Cut
			}
			b, n = b[size:], n-size
			if family == 0 && size == 4 {
				break
			}
		}
	}
	if t == etherERSPAN && flags&greSequence == 0 {
		t = etherBridged // ERSPAN type I: no header of its own
	}
	return d.grePayload(p, t, b, n)
}

// gre1 reads the enhanced GRE of PPTP (RFC 2637 §4.1): the key holds the payload's length.
func (d *Decoder) gre1(p *Packet, flags uint16, b []byte, n int) Verdict {
	if flags&greKey == 0 || flags&(greChecksum|greRouting) != 0 || be16(b[2:]) != etherPPP {
		return Malformed
	}
	header := 8
	if flags&greSequence != 0 {
		header += 4
	}
	if flags&greAck != 0 {
		header += 4
	}
	if len(b) < header {
		return short(n, header)
	}
	size := int(be16(b[4:]))
	if size > n-header {
		return Malformed
	}
	b = b[header:]
	b = b[:min(size, len(b))]
	if size == 0 || !d.enter(p) {
		return opaque(p, b, size)
	}
	return d.ppp(p, b, size)
}

// grePayload reads what GRE's protocol type announces. Types that are not known leave the carrier as it is.
func (d *Decoder) grePayload(p *Packet, t uint16, b []byte, n int) Verdict {
	switch t {
	case EtherIPv4, EtherIPv6, etherVLAN, etherQinQ, etherMPLS, etherMPLSMulti, etherPPPoE, EtherARP:
	case etherBridged, etherERSPAN, etherERSPAN3, etherPPP:
	case etherCDP: // of the station itself, which has the tunnel as an interface
		p.Ether = etherCDP
		return opaque(p, b, n)
	default:
		return opaque(p, b, n)
	}
	if n == 0 || !d.enter(p) {
		return opaque(p, b, n) // Cisco's keepalives have an empty GRE packet inside
	}
	switch t {
	case etherBridged:
		return d.bridged(p, b, n)
	case etherERSPAN:
		return d.erspan2(p, b, n)
	case etherERSPAN3:
		return d.erspan3(p, b, n)
	case etherPPP:
		return d.ppp(p, b, n)
	}
	return d.ethertype(p, t, b, n)
}
