package decode

const portTeredo = 3544

// teredo reads IPv6 over UDP (RFC 4380 §5.1.1): an authentication and an origin indication may come first. What is left
// must be one IPv6 packet that fills the datagram.
func (d *Decoder) teredo(p *Packet, b []byte, n int) Verdict {
	if len(b) >= 13 && be16(b) == 0x0001 {
		size := 13 + int(b[2]) + int(b[3])
		if size > len(b) {
			return short(n, size)
		}
		b, n = b[size:], n-size
	}
	if len(b) >= 8 && be16(b) == 0x0000 {
		b, n = b[8:], n-8
	}
	if len(b) < 40 || b[0]>>4 != 6 || 40+int(be16(b[4:])) != n || !d.enter(p) {
		return Malformed
	}
	return d.ip6(p, b, n)
}
