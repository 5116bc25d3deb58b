package decode

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// TestTunnels puts one frame into every tunnel. The station is the carrier's, the datagram is the inner one.
func TestTunnels(t *testing.T) {
	inner := capturetest.UDP(t, capturetest.PC(7), capturetest.Server(), 50000, 9999, []byte("hello"))
	inner6 := capturetest.UDP(t, capturetest.PC6(7), capturetest.PC6(8), 50000, 9999, []byte("hello"))
	ip, ip6 := string(inner[14:]), string(inner6[14:])
	d := New()
	result := func(name string, data []byte) {
		t.Helper()
		var p Packet
		fr := capturetest.Frame(data)
		v := d.Decode(&fr, &p)
		if v != Whole || p.Tunnels != 1 || p.DstPort != 9999 || string(p.Payload) != "hello" {
			t.Errorf("%s: %v, %d tunnels, port %d, %q", name, v, p.Tunnels, p.DstPort, p.Payload)
		}
		if p.Src != capturetest.PC(1).MAC || p.OuterSrc != capturetest.PC(1).Addr ||
			p.SrcAddr != capturetest.PC(7).Addr && p.SrcAddr != capturetest.PC6(7).Addr {
			t.Errorf("%s: from %v, %v, inside %v", name, p.Src, p.OuterSrc, p.SrcAddr)
		}
	}
	f := func(name string, proto uint8, body string) {
		t.Helper()
		result(name, ether4(proto, []byte(body)))
	}
	f("IP in IP", 4, ip)
	f("6in4", 41, ip6)
	f("GRE", 47, "\x00\x00\x08\x00"+ip)
	f("GRE, IPv6", 47, "\x00\x00\x86\xdd"+ip6)
	f("GRE with key and sequence", 47, "\x30\x00\x08\x00\x00\x00\x00\x01\x00\x00\x00\x02"+ip)
	f("GRE with routing", 47, "\x40\x00\x08\x00\x00\x00\x00\x00"+"\x08\x00\x00\x04\x01\x02\x03\x04"+"\x00\x00\x00\x00"+ip)
	sum4 := []byte("\x80\x00\x08\x00\x00\x00\x00\x00" + ip)
	binary.BigEndian.PutUint16(sum4[4:], ^fold(sum(0, sum4)))
	f("GRE with checksum", 47, string(sum4))
	f("GRE bridging", 47, "\x00\x00\x65\x58"+string(inner))
	f("PPTP", 47, "\x30\x81\x88\x0b\x00\x25\x00\x01\x00\x00\x00\x02\x00\x00\x00\x01\xff\x03\x00\x21"+ip)
	f("ERSPAN I", 47, "\x00\x00\x88\xbe"+string(inner))
	f("ERSPAN II", 47, "\x10\x00\x88\xbe\x00\x00\x00\x01\x10\x01\x00\x01\x00\x00\x00\x01"+string(inner))
	f("ERSPAN III", 47, "\x10\x00\x22\xeb\x00\x00\x00\x01\x20\x01\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00"+string(inner))
	f("ERSPAN III with subheader", 47, "\x10\x00\x22\xeb\x00\x00\x00\x01\x20\x01\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01"+
		"\x00\x00\x00\x00\x00\x00\x00\x00"+string(inner))
	f("Ethernet in IP", 97, "\x30\x00"+string(inner))
	f("MPLS in IP", 137, "\x00\x01\x01\xff"+ip)
	u := func(name string, port uint16, body string) {
		t.Helper()
		result(name, capturetest.UDP(t, capturetest.PC(1), capturetest.PC(2), 54321, port, []byte(body)))
	}
	u("VXLAN", 4789, "\x08\x00\x00\x00\x00\x00\x07\x00"+string(inner))
	u("VXLAN of Linux", 8472, "\x08\x00\x00\x00\x00\x00\x07\x00"+string(inner))
	u("VXLAN-GPE", 4790, "\x0c\x00\x00\x01\x00\x00\x07\x00"+ip)
	u("VXLAN-GPE, IPv6", 4790, "\x0c\x00\x00\x02\x00\x00\x07\x00"+ip6)
	u("VXLAN-GPE, Ethernet", 4790, "\x0c\x00\x00\x03\x00\x00\x07\x00"+string(inner))
	u("GTP-U", 2152, "\x30\xff\x00\x21\x00\x00\x00\x01"+ip)
	u("GTP-U with extension", 2152, "\x34\xff\x00\x29\x00\x00\x00\x01\x00\x00\x00\x85\x01\x10\x00\x00"+ip)
	u("Geneve", 6081, "\x00\x00\x65\x58\x00\x00\x07\x00"+string(inner))
	u("Geneve with an option, IPv4", 6081, "\x01\x00\x08\x00\x00\x00\x07\x00\x01\x02\x03\x00"+ip)
	u("TZSP", 37008, "\x01\x00\x00\x01\x01"+string(inner))
	u("TZSP with tags", 37008, "\x01\x00\x00\x01\x00\x0a\x01\xc4\x01"+string(inner))
	u("L2TP", 1701, "\x00\x02\x00\x01\x00\x02\xff\x03\x00\x21"+ip)
	u("L2TP with all fields", 1701, "\x4a\x02\x00\x40\x00\x01\x00\x02\x00\x00\x00\x01\x00\x02\x00\x00\x00\x21"+ip)
	u("MPLS in UDP", 6635, "\x00\x01\x01\xff"+ip)
	u("Teredo", 3544, ip6)
	u("Teredo with origin", 3544, "\x00\x00\x12\x34\x01\x02\x03\x04"+ip6)
}

// TestTunnelSaysNothingOfItsCarrier mirrors frames of another segment: their names, addresses and services are not those
// of the station that carries the mirror, and what clients ask for is asked by the inner address.
func TestTunnelSaysNothingOfItsCarrier(t *testing.T) {
	pc := capturetest.PC(7)
	everyone := capturetest.Host{MAC: capture.Broadcast, Addr: netip.AddrFrom4([4]byte{192, 168, 1, 255})}
	f := func(name string, inner []byte, wants ...capture.Kind) {
		t.Helper()
		d := New()
		fr := capturetest.Frame(ether4(47, append([]byte("\x00\x00\x88\xbe"), inner...)))
		var p Packet
		d.Decode(&fr, &p)
		said := d.Inspect(&p)
		if len(said) != len(wants) {
			t.Fatalf("%s: %d observations, want %d: %+v", name, len(said), len(wants), said)
		}
		for i, o := range said {
			own := o.MAC.IsZero()
			switch o.Kind {
			case capture.KindQuery:
				own = o.MAC == capturetest.PC(1).MAC && o.Addr == pc.Addr
			case capture.KindDHCP:
				own = o.DHCP.Client == pc.MAC
			}
			if o.Kind != wants[i] || !own {
				t.Errorf("%s: %d: kind %d of %v (%v), want kind %d", name, i, o.Kind, o.MAC, o.Addr, wants[i])
			}
		}
	}
	registration := nbMessage(0x2910, nbName("MAY-07", 0x20), 3, nbRecord("\xc0\x0c", 0, pc.Addr))
	f("NBNS", capturetest.UDP(t, pc, everyone, 137, 137, registration), capture.KindService, capture.KindName)
	f("ARP", capturetest.ARP(t, 1, pc, capturetest.Router()), capture.KindEvidence)
	f("DHCP", capturetest.UDP(t, pc, everyone, 67, 68, bootp(bootReply, pc.MAC, option(53, "\x05")...)),
		capture.KindDHCP, capture.KindService)
	f("DNS", capturetest.UDP(t, pc, capturetest.Server(), 50000, 53, dnsQuery(t, dnsmessage.TypeA, "www.example.vn.")),
		capture.KindQuery)
}

// TestPortIsNoTunnel sends what is no tunnel to the tunnels' ports: it stays the sound datagram it is.
func TestPortIsNoTunnel(t *testing.T) {
	d := New()
	for _, port := range []uint16{4789, 8472, 4790, 2152, 3544, 6081, 37008, 1701, 6635} {
		fr := capturetest.Frame(capturetest.UDP(t, capturetest.PC(1), capturetest.Server(), 50000, port,
			[]byte("a game's own 22 octets")))
		var p Packet
		if v := d.Decode(&fr, &p); v != Whole || p.Tunnels != 0 || p.OuterSrc.IsValid() ||
			p.DstPort != port || p.PayloadLen != 22 {
			t.Errorf("port %d: %v, %+v", port, v, p)
		}
	}
}

// TestTunnelsEnd nests tunnels deeper than any real traffic: decoding ends, and the station is still the frame's.
func TestTunnelsEnd(t *testing.T) {
	body := ask(t)[14:]
	for range 40 {
		body = append(ip4Header(protoIPIP, 0, 0, len(body)), body...)
	}
	fr := capturetest.Frame(append(etherHeader(EtherIPv4), body...))
	var p Packet
	d := New()
	if v := d.Decode(&fr, &p); v != Whole || p.Tunnels != maxDepth || p.OuterSrc != capturetest.PC(1).Addr {
		t.Errorf("%v, %d tunnels, want %d; %v", v, p.Tunnels, maxDepth, p.OuterSrc)
	}
}

// TestERSPANTruncated mirrors a frame that the switch cut short, and says so: cut, not malformed.
func TestERSPANTruncated(t *testing.T) {
	inner := ask(t)[:44]
	d := New()
	for _, c := range []struct {
		flag string
		want Verdict
	}{{"\x04", Cut}, {"\x00", Malformed}} {
		fr := capturetest.Frame(ether4(protoGRE, []byte("\x10\x00\x88\xbe\x00\x00\x00\x01"+
			"\x10\x01"+c.flag+"\x01\x00\x00\x00\x01"+string(inner))))
		var p Packet
		if v := d.Decode(&fr, &p); v != c.want || c.want == Cut && p.DstPort != 9999 {
			t.Errorf("T = %q: %v, want %v; port %d", c.flag, v, c.want, p.DstPort)
		}
	}
}

// fuzzTunnel fuzzes what an IPv4 packet carries as proto. Whatever is in it, the station's own address stays.
func fuzzTunnel(f *testing.F, wrap func(b []byte) []byte) {
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		if len(b) > 60000 {
			return
		}
		p := check(t, d, capture.LinkEthernet, wrap(b), int(cut))
		if p.Tunnels == 0 && p.SrcAddr != capturetest.PC(1).Addr || p.Tunnels > 0 && p.OuterSrc != capturetest.PC(1).Addr {
			t.Errorf("%d tunnels: sent by %v, outside %v", p.Tunnels, p.SrcAddr, p.OuterSrc)
		}
	})
}

func over(proto uint8) func(b []byte) []byte {
	return func(b []byte) []byte { return ether4(proto, b) }
}

func overUDP(port uint16) func(b []byte) []byte {
	return func(b []byte) []byte {
		h := binary.BigEndian.AppendUint16([]byte{0xd4, 0x31}, port)
		h = append(binary.BigEndian.AppendUint16(h, uint16(8+len(b))), 0, 0)
		return ether4(ProtoUDP, append(h, b...))
	}
}

func FuzzGRE(f *testing.F) {
	inner := string(ask(f))
	f.Add([]byte("\x00\x00\x08\x00"+inner[14:]), uint16(40))
	f.Add([]byte("\x30\x00\x65\x58\x00\x00\x00\x01\x00\x00\x00\x02"+inner), uint16(50))
	f.Add([]byte("\x40\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x04\x01\x02\x03\x04\x00\x00\x00\x00"+inner[14:]), uint16(50))
	f.Add([]byte("\x30\x81\x88\x0b\x00\x25\x00\x01\x00\x00\x00\x02\x00\x00\x00\x01\xff\x03\x00\x21"+inner[14:]), uint16(50))
	f.Add([]byte("\x00\x00\x20\x00\x01\xb4\x00\x00\x00\x01\x00\x06R1"), uint16(40))
	fuzzTunnel(f, over(protoGRE))
}

func FuzzERSPAN(f *testing.F) {
	inner := string(ask(f))
	f.Add([]byte("\x10\x01\x00\x01\x00\x00\x00\x01"+inner), uint16(50))
	f.Add([]byte("\x10\x01\x04\x01\x00\x00\x00\x01"+inner[:40]), uint16(50))
	wrap := over(protoGRE)
	fuzzTunnel(f, func(b []byte) []byte { return wrap(append([]byte("\x10\x00\x88\xbe\x00\x00\x00\x01"), b...)) })
}

func FuzzERSPAN3(f *testing.F) {
	inner := string(ask(f))
	f.Add([]byte("\x20\x01\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00"+inner), uint16(50))
	f.Add([]byte("\x20\x01\x00\x01\x00\x00\x00\x01\x00\x00\x08\x01\x00\x00\x00\x00\x00\x00\x00\x00"+inner[14:]), uint16(50))
	wrap := over(protoGRE)
	fuzzTunnel(f, func(b []byte) []byte { return wrap(append([]byte("\x10\x00\x22\xeb\x00\x00\x00\x01"), b...)) })
}

func FuzzVXLAN(f *testing.F) {
	f.Add(append([]byte("\x08\x00\x00\x00\x00\x00\x07\x00"), ask(f)...), uint16(60))
	fuzzTunnel(f, overUDP(portVXLAN))
}

func FuzzVXLANGPE(f *testing.F) {
	f.Add(append([]byte("\x0c\x00\x00\x03\x00\x00\x07\x00"), ask(f)...), uint16(60))
	f.Add(append([]byte("\x0c\x00\x00\x01\x00\x00\x07\x00"), ask(f)[14:]...), uint16(60))
	fuzzTunnel(f, overUDP(portVXLANGPE))
}

func FuzzGTP(f *testing.F) {
	f.Add(append([]byte("\x30\xff\x00\x21\x00\x00\x00\x01"), ask(f)[14:]...), uint16(60))
	f.Add(append([]byte("\x34\xff\x00\x29\x00\x00\x00\x01\x00\x00\x00\x85\x01\x10\x00\x00"), ask(f)[14:]...), uint16(60))
	fuzzTunnel(f, overUDP(portGTPU))
}

func FuzzGeneve(f *testing.F) {
	f.Add(append([]byte("\x00\x00\x65\x58\x00\x00\x07\x00"), ask(f)...), uint16(60))
	f.Add(append([]byte("\x01\x00\x08\x00\x00\x00\x07\x00\x01\x02\x03\x00"), ask(f)[14:]...), uint16(60))
	fuzzTunnel(f, overUDP(portGeneve))
}

func FuzzTZSP(f *testing.F) {
	f.Add(append([]byte("\x01\x00\x00\x01\x00\x0a\x01\xc4\x01"), ask(f)...), uint16(60))
	fuzzTunnel(f, overUDP(portTZSP))
}

func FuzzL2TP(f *testing.F) {
	f.Add(append([]byte("\x00\x02\x00\x01\x00\x02\xff\x03\x00\x21"), ask(f)[14:]...), uint16(60))
	f.Add([]byte("000000000000000000000000000000000000000"), uint16(124)) // cut short in front of the flags
	f.Add(append([]byte("\x4a\x02\x00\x40\x00\x01\x00\x02\x00\x00\x00\x01\x00\x02\x00\x00\x00\x21"), ask(f)[14:]...), uint16(60))
	fuzzTunnel(f, overUDP(portL2TP))
}

func FuzzMPLSInUDP(f *testing.F) {
	f.Add(append([]byte("\x00\x01\x01\xff"), ask(f)[14:]...), uint16(60))
	fuzzTunnel(f, overUDP(portMPLS))
}

func FuzzEtherIP(f *testing.F) {
	f.Add(append([]byte("\x30\x00"), ask(f)...), uint16(50))
	fuzzTunnel(f, over(protoETH))
}

func FuzzTeredo(f *testing.F) {
	inner := capturetest.UDP(f, capturetest.PC6(7), capturetest.PC6(8), 50000, 9999, []byte("hello"))[14:]
	f.Add(inner, uint16(60))
	f.Add(append([]byte("\x00\x00\x12\x34\x01\x02\x03\x04"), inner...), uint16(60))
	f.Add(append([]byte("\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), inner...), uint16(60))
	fuzzTunnel(f, overUDP(portTeredo))
}

func FuzzIPIP(f *testing.F) {
	f.Add(ask(f)[14:], uint16(50))
	fuzzTunnel(f, over(protoIPIP))
}
