package decode

import (
	"encoding/binary"
	"strings"
	"testing"

	"cafeprobe/capture"
)

// announcement is a browser frame with the opcode op that calls its sender name.
func announcement(op byte, name string, major, minor byte, server uint32, comment string) string {
	b := []byte{op, 1, 0x80, 0xfc, 0x0a, 0x00}
	b = append(b, name+strings.Repeat("\x00", 16-len(name))...)
	b = append(b, major, minor)
	b = binary.LittleEndian.AppendUint32(b, server)
	return string(append(b, "\x0f\x01\x55\xaa"+comment+"\x00"...))
}

// mailslotWrite is a NetBIOS datagram of kind that writes data to the mailslot slot.
func mailslotWrite(kind byte, slot, data string) []byte {
	b := []byte{kind, 0x0a, 0, 1, 192, 168, 1, 21, 0, 138, 0, 0, 0, 0}
	b = append(b, nbName("MAY-01", 0)+nbName("WORKGROUP", 0x1d)...)
	smb := make([]byte, smbHeader)
	copy(smb, "\xffSMB\x25")
	words := make([]byte, 34)
	binary.LittleEndian.PutUint16(words[2:], uint16(len(data)))
	binary.LittleEndian.PutUint16(words[22:], uint16(len(data)))
	binary.LittleEndian.PutUint16(words[24:], uint16(smbWords+len(words)+2+len(slot)+1))
	words[26] = 3
	smb = append(append(smb, 17), words...)
	smb = binary.LittleEndian.AppendUint16(smb, uint16(len(slot)+1+len(data)))
	return append(b, string(smb)+slot+"\x00"+data...)
}

func TestBrowser(t *testing.T) {
	f := func(name string, b []byte, lines ...string) {
		t.Helper()
		want(t, name, udpFrom(138, 138, lanAll, b), lines...)
	}
	const slot = `\MAILSLOT\BROWSE`
	host := func(major, minor byte, server uint32) []byte {
		return mailslotWrite(0x11, slot, announcement(browseHost, "MAY-01", major, minor, server, "máy của chủ quán"))
	}
	f("Windows 10", host(10, 0, 0x1003), "name browser MAY-01 192.168.1.21", "agent browser Windows NT 10.0")
	f("Samba", host(4, 9, 0x819a03), "name browser MAY-01 192.168.1.21", "agent browser Samba as Windows NT 4.9")
	f("Windows 98", host(4, 0, 0x412203), "name browser MAY-01 192.168.1.21", "agent browser Windows 9x 4.0")
	f("master", mailslotWrite(0x11, slot, announcement(browseLocalMaster, "MAY-01", 6, 1, 0x41003, "")),
		"name browser MAY-01 192.168.1.21", "agent browser Windows NT 6.1")
	f("a workgroup is no host",
		mailslotWrite(0x11, slot, announcement(0x0c, "WORKGROUP", 6, 1, 0x80001000, "MAY-01")))
	f("election", mailslotWrite(0x11, slot, "\x08\x01\x03\x0a\x10\x00\x10\x27\x00\x00\x00\x00\x00\x00MAY-01\x00"),
		"name browser MAY-01 192.168.1.21")
	f("election that nobody stands for", mailslotWrite(0x11, slot, "\x08\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f("announcement request", mailslotWrite(0x11, slot, "\x02\x00MAY-01\x00"), "name browser MAY-01 192.168.1.21")
	f("announcement request without an end", mailslotWrite(0x11, slot, "\x02\x00MAY-01"))
	nt := announcement(browseHost, "MAY-01", 6, 1, 0x1003, "")
	f("another mailslot", mailslotWrite(0x11, `\MAILSLOT\NET\NETLOGON`, nt))
	f("cut in the name", mailslotWrite(0x11, slot, nt[:20]))
	f("no datagram for us", mailslotWrite(0x13, slot, nt))
	d, whole := New(), host(10, 0, 0x1003)
	for n := range whole {
		if got := d.say(udpFrom(138, 138, lanAll, whole[:n])); len(got) > 0 {
			t.Errorf("cut to %d octets of %d: %q", n, len(whole), got)
		}
	}
}

// FuzzBrowser: an announcement says at most one name and one system, and its name is visible ASCII.
func FuzzBrowser(f *testing.F) {
	f.Add(mailslotWrite(0x11, `\MAILSLOT\BROWSE`, announcement(browseHost, "MAY-01", 10, 0, 0x1003, "")))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		count := map[capture.Kind]int{}
		for _, o := range d.Inspect(udpFrom(138, 138, lanAll, b)) {
			checkText(t, o.Name)
			count[o.Kind]++
			if !isPlain([]byte(o.Name)) || o.Name == "" {
				t.Errorf("name %q", o.Name)
			}
		}
		if count[capture.KindName] > 1 || count[capture.KindAgent] > 1 {
			t.Errorf("%v", count)
		}
	})
}
