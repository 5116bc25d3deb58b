package decode

import "cafeprobe/capture"

const (
	portNTP = 123
	ntpLen  = 48 // octets of the header (RFC 5905 §7.3); extension fields and a MAC may follow
)

// NTP association modes (RFC 5905 §3, figure 1).
const (
	ntpActive  = 1 // symmetric active: what Windows' w32time asks with unless told otherwise (flag 0x8)
	ntpPassive = 2 // symmetric passive: the answer to it
	ntpClient  = 3
	ntpServer  = 4
)

// ntp reads NTP and SNTP of versions 2 to 4 on port 123: who asks for the time and who answers.
func ntp(d *Decoder, p *Packet) bool {
	b := p.Payload
	if p.PayloadLen < ntpLen || len(b) < 2 {
		return false
	}
	version, mode, stratum := b[0]>>3&7, b[0]&7, b[1]
	if version < 2 || version > 4 || stratum > 16 {
		return false
	}
	switch {
	case (mode == ntpClient || mode == ntpActive) && p.DstPort == portNTP:
		d.emit(capture.Observation{
			Kind: capture.KindEvidence, Origin: capture.OriginNTP, Evidence: capture.EvidenceNTPClient,
		})
	case (mode == ntpServer || mode == ntpPassive) && p.SrcPort == portNTP:
		d.emit(capture.Observation{Kind: capture.KindService, Origin: capture.OriginNTP, PeerPort: portNTP})
	}
	return true
}
