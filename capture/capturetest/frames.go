package capturetest

import (
	"encoding/binary"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"cafeprobe/capture"
)

// At is the time of the frames that Frame makes: no clock is read, so every run sees the same octets.
var At = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

// Host is one end of the frames below.
type Host struct {
	MAC  capture.MAC
	Addr netip.Addr
}

// PC returns the n-th computer of a made-up café: 2c:f0:5d:10:00:n, 192.168.1.20+n.
func PC(n byte) Host {
	return Host{capture.MAC{0x2c, 0xf0, 0x5d, 0x10, 0x00, n}, netip.AddrFrom4([4]byte{192, 168, 1, 20 + n})}
}

// PC6 returns the n-th computer with its IPv6 address 2001:db8::20+n.
func PC6(n byte) Host {
	a := [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 20 + n}
	return Host{PC(n).MAC, netip.AddrFrom16(a)}
}

// Router is the café's router.
func Router() Host {
	return Host{capture.MAC{0x4c, 0x5e, 0x0c, 0x00, 0x00, 0x01}, netip.AddrFrom4([4]byte{192, 168, 1, 1})}
}

// Server is a server on the Internet, behind the router: it has the router's MAC.
func Server() Host {
	return Host{Router().MAC, netip.AddrFrom4([4]byte{203, 0, 113, 7})}
}

// Frame makes a frame of data as Ethernet, received at At.
func Frame(data []byte) capture.Frame {
	return capture.Frame{Time: At.UnixNano(), Data: data, Len: len(data), Link: capture.LinkEthernet}
}

// Build puts layers one into the next, with lengths and checksums filled in.
func Build(t testing.TB, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, ls...); err != nil {
		t.Fatalf("serialize: %v", err)
	}
	return append([]byte(nil), buf.Bytes()...)
}

// Ethernet returns the Ethernet header from one host to another.
func Ethernet(from, to Host, t layers.EthernetType) *layers.Ethernet {
	src, dst := from.MAC, to.MAC
	return &layers.Ethernet{SrcMAC: src[:], DstMAC: dst[:], EthernetType: t}
}

// IP returns the IPv4 or IPv6 header from one host to another, by the version of from.Addr.
func IP(from, to Host, proto layers.IPProtocol) gopacket.NetworkLayer {
	if from.Addr.Is4() {
		return &layers.IPv4{
			Version: 4, TTL: 64, Protocol: proto, Id: 7,
			SrcIP: from.Addr.AsSlice(), DstIP: to.Addr.AsSlice(),
		}
	}
	return &layers.IPv6{
		Version: 6, HopLimit: 64, NextHeader: proto,
		SrcIP: from.Addr.AsSlice(), DstIP: to.Addr.AsSlice(),
	}
}

func etherOf(h Host) layers.EthernetType {
	if h.Addr.Is4() {
		return layers.EthernetTypeIPv4
	}
	return layers.EthernetTypeIPv6
}

// IPFrame returns an Ethernet frame with an IP packet that carries body as proto.
func IPFrame(t testing.TB, from, to Host, proto layers.IPProtocol, body []byte) []byte {
	t.Helper()
	ip := IP(from, to, proto).(gopacket.SerializableLayer)
	return Build(t, Ethernet(from, to, etherOf(from)), ip, gopacket.Payload(body))
}

// UDP returns an Ethernet frame with a UDP datagram.
func UDP(t testing.TB, from, to Host, srcPort, dstPort uint16, body []byte) []byte {
	t.Helper()
	ip := IP(from, to, layers.IPProtocolUDP)
	udp := &layers.UDP{SrcPort: layers.UDPPort(srcPort), DstPort: layers.UDPPort(dstPort)}
	_ = udp.SetNetworkLayerForChecksum(ip)
	return Build(t, Ethernet(from, to, etherOf(from)), ip.(gopacket.SerializableLayer), udp, gopacket.Payload(body))
}

// Segment says what TCP puts into the header of a segment.
type Segment struct {
	SrcPort, DstPort        uint16
	Seq, Ack                uint32
	SYN, ACK, FIN, RST, PSH bool
}

// TCP returns an Ethernet frame with a TCP segment.
func TCP(t testing.TB, from, to Host, s Segment, body []byte) []byte {
	t.Helper()
	ip := IP(from, to, layers.IPProtocolTCP)
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(s.SrcPort), DstPort: layers.TCPPort(s.DstPort), Seq: s.Seq, Ack: s.Ack,
		SYN: s.SYN, ACK: s.ACK, FIN: s.FIN, RST: s.RST, PSH: s.PSH, Window: 64240,
	}
	_ = tcp.SetNetworkLayerForChecksum(ip)
	return Build(t, Ethernet(from, to, etherOf(from)), ip.(gopacket.SerializableLayer), tcp, gopacket.Payload(body))
}

// ARP returns an ARP message of operation op (1 request, 2 reply): from says that it has its address, and means to.Addr.
// A request goes to the broadcast address.
func ARP(t testing.TB, op uint16, from, to Host) []byte {
	t.Helper()
	ether := Ethernet(from, to, layers.EthernetTypeARP)
	target := to.MAC
	if op == layers.ARPRequest {
		ether.DstMAC = capture.Broadcast[:]
		target = capture.MAC{}
	}
	src := from.MAC
	return Build(t, ether, &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: op, SourceHwAddress: src[:], SourceProtAddress: from.Addr.AsSlice(),
		DstHwAddress: target[:], DstProtAddress: to.Addr.AsSlice(),
	})
}

// Tag puts an 802.1Q tag with VLAN id into an Ethernet frame.
func Tag(frame []byte, ether, id uint16) []byte {
	out := append([]byte(nil), frame[:12]...)
	out = binary.BigEndian.AppendUint16(out, ether)
	out = binary.BigEndian.AppendUint16(out, id)
	return append(out, frame[12:]...)
}

// WritePcap writes frames as an Ethernet pcap file with nanoseconds.
func WritePcap(t testing.TB, path string, frames []capture.Frame) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := pcapgo.NewWriterNanos(f)
	err = w.WriteFileHeader(1<<16, layers.LinkTypeEthernet)
	for i := 0; i < len(frames) && err == nil; i++ {
		fr := &frames[i]
		err = w.WritePacket(gopacket.CaptureInfo{Timestamp: fr.When(), CaptureLength: len(fr.Data), Length: fr.Len}, fr.Data)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
