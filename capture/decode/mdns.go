package decode

import (
	"net/netip"
	"slices"

	"cafeprobe/capture"
)

// mDNS (RFC 6762): phones, Macs, printers and Linux desktops say their names and ask for services.

const mdnsPort = 5353

// mdns emits a KindQuery for each question, and a KindName for each address record of the sender's own.
func mdns(d *Decoder, p *Packet) bool {
	m, ok := parseDNS(p.Payload)
	if !ok || m.opcode() != dnsOpQuery { // RFC 6762 §18.3: others are ignored
		return false
	}
	if m.response() {
		if p.SrcPort != mdnsPort { // RFC 6762 §6: must be ignored
			return false
		}
		d.mdnsNames(p, &m)
		return true
	}
	// The answers in a query are what the asker heard from others (§7.1), its authorities names it would like to have
	// (§8.1): neither is a name of its own.
	d.questions(p, &m, capture.OriginMDNS)
	return true
}

// mdnsOwnMax bounds how many own names one message may announce. Real devices announce one or two.
const mdnsOwnMax = 8

// mdnsNames emits the names for which m, a response, has an address record with the sender's address, once for each
// address of that name. A record of another address alone proves nothing: sleep proxies and reflectors send those.
func (d *Decoder) mdnsNames(p *Packet, m *dnsMessage) {
	var own [mdnsOwnMax]string
	n := 0
	var r dnsRecord
	for w := m.walk(); n < len(own) && w.next(&r); {
		if addr, ok := r.addr(); ok && isOwn(p, addr) {
			name, ok := m.name(r.name)
			switch {
			case !ok:
			case r.ttl == 0: // §10.1: goodbye
				d.evidence(capture.OriginMDNS, capture.EvidenceGoodbye)
			default:
				own[n] = name
				n++
				d.ownName(capture.OriginMDNS, name, addr)
			}
		}
	}
	if n == 0 {
		return
	}
	for w := m.walk(); w.next(&r); {
		addr, ok := r.addr()
		if !ok || r.ttl == 0 || isOwn(p, addr) {
			continue
		}
		if name, ok := m.name(r.name); ok && slices.Contains(own[:n], name) {
			d.ownName(capture.OriginMDNS, name, addr)
		}
	}
}

// isOwn reports whether addr is surely an address of the sender of p: its source address, or an IPv6 address made from
// its MAC address (RFC 4291 appendix A).
func isOwn(p *Packet, addr netip.Addr) bool {
	if addr == p.SrcAddr {
		return true
	}
	if !addr.Is6() || !p.HasMAC {
		return false
	}
	a, mac := addr.As16(), p.Src
	return [8]byte(a[8:]) == [8]byte{mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}
}
