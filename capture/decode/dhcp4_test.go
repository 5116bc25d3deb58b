package decode

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// datagram returns a Packet of UDP from one host to another, as Decode fills it.
func datagram(from, to capturetest.Host, srcPort, dstPort uint16, payload []byte) *Packet {
	return &Packet{
		Time: capturetest.At.UnixNano(), HasMAC: true, Src: from.MAC, Dst: to.MAC, Ether: EtherIPv4,
		HasIP: true, SrcAddr: from.Addr, DstAddr: to.Addr, Proto: ProtoUDP, SrcPort: srcPort, DstPort: dstPort,
		Payload: payload, PayloadLen: len(payload), Len: 42 + len(payload),
	}
}

// everyone is whom a client without an address sends to.
var everyone = capturetest.Host{MAC: capture.Broadcast, Addr: netip.AddrFrom4([4]byte{255, 255, 255, 255})}

// bootp returns a message of one client with options behind the cookie.
func bootp(op byte, client capture.MAC, options ...byte) []byte {
	b := make([]byte, bootpOptions, bootpOptions+len(options))
	b[0], b[1], b[2] = op, 1, 6
	copy(b[bootpXID:], "\x01\x02\x03\x04")
	copy(b[bootpChaddr:], client[:])
	copy(b[bootpCookie:], magicCookie[:])
	return append(b, options...)
}

// option returns one option.
func option(code byte, value string) []byte {
	return append([]byte{code, byte(len(value))}, value...)
}

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// ofKind returns the observations of one kind.
func ofKind(all []capture.Observation, k capture.Kind) (some []capture.Observation) {
	for _, o := range all {
		if o.Kind == k {
			some = append(some, o)
		}
	}
	return some
}

func TestDHCP4Options(t *testing.T) {
	pc := capturetest.PC(1)
	f := func(name string, b []byte, check func(m *capture.DHCP) (got, want any)) {
		t.Helper()
		said := ofKind(New().Inspect(datagram(pc, everyone, 68, 67, b)), capture.KindDHCP)
		if len(said) != 1 {
			t.Fatalf("%s: %d messages, want 1", name, len(said))
		}
		if got, want := check(said[0].DHCP); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	hostname := func(want string) func(m *capture.DHCP) (any, any) {
		return func(m *capture.DHCP) (any, any) { return m.Hostname, want }
	}
	end := []byte{optEnd}
	discover := option(optMessage, "\x01")
	f("plain", bootp(1, pc.MAC, join(discover, option(12, "MAY-01"), end)...), hostname("MAY-01"))
	f("no End", bootp(1, pc.MAC, join(discover, option(12, "MAY-01"))...), hostname("MAY-01"))
	f("pads between", bootp(1, pc.MAC, join(discover, []byte{0, 0}, option(12, "MAY-01"), end)...), hostname("MAY-01"))
	f("NUL behind", bootp(1, pc.MAC, join(discover, option(12, "MAY-01\x00"), end)...), hostname("MAY-01"))
	f("behind End", bootp(1, pc.MAC, join(discover, end, option(12, "MAY-01"))...), hostname(""))
	f("control and bad UTF-8", bootp(1, pc.MAC, join(option(12, "M\n\xff"), end)...), hostname("M\\n\ufffd"))
	f("runs past the end", bootp(1, pc.MAC, join(discover, option(12, "MAY-01"), []byte{60, 9, 'x'})...), hostname("MAY-01"))
	f("long, in pieces", bootp(1, pc.MAC, join(option(12, "MAY"), option(60, "x"), option(12, "-01"), end)...),
		hostname("MAY-01"))

	over := func(how string, file, sname []byte, options ...byte) []byte {
		b := bootp(1, pc.MAC, join(option(optOverload, how), options)...)
		copy(b[bootpFile:], file)
		copy(b[bootpSname:], sname)
		return b
	}
	// RFC 3396 §5: options, then file, then sname.
	f("overload", over("\x03", option(12, "-"), option(12, "01"), join(option(12, "MAY"), end)...), hostname("MAY-01"))
	f("overload of file only", over("\x01", option(12, "-"), option(12, "01"), join(option(12, "MAY"), end)...),
		hostname("MAY-"))
	f("overload in file says nothing", over("\x01", option(optOverload, "\x02"), option(12, "01"), optEnd), hostname(""))
	f("file is options", over("\x01", option(12, "MAY-01"), nil, optEnd),
		func(m *capture.DHCP) (any, any) { return m.Bootfile, "" })
	f("file is a name", over("\x02", []byte("ipxe.efi\x00rest"), nil, optEnd),
		func(m *capture.DHCP) (any, any) { return m.Bootfile, "ipxe.efi" })
	f("order", bootp(1, pc.MAC, join(discover, []byte{0}, option(12, "a"), option(55, "\x01\x03"), end, []byte{0, 0})...),
		func(m *capture.DHCP) (any, any) { return m.Order, "\x35\x0c\x37\x00" })
	f("params", bootp(1, pc.MAC, option(55, "\x01\x03\x06")...),
		func(m *capture.DHCP) (any, any) { return m.Params, "\x01\x03\x06" })

	fqdn := func(flags, name, want string) {
		t.Helper()
		f("FQDN "+want, bootp(1, pc.MAC, option(81, flags+"\x00\x00"+name)...),
			func(m *capture.DHCP) (any, any) { return m.FQDN, want })
	}
	fqdn("\x00", "may-01.quan", "may-01.quan")
	fqdn("\x05", "\x06may-01\x04quan\x00", "may-01.quan.")
	fqdn("\x05", "\x06may-01", "may-01")
	fqdn("\x05", "may-01", "may-01") // flag E, but text

	class := func(value, want string) {
		t.Helper()
		f("user class "+want, bootp(1, pc.MAC, option(77, value)...),
			func(m *capture.DHCP) (any, any) { return m.UserClass, want })
	}
	class("\x04iPXE", "iPXE")
	class("iPXE", "iPXE")
	class("\x03abc\x02de", "abc,de")
	class("RRAS.Microsoft", "RRAS.Microsoft")

	f("UUID", bootp(1, pc.MAC, option(97, "\x00\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06\x00\x07\x00\x08\x00\x09")...),
		func(m *capture.DHCP) (any, any) { return m.ClientUUID, "03000200-0400-0500-0006-000700080009" })
	f("UUID of another type", bootp(1, pc.MAC, option(97, "\x01"+strings.Repeat("x", 16))...),
		func(m *capture.DHCP) (any, any) { return m.ClientUUID, "" })
	f("architecture", bootp(1, pc.MAC, option(93, "\x00\x07")...),
		func(m *capture.DHCP) (any, any) { return m.HasArch && m.Arch == 7, true })
	f("endless lease", bootp(1, pc.MAC, option(51, "\xff\xff\xff\xff")...),
		func(m *capture.DHCP) (any, any) { return m.Lease, 0xffffffff * time.Second })
	f("LEASEACTIVE", bootp(1, pc.MAC, option(53, "\x0d")...),
		func(m *capture.DHCP) (any, any) { return m.Message, "LEASEACTIVE" })
	f("unheard-of type", bootp(1, pc.MAC, option(53, "\x6a")...),
		func(m *capture.DHCP) (any, any) { return m.Message, "106" })
	f("BOOTP", bootp(1, pc.MAC), func(m *capture.DHCP) (any, any) { return m.Message, "BOOTP" })

	other := bootp(1, pc.MAC, discover...)
	other[bootpCookie] = 0
	f("another cookie", other, func(m *capture.DHCP) (any, any) { return m.Message, "BOOTP" })
	short := bootp(1, pc.MAC, discover...)
	short[2] = 0
	f("no hardware address", short, func(m *capture.DHCP) (any, any) { return m.Client, capture.MAC{} })
}

func TestDHCP4IsNotEverything(t *testing.T) {
	pc := capturetest.PC(1)
	f := func(name string, b []byte) {
		t.Helper()
		if said := New().Inspect(datagram(pc, everyone, 68, 67, b)); len(said) > 0 {
			t.Errorf("%s: said %v", name, said)
		}
	}
	f("short", bootp(1, pc.MAC)[:bootpCookie-1])
	f("op 3", bootp(3, pc.MAC))
	long := bootp(1, pc.MAC)
	long[2] = 17
	f("hlen 17", long)
}

// TestDHCP4Says checks what is told beside the message itself.
func TestDHCP4Says(t *testing.T) {
	pc, router := capturetest.PC(1), capturetest.Router()
	nobody := capturetest.Host{MAC: pc.MAC, Addr: netip.IPv4Unspecified()}
	lease := option(optLease, "\x00\x00\x0e\x10")
	reply := func(typ string, options ...byte) []byte {
		b := bootp(bootReply, pc.MAC, join(option(optMessage, typ), options)...)
		copy(b[bootpYiaddr:], pc.Addr.AsSlice())
		return b
	}
	relay := func(b []byte) []byte {
		copy(b[bootpGiaddr:], "\x0a\x01\x01\x01")
		return b
	}
	type want struct {
		kind   capture.Kind
		origin capture.Origin
		mac    capture.MAC
		addr   netip.Addr
		name   string
	}
	f := func(name string, p *Packet, wants ...want) {
		t.Helper()
		said := New().Inspect(p)
		if len(said) == 0 || said[0].Kind != capture.KindDHCP || said[0].MAC != p.Src {
			t.Fatalf("%s: said %v, want the message first, of the frame's sender", name, said)
		}
		if len(said)-1 != len(wants) {
			t.Fatalf("%s: %d observations, want %d: %v", name, len(said)-1, len(wants), said[1:])
		}
		for i, o := range said[1:] {
			if got := (want{o.Kind, o.Origin, o.MAC, o.Addr, o.Name}); got != wants[i] {
				t.Errorf("%s: %d: got %v, want %v", name, i, got, wants[i])
			}
		}
	}
	serves := want{capture.KindService, capture.OriginDHCP, router.MAC, router.Addr, ""}
	boots := want{capture.KindService, capture.OriginPXE, router.MAC, router.Addr, ""}
	named := want{capture.KindName, capture.OriginDHCP, pc.MAC, netip.IPv4Unspecified(), "MAY-01"}
	f("offer", datagram(router, everyone, 67, 68, reply("\x02", lease...)), serves)
	f("acknowledged", datagram(router, everyone, 67, 68, reply("\x05", lease...)), serves,
		want{capture.KindAddr, capture.OriginDHCP, pc.MAC, pc.Addr, ""})
	f("acknowledged through a relay agent", datagram(router, router, 67, 67, relay(reply("\x05", lease...))), serves)
	f("ProxyDHCP", datagram(router, everyone, 4011, 68, reply("\x02", option(60, "PXEClient")...)), boots)
	f("DHCP and PXE in one", datagram(router, everyone, 67, 68, reply("\x02", join(lease, option(60, "PXEClient"))...)),
		boots, serves)
	f("host name", datagram(nobody, everyone, 68, 67, bootp(1, pc.MAC, join(option(53, "\x01"), option(12, "MAY-01"),
		option(81, "\x00\x00\x00may-01."))...)), named)
	cooked := datagram(nobody, everyone, 68, 67, bootp(1, pc.MAC, option(12, "MAY-01")...))
	cooked.HasMAC, cooked.Src, cooked.Dst = false, capture.MAC{}, capture.MAC{}
	f("host name on a link without MAC addresses", cooked, named)
	f("host name through a relay agent", datagram(router, router, 67, 67, relay(bootp(1, pc.MAC, option(12, "MAY-01")...))),
		named)
	f("host name of nobody through a relay agent",
		datagram(router, router, 67, 67, relay(bootp(1, capture.MAC{}, option(12, "MAY-01")...))))
	f("two names", datagram(nobody, everyone, 68, 67, bootp(1, pc.MAC, join(option(12, "MAY-01"),
		option(81, "\x00\x00\x00may-01.quan"))...)), named,
		want{capture.KindName, capture.OriginDHCP, pc.MAC, netip.IPv4Unspecified(), "may-01.quan"})
	f("boot loader", datagram(nobody, everyone, 68, 67, bootp(1, pc.MAC, option(60, "PXEClient:Arch:00007:UNDI:003016")...)),
		want{capture.KindEvidence, capture.OriginPXE, pc.MAC, netip.IPv4Unspecified(), ""})
}

// TestDHCP4CutShort checks that a message without its options is BOOTP only where it can be.
func TestDHCP4CutShort(t *testing.T) {
	pc := capturetest.PC(1)
	f := func(length, want int) {
		t.Helper()
		p := datagram(pc, everyone, 68, 67, bootp(1, pc.MAC)[:60])
		p.Verdict, p.PayloadLen = Cut, length
		if got := len(ofKind(New().Inspect(p), capture.KindDHCP)); got != want {
			t.Errorf("60 octets of %d: %d messages, want %d", length, got, want)
		}
	}
	f(300, 1)
	f(301, 0)
}

func FuzzDHCP4(f *testing.F) {
	pc := capturetest.PC(1)
	f.Add(bootp(1, pc.MAC, join(option(53, "\x01"), option(12, "MAY-01"), option(77, "\x04iPXE"), option(255, ""))...))
	f.Add(bootp(2, pc.MAC, join(option(52, "\x03"), option(81, "\x04\x00\x00\x03may\x00"), option(60, "PXEClient"))...))
	f.Add(bootp(1, pc.MAC, join(option(55, strings.Repeat("\x01", 255)), option(55, strings.Repeat("\x02", 255)),
		option(61, strings.Repeat("\x03", 255)))...))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		p := datagram(pc, everyone, 68, 67, b)
		said := d.Inspect(p)
		for _, o := range said {
			holdStrings(t, &o)
		}
		for _, o := range ofKind(said, capture.KindDHCP) {
			m := o.DHCP
			if len(b) >= 8 && m.XID != binary.BigEndian.Uint32(b[4:]) || m.FromServer != (b[0] == bootReply) {
				t.Errorf("xid %08x, from server %v of % x", m.XID, m.FromServer, b[:8])
			}
			// An option that is reported must have come, with its code in order; the file field needs none.
			for code, value := range map[byte]string{12: m.Hostname, 55: m.Params, 61: m.ClientID, 97: m.ClientUUID} {
				if value != "" && len(m.Order) < capture.MaxName && strings.IndexByte(m.Order, code) < 0 {
					t.Errorf("option %d is %q, but the order is %v", code, value, []byte(m.Order))
				}
			}
		}
		for _, o := range ofKind(said, capture.KindAddr) {
			if !isStation(o.MAC) || !o.Addr.Is4() || o.Addr.IsUnspecified() {
				t.Errorf("%v has %v", o.MAC, o.Addr)
			}
		}
	})
}

// holdStrings checks what capture.Observation promises of every string.
func holdStrings(t *testing.T, o *capture.Observation) {
	t.Helper()
	plain := []string{o.Name}
	if m := o.DHCP; m != nil {
		plain = append(plain, m.Message, m.Hostname, m.FQDN, m.VendorClass, m.UserClass, m.ClientID, m.ServerDUID,
			m.ClientUUID, m.Bootfile)
		if len(m.Params) > capture.MaxName || len(m.Order) > capture.MaxName {
			t.Errorf("%d parameters, %d codes", len(m.Params), len(m.Order))
		}
	}
	for _, s := range plain {
		if len(s) > capture.MaxName || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("a string of an observation is %q", s)
		}
	}
}
