package decode

import (
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// ask returns a small DNS-like datagram of PC 1, as an Ethernet frame.
func ask(t testing.TB) []byte {
	return capturetest.UDP(t, capturetest.PC(1), capturetest.Server(), 50000, 9999, []byte("hello"))
}

// TestLinkTypes decodes one IPv4 packet behind every link header.
func TestLinkTypes(t *testing.T) {
	ip := ask(t)[14:]
	d := New()
	f := func(name string, link capture.LinkType, header string, mac bool) {
		t.Helper()
		var p Packet
		data := append([]byte(header), ip...)
		fr := capture.Frame{Data: data, Len: len(data), Link: link}
		v := d.Decode(&fr, &p)
		if v != Whole || p.SrcAddr != capturetest.PC(1).Addr || p.DstPort != 9999 || string(p.Payload) != "hello" {
			t.Errorf("%s: %v, %v port %d, %q", name, v, p.SrcAddr, p.DstPort, p.Payload)
		}
		if p.HasMAC != mac || p.Ether != EtherIPv4 {
			t.Errorf("%s: HasMAC %v, want %v; EtherType %#04x", name, p.HasMAC, mac, p.Ether)
		}
	}
	const macs = "\x00\x00\x00\x00\x00\x02\x2c\xf0\x5d\x10\x00\x01"
	f("ethernet", capture.LinkEthernet, macs+"\x08\x00", true)
	f("802.1Q", capture.LinkEthernet, macs+"\x81\x00\x00\x07\x08\x00", true)
	f("QinQ", capture.LinkEthernet, macs+"\x88\xa8\x00\x07\x81\x00\x00\x08\x08\x00", true)
	f("QinQ, old", capture.LinkEthernet, macs+"\x91\x00\x00\x07\x81\x00\x00\x08\x08\x00", true)
	f("VN-Tag", capture.LinkEthernet, macs+"\x89\x26\x00\x00\x00\x01\x08\x00", true)
	f("E-TAG", capture.LinkEthernet, macs+"\x89\x3f\x00\x00\x00\x01\x00\x00\x08\x00", true)
	f("Cisco MetaData", capture.LinkEthernet, macs+"\x89\x09\x01\x01\x00\x01\x00\x64\x08\x00", true)
	f("provider backbone", capture.LinkEthernet, macs+"\x88\xe7\x00\x00\x00\x01"+macs+"\x08\x00", true)
	f("SNAP", capture.LinkEthernet, macs+"\x00\x29\xaa\xaa\x03\x00\x00\x00\x08\x00", true)
	f("LLC", capture.LinkEthernet, macs+"\x00\x24\x06\x06\x03", true)
	f("MPLS", capture.LinkEthernet, macs+"\x88\x47\x00\x01\x00\xff\x00\x01\x01\xff", true)
	f("PPPoE", capture.LinkEthernet, macs+"\x88\x64\x11\x00\x00\x01\x00\x23\x00\x21", true)
	f("SLL", capture.LinkSLL, "\x00\x00\x00\x01\x00\x06\x2c\xf0\x5d\x10\x00\x01\x00\x00\x08\x00", false)
	f("SLL, VLAN", capture.LinkSLL, "\x00\x00\x00\x01\x00\x06\x2c\xf0\x5d\x10\x00\x01\x00\x00\x81\x00\x00\x07\x08\x00", false)
	f("SLL2", capture.LinkSLL2, "\x08\x00\x00\x00\x00\x00\x00\x02\x00\x01\x00\x06\x2c\xf0\x5d\x10\x00\x01\x00\x00", false)
	f("raw", capture.LinkRaw, "", false)
	f("raw, BSD", capture.LinkRawBSD, "", false)
	f("raw, OpenBSD", capture.LinkRawOpen, "", false)
	f("ipv4", capture.LinkIPv4, "", false)
	f("null, little endian", capture.LinkNull, "\x02\x00\x00\x00", false)
	f("null, big endian", capture.LinkNull, "\x00\x00\x00\x02", false)
	f("loop", capture.LinkLoop, "\x00\x00\x00\x02", false)
	f("PPP", capture.LinkPPP, "\x00\x21", false)
	f("PPP, compressed protocol", capture.LinkPPP, "\x21", false)
	f("PPP, address and control", capture.LinkPPP, "\xff\x03\x00\x21", false)
	f("PPP-HDLC", capture.LinkPPPHDLC, "\xff\x03\x00\x21", false)
	f("Cisco HDLC", capture.LinkPPPHDLC, "\x0f\x00\x08\x00", false)
	f("Cisco HDLC link", capture.LinkCHDLC, "\x0f\x00\x08\x00", false)
	f("NFLOG", capture.LinkNFLOG, "\x02\x00\x00\x05"+"\x05\x00\x0a\x00\x00\x00\x00\x00"+"\x25\x00\x09\x00", false)
	f("NFLOG, big endian", capture.LinkNFLOG, "\x02\x00\x00\x05"+"\x00\x05\x00\x0a\x00\x00\x00\x00"+"\x00\x25\x00\x09", false)
	f("PPPoE link", capture.LinkPPPoE, "\x11\x00\x00\x01\x00\x23\x00\x21", false)
}

// TestVLAN asks which id of several tags is the frame's.
func TestVLAN(t *testing.T) {
	d := New()
	f := func(name string, kernel uint16, want uint16, tags ...uint16) {
		t.Helper()
		data := ask(t)
		for i := len(tags) - 1; i >= 0; i-- {
			data = capturetest.Tag(data, 0x8100, tags[i])
		}
		fr := capturetest.Frame(data)
		fr.VLAN = kernel
		var p Packet
		if v := d.Decode(&fr, &p); v != Whole || p.VLAN != want || p.DstPort != 9999 {
			t.Errorf("%s: %v, VLAN %d, want %d; port %d", name, v, p.VLAN, want, p.DstPort)
		}
	}
	f("untagged", 0, 0)
	f("tagged", 0, 7, 7)
	f("priority bits", 0, 7, 0xe007)
	f("two tags", 0, 7, 7, 8)
	f("priority tag first", 0, 8, 0xe000, 8)
	f("tag taken out by the kernel", 9, 9)
	f("outer tag taken out by the kernel", 9, 9, 7)
}

// TestSoundWithoutIP decodes frames of protocols that end at the link: none of them is damaged.
func TestSoundWithoutIP(t *testing.T) {
	d := New()
	f := func(name string, want Verdict, ether uint16, header, body string) {
		t.Helper()
		data := []byte(header + body)
		var p Packet
		fr := capturetest.Frame(data)
		if v := d.Decode(&fr, &p); v != want || p.Ether != ether {
			t.Errorf("%s: %v, want %v; EtherType %#04x, want %#04x", name, v, want, p.Ether, ether)
		}
		if want == Whole && p.Src != (capture.MAC{0x2c, 0xf0, 0x5d, 0x10, 0, 1}) {
			t.Errorf("%s: from %v", name, p.Src)
		}
	}
	const macs = "\x03\x00\x00\x00\x00\x01\x2c\xf0\x5d\x10\x00\x01"
	f("NetBEUI", Whole, 0, macs+"\x00\x04", "\xf0\xf0\x7f\x00"+"padding")
	f("NetBEUI, numbered", Whole, 0, macs+"\x00\x05", "\xf0\xf0\x01\x01\x00")
	f("numbered without its second octet", Malformed, 0, macs+"\x00\x03", "\xf0\xf0\x01padding")
	f("spanning tree", Whole, 0, macs+"\x00\x04", "\x42\x42\x03\x00")
	f("IPX in raw 802.3", Whole, 0, macs+"\x00\x06", "\xff\xff\x00\x06\x00\x00")
	f("length past the end", Malformed, 0, macs+"\x00\x05", "\x42\x42\x03\x00")
	f("length that is neither a length nor a type", Malformed, 0, macs+"\x05\xff", "\x42\x42\x03\x00")
	f("no length", Malformed, 0, macs+"\x00\x00", "\x42\x42\x03\x00")
	f("EtherType that nobody knows", Whole, 0x1234, macs+"\x12\x34", "")
	f("Wake-on-LAN", Whole, EtherWoL, macs+"\x08\x42", "\xff\xff\xff\xff\xff\xff")
	f("PPPoE discovery", Whole, 0x8863, macs+"\x88\x63", "\x11\x09\x00\x00\x00\x04\x01\x01\x00\x00padding")
	f("PPPoE discovery, tag too long", Malformed, 0x8863, macs+"\x88\x63", "\x11\x09\x00\x00\x00\x04\x01\x01\x00\x01padding")
	f("PPPoE with a code", Malformed, 0x8864, macs+"\x88\x64", "\x11\x01\x00\x01\x00\x02\xc0\x21")
	f("PPPoE, LCP", Whole, 0x8864, macs+"\x88\x64", "\x11\x00\x00\x01\x00\x02\xc0\x21")
	f("half an address", Malformed, 0, macs[:10], "")
}

// TestMoreThanTheWireHad decodes a frame with more octets than its length on the wire: fmt-aoe_oobr_1 has one.
func TestMoreThanTheWireHad(t *testing.T) {
	d := New()
	fr := capturetest.Frame(ask(t))
	for fr.Len = -1; fr.Len < len(fr.Data); fr.Len++ {
		var p Packet
		if v := d.Decode(&fr, &p); v != Malformed {
			t.Errorf("%d octets of a frame of %d are %v", len(fr.Data), fr.Len, v)
		}
	}
}

func FuzzLink(f *testing.F) {
	ip := ask(f)[14:]
	for _, link := range []uint16{0, 1, 9, 12, 14, 50, 51, 101, 104, 108, 113, 228, 229, 239, 276, 999} {
		f.Add(link, ip, uint16(20))
	}
	f.Add(uint16(1), ask(f), uint16(30))
	f.Add(uint16(113), append([]byte("\x00\x00\x00\x01\x00\x06\x2c\xf0\x5d\x10\x00\x01\x00\x00\x08\x00"), ip...), uint16(30))
	f.Add(uint16(276), append([]byte("\x08\x00\x00\x00\x00\x00\x00\x02\x00\x01\x00\x06\x2c\xf0\x5d\x10\x00\x01\x00\x00"),
		ip...), uint16(30))
	f.Add(uint16(239), append([]byte("\x02\x00\x00\x05\x05\x00\x0a\x00\x00\x00\x00\x00\x25\x00\x09\x00"), ip...), uint16(30))
	d := New()
	f.Fuzz(func(t *testing.T, link uint16, b []byte, cut uint16) {
		p := check(t, d, capture.LinkType(link), b, int(cut))
		if p.HasMAC != (link == 1 && len(b) >= 14) {
			t.Errorf("link type %v with %d octets: HasMAC %v", capture.LinkType(link), len(b), p.HasMAC)
		}
		if !capture.LinkType(link).Known() && p.Verdict != Malformed {
			t.Errorf("link type %v is %v", capture.LinkType(link), p.Verdict)
		}
	})
}

// FuzzEthernet fuzzes what follows the MAC addresses: tags, EtherTypes, lengths.
func FuzzEthernet(f *testing.F) {
	frame := ask(f)
	f.Add(frame[12:], uint16(20))
	f.Add(capturetest.Tag(frame, 0x88a8, 5)[12:], uint16(20))
	f.Add(capturetest.Tag(capturetest.Tag(frame, 0x8100, 0), 0x9100, 6)[12:], uint16(20))
	f.Add([]byte("\x00\x04\x42\x42\x03\x00"), uint16(15))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		data := append(etherHeader(0)[:12], b...)
		p := check(t, d, capture.LinkEthernet, data, int(cut))
		if len(b) >= 6 && be16(b) == 0x8100 && be16(b[2:])&0xfff != 0 && p.VLAN != be16(b[2:])&0xfff {
			t.Errorf("VLAN %d, the outermost tag says %d", p.VLAN, be16(b[2:])&0xfff)
		}
	})
}

func FuzzLLC(f *testing.F) {
	ip := ask(f)[14:]
	f.Add([]byte("\x42\x42\x03\x00"), uint8(0), uint16(15))
	f.Add([]byte("\xf0\xf0\x01\x01\x00"), uint8(3), uint16(15))
	f.Add(append([]byte("\xaa\xaa\x03\x00\x00\x00\x08\x00"), ip...), uint8(7), uint16(20))
	f.Add(append([]byte("\x06\x06\x03"), ip...), uint8(0), uint16(20))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, pad uint8, cut uint16) {
		if len(b) > maxLength {
			return
		}
		data := append(etherHeader(uint16(len(b))), b...)
		p := check(t, d, capture.LinkEthernet, append(data, make([]byte, pad)...), int(cut))
		if p.PayloadLen > len(b) {
			t.Errorf("%d octets of payload in a PDU of %d", p.PayloadLen, len(b))
		}
	})
}

func FuzzMPLS(f *testing.F) {
	frame := ask(f)
	f.Add(append([]byte("\x00\x01\x01\xff"), frame[14:]...), uint16(20))
	f.Add(append([]byte("\x00\x01\x00\xff\x00\x01\x01\xff\x00\x00\x00\x00"), frame...), uint16(30))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		p := check(t, d, capture.LinkEthernet, append(etherHeader(etherMPLS), b...), int(cut))
		if p.Verdict == Malformed {
			for i := 0; i+4 <= len(b); i += 4 { // labels are all that can be damaged
				if b[i+2]&1 != 0 {
					t.Errorf("malformed below a stack of labels that ends")
					break
				}
			}
		}
	})
}

func FuzzPPP(f *testing.F) {
	ip := ask(f)[14:]
	f.Add(append([]byte("\xff\x03\x00\x21"), ip...), uint16(20))
	f.Add(append([]byte("\x21"), ip...), uint16(20))
	f.Add([]byte("\xff\x03\xc0\x21\x01\x01\x00\x04"), uint16(4))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		if p := check(t, d, capture.LinkPPP, b, int(cut)); p.HasMAC {
			t.Errorf("PPP has no MAC addresses")
		}
	})
}

func FuzzPPPoE(f *testing.F) {
	ip := ask(f)[14:]
	f.Add(true, append([]byte("\x11\x00\x00\x01\x00\x23\x00\x21"), ip...), uint16(20))
	f.Add(false, []byte("\x11\x09\x00\x00\x00\x04\x01\x01\x00\x00padding"), uint16(18))
	d := New()
	f.Fuzz(func(t *testing.T, session bool, b []byte, cut uint16) {
		ether := uint16(etherPPPoEDisc)
		if session {
			ether = etherPPPoE
		}
		p := check(t, d, capture.LinkEthernet, append(etherHeader(ether), b...), int(cut))
		if p.Verdict == Whole && (b[0] != 0x11 || 6+int(be16(b[4:])) > len(b)) {
			t.Errorf("version or length of %x is taken", b[:6])
		}
	})
}
