package decode

import "cafeprobe/capture"

const portTZSP = 37008

// ParseTZSP reads a header of TZSP (TaZmen Sniffer Protocol), in which MikroTik's routers send what their sniffer and their
// firewall's action sniff-tzsp see: version 1, type, protocol; then tags, of which 0 is padding, 1 ends them and the others
// have a length octet; then the frame. Only frames that were received (type 0) and are Ethernet's are read. Tags 40 and 41
// number the frames and tell their length; RouterOS sends neither.
func ParseTZSP(b []byte) (m Mirror, ok bool) {
	const (
		received  = 0 // a frame for the collector
		ethernet  = 1
		tagPad    = 0
		tagEnd    = 1
		tagCount  = 40
		tagLength = 41
		tagHeader = 2
	)
	if len(b) < 5 {
		return Mirror{Size: 5}, true
	}
	if b[0] != 1 || b[1] != received || be16(b[2:]) != ethernet {
		return m, false
	}
	m.Link = capture.LinkEthernet
	for at := 4; ; {
		size := 1
		if at < len(b) && b[at] > tagEnd {
			size = tagHeader
			if at+1 < len(b) {
				size += int(b[at+1])
			}
		}
		if at+size > len(b) {
			return Mirror{Size: at + size}, true
		}
		switch tag := b[at : at+size]; {
		case tag[0] == tagEnd:
			m.Size = at + 1
			return m, true
		case tag[0] == tagCount && size == tagHeader+4:
			m.Seq, m.Numbered = be32(tag[tagHeader:]), true
		case tag[0] == tagLength && size == tagHeader+2:
			m.Len = int(be16(tag[tagHeader:]))
		}
		at += size
	}
}

func (d *Decoder) tzsp(p *Packet, b []byte, n int) Verdict {
	m, ok := ParseTZSP(b)
	return d.mirrored(p, m, ok, b, n)
}
