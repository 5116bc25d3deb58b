package demo

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/pcapfile"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// evening writes a generated café evening: eight stations that boot, are used and go off on a fixed schedule. It is made,
// not recorded: its frames are right in every length and checksum, and nobody's.
func evening(w io.Writer) error {
	buffered := bufio.NewWriter(w)
	out, err := pcapfile.NewWriter(buffered, capture.LinkEthernet)
	if err != nil {
		return err
	}
	var e script
	for i := range 8 {
		e.station(i, time.Duration(3*i)*time.Minute, time.Duration(25+4*i)*time.Minute)
	}
	if e.err != nil {
		return e.err
	}
	slices.SortStableFunc(e.frames, func(a, b capture.Frame) int { return int(a.Time - b.Time) })
	for i := range e.frames {
		if err := out.Write(&e.frames[i]); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// opening is when the evening starts: 18:00 in Vietnam.
var opening = time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)

var (
	routerMAC = net.HardwareAddr{0xf4, 0xf2, 0x6d, 0, 0, 1}
	routerIP  = net.IPv4(192, 168, 1, 1).To4()
	everybody = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

type script struct {
	frames []capture.Frame
	err    error
}

func (e *script) send(at time.Duration, parts ...gopacket.SerializableLayer) {
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, parts...)
	if err != nil && e.err == nil {
		e.err = fmt.Errorf("make frame: %w", err)
	}
	data := append([]byte(nil), buf.Bytes()...)
	e.frames = append(e.frames, capture.Frame{
		Time: opening.Add(at).UnixNano(), Data: data, Len: len(data), Link: capture.LinkEthernet,
	})
}

// station boots at on, plays, and is silent from off on.
func (e *script) station(i int, on, off time.Duration) {
	mac := net.HardwareAddr{0x2c, 0xf0, 0x5d, 0x10, 0, byte(i + 1)}
	ip := net.IPv4(192, 168, 1, byte(21+i)).To4()
	e.lease(on, mac, ip, fmt.Sprintf("MAY-%02d", i+1))
	game := net.IPv4(203, 0, 113, byte(10+i%3)).To4() // documentation addresses (RFC 5737)
	for at := on + 5*time.Second; at < off; at += time.Second {
		e.udp(at, mac, routerMAC, ip, game, layers.UDPPort(50000+i), 5000, 60)
		e.udp(at+20*time.Millisecond, routerMAC, mac, game, ip, 5000, layers.UDPPort(50000+i), 120)
		if at/time.Second%30 == 0 {
			e.arp(at, mac, ip)
		}
	}
}

func (e *script) lease(at time.Duration, mac net.HardwareAddr, ip net.IP, name string) {
	messages := []struct {
		kind  layers.DHCPMsgType
		reply bool
	}{
		{layers.DHCPMsgTypeDiscover, false},
		{layers.DHCPMsgTypeOffer, true},
		{layers.DHCPMsgTypeRequest, false},
		{layers.DHCPMsgTypeAck, true},
	}
	for n, m := range messages {
		d := &layers.DHCPv4{Operation: layers.DHCPOpRequest, HardwareType: layers.LinkTypeEthernet, Xid: 7, ClientHWAddr: mac}
		d.Options = append(d.Options, layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(m.kind)}))
		eth := &layers.Ethernet{SrcMAC: mac, DstMAC: everybody, EthernetType: layers.EthernetTypeIPv4}
		ip4 := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IPv4zero.To4(), DstIP: net.IPv4bcast.To4()}
		udp := &layers.UDP{SrcPort: 68, DstPort: 67}
		if m.reply {
			d.Operation, d.YourClientIP = layers.DHCPOpReply, ip
			eth.SrcMAC, ip4.SrcIP = routerMAC, routerIP
			udp.SrcPort, udp.DstPort = 67, 68
		} else {
			d.Options = append(d.Options, layers.NewDHCPOption(layers.DHCPOptHostname, []byte(name)),
				layers.NewDHCPOption(layers.DHCPOptClassID, []byte("MSFT 5.0")))
		}
		if err := udp.SetNetworkLayerForChecksum(ip4); err != nil && e.err == nil {
			e.err = err
		}
		e.send(at+time.Duration(n)*20*time.Millisecond, eth, ip4, udp, d)
	}
}

func (e *script) arp(at time.Duration, mac net.HardwareAddr, ip net.IP) {
	e.send(at, &layers.Ethernet{SrcMAC: mac, DstMAC: everybody, EthernetType: layers.EthernetTypeARP}, &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: layers.ARPRequest, SourceHwAddress: mac, SourceProtAddress: ip,
		DstHwAddress: make([]byte, 6), DstProtAddress: routerIP,
	})
}

func (e *script) udp(at time.Duration, from, to net.HardwareAddr, src, dst net.IP, sport, dport layers.UDPPort, n int) {
	ip4 := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: src, DstIP: dst}
	udp := &layers.UDP{SrcPort: sport, DstPort: dport}
	if err := udp.SetNetworkLayerForChecksum(ip4); err != nil && e.err == nil {
		e.err = err
	}
	eth := &layers.Ethernet{SrcMAC: from, DstMAC: to, EthernetType: layers.EthernetTypeIPv4}
	e.send(at, eth, ip4, udp, gopacket.Payload(make([]byte, n)))
}
