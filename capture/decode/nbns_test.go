package decode

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"cafeprobe/capture"
)

var lanAll = netip.MustParseAddr("192.168.1.255")

// nbName encodes a NetBIOS name at first level (RFC 1001 §14.1), padded, with its suffix, as a name on the wire.
func nbName(name string, suffix byte) string {
	var b strings.Builder
	b.WriteByte(32)
	for _, c := range []byte(name + strings.Repeat(" ", 15-len(name)) + string(rune(suffix))) {
		b.WriteByte('A' + c>>4)
		b.WriteByte('A' + c&15)
	}
	return b.String() + "\x00"
}

// nbMessage is a message with one question of type NB, and behind it the record rr, if any, in a section.
func nbMessage(flags uint16, question string, section int, rr string) []byte {
	b := make([]byte, dnsHeaderLen)
	binary.BigEndian.PutUint16(b[2:], flags)
	if question != "" {
		b[5] = 1
		b = append(b, question+"\x00\x20\x00\x01"...)
	}
	if rr != "" {
		b[5+2*section] = 1
		b = append(b, rr...)
	}
	return b
}

// nbRecord is a record of type NB with flags and address.
func nbRecord(name string, flags uint16, addr netip.Addr) string {
	b := []byte(name + "\x00\x20\x00\x01\x00\x04\x93\xe0\x00\x06")
	return string(append(binary.BigEndian.AppendUint16(b, flags), addr.AsSlice()...))
}

func TestNBNS(t *testing.T) {
	f := func(name string, b []byte, lines ...string) {
		t.Helper()
		want(t, name, udpFrom(137, 137, lanAll, b), lines...)
	}
	own := func(flags uint16, name string, suffix byte, group uint16) []byte {
		return nbMessage(flags, nbName(name, suffix), 3, nbRecord("\xc0\x0c", group, sender))
	}
	f("who asks for a name is not called so", nbMessage(0x0110, nbName("WPAD", 0), 0, ""), "query nbns WPAD<00>")
	f("registration", own(0x2910, "MAY-01", 0x20, 0), "service nbns 137 MAY-01<20>", "name nbns MAY-01 192.168.1.21")
	f("of several addresses", own(0x7910, "MAY-01", 0, 0),
		"service nbns 137 MAY-01<00>", "name nbns MAY-01 192.168.1.21")
	f("refresh", own(0x4110, "MAY-01", 0x20, 0), "service nbns 137 MAY-01<20>", "name nbns MAY-01 192.168.1.21")
	f("workgroup", own(0x2910, "WORKGROUP", 0, nbnsGroup), "service nbns 137 WORKGROUP<00>")
	f("master browser", own(0x2910, "WORKGROUP", 0x1d, 0), "service nbns 137 WORKGROUP<1d>")
	f("a person's name is passed over", own(0x2910, "MARTIN", 3, 0))
	f("web server", own(0x2910, "IS~MAY-01", 0, 0), "service nbns 137 IS~MAY-01<00>")
	f("release", own(0x3010, "MAY-01", 0x20, 0), "goodbye nbns")
	f("release of the workgroup", own(0x3010, "WORKGROUP", 0, nbnsGroup))
	f("octets beyond ASCII", own(0x2910, "M\xb5Y 1", 0x20, 0), "service nbns 137 M<b5>Y 1<20>",
		"name nbns M<b5>Y 1 192.168.1.21")
	f("own answer", nbMessage(0x8500, "", 1, nbRecord(nbName("MAY-01", 0), 0, sender)), "name nbns MAY-01 192.168.1.21")
	f("a name server's answer", nbMessage(0x8500, "", 1, nbRecord(nbName("MAY-02", 0), 0, other)))
	f("negative answer", nbMessage(0x8503, "", 1, nbRecord(nbName("MAY-01", 0), 0, sender)))
	f("name that is not encoded", nbMessage(0x0110, "\x20"+strings.Repeat("z", 32)+"\x00", 0, ""))

	entries := "\x03MAY-01         \x00\x04\x00" + "WORKGROUP      \x00\x84\x00" + "TUAN           \x03\x04\x00"
	status := nbName("*", 0) + "\x00\x21\x00\x01\x00\x00\x00\x00\x00" + string(rune(len(entries))) + entries
	f("node status", nbMessage(0x8400, "", 1, status), "name nbns MAY-01 192.168.1.21")
	lie := strings.Replace(status, "\x03MAY", "\x7fMAY", 1)
	f("node status that lies about its count", nbMessage(0x8400, "", 1, lie),
		"name nbns MAY-01 192.168.1.21")
}

// FuzzNBNS: a query names nobody, and every name is visible ASCII without padding.
func FuzzNBNS(f *testing.F) {
	f.Add(nbMessage(0x2910, nbName("MAY-01", 0x20), 3, nbRecord("\xc0\x0c", 0, sender)))
	f.Add(nbMessage(0x0110, nbName("WPAD", 0), 0, ""))
	f.Add(nbMessage(0x8500, "", 1, nbRecord(nbName("MAY-01", 0), 0, sender)))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		query, named := false, false
		for _, o := range d.Inspect(udpFrom(137, 137, lanAll, b)) {
			checkText(t, o.Name)
			query = query || o.Kind == capture.KindQuery
			if o.Kind == capture.KindName {
				named = true
				if !isPlain([]byte(o.Name)) || strings.HasSuffix(o.Name, " ") || o.Name == "" {
					t.Errorf("host name %q", o.Name)
				}
			}
		}
		if query && named {
			t.Error("a query names its sender")
		}
	})
}

// FuzzNetBIOSName: what nbName encodes, nbDecode gives back.
func FuzzNetBIOSName(f *testing.F) {
	f.Add([]byte("MAY-01         \x20"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 16 {
			_, ok := nbDecode(b)
			if ok && len(b) != 32 {
				t.Errorf("%d octets are a name", len(b))
			}
			return
		}
		var label []byte
		for _, c := range b {
			label = append(label, 'A'+c>>4, 'A'+c&15)
		}
		if n, ok := nbDecode(label); !ok || n != netbiosName(b) {
			t.Errorf("got %q %v, want %q", n[:], ok, b)
		}
	})
}
