package decode

const portGeneve = 6081

// geneve reads a Geneve header (RFC 8926 §3.4): version 0 and the options' length in words of four octets, flags, the
// EtherType of what is inside, VNI; then the options. Messages of control (bit O) carry nothing of a user.
func (d *Decoder) geneve(p *Packet, b []byte, n int) Verdict {
	if len(b) < 8 {
		return Cut
	}
	header := 8 + 4*int(b[0])
	if b[0]>>6 != 0 || b[1]&0x3f != 0 || b[7] != 0 || header > n {
		return Malformed
	}
	if b[1]&0x80 != 0 {
		return Whole
	}
	if header > len(b) {
		return Cut
	}
	return d.carried(p, be16(b[2:]), b[header:], n-header)
}

// carried enters a tunnel that says what is inside by EtherType. It is for tunnels that only a port tells: a type that
// does not occur in them is Malformed, and the port was none of theirs.
func (d *Decoder) carried(p *Packet, t uint16, b []byte, n int) Verdict {
	switch t {
	case EtherIPv4, EtherIPv6, etherMPLS, EtherBridged:
	default:
		return Malformed
	}
	if !d.enter(p) {
		return Malformed
	}
	switch t {
	case EtherBridged:
		return d.bridged(p, b, n)
	case etherMPLS:
		if v := d.mpls(p, b, n); p.Ether != etherMPLS {
			return v
		}
		return Malformed // nothing that is known is below the labels
	}
	return d.ethertype(p, t, b, n)
}
