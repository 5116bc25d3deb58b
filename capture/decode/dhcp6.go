package decode

import (
	"encoding/binary"
	"encoding/hex"
	"iter"
	"net/netip"
	"time"

	"cafeprobe/capture"
)

// The DHCPv6 options that are read (RFC 8415 §21; others as named).
const (
	opt6ClientID    = 1
	opt6ServerID    = 2
	opt6IANA        = 3
	opt6IATA        = 4
	opt6IAAddr      = 5
	opt6RelayMsg    = 9
	opt6Status      = 13
	opt6UserClass   = 15
	opt6VendorClass = 16
	opt6IAPD        = 25
	opt6IAPrefix    = 26
	opt6FQDN        = 39 // RFC 4704
	opt6Bootfile    = 59 // RFC 5970 §3.1: a URL
	opt6Arch        = 61 // RFC 5970 §3.3
	opt6LinkLayer   = 79 // RFC 6939: a relay agent says the client's link-layer address
)

// The message types that are told apart here; their names are in dhcp6Messages.
const (
	msg6Reply      = 7
	msg6RelayForw  = 12
	msg6RelayReply = 13
)

// maxRelays bounds how deep relayed messages are looked into: HOP_COUNT_LIMIT of RFC 8415 §7.6.
const maxRelays = 8

// maxLeases6 bounds the addresses taken from one message; real ones carry one or two.
const maxLeases6 = 8

// dhcp6Messages are the message types (IANA "DHCPv6 Message Types") that pass between clients, relay agents and servers:
// RFC 8415 §7.3, RFC 5007 and 5460 (14–17), RFC 6977 (18, 19), RFC 7341 (20, 21), RFC 7653 (22, 23), RFC 9686 (36, 37).
// Failover between servers (24–35) is left out.
var dhcp6Messages = [...]struct {
	name   string
	server bool // only servers send it
}{
	1: {"SOLICIT", false},
	{"ADVERTISE", true},
	{"REQUEST", false},
	{"CONFIRM", false},
	{"RENEW", false},
	{"REBIND", false},
	{"REPLY", true},
	{"RELEASE", false},
	{"DECLINE", false},
	{"RECONFIGURE", true},
	{"INFORMATION-REQUEST", false},
	{"RELAY-FORW", false},
	{"RELAY-REPL", true},
	{"LEASEQUERY", false},
	{"LEASEQUERY-REPLY", true},
	{"LEASEQUERY-DONE", true},
	{"LEASEQUERY-DATA", true},
	{"RECONFIGURE-REQUEST", false},
	{"RECONFIGURE-REPLY", true},
	{"DHCPV4-QUERY", false},
	{"DHCPV4-RESPONSE", true},
	{"ACTIVELEASEQUERY", false},
	{"STARTTLS", false},
	36: {"ADDR-REG-INFORM", false},
	{"ADDR-REG-REPLY", true},
}

// message6 is what one DHCPv6 message holds beside the facts of capture.DHCP.
type message6 struct {
	capture.DHCP
	msg     byte
	linkMAC capture.MAC // option 79 of the relay agent next to the client
	addrs   [maxLeases6]netip.Addr
	n       int // of addrs in use: those with a lifetime, from IAs without an error
}

// dhcp6 reads DHCPv6 (ports 546, 547) and says what a message tells about its client and its server.
func dhcp6(d *Decoder, p *Packet) bool {
	var m message6
	if !m.parse(p.Payload) {
		return false
	}
	own := m.station(p)
	if m.Client = own; !isStation(own) || p.Tunnels > 0 {
		m.Client = duidMAC(m.ClientID)
	}
	facts := m.DHCP
	d.emit(capture.Observation{Kind: capture.KindDHCP, Origin: capture.OriginDHCP6, DHCP: &facts})
	switch {
	case m.FromServer:
		d.emit(capture.Observation{Kind: capture.KindService, Origin: capture.OriginDHCP6, PeerPort: p.SrcPort})
		if m.msg != msg6Reply || !p.HasMAC || !isStation(own) || p.Tunnels > 0 {
			break
		}
		for _, a := range m.addrs[:m.n] {
			d.emit(capture.Observation{Kind: capture.KindAddr, Origin: capture.OriginDHCP6, MAC: own, Addr: a})
		}
	case isStation(own) || !m.Relayed:
		o := capture.Observation{Origin: capture.OriginDHCP6, MAC: own}
		if m.Relayed {
			o.Addr = netip.IPv6Unspecified() // the source is the relay agent's
		}
		d.emitNames(o, &facts)
		if isNetBoot(m.VendorClass) {
			o.Kind, o.Origin, o.Evidence = capture.KindEvidence, capture.OriginPXE, capture.EvidencePXEBoot
			d.emit(o)
		}
	}
	return true
}

// station returns the MAC address of the client's own interface, zero where the frame does not show it: option 79 behind
// a relay agent, else the frame's source, or the destination of a server's answer, which goes straight to the client
// (RFC 8415 §18.3.10). It is not the DUID's: a DUID is made of any interface once, and copied with a disk image.
func (m *message6) station(p *Packet) capture.MAC {
	switch {
	case m.Relayed:
		return m.linkMAC
	case !m.FromServer:
		return p.Src
	case p.Dst.IsGroup():
		return capture.MAC{}
	}
	return p.Dst
}

// parse reads b, a whole UDP payload, relayed or not. Of a message whose options lie it holds what came whole.
func (m *message6) parse(b []byte) bool {
	for depth := 0; ; depth++ {
		if len(b) < 4 || int(b[0]) >= len(dhcp6Messages) || dhcp6Messages[b[0]].name == "" {
			return false
		}
		if b[0] != msg6RelayForw && b[0] != msg6RelayReply {
			break
		}
		const relayHeader = 34 // RFC 8415 §9: type, hop count, link-address, peer-address
		if len(b) < relayHeader || depth == maxRelays {
			return false
		}
		m.Relayed, m.linkMAC = true, capture.MAC{}
		if b = m.relayed(b[relayHeader:]); b == nil {
			return false
		}
	}
	m.V6, m.msg = true, b[0]
	m.Message, m.FromServer = dhcp6Messages[b[0]].name, dhcp6Messages[b[0]].server
	m.XID = binary.BigEndian.Uint32(b) & 0xffffff
	for code, v := range dhcpOptions6(b[4:]) {
		m.option(code, v)
	}
	return true
}

// relayed returns the message that the options of a relayed one carry, and notes option 79.
func (m *message6) relayed(b []byte) (inner []byte) {
	for code, v := range dhcpOptions6(b) {
		switch code {
		case opt6RelayMsg:
			inner = v
		case opt6LinkLayer:
			if len(v) == 8 && binary.BigEndian.Uint16(v) == 1 {
				m.linkMAC = capture.MAC(v[2:])
			}
		}
	}
	return inner
}

// dhcpOptions6 iterates over the options of b until one runs past its end.
func dhcpOptions6(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			code, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
			if b = b[4:]; n > len(b) || !yield(code, b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}

func (m *message6) option(code uint16, v []byte) {
	switch code {
	case opt6ClientID:
		m.ClientID = hexOctets(v)
	case opt6ServerID:
		m.ServerDUID = hexOctets(v)
	case opt6IANA, opt6IATA, opt6IAPD:
		m.association(code, v)
	case opt6IAAddr: // outside an IA: ADDR-REG-INFORM (RFC 9686 §4.2)
		m.address(v)
	case opt6UserClass:
		m.UserClass, _ = countedStrings(v, 2)
	case opt6VendorClass:
		if len(v) > 4 { // enterprise number first
			m.VendorClass, _ = countedStrings(v[4:], 2)
		}
	case opt6FQDN:
		if len(v) > 1 { // flags first
			m.FQDN, _ = wireName(v[1:])
		}
	case opt6Bootfile:
		m.Bootfile = optionText(v)
	case opt6Arch:
		if len(v) >= 2 {
			m.Arch, m.HasArch = binary.BigEndian.Uint16(v), true
		}
	}
}

// association reads an IA: IAID, and T1 and T2 but for temporary addresses, then options (RFC 8415 §21.4, §21.5, §21.21).
// One whose status is not Success gives nothing.
func (m *message6) association(code uint16, v []byte) {
	header := 12
	if code == opt6IATA {
		header = 4
	}
	if len(v) < header {
		return
	}
	for code, o := range dhcpOptions6(v[header:]) {
		if code == opt6Status && len(o) >= 2 && binary.BigEndian.Uint16(o) != 0 {
			return
		}
	}
	for code, o := range dhcpOptions6(v[header:]) {
		switch code {
		case opt6IAAddr:
			m.address(o)
		case opt6IAPrefix:
			m.prefix(o)
		}
	}
}

// address reads IAADDR: address, preferred and valid lifetime in seconds, options. A server that answers with valid
// lifetime 0 takes the address away (RFC 8415 §18.3.4).
func (m *message6) address(v []byte) {
	if len(v) < 24 {
		return
	}
	a, valid := netip.AddrFrom16([16]byte(v)), binary.BigEndian.Uint32(v[20:])
	if a.IsUnspecified() || m.FromServer && valid == 0 {
		return
	}
	if !m.FromServer {
		if !m.Requested.IsValid() {
			m.Requested = a
		}
		return
	}
	if !m.YourAddr.IsValid() {
		m.YourAddr, m.Lease = a, time.Duration(valid)*time.Second
	}
	if m.n < len(m.addrs) && a.Is6() && !a.Is4In6() && !a.IsMulticast() {
		m.addrs[m.n] = a
		m.n++
	}
}

// prefix reads IAPREFIX: preferred and valid lifetime, prefix length, prefix, options (RFC 8415 §21.22).
func (m *message6) prefix(v []byte) {
	if len(v) < 25 || v[8] > 128 || m.Prefix.IsValid() {
		return
	}
	valid := binary.BigEndian.Uint32(v[4:])
	if m.FromServer && valid == 0 {
		return
	}
	m.Prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte(v[9:])), int(v[8])).Masked()
	if m.FromServer && m.Lease == 0 {
		m.Lease = time.Duration(valid) * time.Second
	}
}

// duidMAC returns the Ethernet address that a DUID in hexadecimal was made of: types LLT (1) and LL (3), hardware type 1
// (RFC 8415 §11.2, §11.4); zero for others.
func duidMAC(duid string) (m capture.MAC) {
	switch {
	case len(duid) == 28 && duid[:8] == "00010001":
		duid = duid[16:]
	case len(duid) == 20 && duid[:8] == "00030001":
		duid = duid[8:]
	default:
		return capture.MAC{}
	}
	hex.Decode(m[:], []byte(duid)) // of hexOctets's making: it cannot fail
	return m
}
