package decode

import "cafeprobe/capture"

// ERSPAN carries mirrored frames in GRE (draft-foschiano-erspan-03). Type I has no header and is told from type II by
// GRE's sequence number (gre.go).
const (
	erspan2Header    = 8
	erspan3Header    = 12
	erspan3Sub       = 8
	erspanTruncated  = 0x0400 // T, in the second 16-bit word of both types: the mirror cut the frame short
	erspanSession    = 0x03ff // session, in the same word
	erspanVersion2   = 1
	erspanVersion3   = 2
	erspanInFrame    = 3 // type II, En: the frame still has its tag, and VLAN is undefined
	erspanUntagged   = 0 // type II, En: the frame had no tag
	erspanFrameIP    = 2 // type III, frame type: an IP packet instead of an Ethernet frame
	erspanUnknownLen = 1 << 16
)

// ParseERSPAN2 reads the header of type II: version, VLAN, COS, En, T, session; then index. VLAN is told where the frame lost
// its tag.
func ParseERSPAN2(b []byte) (m Mirror, ok bool) {
	if len(b) < erspan2Header {
		return Mirror{Size: erspan2Header}, true
	}
	if b[0]>>4 != erspanVersion2 {
		return m, false
	}
	m = mirrorOf(b, erspan2Header)
	if en := b[2] >> 3 & 3; en == erspanInFrame || en == erspanUntagged {
		m.VLAN = 0
	}
	return m, true
}

// ParseERSPAN3 reads the header of type III: as type II, then timestamp, SGT, flags; bit O announces a platform-specific
// subheader. In place of En it has marks of bad frames, so that VLAN is told where the frame begins with no tag of its own.
func ParseERSPAN3(b []byte) (m Mirror, ok bool) {
	size := erspan3Header
	if len(b) < size {
		return Mirror{Size: size}, true
	}
	if b[0]>>4 != erspanVersion3 {
		return m, false
	}
	if b[11]&1 != 0 {
		if size += erspan3Sub; len(b) < size {
			return Mirror{Size: size}, true
		}
	}
	m = mirrorOf(b, size)
	if be16(b[10:])>>10&31 == erspanFrameIP {
		m.Link = capture.LinkRaw
	} else if frame := b[size:]; len(frame) >= 14 && Tagged(be16(frame[12:])) {
		m.VLAN = 0
	}
	return m, true
}

// mirrorOf reads the words that both types begin with.
func mirrorOf(b []byte, size int) Mirror {
	word := be16(b[2:])
	return Mirror{
		Size: size, Link: capture.LinkEthernet, VLAN: be16(b) & 0x0fff,
		Session: uint32(word & erspanSession), Truncated: word&erspanTruncated != 0,
	}
}

// erspan reads the frame behind the header m of either type. Of a truncated one nobody knows the length, so it may be Cut
// and never too short.
func (d *Decoder) erspan(p *Packet, m Mirror, ok bool, b []byte, n int) Verdict {
	switch {
	case !ok:
		return Malformed
	case m.Size > len(b):
		return short(n, m.Size)
	}
	b, n = b[m.Size:], n-m.Size
	if m.Truncated {
		n += erspanUnknownLen
	}
	v := Whole
	if m.Link == capture.LinkRaw {
		v = d.rawIP(p, b, n)
	} else {
		v = d.bridged(p, b, n)
	}
	if m.Truncated && v == Whole && p.PayloadLen > len(p.Payload) {
		return Cut
	}
	return v
}
