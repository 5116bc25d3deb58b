package decode

import "encoding/binary"

// nflog reads https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html: family 1, version 1, resource 2; then attributes of
// length 2 and type 2, the length counting both, each filled up to four octets. Length and type are in the byte order of
// the host that captured, which nothing tells: the length that fits is taken. Attribute 9 is the packet.
func (d *Decoder) nflog(p *Packet, b []byte, n int) Verdict {
	const (
		header  = 4
		payload = 9
	)
	if len(b) < header {
		return short(n, header)
	}
	if b[1] != 0 {
		return Malformed
	}
	for b, n = b[header:], n-header; n > 0; {
		if len(b) < 4 {
			return short(n, 4)
		}
		size, kind := int(binary.LittleEndian.Uint16(b)), binary.LittleEndian.Uint16(b[2:])
		if size < 4 || size > n || kind > 0xff {
			size, kind = int(be16(b)), be16(b[2:])
		}
		if size < 4 || size > n {
			return Malformed
		}
		if kind == payload {
			return d.rawIP(p, b[4:min(size, len(b))], size-4)
		}
		size = (size + 3) &^ 3
		if size > len(b) {
			return short(n, size)
		}
		b, n = b[size:], n-size
	}
	return opaque(p, b, n)
}
