package decode

const portGTPU = 2152

// gtp reads a GTP-U message that carries a user's packet (3GPP TS 29.281 §5): version 1, protocol type GTP, G-PDU. The
// length is of all behind the first eight octets; extension headers count in four octets and each names the next.
func (d *Decoder) gtp(p *Packet, b []byte, n int) Verdict {
	const (
		gpdu     = 255
		optional = 0x07 // E, S, PN: any of them brings four more octets
		extended = 0x04
	)
	if len(b) < 8 {
		return Cut
	}
	size := int(be16(b[2:]))
	if b[0]>>4 != 3 || b[1] != gpdu || size > n-8 {
		return Malformed
	}
	flags := b[0]
	b, n = b[8:min(8+size, len(b))], size
	if flags&optional != 0 {
		if len(b) < 4 {
			return short(n, 4)
		}
		next := b[3]
		if flags&extended == 0 {
			next = 0
		}
		b, n = b[4:], n-4
		for next != 0 {
			if len(b) < 4 {
				return short(n, 4)
			}
			ext := 4 * int(b[0])
			if ext == 0 || ext > n {
				return Malformed
			}
			if ext > len(b) {
				return Cut
			}
			next = b[ext-1]
			b, n = b[ext:], n-ext
		}
	}
	if !d.enter(p) {
		return Malformed
	}
	return d.rawIP(p, b, n)
}
