package mix

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"

	"cafeprobe/capture"
	"cafeprobe/capture/decode"
)

// boot is who takes part in a DHCP exchange (RFC 2131) as it was captured.
type boot struct {
	client  capture.MAC
	leases  []netip.Addr // what the client had, asked for or got
	servers []netip.Addr
}

// Fields of a BOOTP message (RFC 951), by their offsets.
const (
	bootXID    = 4
	bootCIAddr = 12
	bootYIAddr = 16
	bootSIAddr = 20
	bootGIAddr = 24
	bootCHAddr = 28
	bootMin    = 236
	bootAsks   = 1 // op: BOOTREQUEST
)

// dhcp adds a message to the exchange that it belongs to. What a relay agent carries is left out: it is not of this LAN.
func (r *loader) dhcp(f *capture.Frame, p *decode.Packet, packet []byte) {
	b := p.Payload
	if p.Ether != etherIPv4 || len(b) < bootMin || binary.BigEndian.Uint32(b[bootGIAddr:]) != 0 {
		return
	}
	up, xid := b[0] == bootAsks, binary.BigEndian.Uint32(b[bootXID:])
	sc := r.boots[xid]
	if sc == nil {
		sc = &script{
			class: classBoot, ether: etherIPv4, proto: protoUDP, boot: &boot{client: capture.MAC(b[bootCHAddr : bootCHAddr+6])},
			in: end{addr: netip.IPv4Unspecified()},
		}
		r.boots[xid] = sc
		r.list = append(r.list, sc)
	}
	note := func(list *[]netip.Addr, a netip.Addr) {
		if !a.IsUnspecified() && a.As4() != [4]byte{255, 255, 255, 255} && !slices.Contains(*list, a) {
			*list = append(*list, a)
		}
	}
	addr := func(at int) netip.Addr { return netip.AddrFrom4([4]byte(b[at : at+4])) }
	note(&sc.boot.leases, addr(bootCIAddr))
	note(&sc.boot.leases, addr(bootYIAddr))
	if !up {
		note(&sc.boot.servers, p.SrcAddr)
		note(&sc.boot.servers, addr(bootSIAddr))
	}
	r.add(sc, f.Time, up, packet)
}

// vendorClasses are how those who boot in a café say what they are (option 60): PXE ROMs and Windows.
var vendorClasses = []string{"PXEClient", "MSFT 5.0"}

// boots reports whether sc is an exchange in which a computer boots.
func (sc *script) boots() bool {
	return slices.ContainsFunc(sc.lines, func(l line) bool {
		return l.up && slices.ContainsFunc(vendorClasses, func(v string) bool { return bytes.Contains(l.packet, []byte(v)) })
	})
}

// castBoot lets h boot, and its router answer.
func (c *cafe) castBoot(b *boot, h *host, e *ends) {
	e.out = end{mac: c.router.mac, addr: c.router.v4}
	e.swaps = []swap{swapMAC(b.client, h.mac)}
	for _, a := range b.leases {
		e.swaps = append(e.swaps, swapAddr(a, h.v4))
	}
	for _, a := range b.servers {
		e.swaps = append(e.swaps, swapAddr(a, c.router.v4))
	}
}

// bootEnds returns from whom to whom a message of an exchange goes: a client without an address has 0.0.0.0, and is
// answered, as it asks, by broadcast or at the address that it is to have. Ports stay.
func bootEnds(l *line, e *ends) (from, to end) {
	from, to = e.in, e.out
	if !l.up {
		from, to = to, from
	}
	if l.up && [4]byte(l.packet[12:16]) == [4]byte{} {
		from.addr = netip.IPv4Unspecified()
	}
	if all := [4]byte{255, 255, 255, 255}; [4]byte(l.packet[16:20]) == all {
		to.mac, to.addr = capture.Broadcast, netip.AddrFrom4(all)
	}
	head := int(l.packet[0]&15) * 4
	from.port, to.port = binary.BigEndian.Uint16(l.packet[head:]), binary.BigEndian.Uint16(l.packet[head+2:])
	return from, to
}
