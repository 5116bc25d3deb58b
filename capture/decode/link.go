package decode

import (
	"encoding/binary"

	"cafeprobe/capture"
)

// Every layer below is a method of the shape
//
//	func (d *Decoder) layer(p *Packet, b []byte, n int) Verdict
//
// b holds the captured octets of the layer, n says how many it had on the wire: n ≥ len(b), and more only where the
// frame was cut short. A layer checks its own lengths against n, reads within b, cuts b and n down to what its length
// field says, and calls the next layer directly: no interface, no table, no allocation.

// short says what it means that a layer has fewer than need octets: captured short where the wire had them, a lie where
// it had not.
func short(n, need int) Verdict {
	if n >= need {
		return Cut
	}
	return Malformed
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

// Decode reads the headers of f into p and returns p.Verdict. It runs once per frame: it allocates nothing and takes
// the time from f. p borrows f.Data, and where Reassembled is set d's own memory: both until the next Decode.
func (d *Decoder) Decode(f *capture.Frame, p *Packet) Verdict {
	*p = Packet{Time: f.Time, Len: f.Len, VLAN: f.VLAN}
	d.depth = 0
	d.frags.release()
	b, n := f.Data, f.Len
	lies := len(b) > n // more octets than the wire had
	if lies {
		b = b[:max(n, 0)]
	}
	v := d.link(f.Link, p, b, n)
	switch {
	case lies:
		v = Malformed
	case v == Whole && len(b) < n:
		v = Cut
	}
	p.Verdict = v
	d.Counters.Frames++
	switch v {
	case Malformed:
		d.Counters.Malformed++
	case Cut:
		d.Counters.Cut++
	}
	return v
}

// link reads the link layer: see the list of capture.LinkType.
func (d *Decoder) link(l capture.LinkType, p *Packet, b []byte, n int) Verdict {
	switch l {
	case capture.LinkEthernet:
		return d.ethernet(p, b, n)
	case capture.LinkSLL:
		return d.sll(p, b, n)
	case capture.LinkSLL2:
		return d.sll2(p, b, n)
	case capture.LinkRaw, capture.LinkRawBSD, capture.LinkRawOpen:
		return d.rawIP(p, b, n)
	case capture.LinkIPv4:
		return d.ip4(p, b, n)
	case capture.LinkIPv6:
		return d.ip6(p, b, n)
	case capture.LinkNull, capture.LinkLoop:
		return d.loopback(p, b, n)
	case capture.LinkPPP, capture.LinkPPPHDLC, capture.LinkCHDLC:
		return d.pppLink(p, b, n)
	case capture.LinkPPPoE:
		return d.pppoeSession(p, b, n)
	case capture.LinkNFLOG:
		return d.nflog(p, b, n)
	}
	return Malformed // nothing can be said of a link type that is not known; the sources refuse it by name
}

// opaque is the end of what is known: the layers so far hold, b is what follows them.
func opaque(p *Packet, b []byte, n int) Verdict {
	p.Payload, p.PayloadLen = b, n
	return Whole
}

// rawIP reads a packet that starts with an IP header of either version.
func (d *Decoder) rawIP(p *Packet, b []byte, n int) Verdict {
	if len(b) == 0 {
		return short(n, 1)
	}
	switch b[0] >> 4 {
	case 4:
		return d.ip4(p, b, n)
	case 6:
		return d.ip6(p, b, n)
	}
	return Malformed
}

// loopback reads the header of BSD's and OpenBSD's loopback and of tunnels: four octets of address family. DLT_NULL has
// it in the byte order of the capturing host, DLT_LOOP in network byte order; writers confuse the two, and no family
// number reads as another one in the wrong order, so both orders are taken for both.
func (d *Decoder) loopback(p *Packet, b []byte, n int) Verdict {
	if len(b) < 4 {
		return short(n, 4)
	}
	family := be32(b)
	if family > 0xffff {
		family = binary.LittleEndian.Uint32(b)
	}
	switch family {
	case 2: // AF_INET everywhere
		return d.ip4(p, b[4:], n-4)
	case 10, 23, 24, 28, 30: // AF_INET6 of Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS
		return d.ip6(p, b[4:], n-4)
	}
	return opaque(p, b[4:], n-4)
}

// The Linux "cooked" headers. Their address is the sender's on frames that came in, the capturing host's own on those
// that went out, and of a type that only the second field tells; there is no destination. So no station is made of it:
// HasMAC stays false.
//
// https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html: packet type 2, ARPHRD 2, address length 2, address 8,
// protocol 2.
func (d *Decoder) sll(p *Packet, b []byte, n int) Verdict {
	const size = 16
	if len(b) < size {
		return short(n, size)
	}
	return d.cooked(p, be16(b[2:]), be16(b[14:]), b[size:], n-size)
}

// sll2 reads https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html: protocol 2, reserved 2, interface index 4,
// ARPHRD 2, packet type 1, address length 1, address 8.
func (d *Decoder) sll2(p *Packet, b []byte, n int) Verdict {
	const size = 20
	if len(b) < size {
		return short(n, size)
	}
	return d.cooked(p, be16(b[8:]), be16(b), b[size:], n-size)
}

func (d *Decoder) cooked(p *Packet, arphrd, proto uint16, b []byte, n int) Verdict {
	const (
		arphrdNetlink = 824 // protocol is a netlink family
		arphrdGRE     = 778 // protocol is GRE's
		ethP8023      = 1   // Novell's raw 802.3
		ethP8022      = 4   // 802.2 LLC
	)
	switch {
	case arphrd == arphrdNetlink, proto == ethP8023:
		return opaque(p, b, n)
	case proto == ethP8022:
		return d.llc(p, b, n)
	case proto < minEtherType:
		return opaque(p, b, n) // Linux's own numbers: CAN, PPP control, …
	case arphrd == arphrdGRE:
		return d.grePayload(p, proto, b, n)
	}
	return d.ethertype(p, proto, b, n)
}

// inspectLink reads the frames without IP that say something.
func inspectLink(d *Decoder, p *Packet) {
	switch {
	case p.Ether == etherLLDP:
		lldp(d, p)
	case p.Ether == 0:
		cdpFrame(d, p)
	}
}
