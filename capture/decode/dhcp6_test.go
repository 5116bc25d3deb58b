package decode

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

func option6(code uint16, value ...[]byte) []byte {
	v := join(value...)
	return join(binary.BigEndian.AppendUint16(nil, code), binary.BigEndian.AppendUint16(nil, uint16(len(v))), v)
}

func counted(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

// leased returns an IAADDR with a valid lifetime in seconds.
func leased(a netip.Addr, seconds uint32, options ...byte) []byte {
	return option6(opt6IAAddr, a.AsSlice(), []byte{0, 0, 0, 60}, binary.BigEndian.AppendUint32(nil, seconds), options)
}

func ianA(options ...[]byte) []byte {
	return option6(opt6IANA, make([]byte, 12), join(options...))
}

func relayForw(options ...[]byte) []byte {
	return append(append([]byte{msg6RelayForw}, make([]byte, 33)...), join(options...)...)
}

func TestDHCP6(t *testing.T) {
	pc, router := capturetest.PC6(1), capturetest.Router()
	router.Addr = netip.MustParseAddr("fe80::1")
	servers := capturetest.Host{MAC: capture.MAC{0x33, 0x33, 0, 1, 0, 2}, Addr: netip.MustParseAddr("ff02::1:2")}
	duid := []byte("\x00\x01\x00\x01\x1d\xb8\xe6\xfb\x70\x3e\xac\xf0\xf0\x07")
	client := option6(opt6ClientID, duid)
	addr := pc.Addr
	inspect := func(p *Packet) (*capture.DHCP, []capture.Observation) {
		t.Helper()
		said := New().Inspect(p)
		if len(said) == 0 || said[0].Kind != capture.KindDHCP {
			t.Fatalf("said %v, want the message first", said)
		}
		return said[0].DHCP, said[1:]
	}

	solicit := join([]byte{1, 1, 2, 3}, client, option6(opt6FQDN, []byte("\x00\x06may-01\x04quan\x00")),
		option6(opt6VendorClass, []byte{0, 0, 1, 0x57}, counted("PXEClient:Arch:00007")),
		option6(opt6UserClass, counted("iPXE")), option6(opt6Arch, []byte{0, 7}))
	m, said := inspect(datagram(pc, servers, 546, 547, solicit))
	want := capture.DHCP{
		V6: true, Message: "SOLICIT", XID: 0x010203, Client: pc.MAC, FQDN: "may-01.quan.", VendorClass: "PXEClient:Arch:00007",
		UserClass: "iPXE", ClientID: "000100011db8e6fb703eacf0f007", Arch: 7, HasArch: true,
	}
	if *m != want {
		t.Errorf("SOLICIT: got %+v, want %+v", *m, want)
	}
	if len(said) != 2 || said[0].Kind != capture.KindName || said[0].Name != "may-01.quan" || said[0].MAC != pc.MAC ||
		said[1].Evidence != capture.EvidencePXEBoot {
		t.Errorf("SOLICIT: said %v, want the name and the boot loader", said)
	}

	reply := join([]byte{7, 1, 2, 3}, client, option6(opt6ServerID, []byte("\x00\x03\x00\x01\x4c\x5e\x0c\x00\x00\x01")),
		ianA(leased(addr, 3600)))
	m, said = inspect(datagram(router, pc, 547, 546, reply))
	want = capture.DHCP{
		V6: true, Message: "REPLY", FromServer: true, XID: 0x010203, Client: pc.MAC, YourAddr: addr, Lease: time.Hour,
		ClientID: "000100011db8e6fb703eacf0f007", ServerDUID: "000300014c5e0c000001",
	}
	if *m != want {
		t.Errorf("REPLY: got %+v, want %+v", *m, want)
	}
	if len(said) != 2 || said[0].Kind != capture.KindService || said[0].MAC != router.MAC || said[0].PeerPort != 547 ||
		said[1].Kind != capture.KindAddr || said[1].MAC != pc.MAC || said[1].Addr != addr {
		t.Errorf("REPLY: said %v, want the service and the address", said)
	}

	addrs := func(name string, ia []byte, want int) {
		t.Helper()
		_, said := inspect(datagram(router, pc, 547, 546, join([]byte{7, 1, 2, 3}, client, ia)))
		if got := len(ofKind(said, capture.KindAddr)); got != want {
			t.Errorf("%s: %d addresses, want %d", name, got, want)
		}
	}
	addrs("two", ianA(leased(addr, 60), leased(addr.Next(), 60)), 2)
	addrs("taken away", ianA(leased(addr, 0)), 0)
	addrs("refused", ianA(leased(addr, 60), option6(opt6Status, []byte{0, 2})), 0)
	addrs("temporary", option6(opt6IATA, make([]byte, 4), leased(addr, 60)), 1)
	addrs("more than a server gives", ianA(join(leased(addr, 60), leased(addr, 60), leased(addr, 60), leased(addr, 60)),
		join(leased(addr, 60), leased(addr, 60), leased(addr, 60), leased(addr, 60), leased(addr, 60))), maxLeases6)

	prefix := option6(opt6IAPrefix, []byte{0, 0, 0, 1, 0, 0, 0, 60, 56}, netip.MustParseAddr("2001:db8:1::").AsSlice())
	m, _ = inspect(datagram(router, pc, 547, 546, join([]byte{7, 1, 2, 3}, option6(opt6IAPD, make([]byte, 12), prefix))))
	if want := netip.MustParsePrefix("2001:db8:1::/56"); m.Prefix != want || m.Lease != time.Minute {
		t.Errorf("prefix %v for %v, want %v for 1m", m.Prefix, m.Lease, want)
	}
	m, _ = inspect(datagram(pc, servers, 546, 547, join([]byte{3, 1, 2, 3}, client, ianA(leased(addr, 0)))))
	if m.Requested != addr || m.YourAddr.IsValid() {
		t.Errorf("REQUEST: requested %v, has %v; want %v and none", m.Requested, m.YourAddr, addr)
	}
}

func TestDHCP6Relayed(t *testing.T) {
	router := capturetest.Router()
	router.Addr = netip.MustParseAddr("fe80::1")
	pc := capturetest.PC(1)
	solicit := join([]byte{1, 1, 2, 3}, option6(opt6ClientID, []byte("\x00\x03\x00\x01\x70\x3e\xac\xf0\xf0\x07")),
		option6(opt6FQDN, []byte("\x00\x06may-01")))
	link := option6(opt6LinkLayer, []byte{0, 1}, pc.MAC[:])
	f := func(name string, b []byte, client capture.MAC, names int) {
		t.Helper()
		said := New().Inspect(datagram(router, router, 547, 547, b))
		if len(said) == 0 || said[0].DHCP == nil {
			t.Fatalf("%s: said %v, want the message first", name, said)
		}
		if m := said[0].DHCP; m.Message != "SOLICIT" || !m.Relayed || m.Client != client {
			t.Errorf("%s: %+v, want SOLICIT of %v", name, *m, client)
		}
		named := ofKind(said, capture.KindName)
		if len(named) != names || names == 1 && (named[0].MAC != client || named[0].Addr == router.Addr) {
			t.Errorf("%s: names %v, want %d of %v", name, named, names, client)
		}
	}
	duid := capture.MAC{0x70, 0x3e, 0xac, 0xf0, 0xf0, 0x07}
	f("DUID only", relayForw(option6(opt6RelayMsg, solicit)), duid, 0)
	f("link-layer address", relayForw(option6(opt6RelayMsg, solicit), link), pc.MAC, 1)
	f("of the inner relay agent", relayForw(option6(opt6RelayMsg, relayForw(link, option6(opt6RelayMsg, solicit)))), pc.MAC, 1)
	f("of the outer relay agent", relayForw(link, option6(opt6RelayMsg, relayForw(option6(opt6RelayMsg, solicit)))), duid, 0)

	deep := solicit
	for range maxRelays {
		deep = relayForw(option6(opt6RelayMsg, deep))
	}
	f("eight deep", deep, duid, 0)
	if said := New().Inspect(datagram(router, router, 547, 547, relayForw(option6(opt6RelayMsg, deep)))); len(said) > 0 {
		t.Errorf("nine deep: said %v", said)
	}
}

func FuzzDHCP6(f *testing.F) {
	pc, router := capturetest.PC6(1), capturetest.Router()
	client := option6(opt6ClientID, []byte("\x00\x01\x00\x01\x1d\xb8\xe6\xfb\x70\x3e\xac\xf0\xf0\x07"))
	f.Add(join([]byte{1, 1, 2, 3}, client, option6(opt6FQDN, []byte("\x00\x06may-01\x00")), option6(opt6Arch, []byte{0, 7})))
	f.Add(join([]byte{7, 1, 2, 3}, client, ianA(leased(pc.Addr, 3600))))
	f.Add(relayForw(option6(opt6RelayMsg, []byte{1, 1, 2, 3}), option6(opt6LinkLayer, []byte{0, 1}, pc.MAC[:])))
	f.Add(join([]byte{3, 1, 2, 3}, option6(opt6VendorClass, []byte{0, 0, 1, 0x37}, counted("MSFT 5.0"))))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		said := d.Inspect(datagram(router, pc, 547, 546, b))
		for _, o := range said {
			holdStrings(t, &o)
		}
		for _, o := range ofKind(said, capture.KindDHCP) {
			m := o.DHCP
			if !m.V6 || m.Message == "" || strings.HasPrefix(m.Message, "RELAY") || m.Client.IsGroup() && m.ClientID == "" {
				t.Errorf("%+v", *m)
			}
			if m.Prefix.IsValid() && m.Prefix != m.Prefix.Masked() {
				t.Errorf("prefix %v", m.Prefix)
			}
		}
		leases := ofKind(said, capture.KindAddr)
		if len(leases) > maxLeases6 {
			t.Errorf("%d addresses from one message", len(leases))
		}
		for _, o := range leases {
			if o.MAC != pc.MAC || !o.Addr.Is6() || o.Addr.IsUnspecified() || o.Addr.IsMulticast() {
				t.Errorf("%v has %v", o.MAC, o.Addr)
			}
		}
	})
}
