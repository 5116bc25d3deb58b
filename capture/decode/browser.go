package decode

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"cafeprobe/capture"
)

// Browser announcements ([MS-BRWS]): in a NetBIOS datagram (RFC 1002 §4.4, UDP port 138), an SMB transaction ([MS-CIFS]
// §2.2.4.33) on the mailslot \MAILSLOT\BROWSE, and in that what a server says of itself every 12 minutes.

const (
	dgramHeader = 14 // of a direct or group datagram, up to the two names
	smbHeader   = 32
	// smbWords is where in the SMB message the words of a transaction start, behind their count.
	smbWords       = smbHeader + 1
	smbTransaction = 0x25

	browseHost        = 0x01 // HostAnnouncement
	browseRequest     = 0x02 // AnnouncementRequest: who asks all others to announce themselves says its name
	browseElection    = 0x08 // RequestElection: so does who wants to be master browser
	browseLocalMaster = 0x0f // LocalMasterAnnouncement: a host announcement of the segment's master browser
	// browseHeader is what stands in front of the comment: opcode, update count, periodicity, name, OS version, server
	// type, browser version, signature ([MS-BRWS] §2.2.1).
	browseHeader = 32
)

// The server types ([MS-BRWS] §2.2.7) that tell whose the OS version is.
const (
	serverUnix  = 0x00000800 // Samba
	serverNT    = 0x00001000 // Windows NT and all that came after it
	serverNTSrv = 0x00008000
	serverWin9x = 0x00400000
)

// browser reads an announcement: a KindName, and a KindAgent with the version of the system.
func browser(d *Decoder, p *Packet) bool {
	slot, data, ok := mailslot(p.Payload)
	if !ok || !bytes.EqualFold(slot, []byte(`\MAILSLOT\BROWSE`)) {
		return false
	}
	if len(data) == 0 {
		return true
	}
	switch data[0] {
	case browseHost, browseLocalMaster:
	case browseRequest:
		d.browserAsks(p, data, 2) // opcode, unused
		return true
	case browseElection:
		d.browserAsks(p, data, 14) // opcode, version, criteria, uptime, unused
		return true
	default:
		return true
	}
	if len(data) < browseHeader {
		return true
	}
	d.ownName(capture.OriginBrowser, nbText(data[6:22]), p.SrcAddr)
	d.emit(capture.Observation{
		Kind: capture.KindAgent, Origin: capture.OriginBrowser,
		Name: systemName(binary.LittleEndian.Uint32(data[24:]), data[22], data[23]),
	})
	return true
}

// browserAsks reads the name that ends an AnnouncementRequest ([MS-BRWS] §2.2.2) or a RequestElection (§2.2.3): the
// sender's own, or empty.
func (d *Decoder) browserAsks(p *Packet, data []byte, at int) {
	if len(data) <= at {
		return
	}
	if name, _, ended := bytes.Cut(data[at:], []byte{0}); ended && len(name) < len(netbiosName{}) {
		d.ownName(capture.OriginBrowser, nbText(name), p.SrcAddr)
	}
}

// systemName names the system of an announcement: "Windows NT 6.1" is Windows 7.
func systemName(server uint32, major, minor byte) string {
	system := "Windows NT "
	switch {
	case server&serverUnix != 0:
		system = "Samba as Windows NT "
	case server&(serverNT|serverNTSrv) == 0 && server&serverWin9x != 0:
		system = "Windows 9x "
	}
	var buf [32]byte
	b := append(buf[:0], system...)
	b = strconv.AppendUint(b, uint64(major&15), 10) // Windows for Workgroups sets a flag in the upper half
	b = strconv.AppendUint(append(b, '.'), uint64(minor), 10)
	return string(b)
}

// mailslot returns the name of the mailslot that b, a NetBIOS datagram, writes to, and what it writes. Both borrow b.
func mailslot(b []byte) (slot, data []byte, ok bool) {
	smb, ok := nbDatagram(b)
	if !ok || len(smb) < smbWords+2*17 || string(smb[:4]) != "\xffSMB" || smb[4] != smbTransaction {
		return nil, nil, false
	}
	words := int(smb[smbHeader])
	if words < 14 || len(smb) < smbWords+2*words+2 {
		return nil, nil, false
	}
	n := int(binary.LittleEndian.Uint16(smb[smbWords+22:]))
	off := int(binary.LittleEndian.Uint16(smb[smbWords+24:]))
	if off+n > len(smb) {
		return nil, nil, false
	}
	slot, _, ok = bytes.Cut(smb[smbWords+2*words+2:], []byte{0})
	return slot, smb[off : off+n], ok
}

// nbDatagram returns the user data of b, a whole NetBIOS datagram for one host, a group or all (RFC 1002 §4.4.2).
func nbDatagram(b []byte) (data []byte, ok bool) {
	if len(b) < dgramHeader || b[0] < 0x10 || b[0] > 0x12 {
		return nil, false
	}
	off := dgramHeader
	for range 2 { // source name, destination name
		if off, ok = skipName(b, off); !ok {
			return nil, false
		}
	}
	return b[off:], true
}
