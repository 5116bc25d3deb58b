package mix

import "encoding/binary"

// stray returns the next frame of the flood: a SYN or a datagram of 18 octets, the shortest frame, from any address and port to
// any. Each is a flow of its own. What floods is a station of the café, or what comes through its router.
func (s *Source) stray() []byte {
	b := s.buf[:0]
	a, z := s.rng.Uint64(), s.rng.Uint64()
	from, to := &s.cafe.stations[z>>32%uint64(len(s.cafe.stations))], &s.cafe.router
	if z>>63 != 0 {
		from, to = to, from
	}
	b = append(b, to.mac[:]...)
	b = append(b, from.mac[:]...)
	b = append(b, 0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protoUDP, 0, 0)
	b = binary.BigEndian.AppendUint64(b, a)
	packet := b[headEth:]
	packet[12], packet[16] = unicast(packet[12]), unicast(packet[16])
	size := headUDP + 18
	if z>>62&1 != 0 {
		packet[9], size = protoTCP, headTCP
	}
	binary.BigEndian.PutUint16(packet[2:], uint16(headIPv4+size))
	binary.BigEndian.PutUint16(packet[10:], ^fold(sum(0, packet)))
	b = append(b, make([]byte, size)...)
	body := b[headEth+headIPv4:]
	if packet[9] == protoTCP {
		binary.BigEndian.PutUint32(body[4:], uint32(z>>20))
		body[12], body[13], body[14] = headTCP/4<<4, flagSYN, 0xff
	} else {
		binary.BigEndian.PutUint16(body[4:], uint16(size))
		body[6] = 1 // a checksum is to be computed
	}
	ports := uint32(z) | firstPort<<16 | firstPort // no port is that of a protocol, or of a tunnel
	writeTransport(body, packet[9], uint16(ports>>16), uint16(ports), nil, sum(0, packet[12:20]))
	for len(b) < minFrame {
		b = append(b, 0)
	}
	s.buf = b
	return b
}

// unicast turns the first octet of an address into one of a unicast address: 1 to 126.
func unicast(b byte) byte {
	if b &= 0x7f; b == 0 || b == 0x7f {
		return 1
	}
	return b
}
