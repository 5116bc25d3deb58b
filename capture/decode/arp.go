package decode

import (
	"net/netip"

	"cafeprobe/capture"
)

// The one form of ARP that Ethernet has (RFC 826): hardware type 1, or 6 in SNAP frames (RFC 1042); protocol IPv4;
// addresses of 6 and 4 octets.
const (
	arpSize    = 28
	arpEther   = 1
	arp802     = 6
	arpRequest = 1
	arpReply   = 2
	arpLastOp  = 25 // IANA: the last operation assigned
)

// arp checks an ARP message. Payload is the message.
//
// ARP has no checksum, but says once more who sent it: on Ethernet the sender's hardware address and the frame's source
// are the same, or the frame was damaged, forged, or sent for another station (a proxy, a wireless repeater). In no case
// does it prove that its source is a station; one that is shows it by its other frames. In fuzz-arp_oobr, a recording
// with faulty memory, this leaves 10 of 211 sources.
func (d *Decoder) arp(p *Packet, b []byte, n int) Verdict {
	p.Ether = EtherARP
	if n < arpSize {
		return Malformed
	}
	b = b[:min(arpSize, len(b))]
	p.Payload, p.PayloadLen = b, arpSize
	if len(b) < arpSize {
		return Cut
	}
	if hw := be16(b); hw != arpEther && hw != arp802 || be32(b[2:]) != EtherIPv4<<16|0x0604 {
		return Malformed
	}
	if op := be16(b[6:]); op == 0 || op > arpLastOp {
		return Malformed
	}
	if p.HasMAC && p.Tunnels == 0 && capture.MAC(b[8:14]) != p.Src {
		return Malformed
	}
	return Whole
}

// arp reports what an ARP message says of its sender.
//
// The address is believed only if the sender's hardware address is the frame's own source: what a switch, a wireless
// bridge or a proxy relays for another, and what an attacker claims for another, is no fact about the station that sent
// the frame.
func arp(d *Decoder, p *Packet) {
	b := p.Payload
	if len(b) < arpSize {
		return
	}
	sender := capture.MAC(b[8:14])
	addr, target := netip.AddrFrom4([4]byte(b[14:18])), netip.AddrFrom4([4]byte(b[24:28]))
	what := capture.EvidenceARPReply
	switch op := be16(b[6:]); {
	case op != arpRequest && op != arpReply:
		return
	case addr == target:
		what = capture.EvidenceARPAnnounce
	case op == arpRequest && addr.IsUnspecified():
		what = capture.EvidenceARPProbe
	case op == arpRequest:
		what = capture.EvidenceARPRequest
	}
	if sender == p.Src && usable(addr) {
		d.emit(capture.Observation{Kind: capture.KindAddr, Origin: capture.OriginARP, Addr: addr})
	}
	o := capture.Observation{Kind: capture.KindEvidence, Origin: capture.OriginARP, Evidence: what, Peer: target}
	if usable(addr) {
		o.Addr = addr
	}
	d.emit(o)
}

// usable reports whether a may be a station's own unicast address.
func usable(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
