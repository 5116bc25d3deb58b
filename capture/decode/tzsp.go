package decode

const portTZSP = 37008

// tzsp reads TZSP (TaZmen Sniffer Protocol), in which MikroTik's routers send what their sniffer and their firewall's
// action sniff-tzsp see: version 1, type, protocol; then tags, of which 0 is padding, 1 ends them and the others have a
// length octet; then the frame.
func (d *Decoder) tzsp(p *Packet, b []byte, n int) Verdict {
	const (
		received  = 0 // a frame for the collector
		ethernet  = 1
		tagPad    = 0
		tagEnd    = 1
		tagHeader = 2
	)
	if len(b) < 5 {
		return Cut
	}
	if b[0] != 1 || b[1] != received || be16(b[2:]) != ethernet {
		return Malformed
	}
	for b, n = b[4:], n-4; len(b) > 0; {
		size := 1
		switch tag := b[0]; {
		case tag == tagEnd:
			if !d.enter(p) {
				return Malformed
			}
			return d.bridged(p, b[1:], n-1)
		case tag != tagPad:
			if len(b) < tagHeader {
				return short(n, tagHeader)
			}
			size = tagHeader + int(b[1])
		}
		if size > len(b) {
			return short(n, size)
		}
		b, n = b[size:], n-size
	}
	return short(n, 1)
}
