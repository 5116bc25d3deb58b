package afpacket

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"

	"cafeprobe/capture/capturetest"
)

// The filter is run by the same machine as in the kernel, over frames of real layers.
func TestBulk(t *testing.T) {
	vm, err := bpf.NewVM(Bulk(BulkPorts, 96))
	if err != nil {
		t.Fatal(err)
	}
	long, short := make(gopacket.Payload, 1200), make(gopacket.Payload, 200)
	pc, server := capturetest.PC(1), capturetest.Router()
	eth := func(kind layers.EthernetType) *layers.Ethernet {
		return &layers.Ethernet{SrcMAC: pc.MAC[:], DstMAC: server.MAC[:], EthernetType: kind}
	}
	ip4 := func(proto layers.IPProtocol, options ...layers.IPv4Option) *layers.IPv4 {
		return &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: pc.Addr.AsSlice(), DstIP: server.Addr.AsSlice(), Options: options}
	}
	ip6 := func(proto layers.IPProtocol) *layers.IPv6 {
		a := capturetest.PC6(1).Addr.AsSlice()
		return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: proto, SrcIP: a, DstIP: a}
	}
	tcp := func(src, dst layers.TCPPort) *layers.TCP { return &layers.TCP{SrcPort: src, DstPort: dst} }
	f := func(name string, want int, ls ...gopacket.SerializableLayer) {
		t.Helper()
		buf := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, ls...); err != nil {
			t.Fatal(err)
		}
		frame := buf.Bytes()
		if want == 0 {
			want = len(frame)
		}
		got, err := vm.Run(frame)
		if got = min(got, len(frame)); err != nil || got != want {
			t.Errorf("%s: keeps %d of %d octets, %v, want %d", name, got, len(frame), err, want)
		}
	}
	v4, v6 := layers.EthernetTypeIPv4, layers.EthernetTypeIPv6
	nop := layers.IPv4Option{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}
	f("iSCSI data to the server", 96, eth(v4), ip4(6), tcp(50000, 3260), long)
	f("iSCSI data from the server", 96, eth(v4), ip4(6), tcp(3260, 50000), long)
	f("the last port of the list", 96, eth(v4), ip4(6), tcp(50000, 2049), long)
	f("behind options", 96, eth(v4), ip4(6, nop), tcp(50000, 445), long)
	f("over IPv6", 96, eth(v6), ip6(6), tcp(445, 50000), long)
	f("an iSCSI login", 0, eth(v4), ip4(6), tcp(50000, 3260), short)
	f("a download", 0, eth(v4), ip4(6), tcp(443, 50000), long)
	f("a download over IPv6", 0, eth(v6), ip6(6), tcp(443, 50000), long)
	f("UDP of that port", 0, eth(v4), ip4(17), &layers.UDP{SrcPort: 3260, DstPort: 3260}, long)
	later := ip4(6)
	later.FragOffset = 100
	f("a later fragment", 0, eth(v4), later, gopacket.Payload{0x0c, 0xbc, 0x0c, 0xbc}, long)
	f("another EtherType", 0, eth(0x88a2), long)
	f("no ports", 0, eth(v4), ip4(6), tcp(50000, 443), long)

	if none, err := bpf.NewVM(Bulk(nil, 96)); err != nil {
		t.Errorf("no ports: %v", err)
	} else if got, err := none.Run(make([]byte, 1000)); err != nil || got < 1000 {
		t.Errorf("no ports: keeps %d of 1000, %v", got, err)
	}
	if _, err := bpf.Assemble(Bulk(make([]uint16, 100), 96)); err != nil {
		t.Errorf("more ports than fit: %v", err)
	}
}
