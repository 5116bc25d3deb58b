package wire

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"cafeprobe/tools/sim"
)

// Types of DNS records (RFC 1035 §3.2.2, RFC 1002 §4.2.1.3).
const (
	dnsA   = 1
	dnsPTR = 12
	dnsNB  = 32
)

// dnsName encodes a name (RFC 1035 §3.1).
func dnsName(b []byte, name string) []byte {
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0)
}

// question is a DNS message with one question.
func question(id, flags uint16, name string, kind uint16) []byte {
	b := be.AppendUint16(be.AppendUint16(nil, id), flags)
	b = append(b, 0, 1, 0, 0, 0, 0, 0, 0)
	b = be.AppendUint16(dnsName(b, name), kind)
	return append(b, 0, 1)
}

// mdns is a question, or an announcement of a station's own address (RFC 6762 §5, §8.3, §10.1).
func mdns(a *sim.Act, who *sim.Station) []byte {
	if a.Say == sim.MDNSQuery {
		return question(0, 0, a.Name, dnsPTR)
	}
	b := []byte{0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0}
	b = append(dnsName(b, who.Name+".local"), 0, dnsA, 0x80, 1)
	ttl := uint32(120)
	if a.Say == sim.MDNSGoodbye {
		ttl = 0
	}
	ip := who.Addr.As4()
	return append(append(be.AppendUint32(b, ttl), 0, 4), ip[:]...)
}

// nbName encodes a NetBIOS name with its suffix (RFC 1001 §14.1).
func nbName(b []byte, name string, suffix byte) []byte {
	name = strings.ToUpper(name)
	b = append(b, 32)
	for i := range 16 {
		c := byte(' ')
		switch {
		case i == 15:
			c = suffix
		case i < len(name):
			c = name[i]
		}
		b = append(b, 'A'+c>>4, 'A'+c&15)
	}
	return append(b, 0)
}

// netbios is a message of the name service (RFC 1002 §4.2) or a browser's announcement ([MS-BRWS] §2.2.1) in a mailslot.
func (m *Messages) netbios(a *sim.Act, who *sim.Station) {
	from, to := end{mac: who.MAC, addr: who.Addr, port: 137}, end{mac: allMAC, addr: m.broadcast(), port: 137}
	switch a.Say {
	case sim.BrowserHost:
		from.port, to.port = 138, 138
		m.f.udp(from, to, announcement(who.Addr, who.Name), 0)
		return
	case sim.NBNSQuery:
		b := []byte{0, 1, 0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 0}
		m.f.udp(from, to, append(nbName(b, a.Name, 0), 0, dnsNB, 0, 1), 0)
		return
	}
	flags := byte(0x29) // registration, recursion desired
	if a.Say == sim.NBNSRelease {
		flags = 0x30
	}
	b := []byte{byte(a.At >> 20), byte(a.At >> 28), flags, 0x10, 0, 1, 0, 0, 0, 0, 0, 1}
	b = append(nbName(b, who.Name, 0), 0, dnsNB, 0, 1)
	b = append(b, 0xc0, 12, 0, dnsNB, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0, 0)
	ip := who.Addr.As4()
	m.f.udp(from, to, append(b, ip[:]...), 0)
}

// announcement is a HostAnnouncement of Windows 10 in an SMB transaction in a NetBIOS datagram.
func announcement(addr netip.Addr, name string) []byte {
	const slot = "\\MAILSLOT\\BROWSE\x00"
	le := binary.LittleEndian
	host := append([]byte{1, 1, 0x80, 0xfc, 0x0a, 0}, (name + strings.Repeat("\x00", 16))[:16]...)
	host = append(host, 10, 0)
	host = append(le.AppendUint32(host, 0x1003), 0x0f, 1, 0x55, 0xaa, 0)

	words := make([]byte, 34)
	le.PutUint16(words[2:], uint16(len(host)))
	le.PutUint16(words[22:], uint16(len(host)))
	le.PutUint16(words[24:], uint16(32+1+len(words)+2+len(slot)))
	words[26] = 3
	smb := append([]byte("\xffSMB\x25"), make([]byte, 27)...)
	smb = append(append(smb, 17), words...)
	smb = append(append(le.AppendUint16(smb, uint16(len(slot)+len(host))), slot...), host...)

	ip := addr.As4()
	b := append([]byte{0x11, 0x0a, 0, 1}, ip[:]...)
	b = be.AppendUint16(append(b, 0, 138), uint16(2*34+len(smb)))
	b = append(b, 0, 0)
	return append(nbName(nbName(b, name, 0), "WORKGROUP", 0x1d), smb...)
}
