package decode

import (
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"cafeprobe/capture"
)

func TestLLMNR(t *testing.T) {
	f := func(name string, p *Packet, lines ...string) {
		t.Helper()
		want(t, name, p, lines...)
	}
	probe := dnsQuery(t, dnsmessage.TypeALL, "MAY-01.")
	f("who asks for a name is not called so", udpFrom(50000, 5355, llmnrAll, dnsQuery(t, dnsmessage.TypeA, "wpad.")),
		"query llmnr wpad")
	f("probe", udpFrom(50000, 5355, llmnrAll, probe), "query llmnr MAY-01", "name llmnr MAY-01 192.168.1.21")
	f("a unicast query of type ANY is no probe", udpFrom(50000, 5355, other, probe), "query llmnr MAY-01")
	f("answer", udpFrom(5355, 50000, other, dnsAnswer(t, 30, "MAY-01.", sender)), "name llmnr MAY-01 192.168.1.21")
	f("answer of the other family", udpFrom(5355, 50000, other, dnsAnswer(t, 30, "MAY-01.", six)),
		"name llmnr MAY-01 fe80::78da:c04d:12da:8a08")
	f("answer for another", udpFrom(5355, 50000, other, dnsAnswer(t, 30, "MAY-01.", other)),
		"name llmnr MAY-01 "+other.String())
	f("answer from elsewhere", udpFrom(50000, 5355, other, dnsAnswer(t, 30, "MAY-01.", sender)))
	tentative := dnsAnswer(t, 30, "MAY-01.", sender)
	tentative[2] |= 1
	f("tentative answer", udpFrom(5355, 50000, other, tentative), "name llmnr MAY-01 192.168.1.21")
	f("localhost", udpFrom(5355, 50000, other, dnsAnswer(t, 30, "localhost.", sender)))
}

// TestLLMNROfAnother: a name at an address that is not the sender's is no name of the station that says so.
func TestLLMNROfAnother(t *testing.T) {
	d := New()
	p := udpFrom(5355, 50000, other, dnsAnswer(t, 30, "MAY-01.", other, sender))
	said := d.Inspect(p)
	if len(said) != 2 || !said[0].MAC.IsZero() || said[1].MAC != p.Src {
		t.Errorf("%+v, want a name of nobody here and one of %v", said, p.Src)
	}
}

// FuzzLLMNR: a query names its sender only with what it asks for, an answer only with an address that may be its own.
func FuzzLLMNR(f *testing.F) {
	f.Add(dnsQuery(f, dnsmessage.TypeALL, "MAY-01."))
	f.Add(dnsAnswer(f, 30, "MAY-01.", sender, other))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		asked := ""
		for _, o := range d.Inspect(udpFrom(5355, 5355, llmnrAll, b)) {
			checkText(t, o.Name)
			switch {
			case o.Kind == capture.KindQuery:
				asked = o.Name
			case o.Kind != capture.KindName:
				t.Errorf("kind %d", o.Kind)
			case asked != "" && o.Name != asked:
				t.Errorf("asks for %q and is called %q", asked, o.Name)
			case !o.MAC.IsZero() && o.Addr.Is4() && o.Addr != sender:
				t.Errorf("%v has address %v", o.MAC, o.Addr)
			}
		}
	})
}
