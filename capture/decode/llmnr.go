package decode

import "cafeprobe/capture"

// LLMNR (RFC 4795): Windows asks the segment for names that DNS does not know, and before it uses its own name asks
// whether anybody else has it.

const llmnrPort = 5355

// llmnrConflict is the bit C of an LLMNR header (RFC 4795 §2.1.1): the sender knows that several answer.
const llmnrConflict = 0x0400

// llmnr emits a KindQuery for each question, and a KindName where the sender shows that a name is its own.
func llmnr(d *Decoder, p *Packet) bool {
	m, ok := parseDNS(p.Payload)
	if !ok || m.opcode() != dnsOpQuery {
		return false
	}
	if m.response() {
		if p.SrcPort != llmnrPort {
			return false
		}
		d.llmnrAnswer(p, &m)
		return true
	}
	if p.DstPort != llmnrPort {
		return false
	}
	d.questions(p, &m, capture.OriginLLMNR)
	d.llmnrProbe(p, &m)
	return true
}

// llmnrProbe emits the name of a uniqueness probe: a multicast query of type ANY. Windows sends those for its own name
// only, when it starts and when it gets an address; every type-ANY question of the shared captures is one.
func (d *Decoder) llmnrProbe(p *Packet, m *dnsMessage) {
	if !p.DstAddr.IsMulticast() || m.count[0] != 1 || m.flags&llmnrConflict != 0 {
		return
	}
	var r dnsRecord
	w := m.walk()
	if !w.next(&r) || r.section != 0 || r.typ != dnsTypeANY {
		return
	}
	if name, ok := m.name(r.name); ok {
		d.ownName(capture.OriginLLMNR, name, p.SrcAddr)
	}
}

// llmnrAnswer emits the names of an answer. A responder answers only for names that are its own (RFC 4795 §2.3); an
// address of the family of the sender's must also be the sender's. Where it is not, the name is that of whoever has the
// address, of which no frame was seen: the responder has several interfaces, or lies. Bit T (it is called so, but has not
// asked yet whether others are) is no reason to pass over an answer: it is RD in DNS, and simple responders set it.
func (d *Decoder) llmnrAnswer(p *Packet, m *dnsMessage) {
	var r dnsRecord
	for w := m.walk(); w.next(&r) && r.section <= 1; {
		addr, ok := r.addr()
		if !ok {
			continue
		}
		name, ok := m.name(r.name)
		switch {
		case !ok:
		case addr != p.SrcAddr && addr.Is4() == p.SrcAddr.Is4():
			d.otherName(capture.OriginLLMNR, name, addr)
		default:
			d.ownName(capture.OriginLLMNR, name, addr)
		}
	}
}
