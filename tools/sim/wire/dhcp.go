package wire

import (
	"net/netip"

	"cafeprobe/tools/sim"
)

// DHCP message types (RFC 2132 §9.6) and the ports (RFC 2131 §4.1).
const (
	dhcpDiscover = 1
	dhcpOffer    = 2
	dhcpRequest  = 3
	dhcpACK      = 5
	dhcpRelease  = 7
	dhcpInform   = 8

	portServer = 67
	portClient = 68
)

// Parameter lists (option 55) as their systems send them: Windows 10, Android 14, iOS, a printer, a PXE ROM, iPXE.
const (
	paramsWindows = "\x01\x03\x06\x0f\x1f\x21\x2b\x2c\x2e\x2f\x77\x79\xf9\xfc"
	paramsAndroid = "\x01\x03\x06\x0f\x1a\x1c\x33\x3a\x3b\x2b"
	paramsApple   = "\x01\x79\x03\x06\x0f\x77\xfc"
	paramsPrinter = "\x01\x03\x06\x0c\x0f\x2c"
	paramsPXE     = "\x01\x02\x03\x04\x05\x06\x0c\x0d\x0f\x11\x12\x16\x17\x1c\x28\x29\x2a" +
		"\x2b\x32\x33\x36\x3a\x3b\x3c\x42\x43\x61\x80\x81\x82\x83\x84\x85\x86\x87"
	paramsIPXE = "\x01\x03\x06\x07\x0c\x0f\x11\x1a\x2b\x3c\x42\x43\x77\x80\x81\x82\x83\x84\x85\x86\x87\xaf\xcb"
)

// options appends DHCP options.
type options struct{ b []byte }

func (o *options) add(code byte, v ...byte) { o.b = append(append(o.b, code, byte(len(v))), v...) }

func (o *options) addr(code byte, a netip.Addr) {
	b := a.As4()
	o.add(code, b[:]...)
}

// dhcp is a message of a client, or of a server to one (RFC 2131 §2).
func (m *Messages) dhcp(a *sim.Act, from, to end) {
	client, server := &m.room.Stations[a.Who], a.Say == sim.DHCPOffer || a.Say == sim.DHCPAck || a.Say == sim.ProxyOffer
	if server {
		client = &m.room.Stations[a.To]
	}
	b := make([]byte, 236, 400)
	b[0], b[1], b[2] = 1, 1, 6
	be.PutUint32(b[4:], uint32(a.At>>34)^be.Uint32(client.MAC[2:])) // one exchange within 17 s, mostly
	copy(b[28:], client.MAC[:])
	o := options{append(b, 0x63, 0x82, 0x53, 0x63)}
	if server {
		m.serves(a, &o, from.addr, client.Addr)
		from.port, to.port = portServer, portClient
	} else {
		m.claims(a, &o, client)
		from.port, to.port = portClient, portServer
		if a.Say != sim.DHCPRenew && a.Say != sim.DHCPRelease && a.Say != sim.DHCPInform {
			from.addr = nobody
		}
		if a.To == sim.ToAll {
			to = end{mac: allMAC, addr: everybody, port: portServer}
		}
	}
	o.b = append(o.b, 255)
	m.f.udp(from, to, o.b, 300)
}

// serves writes a server's part.
func (m *Messages) serves(a *sim.Act, o *options, server, client netip.Addr) {
	o.b[0] = 2
	if a.Say != sim.ProxyOffer {
		ip := client.As4()
		copy(o.b[16:], ip[:])
	}
	kind := byte(dhcpOffer)
	if a.Say == sim.DHCPAck {
		kind = dhcpACK
	}
	o.add(53, kind)
	o.addr(54, server)
	if a.Say == sim.ProxyOffer {
		o.add(60, []byte("PXEClient")...)
		o.add(67, []byte("ipxe.efi")...)
		return
	}
	o.b = be.AppendUint32(append(o.b, 51, 4), uint32(m.room.Lease().Seconds()))
	o.add(1, 255, 255, 255, 0)
	o.addr(3, server)
	o.addr(6, server)
}

// claims writes a client's part.
func (m *Messages) claims(a *sim.Act, o *options, s *sim.Station) {
	kind := map[sim.Say]byte{
		sim.PXEDiscover: dhcpDiscover, sim.IPXEDiscover: dhcpDiscover, sim.DHCPDiscover: dhcpDiscover,
		sim.DHCPRelease: dhcpRelease, sim.DHCPInform: dhcpInform,
	}[a.Say]
	if kind == 0 {
		kind = dhcpRequest
	}
	o.add(53, kind)
	if a.Say == sim.DHCPRenew || a.Say == sim.DHCPRelease || a.Say == sim.DHCPInform {
		ip := s.Addr.As4()
		copy(o.b[12:], ip[:])
	} else if kind == dhcpRequest {
		o.addr(50, s.Addr)
	}
	if kind == dhcpRequest && a.Say != sim.DHCPReboot && a.Say != sim.DHCPRenew || kind == dhcpRelease {
		o.addr(54, m.room.Stations[m.room.Router()].Addr)
	}
	switch a.Say {
	case sim.PXEDiscover, sim.PXERequest, sim.IPXEDiscover, sim.IPXERequest:
		o.add(93, 0, 7)
		o.add(94, 1, 3, 16)
		o.add(60, []byte("PXEClient:Arch:00007:UNDI:003016")...)
		o.add(97, append([]byte{0}, s.UUID[:]...)...)
		if a.Say == sim.PXEDiscover || a.Say == sim.PXERequest {
			o.add(55, []byte(paramsPXE)...)
			return
		}
		o.add(77, []byte("iPXE")...)
		o.add(55, []byte(paramsIPXE)...)
		return
	}
	o.add(61, append([]byte{1}, s.MAC[:]...)...)
	if kind == dhcpRelease {
		return
	}
	o.add(12, []byte(s.Name)...)
	switch {
	case s.Runs() == sim.Apple:
		o.add(55, []byte(paramsApple)...)
	case s.Runs() == sim.Android:
		o.add(60, []byte("android-dhcp-14")...)
		o.add(55, []byte(paramsAndroid)...)
	case s.Role == sim.Printer:
		o.add(55, []byte(paramsPrinter)...)
	default:
		if kind == dhcpRequest {
			o.add(81, append([]byte{0, 0, 0}, s.Name...)...)
		}
		o.add(60, []byte("MSFT 5.0")...)
		o.add(55, []byte(paramsWindows)...)
	}
}
