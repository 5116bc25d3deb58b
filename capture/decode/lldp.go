package decode

import "cafeprobe/capture"

// lldp reads the system name of an LLDP frame (IEEE 802.1AB-2016 §8): TLVs of 7 bits of type and 9 of length, chassis,
// port and time to live first and in this order.
func lldp(d *Decoder, p *Packet) {
	const (
		end        = 0
		timeToLive = 3
		systemName = 5
	)
	b := p.Payload
	name := ""
	for i := 1; ; i++ {
		if len(b) < 2 || len(b) < 2+int(be16(b)&0x1ff) {
			if p.Verdict == Cut {
				break // the rest was not captured
			}
			return
		}
		kind, size := int(b[0]>>1), int(be16(b)&0x1ff)
		if i <= timeToLive && kind != i {
			return
		}
		if kind == end {
			break
		}
		if kind == systemName {
			name = printable(b[2 : 2+size])
		}
		b = b[2+size:]
	}
	if name != "" {
		d.emit(capture.Observation{Kind: capture.KindName, Origin: capture.OriginLLDP, Name: name})
	}
}

// printable copies b as a name: at most capture.MaxName octets of printable ASCII. Anything else is no name: "".
func printable(b []byte) string {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	if len(b) > capture.MaxName {
		return ""
	}
	for _, o := range b {
		if o < 0x20 || o > 0x7e {
			return ""
		}
	}
	return string(b)
}
