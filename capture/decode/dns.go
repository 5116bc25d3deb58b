package decode

import (
	"encoding/binary"

	"cafeprobe/capture"
)

// DNS over UDP and TCP (RFC 1035, RFC 7766): what a client asks for, and who answers.

const dnsPort = 53

func dnsUDP(d *Decoder, p *Packet) bool { return dns(d, p, p.Payload) }

// dns reads one message, b. It emits a KindQuery for each question that is asked and a KindService for a server that
// answers. Questions in front of damage are kept: the name was asked for, whatever follows it.
func dns(d *Decoder, p *Packet, b []byte) bool {
	m, ok := parseDNS(b)
	if !ok {
		return false
	}
	if m.response() {
		if p.SrcPort == dnsPort {
			d.emit(capture.Observation{Kind: capture.KindService, Origin: capture.OriginDNS, PeerPort: dnsPort})
		}
		return true
	}
	d.questions(p, &m, capture.OriginDNS)
	return true
}

// questions emits a KindQuery for each question of m. In a NOTIFY (RFC 1996) or UPDATE (RFC 2136) that is the zone
// which the sender talks about: a query by its QR bit, and counted as one by tshark and the shared truth.
func (d *Decoder) questions(p *Packet, m *dnsMessage, origin capture.Origin) {
	var r dnsRecord
	for w := m.walk(); w.next(&r) && r.section == 0; {
		if name, ok := m.name(r.name); ok {
			d.query(p, origin, name)
		}
	}
}

// query emits one KindQuery: the sender of p asked for name.
func (d *Decoder) query(p *Packet, origin capture.Origin, name string) {
	d.emit(capture.Observation{
		Kind: capture.KindQuery, Origin: origin, Proto: p.Proto, Peer: p.DstAddr, PeerPort: p.DstPort, Name: name,
	})
}

// dnsTCPStarts reports whether b may be the start of a stream of DNS messages, each behind two octets of length
// (RFC 1035 §4.2.2). Some clients send the length in a segment of its own.
func dnsTCPStarts(src, dst uint16, b []byte) bool {
	if dst != dnsPort && src != dnsPort || len(b) < 2 {
		return false
	}
	if n := int(binary.BigEndian.Uint16(b)); n < dnsHeaderLen+5 {
		return false
	}
	// A header, as far as it is there: one question, and an opcode and response code that exist.
	if len(b) >= 2+6 {
		return b[4]>>3&15 <= 6 && b[5]&15 <= 10 && b[6] == 0 && b[7] == 1
	}
	return true
}

// dnsTCPRead reads the messages of one side of a connection. A client sends its questions one after the other; of a
// server the first message says all that is wanted, and what follows may be a zone of megabytes.
func dnsTCPRead(d *Decoder, p *Packet, b []byte) (n int, more bool) {
	for len(b)-n >= 2 {
		size := int(binary.BigEndian.Uint16(b[n:]))
		if size < dnsHeaderLen {
			return len(b), false
		}
		m, ok := parseDNS(b[n+2:])
		if ok && m.response() {
			dns(d, p, b[n+2:])
			return len(b), false
		}
		if len(b)-n < 2+size {
			if len(p.Payload) < p.PayloadLen { // captured short: the rest never comes
				dns(d, p, b[n+2:])
				return len(b), false
			}
			break
		}
		dns(d, p, b[n+2:n+2+size])
		n += 2 + size
	}
	return n, true
}
