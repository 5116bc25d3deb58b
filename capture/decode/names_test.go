package decode

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"cafeprobe/capture"
)

// The sender of the packets below, and somebody else.
var (
	senderMAC = capture.MAC{0x2c, 0xf0, 0x5d, 0x10, 0x00, 0x01}
	sender    = netip.MustParseAddr("192.168.1.21")
	other     = netip.MustParseAddr("192.168.1.99")
	llmnrAll  = netip.MustParseAddr("224.0.0.252")
)

// udpFrom is a datagram of the sender's.
func udpFrom(srcPort, dstPort uint16, dst netip.Addr, b []byte) *Packet {
	return &Packet{
		Time: 1, Len: len(b) + 42, HasMAC: true, Src: senderMAC, Ether: EtherIPv4, HasIP: true,
		SrcAddr: sender, DstAddr: dst, Proto: ProtoUDP, SrcPort: srcPort, DstPort: dstPort,
		Payload: b, PayloadLen: len(b),
	}
}

// say returns what Inspect makes of p, one line an observation.
func say(p *Packet) (lines []string) { return New().say(p) }

func (d *Decoder) say(p *Packet) (lines []string) {
	for _, o := range d.Inspect(p) {
		lines = append(lines, line(&o))
	}
	return lines
}

// line writes the fields of an observation that the protocols of names set.
func line(o *capture.Observation) string {
	switch o.Kind {
	case capture.KindName:
		return "name " + o.Origin.String() + " " + o.Name + " " + o.Addr.String()
	case capture.KindQuery:
		return "query " + o.Origin.String() + " " + o.Name
	case capture.KindAgent:
		return "agent " + o.Origin.String() + " " + o.Name
	case capture.KindService:
		return "service " + o.Origin.String() + " " + strconv.Itoa(int(o.PeerPort)) + " " + o.Name
	case capture.KindEvidence:
		switch o.Evidence {
		case capture.EvidenceGoodbye:
			return "goodbye " + o.Origin.String()
		case capture.EvidenceGameRunning:
			return "game " + o.Origin.String()
		case capture.EvidenceScreenLocked:
			return "locked " + o.Origin.String()
		}
	}
	return "?"
}

// want compares what a packet says with what it should say.
func want(t *testing.T, name string, p *Packet, lines ...string) {
	t.Helper()
	if got := say(p); !slices.Equal(got, lines) {
		t.Errorf("%s: got %q, want %q", name, got, lines)
	}
}
