package wire

import (
	"fmt"
	"net/netip"
	"strings"

	"cafeprobe/capture"
	"cafeprobe/tools/sim"
)

// Groups that messages go to, with the Ethernet addresses that they have (RFC 1112 §6.4, RFC 2464 §7).
var (
	allMAC    = capture.Broadcast
	mdnsAddr  = netip.AddrFrom4([4]byte{224, 0, 0, 251})
	llmnrAddr = netip.AddrFrom4([4]byte{224, 0, 0, 252})
	ssdpAddr  = netip.AddrFrom4([4]byte{239, 255, 255, 250})
	everybody = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	nobody    = netip.AddrFrom4([4]byte{})
)

func group(a netip.Addr, port uint16) end {
	if a.Is6() {
		b := a.As16()
		return end{mac: capture.MAC{0x33, 0x33, b[12], b[13], b[14], b[15]}, addr: a, port: port}
	}
	b := a.As4()
	return end{mac: capture.MAC{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}, addr: a, port: port}
}

// Messages makes the frames of the messages of a room. It is not safe for concurrent use.
type Messages struct {
	room *sim.Room
	f    frame
}

// NewMessages returns a Messages of a room.
func NewMessages(r *sim.Room) *Messages { return &Messages{room: r} }

// Frame returns the frame of a message; of one with an answer, a question by DNS or NTP, the answer if answer is set. The
// octets are good until the next call. a.Say is not Talk.
func (m *Messages) Frame(a *sim.Act, answer bool) []byte {
	f := &m.f
	who := &m.room.Stations[a.Who]
	from := end{mac: who.MAC, addr: who.Addr, port: a.Port}
	to := end{mac: allMAC, addr: everybody}
	if a.To >= 0 {
		peer := &m.room.Stations[a.To]
		to = end{mac: peer.MAC, addr: peer.Addr, port: a.PeerPort}
	}
	switch a.Say {
	case sim.DNS, sim.NTP:
		to.addr = a.Addr
		m.asked(a, from, to, answer)
	case sim.ARPAsk, sim.ARPAnswer, sim.ARPWho, sim.ARPProbe, sim.ARPAnnounce:
		m.arp(a, from, to)
	case sim.DHCPOffer, sim.DHCPAck, sim.ProxyOffer, sim.DHCPRenew, sim.DHCPRelease, sim.PXEDiscover, sim.PXERequest,
		sim.IPXEDiscover, sim.IPXERequest, sim.DHCPDiscover, sim.DHCPRequest, sim.DHCPReboot, sim.DHCPInform:
		m.dhcp(a, from, to)
	case sim.TFTPRead:
		to.port = 69
		f.udp(from, to, []byte("\x00\x01ipxe.efi\x00octet\x00blksize\x001456\x00"), 0)
	case sim.TFTPData:
		from.port, to.port = 50069, a.Port
		f.udp(from, to, []byte("\x00\x03\x00\x01"), 516)
	case sim.RouterSolicit, sim.RouterAdvert, sim.DAD, sim.MLD:
		m.ipv6(a, who)
	case sim.IGMP, sim.IGMPQuery:
		m.igmp(a, from)
	case sim.NBNSRegister, sim.NBNSRelease, sim.NBNSQuery, sim.BrowserHost:
		m.netbios(a, who)
	case sim.LLMNRQuery:
		from.port = 49152 + uint16(a.Who)*67%16000
		f.udp(from, group(llmnrAddr, 5355), question(uint16(a.At>>10), 0, a.Name, dnsA), 0)
	case sim.MDNSQuery, sim.MDNSAnnounce, sim.MDNSGoodbye:
		from.port = 5353
		f.udp(from, group(mdnsAddr, 5353), mdns(a, who), 0)
	case sim.SSDPSearch:
		from.port = 49152 + uint16(a.Who)*61%16000
		f.udp(from, group(ssdpAddr, 1900), []byte(search), 0)
	case sim.SSDPNotify:
		from.port = 1900
		f.udp(from, group(ssdpAddr, 1900), fmt.Appendf(nil, notify, who.Addr), 0)
	case sim.SteamStatus, sim.SteamPlaying, sim.SteamLocked, sim.SteamOffline:
		from.port, to.addr, to.port = 27036, m.broadcast(), 27036
		f.udp(from, to, steam(a.Say, uint64(a.Who), who.Name), 0)
	case sim.Wake:
		from.port, to = 49999, end{mac: allMAC, addr: m.broadcast(), port: 9}
		f.udp(from, to, magic(m.room.Stations[a.To].MAC), 0)
	default:
		panic(fmt.Sprint("BUG: no frame of message ", a.Say))
	}
	return f.b[:f.n]
}

// broadcast is the room's own broadcast address.
func (m *Messages) broadcast() netip.Addr {
	b := m.room.Stations[m.room.Router()].Addr.As4()
	b[3] = 255
	return netip.AddrFrom4(b)
}

// asked is a question to a server of the internet or the router, or its answer.
func (m *Messages) asked(a *sim.Act, from, to end, answer bool) {
	id := uint16(a.At >> 12)
	switch {
	case a.Say == sim.DNS && answer:
		b := question(id, 0x8180, a.Name, dnsA)
		b[7] = 1
		ip := to.addr.As4()
		b = append(b, "\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04"...)
		m.f.udp(to, from, append(b, ip[:]...), 0)
	case a.Say == sim.DNS:
		m.f.udp(from, to, question(id, 0x0100, a.Name, dnsA), 0)
	case answer:
		m.f.udp(to, from, []byte{0x1c, 2}, 48)
	default:
		m.f.udp(from, to, []byte{0x1b, 0}, 48)
	}
}

func (m *Messages) arp(a *sim.Act, from, to end) {
	op, target, sender := byte(1), a.Addr, from.addr
	dst, theirs := allMAC, capture.MAC{}
	switch a.Say {
	case sim.ARPAsk:
		dst, theirs = to.mac, to.mac
	case sim.ARPAnswer:
		op, dst, theirs, target = 2, to.mac, to.mac, to.addr
	case sim.ARPProbe:
		sender = nobody
	}
	b := []byte{0, 1, 8, 0, 6, 4, 0, op}
	s, t := sender.As4(), target.As4()
	b = append(append(b, from.mac[:]...), s[:]...)
	b = append(append(b, theirs[:]...), t[:]...)
	m.f.ether(from.mac, dst, 0x0806, b)
}

// igmp is a report of version 3 with one group, or a query (RFC 3376 §4).
func (m *Messages) igmp(a *sim.Act, from end) {
	body := []byte{0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0}
	to := netip.AddrFrom4([4]byte{224, 0, 0, 1})
	if a.Say == sim.IGMP {
		g := a.Addr.As4()
		body = append([]byte{0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0}, g[:]...)
		to = netip.AddrFrom4([4]byte{224, 0, 0, 22})
	}
	be.PutUint16(body[2:], ^fold(sum(0, body)))
	m.f.ip4Raw(from, group(to, 0), protoIGMP, body)
}

// ipv6 is what a system says when its card comes up (RFC 4861, RFC 4862 §5.4, RFC 3810), and what a router tells.
func (m *Messages) ipv6(a *sim.Act, who *sim.Station) {
	from := end{mac: who.MAC, addr: who.Addr6}
	own := append([]byte{1, 1}, who.MAC[:]...)
	addr := who.Addr6.As16()
	solicited := netip.AddrFrom16([16]byte{0xff, 2, 11: 1, 12: 0xff, 13: addr[13], 14: addr[14], 15: addr[15]})
	all := func(last byte) end { return group(netip.AddrFrom16([16]byte{0xff, 2, 15: last}), 0) }
	switch a.Say {
	case sim.RouterSolicit:
		m.f.icmp6(from, all(2), false, append([]byte{133, 0, 0, 0, 0, 0, 0, 0}, own...))
	case sim.RouterAdvert:
		m.f.icmp6(from, all(1), false, append([]byte{134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0}, own...))
	case sim.DAD:
		from.addr = netip.IPv6Unspecified()
		m.f.icmp6(from, group(solicited, 0), false, append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, addr[:]...))
	case sim.MLD:
		g := solicited.As16()
		m.f.icmp6(from, all(0x16), true, append([]byte{143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0}, g[:]...))
	}
}

const (
	search = "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n" +
		"ST: urn:dial-multiscreen-org:service:dial:1\r\nUSER-AGENT: Microsoft Edge/130.0 Windows\r\n\r\n"
	notify = "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\n" +
		"LOCATION: http://%v:1900/igd.xml\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nSERVER: Router UPnP/1.0\r\n" +
		"USN: uuid:cafe::upnp:rootdevice\r\n\r\n"
)

// steam is a Steam client's broadcast, as capture/decode reads it: a header and a body of protocol buffers.
func steam(what sim.Say, client uint64, name string) []byte {
	field := func(b []byte, n byte, v uint64) []byte { return varint(append(b, n<<3), v) }
	kind := uint64(1) // status
	if what == sim.SteamOffline {
		kind = 2
	}
	head := field(field(nil, 1, client+1), 2, kind)
	body := field(nil, 1, 8)
	body = append(append(body, 4<<3|2, byte(len(name))), name...)
	switch what {
	case sim.SteamPlaying:
		body = field(body, 14, 1)
	case sim.SteamLocked:
		body = field(body, 13, 1)
	}
	b := []byte("\xff\xff\xff\xff\x21\x4c\x5f\xa0")
	b = append(append(b, byte(len(head)), 0, 0, 0), head...)
	return append(append(b, byte(len(body)), 0, 0, 0), body...)
}

func varint(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// magic is a Wake-on-LAN packet's payload.
func magic(m capture.MAC) []byte {
	return append([]byte(strings.Repeat("\xff", 6)), strings.Repeat(string(m[:]), 16)...)
}
