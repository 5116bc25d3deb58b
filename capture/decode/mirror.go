package decode

import "cafeprobe/capture"

// Mirror is what the header in front of a mirrored frame says. The parsers that return one, ParseTZSP, ParseERSPAN2,
// ParseERSPAN3 and ParseVXLAN, are for capture/remote too, where mirrors come in by sockets. They report false for what is no
// such header. Where b ends inside the header, Size is more than len(b) and nothing else is said.
type Mirror struct {
	Size      int // octets of the header
	Link      capture.LinkType
	VLAN      uint16 // VLAN that the mirrored frame was in, where the header and not the frame's own tag tells; else 0
	Session   uint32 // ERSPAN's session, VXLAN's VNI
	Seq       uint32 // number of the frame, when Numbered
	Numbered  bool
	Truncated bool // the mirror cut the frame short
	Len       int  // octets that the frame had where it was mirrored, 0 where the header does not say
}

// mirrored reads the frame behind the header m of b, which ok says to be one.
func (d *Decoder) mirrored(p *Packet, m Mirror, ok bool, b []byte, n int) Verdict {
	switch {
	case !ok:
		return Malformed
	case m.Size > len(b):
		return short(n, m.Size)
	case !d.enter(p):
		return Malformed
	}
	return d.bridged(p, b[m.Size:], n-m.Size)
}
