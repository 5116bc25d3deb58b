package e2e

import (
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/pcapfile"
)

// Who asks in the provocations, and who is asked: the capture port itself, by the addresses that its kernel would give it.
var (
	asker     = capturetest.Host{MAC: capture.MAC{0x4c, 0x5e, 0x0c, 0, 0, 1}, Addr: netip.MustParseAddr("198.18.0.1")}
	asked     = capturetest.Host{MAC: capture.MAC(mac(portMAC)), Addr: netip.MustParseAddr("198.18.0.2")}
	everybody = capturetest.Host{MAC: capture.MAC{255, 255, 255, 255, 255, 255}, Addr: netip.MustParseAddr("255.255.255.255")}
	asker6    = capturetest.Host{MAC: asker.MAC, Addr: netip.MustParseAddr("fe80::1")}
	asked6    = capturetest.Host{MAC: asked.MAC, Addr: netip.MustParseAddr("fe80::2ef0:5dff:fe00:cafe")}
	allNodes  = capturetest.Host{MAC: capture.MAC{0x33, 0x33, 0, 0, 0, 1}, Addr: netip.MustParseAddr("ff02::1")}
	solicited = capturetest.Host{MAC: capture.MAC{0x33, 0x33, 0xff, 0, 0xca, 0xfe}, Addr: netip.MustParseAddr("ff02::1:ff00:cafe")}
	queriers  = capturetest.Host{MAC: capture.MAC{1, 0, 0x5e, 0, 0, 1}, Addr: netip.MustParseAddr("224.0.0.1")}
	mdns      = capturetest.Host{MAC: capture.MAC{1, 0, 0x5e, 0, 0, 0xfb}, Addr: netip.MustParseAddr("224.0.0.251")}
)

// provocations are frames that make a machine answer, or begin to speak: each of what a café's wire has of that kind, to
// the port's own MAC and to all.
func provocations(t *testing.T) (frames [][]byte) {
	t.Helper()
	add := func(fs ...[]byte) { frames = append(frames, fs...) }
	for _, to := range []capturetest.Host{asked, everybody} {
		add(capturetest.ARP(t, 1, asker, to), echo(t, asker, to), capturetest.UDP(t, asker, to, 4000, 9, []byte("anybody?")),
			capturetest.UDP(t, asker, to, 137, 137, anyService), capturetest.TCP(t, asker, to, capturetest.Segment{
				SrcPort: 4000, DstPort: 445, Seq: 1, SYN: true,
			}, nil))
	}
	add(capturetest.UDP(t, asker, mdns, 5353, 5353, anyService), echo(t, asker, queriers),
		capturetest.IPFrame(t, asker, queriers, layers.IPProtocolIGMP, []byte{0x11, 100, 0xee, 0x9b, 0, 0, 0, 0}), // who is in a group? (RFC 2236)
		dhcpOffer(t))
	for _, to := range []capturetest.Host{asked6, allNodes, solicited} {
		add(icmp6(t, to, layers.ICMPv6TypeEchoRequest, make([]byte, 12)),
			icmp6(t, to, layers.ICMPv6TypeNeighborSolicitation, append(make([]byte, 4), asked6.Addr.AsSlice()...)),
			icmp6(t, to, layers.ICMPv6TypeRouterAdvertisement, advert),
			icmp6(t, to, layers.ICMPv6TypeMLDv1MulticastListenerQueryMessage, append([]byte{0, 100, 0, 0}, make([]byte, 16)...)))
	}
	add(raw(t, "0180c200000e", "88cc", "0207044c5e0c0000010403030001060200780000"), // LLDP (IEEE 802.1AB)
		raw(t, "0180c2000000", "0026", "42420300000000008000000000000001000000008000000000000001800100001400020000000f00"), // STP (IEEE 802.1D)
		raw(t, "0180c2000003", "888e", "0100000501010005"+"01"),                                                            // EAPOL: who are you? (IEEE 802.1X)
		raw(t, "0180c2000001", "8808", "0001ffff"),                                                                         // pause (IEEE 802.3 annex 31B)
		raw(t, portMAC, "9000", "00000100"),                                                                                // loopback test (Ethernet 2)
		raw(t, portMAC, "0003", "0000e3"), raw(t, portMAC, "0006", "0000bf810100"))                                         // LLC TEST and XID (IEEE 802.2)
	for _, f := range frames { // a tag of priority only is as good as none
		add(capturetest.Tag(f, 0x8100, 0))
	}
	return frames
}

// anyService is a DNS query for the services that there are (RFC 6763 §9), advert a router's advertisement of a prefix (RFC 4861).
var (
	anyService = []byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09_services\x07_dns-sd\x04_udp\x05local\x00\x00\x0c\x00\x01")
	advert     = []byte("\x40\x00\x07\x08\x00\x00\x00\x00\x00\x00\x00\x00\x03\x04\x40\xc0\x00\x00\x0e\x10\x00\x00\x0e\x10\x00\x00\x00\x00" +
		"\x20\x01\x0d\xb8\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
)

func echo(t *testing.T, from, to capturetest.Host) []byte {
	t.Helper()
	l := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0), Id: 1, Seq: 1}
	return capturetest.Build(t, capturetest.Ethernet(from, to, layers.EthernetTypeIPv4),
		capturetest.IP(from, to, layers.IPProtocolICMPv4).(gopacket.SerializableLayer), l, gopacket.Payload("ping"))
}

// icmp6 is a frame as a neighbour sends it: with a hop limit of 255.
func icmp6(t *testing.T, to capturetest.Host, kind uint8, body []byte) []byte {
	t.Helper()
	ip := capturetest.IP(asker6, to, layers.IPProtocolICMPv6).(*layers.IPv6)
	ip.HopLimit = 255
	l := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}
	if err := l.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	return capturetest.Build(t, capturetest.Ethernet(asker6, to, layers.EthernetTypeIPv6), ip, l, gopacket.Payload(body))
}

// dhcpOffer offers the port an address that it did not ask for.
func dhcpOffer(t *testing.T) []byte {
	t.Helper()
	l := &layers.DHCPv4{
		Operation: layers.DHCPOpReply, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: 1, Flags: 0x8000,
		YourClientIP: net.IP(asked.Addr.AsSlice()), ClientHWAddr: asked.MAC[:],
		Options: layers.DHCPOptions{layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(layers.DHCPMsgTypeOffer)})},
	}
	buf := gopacket.NewSerializeBuffer()
	if err := l.SerializeTo(buf, gopacket.SerializeOptions{FixLengths: true}); err != nil {
		t.Fatal(err)
	}
	return capturetest.UDP(t, asker, everybody, 67, 68, buf.Bytes())
}

// raw is a frame of hexadecimal octets.
func raw(t *testing.T, to, kind, body string) []byte {
	t.Helper()
	var frame []byte
	if len(to) > 12 {
		to = hex.EncodeToString(mac(to))
	}
	for _, part := range []string{to, hex.EncodeToString(asker.MAC[:]), kind, body} {
		b, err := hex.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		frame = append(frame, b...)
	}
	return append(frame, make([]byte, max(0, 60-len(frame)))...)
}

// cafeFrames are the frames of the project's own capture: an evening of real clients.
func cafeFrames(t *testing.T) (frames [][]byte) {
	t.Helper()
	path, _ := capturetest.Cafe(t)
	r, err := pcapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		var f capture.Frame
		err := r.Next(&f)
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, append([]byte(nil), f.Data...))
	}
}
