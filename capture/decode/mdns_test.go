package decode

import (
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"cafeprobe/capture"
)

var (
	mdnsAll = netip.MustParseAddr("224.0.0.251")
	six     = netip.MustParseAddr("fe80::78da:c04d:12da:8a08")
)

func TestMDNS(t *testing.T) {
	f := func(name string, b []byte, lines ...string) {
		t.Helper()
		want(t, name, udpFrom(5353, 5353, mdnsAll, b), lines...)
	}
	f("question", dnsQuery(t, dnsmessage.TypePTR, "_airplay._tcp.local."), "query mdns _airplay._tcp.local")
	f("own", dnsAnswer(t, 120, "may-01.local.", sender, six),
		"name mdns may-01.local 192.168.1.21", "name mdns may-01.local fe80::78da:c04d:12da:8a08")
	f("another's, as sleep proxies say", dnsAnswer(t, 120, "may-02.local.", other, six))
	f("address made from the MAC", dnsAnswer(t, 120, "may-01.local.", netip.MustParseAddr("fe80::2ef0:5dff:fe10:1")),
		"name mdns may-01.local fe80::2ef0:5dff:fe10:1")
	f("goodbye", dnsAnswer(t, 0, "may-01.local.", sender), "goodbye mdns")
	known := dnsAnswer(t, 120, "may-01.local.", sender)
	known[2] &^= 0x80
	f("known answer in a query", known)
	want(t, "answer from another port", udpFrom(5354, 5353, mdnsAll, dnsAnswer(t, 120, "may-01.local.", sender)))
}

// FuzzMDNS: every name is one that the message gives the sender's own address.
func FuzzMDNS(f *testing.F) {
	f.Add(dnsAnswer(f, 120, "may-01.local.", sender, six, other))
	f.Add(dnsQuery(f, dnsmessage.TypePTR, "_airplay._tcp.local."))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		p := udpFrom(5353, 5353, mdnsAll, b)
		obs := d.Inspect(p)
		own := map[string]bool{}
		for _, o := range obs {
			checkText(t, o.Name)
			if o.Kind == capture.KindName && isOwn(p, o.Addr) {
				own[o.Name] = true
			}
		}
		for _, o := range obs {
			if o.Kind == capture.KindName && !own[o.Name] {
				t.Errorf("%q at %v is not the sender's", o.Name, o.Addr)
			}
		}
	})
}
