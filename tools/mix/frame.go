package mix

import (
	"encoding/binary"
	"net/netip"

	"cafeprobe/capture"
)

// Octets of headers without options.
const (
	headIPv4 = 20
	headIPv6 = 40
	headTCP  = 20
	headUDP  = 8
	arpSize  = 28 // of a message about IPv4 over Ethernet (RFC 826)
)

// frame appends the frame of one line, played between the ends e, to b.
func (c *cafe) frame(b []byte, sc *script, l *line, e *ends) []byte {
	from, to := e.in, e.out
	if !l.up {
		from, to = to, from
	}
	if sc.boot != nil {
		from, to = bootEnds(l, e)
	}
	start := len(b)
	dst := to.mac
	if sc.ether == etherARP && l.packet[7] == arpRequest {
		dst = capture.Broadcast
	}
	b = append(b, dst[:]...)
	b = append(b, from.mac[:]...)
	b = binary.BigEndian.AppendUint16(b, sc.ether)
	b = append(b, l.packet...)
	packet := b[start+headEth:]
	switch sc.ether {
	case etherARP:
		writeARP(packet, from, to)
	case etherIPv4:
		copy(packet[12:16], from.addr.AsSlice())
		copy(packet[16:20], to.addr.AsSlice())
		size := int(packet[0]&15) * 4
		packet[10], packet[11] = 0, 0
		binary.BigEndian.PutUint16(packet[10:], ^fold(sum(0, packet[:size])))
		writeTransport(packet[size:], sc.proto, from.port, to.port, e.swaps, sum(0, packet[12:20]))
	case etherIPv6:
		copy(packet[8:24], from.addr.AsSlice())
		copy(packet[24:40], to.addr.AsSlice())
		writeTransport(packet[headIPv6:], sc.proto, from.port, to.port, e.swaps, sum(0, packet[8:40]))
	}
	for len(b) < start+minFrame {
		b = append(b, 0)
	}
	return b
}

// writeTransport fills in ports and the checksum of a whole segment b; pseudo is the sum of the addresses. A datagram that had no
// checksum has none again (RFC 768).
func writeTransport(b []byte, proto uint8, src, dst uint16, swaps []swap, pseudo uint64) {
	at, head := 0, 0
	switch proto {
	case protoTCP:
		at, head = 16, int(b[12]>>4)*4
	case protoUDP:
		at, head = 6, headUDP
		b = b[:binary.BigEndian.Uint16(b[4:])]
	default:
		return
	}
	binary.BigEndian.PutUint16(b, src)
	binary.BigEndian.PutUint16(b[2:], dst)
	for i := range swaps {
		swaps[i].in(b[head:])
	}
	if proto == protoUDP && b[6]|b[7] == 0 {
		return
	}
	b[at], b[at+1] = 0, 0
	check := ^fold(sum(pseudo+uint64(proto)+uint64(len(b)), b))
	if check == 0 && proto == protoUDP {
		check = 0xffff
	}
	binary.BigEndian.PutUint16(b[at:], check)
}

// Operations of ARP (RFC 826).
const (
	arpRequest = 1
	arpReply   = 2
)

// arps returns the exchanges by which a station and its router find each other.
func arps() []*script {
	message := func(op byte) []byte {
		b := make([]byte, arpSize)
		copy(b, []byte{0, 1, 8, 0, 6, 4, 0, op})
		return b
	}
	exchange := func(ups ...bool) *script {
		sc := &script{class: classARP, ether: etherARP, in: end{addr: netip.IPv4Unspecified()}}
		for i, up := range ups {
			sc.lines = append(sc.lines, line{gap: 200e3, up: up, packet: message(byte(arpRequest + i))})
		}
		return sc
	}
	return []*script{exchange(true, false), exchange(false, true)}
}

// writeARP fills in who asks or answers. A request says no MAC of the one that it is about.
func writeARP(b []byte, from, to end) {
	copy(b[8:], from.mac[:])
	copy(b[14:], from.addr.AsSlice())
	copy(b[18:], make([]byte, 6))
	if b[7] == arpReply {
		copy(b[18:], to.mac[:])
	}
	copy(b[24:], to.addr.AsSlice())
}

// sum adds the ones' complement sum (RFC 1071) of b to s, not folded.
func sum(s uint64, b []byte) uint64 {
	for len(b) >= 4 {
		s += uint64(binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		s += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	return s
}

// fold brings a sum down to 16 bits.
func fold(s uint64) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
