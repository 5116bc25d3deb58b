// Package decode turns a frame into what it says: first its headers (Decode), then, for the frames of which somebody
// wants to know more, the observations in its payload (Inspect).
//
// Every octet is hostile. A decoder reads within the slice it is given, never panics, holds bounded memory, and says
// Malformed when a length lies; the layers above the damage are kept.
package decode

import (
	"net/netip"

	"cafeprobe/capture"
)

// Verdict says how far a frame could be decoded.
type Verdict uint8

// The verdicts. A Malformed frame is no evidence of a station; one that is Whole is, and so is one that is Cut.
const (
	Whole     Verdict = iota // all layers that this package knows, and their lengths and checksums, hold
	Cut                      // sound, but captured short (snap length): its headers hold as far as they go
	Malformed                // a length, version or checksum lies
)

// String returns the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Whole:
		return "whole"
	case Cut:
		return "cut"
	case Malformed:
		return "malformed"
	}
	return "unknown"
}

// Packet is what Decode finds in a frame. Slices borrow the frame's octets. A Packet is reused from frame to frame.
//
// Of a Malformed frame the layers above the damage are kept: its MACs where there was an Ethernet header, its addresses
// where there was an IP header, and so on. They are for counting; nothing is to be concluded from them.
type Packet struct {
	Time    int64
	Len     int // octets on the wire
	Verdict Verdict

	HasMAC   bool // the link has MAC addresses
	Src, Dst capture.MAC
	VLAN     uint16 // outermost VLAN id
	Ether    uint16 // EtherType of the innermost layer-3 protocol; 0 for 802.2 LLC, whose Payload starts at the DSAP
	Tunnels  uint8  // how many tunnels were entered: GRE, ERSPAN, VXLAN, Geneve, TZSP, L2TP, GTP-U, Teredo, IP in IP …

	HasIP            bool       // an IP header was decoded
	SrcAddr, DstAddr netip.Addr // of the innermost IP header that was reached
	OuterSrc         netip.Addr // of the outermost IP header, when Tunnels > 0: the address of the station itself; not valid where there was none
	Proto            uint8      // innermost IP protocol number
	TTL              uint8      // or hop limit
	RouterAlert      bool       // IPv6 hop-by-hop option (RFC 2711), which MLD must carry
	Fragment         bool       // a fragment that did not complete a datagram: no ports, no payload
	Reassembled      bool       // Payload is of a datagram put together from fragments; it belongs to the Decoder
	SrcPort, DstPort uint16
	Seq, Ack         uint32 // TCP
	TCPFlags         uint8  // TCP flags octet: FIN 0x01 SYN 0x02 RST 0x04 PSH 0x08 ACK 0x10
	Window           uint16
	Options          []byte // of a TCP segment with SYN
	Payload          []byte // what UDP or TCP carry; ICMP, IGMP, ARP: the message; else what follows the last known header
	PayloadLen       int    // octets that the headers say the payload has: more than len(Payload) when cut short
}

// TCP flags (RFC 9293 §3.1).
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// EtherTypes and IP protocol numbers (IANA) that packages beside this one ask for.
const (
	EtherIPv4 = 0x0800
	EtherARP  = 0x0806
	EtherWoL  = 0x0842
	EtherIPv6 = 0x86dd

	// In GRE: a whole Ethernet frame; ERSPAN types I and II; type III.
	EtherBridged = 0x6558
	EtherERSPAN  = 0x88be
	EtherERSPAN3 = 0x22eb

	ProtoICMP   = 1
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoICMPv6 = 58
)

// maxObservations bounds what one frame can say. A DNS message of 64 KiB could ask 5 000 questions; no real one asks
// more than a handful.
const maxObservations = 64

// Decoder decodes frames one after the other. The zero Decoder is not ready: use New. It is not safe for concurrent use.
type Decoder struct {
	Counters Counters

	p       *Packet               // the packet that Inspect works on
	obs     []capture.Observation // what Inspect returns; reused
	depth   int                   // encapsulations taken off the frame at hand: bounds recursion
	pseudo  uint64                // sum of the addresses of the IP header at hand, for the transport's checksum
	summed  bool                  // pseudo is what that checksum is over
	skews   skews
	frags   fragments
	streams streams
	quic    quicConns
	dtls    handshakes
	served  served
	shown   shown
	tftp    tftpRequests
	udp     [1 << 16]uint8 // UDP port → 1 + index in udpRows, 0 for none
}

// Counters counts what was decoded, and what was not.
type Counters struct {
	Frames    uint64
	Malformed uint64 // frames with Verdict Malformed
	Cut       uint64
	Crowded   uint64 // observations left out because one frame said more than maxObservations
	Initials  uint64 // QUIC Initials that were not decrypted because too many came in one second
}

// New returns a Decoder with all its memory: it grows no further.
func New() *Decoder {
	d := &Decoder{obs: make([]capture.Observation, 0, maxObservations)}
	d.frags.init()
	d.streams.init()
	d.quic.init()
	d.dtls.init()
	for i := len(udpRows) - 1; i >= 0; i-- {
		for _, port := range udpRows[i].ports {
			d.udp[port] = uint8(i + 1)
		}
	}
	return d
}

// emit appends one observation about the packet that is inspected; Time, MAC, VLAN, Group and Addr are filled in from it
// unless o says otherwise. What a packet inside a tunnel tells of its sender is of a station of another segment, not of
// the one that carries the tunnel: MAC stays zero.
func (d *Decoder) emit(o capture.Observation) {
	if len(d.obs) == cap(d.obs) {
		d.Counters.Crowded++
		return
	}
	o.Time = d.p.Time
	if o.MAC.IsZero() && (d.p.Tunnels == 0 || !o.Kind.OfSender()) {
		o.MAC = d.p.Src
	}
	o.VLAN = d.p.VLAN
	o.Group = d.p.Dst.IsGroup()
	if !o.Addr.IsValid() {
		o.Addr = d.p.SrcAddr
	}
	d.obs = append(d.obs, o)
}

// Inspect reads the payload of p, which Decode filled from the same frame, and returns what it says. The slice is valid
// until the next Inspect.
func (d *Decoder) Inspect(p *Packet) []capture.Observation {
	d.p, d.obs = p, d.obs[:0]
	if p.Verdict == Malformed {
		if p.HasIP && p.Proto == ProtoUDP {
			quicSealed(d, p)
		}
		return d.obs
	}
	switch {
	case p.Ether == EtherARP:
		arp(d, p)
	case p.Ether == etherCDP:
		cdp(d, p, p.Payload)
	case p.Ether == EtherWoL:
		wol(d, p, p.Payload)
	case !p.HasIP:
		inspectLink(d, p)
	case p.Proto == ProtoUDP:
		d.inspectUDP(p)
	case p.Proto == ProtoTCP:
		d.streams.segment(d, p)
		if p.TCPFlags&(flagSYN|flagACK) == flagSYN && p.HasMAC && p.Tunnels == 0 {
			d.system(p)
		}
	case p.Proto == ProtoICMPv6:
		icmp6(d, p)
	case p.Proto == protoIGMP:
		igmp(d, p)
	}
	return d.obs
}

func (d *Decoder) inspectUDP(p *Packet) {
	if len(p.Payload) == 0 {
		return
	}
	row := d.udp[p.DstPort]
	if row == 0 {
		row = d.udp[p.SrcPort]
	}
	if row != 0 && udpRows[row-1].read(d, p) {
		return
	}
	for i := range udpAny {
		if udpAny[i].read(d, p) {
			return
		}
	}
}
