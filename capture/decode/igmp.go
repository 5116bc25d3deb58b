package decode

import (
	"net/netip"

	"cafeprobe/capture"
)

// IGMP types (RFC 1112, RFC 2236, RFC 3376).
const (
	igmpQuery   = 0x11
	igmpReport1 = 0x12
	igmpReport2 = 0x16
	igmpLeave   = 0x17
	igmpReport3 = 0x22
)

// igmp reads who joins, reports or leaves a group, and who asks. The checksum held: Decode checked it.
func igmp(d *Decoder, p *Packet) {
	b := p.Payload
	if len(b) < 8 || len(b) < p.PayloadLen || p.Tunnels > 0 {
		return
	}
	what := capture.EvidenceIGMP
	group := netip.AddrFrom4([4]byte(b[4:8]))
	switch b[0] {
	case igmpQuery:
		what = capture.EvidenceIGMPQuery
		if !group.IsUnspecified() && !group.IsMulticast() {
			return
		}
	case igmpReport1, igmpReport2, igmpLeave:
		if !group.IsMulticast() {
			return
		}
	case igmpReport3:
		group = netip.Addr{}
		if !igmpRecords(b) {
			return
		}
	default:
		return
	}
	o := capture.Observation{Kind: capture.KindEvidence, Evidence: what}
	if group.IsValid() && !group.IsUnspecified() {
		o.Peer = group
	}
	d.emit(o)
}

// igmpRecords reports whether the records of a version 3 report (RFC 3376 §4.2) hold: type, auxiliary words, number of
// sources, group, sources.
func igmpRecords(b []byte) bool {
	n := int(be16(b[6:]))
	b = b[8:]
	for range n {
		if len(b) < 8 || b[4]>>4 != 0xe {
			return false
		}
		size := 8 + 4*int(be16(b[2:])) + 4*int(b[1])
		if size > len(b) {
			return false
		}
		b = b[size:]
	}
	return true
}
