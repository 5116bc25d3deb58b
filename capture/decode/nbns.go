package decode

import (
	"encoding/binary"

	"cafeprobe/capture"
)

// NetBIOS names (RFC 1001, RFC 1002) and the name service on UDP port 137: Windows registers its names when it starts
// and releases them when it is shut down in order.

const nbnsPort = 137

// The opcodes of RFC 1002 §4.2.1.1, and Microsoft's for hosts with several addresses ([MS-NBTE] §2.2.2).
const (
	nbnsRegister    = 5
	nbnsRelease     = 6
	nbnsRefresh     = 8
	nbnsRefreshAlt  = 9 // RFC 1002 says 8 in its table and 9 in its text: both are sent
	nbnsMultiHomed  = 15
	nbnsGroup       = 0x8000 // NB_FLAGS and NAME_FLAGS: a group's name, such as the workgroup's
	nbnsStatusEntry = 18     // octets of one entry of a node status response (RFC 1002 §4.2.18)
)

// The 16th octet of a NetBIOS name (Microsoft KB 163409): who bears it.
const (
	suffixWorkstation = 0x00
	suffixMessenger   = 0x03 // the computer, and the person who is logged on
	suffixServer      = 0x20
)

// netbiosName is a decoded NetBIOS name: 15 octets, padded, and the suffix.
type netbiosName [16]byte

// nbDecode undoes the first-level encoding of RFC 1001 §14.1: two letters A to P an octet.
func nbDecode(label []byte) (n netbiosName, ok bool) {
	if len(label) != 2*len(n) {
		return n, false
	}
	for i := range n {
		high, low := label[2*i]-'A', label[2*i+1]-'A'
		if high > 15 || low > 15 {
			return n, false
		}
		n[i] = high<<4 | low
	}
	return n, true
}

func (n *netbiosName) suffix() byte { return n[15] }

// isHost reports whether a unique name with this suffix is a computer's.
func (n *netbiosName) isHost() bool {
	// IS~ with the computer's name behind it is Internet Information Services (KB 163409).
	return (n.suffix() == suffixWorkstation || n.suffix() == suffixServer) && string(n[:3]) != "IS~"
}

// host returns the name without padding and suffix.
func (n *netbiosName) host() string { return nbText(n[:15]) }

// String returns the name and its suffix as tshark prints them: WORKGROUP<1d>.
func (n *netbiosName) String() string {
	var buf [4 * len(n)]byte
	return string(appendNBHex(appendNB(buf[:0], trimPad(n[:15])), n.suffix()))
}

// nbText returns b, a name padded with spaces or ended by a zero, as text. The octets are of the sender's OEM code
// page, which the wire does not tell: those beyond ASCII become <9f>, as tshark prints them, so nothing is guessed.
func nbText(b []byte) string {
	for i, c := range b {
		if c == 0 {
			b = b[:i]
			break
		}
	}
	var buf [4 * 16]byte
	return string(appendNB(buf[:0], trimPad(b[:min(len(b), 16)])))
}

func trimPad(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

func appendNB(dst, b []byte) []byte {
	for _, c := range b {
		if c < ' ' || c > '~' {
			dst = appendNBHex(dst, c)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

func appendNBHex(dst []byte, c byte) []byte {
	return append(appendHex(append(dst, '<'), uint32(c), 2), '>')
}

// nbns reads a message of the NetBIOS name service.
func nbns(d *Decoder, p *Packet) bool {
	m, ok := parseDNS(p.Payload)
	if !ok {
		return false
	}
	switch op := m.opcode(); {
	case m.response() && op == dnsOpQuery && m.flags&15 == 0:
		d.nbnsAnswer(p, &m)
	case m.response():
		// An answer to a registration, a release or a wait: it says nothing of its sender.
	case op == dnsOpQuery:
		d.nbnsQuestion(p, &m)
	case op == nbnsRegister || op == nbnsRefresh || op == nbnsRefreshAlt || op == nbnsMultiHomed || op == nbnsRelease:
		d.nbnsOwn(p, &m, op == nbnsRelease)
	default:
		return false
	}
	return true
}

// nbnsQuestion emits the names that a query asks for, with suffix: WPAD<00>.
func (d *Decoder) nbnsQuestion(p *Packet, m *dnsMessage) {
	var r dnsRecord
	for w := m.walk(); w.next(&r) && r.section == 0; {
		if n, ok := m.netbios(r.name); ok {
			d.query(p, capture.OriginNBNS, n.String())
		}
	}
}

// netbios decodes the NetBIOS name at off.
func (m *dnsMessage) netbios(off int) (n netbiosName, ok bool) {
	label, ok := m.label(off)
	if !ok {
		return n, false
	}
	return nbDecode(label)
}

// nbnsOwn reads the registration, refresh or release of a name: one question, and behind it a record with the flags and
// address of the name. Names of the messenger service are passed over: they are also persons' log-in names.
func (d *Decoder) nbnsOwn(p *Packet, m *dnsMessage, release bool) {
	var r dnsRecord
	for w := m.walk(); w.next(&r); {
		if r.section != 3 || r.typ != dnsTypeNB || len(r.data) < 2 {
			continue
		}
		n, ok := m.netbios(r.name)
		if !ok || n.suffix() == suffixMessenger {
			continue
		}
		unique := binary.BigEndian.Uint16(r.data)&nbnsGroup == 0
		if release {
			if unique && n.isHost() {
				d.evidence(capture.OriginNBNS, capture.EvidenceGoodbye)
			}
			continue
		}
		d.emit(capture.Observation{
			Kind: capture.KindService, Origin: capture.OriginNBNS, PeerPort: nbnsPort, Name: n.String(),
		})
		if unique && n.isHost() {
			d.ownName(capture.OriginNBNS, n.host(), p.SrcAddr)
		}
	}
}

// nbnsAnswer reads a positive answer. One with the sender's own address, not a name server's answer for another, tells
// a name of the sender's; so does a node status.
func (d *Decoder) nbnsAnswer(p *Packet, m *dnsMessage) {
	var r dnsRecord
	for w := m.walk(); w.next(&r); {
		switch {
		case r.section != 1:
		case r.typ == dnsTypeNB && len(r.data) >= 6:
			n, ok := m.netbios(r.name)
			own := p.SrcAddr.Is4() && p.SrcAddr.As4() == [4]byte(r.data[2:6])
			if ok && own && n.isHost() && binary.BigEndian.Uint16(r.data)&nbnsGroup == 0 {
				d.ownName(capture.OriginNBNS, n.host(), p.SrcAddr)
			}
		case r.typ == dnsTypeStat:
			d.nbnsStatus(p, r.data)
		}
	}
}

// nbnsStatus reads a node status (RFC 1002 §4.2.18): a count, and that many names of the sender's.
func (d *Decoder) nbnsStatus(p *Packet, b []byte) {
	if len(b) == 0 {
		return
	}
	count := int(b[0])
	for b = b[1:]; count > 0 && len(b) >= nbnsStatusEntry; b, count = b[nbnsStatusEntry:], count-1 {
		n := netbiosName(b[:16])
		if n.isHost() && binary.BigEndian.Uint16(b[16:])&nbnsGroup == 0 {
			d.ownName(capture.OriginNBNS, n.host(), p.SrcAddr)
		}
	}
}
