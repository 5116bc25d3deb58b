package decode

import "cafeprobe/capture"

const (
	portVXLAN      = 4789
	portVXLANLinux = 8472 // Linux before the assignment, still its default
	portVXLANGPE   = 4790
)

// ParseVXLAN reads a VXLAN header (RFC 7348 §5): flags with I set, VNI; then an Ethernet frame. Group policy bits, which
// Cisco sets in reserved octets, are let pass.
func ParseVXLAN(b []byte) (m Mirror, ok bool) {
	if len(b) < 8 {
		return Mirror{Size: 8}, true
	}
	return Mirror{Size: 8, Link: capture.LinkEthernet, Session: be32(b[4:]) >> 8}, b[0]&0x08 != 0 && b[7] == 0
}

func (d *Decoder) vxlan(p *Packet, b []byte, n int) Verdict {
	m, ok := ParseVXLAN(b)
	return d.mirrored(p, m, ok, b, n)
}

// vxlanGPE reads VXLAN's generic protocol extension (draft-ietf-nvo3-vxlan-gpe-12 §3): next protocol in octet 3 when
// the P bit is set, Ethernet otherwise.
func (d *Decoder) vxlanGPE(p *Packet, b []byte, n int) Verdict {
	if len(b) < 8 {
		return Cut
	}
	next := uint8(3)
	if b[0]&0x04 != 0 {
		next = b[3]
	}
	if b[0]&0x08 == 0 || b[7] != 0 || !d.enter(p) {
		return Malformed
	}
	b, n = b[8:], n-8
	switch next {
	case 1:
		return d.ip4(p, b, n)
	case 2:
		return d.ip6(p, b, n)
	case 3:
		return d.bridged(p, b, n)
	}
	return Malformed
}
