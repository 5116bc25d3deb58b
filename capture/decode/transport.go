package decode

// IP protocol numbers that this package reads itself (IANA).
const (
	protoIGMP = 2
	protoIPIP = 4
	protoIPv6 = 41
	protoGRE  = 47
	protoETH  = 97  // Ethernet in IP (RFC 3378)
	protoMPLS = 137 // MPLS in IP (RFC 4023)
)

// maxDepth bounds how many encapsulations are taken off one frame. Real traffic has at most three.
const maxDepth = 8

// transport reads what an IP packet carries. d.pseudo holds the sum of the addresses for its checksum.
func (d *Decoder) transport(p *Packet, proto uint8, b []byte, n int) Verdict {
	switch proto {
	case ProtoTCP:
		return d.tcp(p, b, n)
	case ProtoUDP:
		return d.udpHeader(p, b, n)
	case ProtoICMP, protoIGMP:
		return d.message(p, b, n, 8, 0)
	case ProtoICMPv6:
		return d.message(p, b, n, 4, d.pseudo+uint64(n)+ProtoICMPv6)
	case protoGRE:
		return d.gre(p, b, n)
	case protoIPIP, protoIPv6:
		return d.ipip(p, proto, b, n)
	case protoETH:
		return d.etherIP(p, b, n)
	case protoMPLS:
		if d.enter(p) {
			return d.mpls(p, b, n)
		}
	case extAuth:
		if p.Ether == EtherIPv4 {
			return d.auth4(p, b, n)
		}
	}
	return opaque(p, b, n)
}

// message checks an ICMP or IGMP message: at least size octets, and the checksum at octet 2, which is over the message
// and, for ICMPv6, the pseudo-header whose sum is given. Payload is the message from its type on.
func (d *Decoder) message(p *Packet, b []byte, n, size int, pseudo uint64) Verdict {
	opaque(p, b, n)
	if len(b) < size {
		return short(n, size)
	}
	if len(b) == n && (d.summed || pseudo == 0) && be16(b[2:]) != 0 {
		if skew := skewOf(sum(pseudo, b)); skew != 0 && !d.skews.known(p.Src, skew) {
			return Malformed
		}
	}
	return Whole
}

// auth4 steps over an authentication header (RFC 4302) in IPv4; in IPv6 it is an extension header.
func (d *Decoder) auth4(p *Packet, b []byte, n int) Verdict {
	if d.depth++; d.depth > maxDepth {
		return opaque(p, b, n)
	}
	if len(b) < 12 {
		return short(n, 12)
	}
	size := 8 + 4*int(b[1])
	if size > n {
		return Malformed
	}
	if size > len(b) {
		return Cut
	}
	p.Proto = b[0]
	return d.transport(p, b[0], b[size:], n-size)
}

// enter notes that what comes next is inside a tunnel: the address of the station itself is kept in OuterSrc, ports and
// payload of the tunnel's carrier are forgotten. It reports whether the tunnel is to be entered: not below maxDepth.
func (d *Decoder) enter(p *Packet) bool {
	if d.depth++; d.depth > maxDepth {
		return false
	}
	if p.Tunnels == 0 {
		p.OuterSrc = p.SrcAddr
	}
	p.Tunnels++
	p.SrcPort, p.DstPort = 0, 0
	p.Payload, p.PayloadLen = nil, 0
	return true
}
