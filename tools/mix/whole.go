package mix

import (
	"encoding/binary"
	"slices"
)

// whole reports whether a connection was captured without a loss: whatever one side acknowledged the other was seen to send.
// A mix of connections with holes would be that of a mirror that drops.
func (sc *script) whole() bool {
	if sc.proto != protoTCP {
		return true
	}
	var sides [2]side
	for i := range sc.lines {
		l := &sc.lines[i]
		from, to := &sides[0], &sides[1]
		if !l.up {
			from, to = to, from
		}
		tcp, n := segmentOf(sc.ether, l.packet)
		from.sends(binary.BigEndian.Uint32(tcp[4:]), n)
		if tcp[13]&flagACK != 0 {
			to.acked(binary.BigEndian.Uint32(tcp[8:]))
		}
	}
	return sides[0].whole() && sides[1].whole()
}

// segmentOf returns the TCP segment in a packet and how much of the sequence space it takes.
func segmentOf(ether uint16, packet []byte) (tcp []byte, n int) {
	head := headIPv6
	if ether == etherIPv4 {
		head = int(packet[0]&15) * 4
	}
	tcp = packet[head:]
	n = len(tcp) - int(tcp[12]>>4)*4
	if tcp[13]&flagSYN != 0 {
		n++
	}
	return tcp, n
}

// side is what one side of a connection sent. Numbers count from its first segment.
type side struct {
	began bool
	first uint32
	sent  []stretch
	ack   int // of the other side, the highest
}

type stretch struct{ from, to int }

func (s *side) sends(seq uint32, n int) {
	if !s.began {
		s.began, s.first = true, seq
	}
	if n > 0 {
		from := int(int32(seq - s.first))
		s.sent = append(s.sent, stretch{from, from + n})
	}
}

func (s *side) acked(ack uint32) {
	if s.began {
		s.ack = max(s.ack, int(int32(ack-s.first)))
	}
}

func (s *side) whole() bool {
	slices.SortFunc(s.sent, func(a, b stretch) int { return a.from - b.from })
	end := 0
	for _, p := range s.sent {
		if p.from > end && s.ack > end+1 {
			return false
		}
		end = max(end, p.to)
	}
	return s.ack <= end+1 // FIN counts as one
}
