package decode

// ERSPAN carries mirrored frames in GRE (draft-foschiano-erspan-03). Type I has no header and is told from type II by
// GRE's sequence number (gre.go).
const (
	erspan2Header    = 8
	erspan3Header    = 12
	erspan3Sub       = 8
	erspanTruncated  = 0x0400 // T, in the second 16-bit word of both types: the mirror cut the frame short
	erspanVersion2   = 1
	erspanVersion3   = 2
	erspanFrameIP    = 2 // type III, frame type: an IP packet instead of an Ethernet frame
	erspanUnknownLen = 1 << 16
)

// erspan2 reads type II: version, VLAN, T, session; then index.
func (d *Decoder) erspan2(p *Packet, b []byte, n int) Verdict {
	if len(b) < erspan2Header {
		return short(n, erspan2Header)
	}
	if b[0]>>4 != erspanVersion2 {
		return Malformed
	}
	truncated := be16(b[2:])&erspanTruncated != 0
	return d.mirrored(p, b[erspan2Header:], n-erspan2Header, truncated, false)
}

// erspan3 reads type III: as type II, then timestamp, SGT, flags; bit O announces a platform-specific subheader.
func (d *Decoder) erspan3(p *Packet, b []byte, n int) Verdict {
	header := erspan3Header
	if len(b) < header {
		return short(n, header)
	}
	if b[0]>>4 != erspanVersion3 {
		return Malformed
	}
	if b[11]&1 != 0 {
		if header += erspan3Sub; len(b) < header {
			return short(n, header)
		}
	}
	truncated := be16(b[2:])&erspanTruncated != 0
	return d.mirrored(p, b[header:], n-header, truncated, be16(b[10:])>>10&31 == erspanFrameIP)
}

// mirrored reads the frame that ERSPAN carries. Of a truncated one nobody knows the length, so it may be Cut and never
// too short.
func (d *Decoder) mirrored(p *Packet, b []byte, n int, truncated, ip bool) Verdict {
	if truncated {
		n += erspanUnknownLen
	}
	v := Whole
	if ip {
		v = d.rawIP(p, b, n)
	} else {
		v = d.bridged(p, b, n)
	}
	if truncated && v == Whole && p.PayloadLen > len(p.Payload) {
		return Cut
	}
	return v
}
