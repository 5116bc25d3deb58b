package decode

// GRE flags (RFC 2784, RFC 2890, RFC 1701; RFC 2637 §4.1 for version 1).
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greAck      = 0x0080 // version 1 only
	greVersion  = 0x0007
)

// gre reads a GRE header and what is inside.
func (d *Decoder) gre(p *Packet, b []byte, n int) Verdict {
	if len(b) < 4 {
		return short(n, 4)
	}
	switch flags := be16(b); flags & greVersion {
	case 0:
		return d.gre0(p, b, n)
	case 1:
		return d.gre1(p, flags, b, n)
	}
	return Malformed
}

// GRE is what a GRE header of version 0 says.
type GRE struct {
	Size   int    // octets of the header; more than were given where they end inside it, then nothing else is said
	Proto  uint16 // EtherType of the payload
	Key    uint32 // 0 without
	Seq    uint32 // when HasSeq
	HasSeq bool
}

// ParseGRE reads a GRE header of version 0, with the source routes of RFC 1701, from b, the captured octets of a packet that
// had n. It reports false for another version, and where all of the packet is there and its checksum does not hold.
func ParseGRE(b []byte, n int) (h GRE, ok bool) {
	if len(b) < 4 {
		return GRE{Size: 4}, true
	}
	flags := be16(b)
	if flags&greVersion != 0 {
		return h, false
	}
	key := 4
	if flags&(greChecksum|greRouting) != 0 {
		key += 4
	}
	seq := key
	if flags&greKey != 0 {
		seq += 4
	}
	size := seq
	if flags&greSequence != 0 {
		size += 4
	}
	if len(b) < size {
		return GRE{Size: size}, true
	}
	if flags&greChecksum != 0 && len(b) == n && be16(b[4:]) != 0 && fold(sum(0, b)) != 0xffff {
		return h, false
	}
	h = GRE{Proto: be16(b[2:]), HasSeq: flags&greSequence != 0}
	if flags&greKey != 0 {
		h.Key = be32(b[key:])
	}
	if h.HasSeq {
		h.Seq = be32(b[seq:])
	}
	if flags&greRouting != 0 {
		size = routes(b, size)
	}
	h.Size = size
	return h, true
}

// routes returns where the source route entries end (RFC 1701) that begin at b[at:]: behind one of length 0. It is more than
// len(b) where b ends before.
func routes(b []byte, at int) int {
	for {
		if len(b) < at+4 {
			return at + 4
		}
		family, size := be16(b[at:]), 4+int(b[at+3])
		if at += size; at > len(b) || family == 0 && size == 4 {
			return at
		}
	}
}

func (d *Decoder) gre0(p *Packet, b []byte, n int) Verdict {
	h, ok := ParseGRE(b, n)
	switch {
	case !ok:
		return Malformed
	case h.Size > len(b):
		return short(n, h.Size)
	}
	if h.Proto == EtherERSPAN && !h.HasSeq {
		h.Proto = EtherBridged // ERSPAN type I: no header of its own
	}
	return d.grePayload(p, h.Proto, b[h.Size:], n-h.Size)
}

// gre1 reads the enhanced GRE of PPTP (RFC 2637 §4.1): the key holds the payload's length.
func (d *Decoder) gre1(p *Packet, flags uint16, b []byte, n int) Verdict {
	if flags&greKey == 0 || flags&(greChecksum|greRouting) != 0 || be16(b[2:]) != etherPPP {
		return Malformed
	}
	header := 8
	if flags&greSequence != 0 {
		header += 4
	}
	if flags&greAck != 0 {
		header += 4
	}
	if len(b) < header {
		return short(n, header)
	}
	size := int(be16(b[4:]))
	if size > n-header {
		return Malformed
	}
	b = b[header:]
	b = b[:min(size, len(b))]
	if size == 0 || !d.enter(p) {
		return opaque(p, b, size)
	}
	return d.ppp(p, b, size)
}

// grePayload reads what GRE's protocol type announces. Types that are not known leave the carrier as it is.
func (d *Decoder) grePayload(p *Packet, t uint16, b []byte, n int) Verdict {
	switch t {
	case EtherIPv4, EtherIPv6, etherVLAN, etherQinQ, etherMPLS, etherMPLSMulti, etherPPPoE, EtherARP:
	case EtherBridged, EtherERSPAN, EtherERSPAN3, etherPPP:
	case etherCDP: // of the station itself, which has the tunnel as an interface
		p.Ether = etherCDP
		return opaque(p, b, n)
	default:
		return opaque(p, b, n)
	}
	if n == 0 || !d.enter(p) {
		return opaque(p, b, n) // Cisco's keepalives have an empty GRE packet inside
	}
	switch t {
	case EtherBridged:
		return d.bridged(p, b, n)
	case EtherERSPAN:
		m, ok := ParseERSPAN2(b)
		return d.erspan(p, m, ok, b, n)
	case EtherERSPAN3:
		m, ok := ParseERSPAN3(b)
		return d.erspan(p, m, ok, b, n)
	case etherPPP:
		return d.ppp(p, b, n)
	}
	return d.ethertype(p, t, b, n)
}
