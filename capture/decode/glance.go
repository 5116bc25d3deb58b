package decode

import "cafeprobe/capture"

// Glance reads the headers of f into h where they are the plain ones that nearly all frames have: Ethernet with at most
// one 802.1Q tag, IPv4 without options or IPv6 without extension headers, TCP or UDP, whole headers, no fragment, no port
// of a tunnel. It reports whether they are; if not, h is of no use. The payload it returns is of f.Data.
//
// It costs a fifth of Decode, and it checks less: lengths, and no checksum. So it is for frames of a flow of which Decode
// has seen enough, and no station or flow is to be made of what it reads.
func Glance(f *capture.Frame, h *capture.Header) (payload []byte, ok bool) {
	b, n := f.Data, f.Len
	if f.Link != capture.LinkEthernet || len(b) < 18 || len(b) > n {
		return nil, false
	}
	h.DstMAC, h.SrcMAC = capture.MAC(b[0:6]), capture.MAC(b[6:12])
	h.Time, h.Len, h.VLAN = f.Time, n, f.VLAN
	t, at := be16(b[12:]), 14
	if t == etherVLAN {
		if h.VLAN == 0 {
			h.VLAN = be16(b[14:]) & 0x0fff
		}
		t, at = be16(b[16:]), 18
	}
	b, n = b[at:], n-at
	switch t {
	case EtherIPv4:
		const header = 20
		if len(b) < header || b[0] != 0x45 || be16(b[6:])&0x3fff != 0 {
			return nil, false
		}
		total := int(be16(b[2:]))
		if total < header || total > n {
			return nil, false
		}
		h.Src, h.Dst, h.Proto = capture.Address4(b[12:]), capture.Address4(b[16:]), b[9]
		return glancePorts(h, b[header:min(total, len(b))], total-header)
	case EtherIPv6:
		const header = 40
		if len(b) < header || b[0]>>4 != 6 {
			return nil, false
		}
		size := int(be16(b[4:]))
		if size == 0 || size > n-header {
			return nil, false
		}
		h.Src, h.Dst, h.Proto = capture.Address6(b[8:]), capture.Address6(b[24:]), b[6]
		return glancePorts(h, b[header:min(header+size, len(b))], size)
	}
	return nil, false
}

// glancePorts reads the TCP or UDP header that b starts with; n is what the IP header says it has.
func glancePorts(h *capture.Header, b []byte, n int) (payload []byte, ok bool) {
	switch h.Proto {
	case ProtoTCP:
		if len(b) < 20 {
			return nil, false
		}
		size := int(b[12]>>4) * 4
		if size < 20 || size > len(b) {
			return nil, false
		}
		h.SrcPort, h.DstPort = be16(b), be16(b[2:])
		h.Seq, h.Ack, h.TCPFlags, h.PayloadLen = be32(b[4:]), be32(b[8:]), b[13], n-size
		return b[size:], true
	case ProtoUDP:
		if len(b) < 8 {
			return nil, false
		}
		size := int(be16(b[4:]))
		if size < 8 || size > n {
			return nil, false
		}
		h.SrcPort, h.DstPort = be16(b), be16(b[2:])
		h.TCPFlags, h.PayloadLen = 0, size-8
		return b[8:min(size, len(b))], !tunnelPorts(h.SrcPort, h.DstPort)
	}
	return nil, false
}

// Starts reports whether payload, of a TCP segment between these ports, may begin something that is read, so that the
// segment is worth an Inspect wherever in its connection it comes.
func Starts(src, dst uint16, payload []byte) bool { return startOf(src, dst, payload) != noRow }

// Follows reports whether the sender of the TCP segment that Inspect was given last is to be listened to further: the rest
// of a hello or request is still to come.
func (d *Decoder) Follows() bool { return d.streams.follows }
