package decode

import (
	"encoding/binary"
	"net/netip"
)

// DNS messages (RFC 1035 §4), shared by DNS, mDNS (RFC 6762), LLMNR (RFC 4795) and NBNS (RFC 1002 §4.2, whose names are
// one more encoding inside a label). Walking costs no allocation; a name is copied once, when somebody wants it.

const (
	dnsHeaderLen = 12
	// dnsNameMax is how long a name on the wire may be, length octets and the root's included (RFC 1035 §2.3.4).
	dnsNameMax = 255
	// dnsPointersMax bounds how many compression pointers a name may follow, so that a loop of them ends. A name has at
	// most 127 labels, but a server that compresses points at whole suffixes: real names follow one or two.
	dnsPointersMax = 16
	// dnsRecordsMax bounds how many questions and records of one message are looked at: a hostile 64 KiB message could
	// hold 13 000 five-octet questions that all point at one long name.
	dnsRecordsMax = 2 * maxObservations
)

// Types and classes of records (IANA DNS parameters) that somebody here asks for.
const (
	dnsTypeA    = 1
	dnsTypeNB   = 0x20 // RFC 1002 §4.2.1.3: NetBIOS name
	dnsTypeStat = 0x21 // RFC 1002: NetBIOS node status
	dnsTypeAAAA = 28
	dnsTypeANY  = 255
)

// The opcodes of RFC 1035 §4.1.1 and RFC 1002 §4.2.1.1.
const (
	dnsOpQuery = 0
)

// dnsMessage is a message whose header has been read. It borrows b.
type dnsMessage struct {
	b     []byte
	flags uint16
	count [4]uint16 // QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT, as the header claims them
}

// parseDNS reads the header of b, a whole message. ok is false where b is too short for one.
func parseDNS(b []byte) (m dnsMessage, ok bool) {
	if len(b) < dnsHeaderLen {
		return dnsMessage{}, false
	}
	m = dnsMessage{b: b, flags: binary.BigEndian.Uint16(b[2:])}
	for i := range m.count {
		m.count[i] = binary.BigEndian.Uint16(b[4+2*i:])
	}
	return m, true
}

func (m *dnsMessage) response() bool { return m.flags&0x8000 != 0 }
func (m *dnsMessage) opcode() uint8  { return uint8(m.flags>>11) & 15 }

// dnsRecord is a question or a resource record; a question has no ttl and no data. It borrows the message.
type dnsRecord struct {
	section uint8 // 0 question, 1 answer, 2 authority, 3 additional
	name    int   // where its name starts
	typ     uint16
	class   uint16
	ttl     uint32
	data    []byte // RDATA
}

// addr returns the address of an A or AAAA record.
func (r *dnsRecord) addr() (netip.Addr, bool) {
	switch {
	case r.typ == dnsTypeA && len(r.data) == 4, r.typ == dnsTypeAAAA && len(r.data) == 16:
		return netip.AddrFromSlice(r.data)
	}
	return netip.Addr{}, false
}

// dnsWalk walks the questions and records of a message in order.
type dnsWalk struct {
	m       *dnsMessage
	off     int
	section uint8
	done    uint16 // of this section
	total   int
}

// walk returns a dnsWalk in front of the first question.
func (m *dnsMessage) walk() dnsWalk { return dnsWalk{m: m, off: dnsHeaderLen} }

// next reads the next question or record into r. It returns false at the end of the message, at the first damage, and
// after dnsRecordsMax of them.
func (w *dnsWalk) next(r *dnsRecord) bool {
	for w.done == w.m.count[w.section] {
		if w.section == 3 {
			return false
		}
		w.section, w.done = w.section+1, 0
	}
	b := w.m.b
	end, ok := skipName(b, w.off)
	if !ok || w.total == dnsRecordsMax || end+4 > len(b) {
		return false
	}
	*r = dnsRecord{section: w.section, name: w.off}
	r.typ, r.class = binary.BigEndian.Uint16(b[end:]), binary.BigEndian.Uint16(b[end+2:])
	end += 4
	if w.section != 0 {
		if end+6 > len(b) {
			return false
		}
		r.ttl = binary.BigEndian.Uint32(b[end:])
		n := int(binary.BigEndian.Uint16(b[end+4:]))
		end += 6
		if end+n > len(b) {
			return false
		}
		r.data = b[end : end+n]
		end += n
	}
	w.off = end
	w.done++
	w.total++
	return true
}

// skipName returns where the name at off ends: behind its root label or its first pointer.
func skipName(b []byte, off int) (end int, ok bool) {
	for off < len(b) {
		switch c := b[off]; {
		case c == 0:
			return off + 1, true
		case c < 0x40:
			off += 1 + int(c)
		case c >= 0xc0:
			return off + 2, off+2 <= len(b)
		default: // 0x40 and 0x80: extended labels, given up by RFC 6891 §5
			return 0, false
		}
	}
	return 0, false
}

// name returns the name at off as text: its labels with dots between them, no dot behind the last, "<Root>" for the
// root (as tshark says: an empty string would look like no name). A dot inside a label becomes \. so that one label
// cannot pass for two. ok is false for a name that is damaged, too long, or that follows too many pointers.
func (m *dnsMessage) name(off int) (s string, ok bool) {
	var buf [2 * dnsNameMax]byte
	n, ok := m.appendName(buf[:0], off)
	if !ok {
		return "", false
	}
	if len(n) == 0 {
		return "<Root>", true
	}
	return text(n), true
}

// appendName appends the name at off to dst, with dots, its octets as they are.
func (m *dnsMessage) appendName(dst []byte, off int) ([]byte, bool) {
	wire, pointers := 1, 0 // octets that the name has without compression; the root's is one
	for off < len(m.b) {
		c := m.b[off]
		switch {
		case c == 0:
			return dst, true
		case c < 0x40:
			end := off + 1 + int(c)
			if wire += 1 + int(c); end > len(m.b) || wire > dnsNameMax {
				return dst, false
			}
			if len(dst) > 0 {
				dst = append(dst, '.')
			}
			for _, o := range m.b[off+1 : end] {
				if o == '.' {
					dst = append(dst, '\\')
				}
				dst = append(dst, o)
			}
			off = end
		case c >= 0xc0:
			if pointers++; off+2 > len(m.b) || pointers > dnsPointersMax {
				return dst, false
			}
			off = int(binary.BigEndian.Uint16(m.b[off:]) & 0x3fff)
		default:
			return dst, false
		}
	}
	return dst, false
}

// label returns the octets of the first label of the name at off, following pointers. It borrows the message.
func (m *dnsMessage) label(off int) ([]byte, bool) {
	for range dnsPointersMax {
		if off >= len(m.b) {
			return nil, false
		}
		c := m.b[off]
		if c >= 0xc0 {
			if off+2 > len(m.b) {
				return nil, false
			}
			off = int(binary.BigEndian.Uint16(m.b[off:]) & 0x3fff)
			continue
		}
		if c >= 0x40 || off+1+int(c) > len(m.b) {
			return nil, false
		}
		return m.b[off+1 : off+1+int(c)], true
	}
	return nil, false
}
