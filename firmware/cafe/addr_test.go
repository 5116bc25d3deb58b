package cafe

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"cafeprobe/capture"
)

// TestHolders: what a station used stays listed; what it has now is what nobody else has, and it has not replaced.
func TestHolders(t *testing.T) {
	const h = time.Hour
	f := func(name, all, now string, do func(r *room)) {
		t.Helper()
		r := newRoom(Config{})
		r.frames(pc1, 0, 0, time.Second)
		do(r)
		s, _ := r.Known(pc1)
		if got := fmt.Sprint(s.OwnAddrs()); got != "["+all+"]" {
			t.Errorf("%s: %s in all, want [%s]", name, got, all)
		}
		if got := fmt.Sprint(r.Holders().Of(s)); got != "["+now+"]" {
			t.Errorf("%s: %s now, want [%s]", name, got, now)
		}
	}
	f("one", "192.168.1.21", "192.168.1.21", func(r *room) { r.uses(0, pc1, capture.OriginARP, "192.168.1.21") })
	f("another card takes it", "192.168.1.21", "", func(r *room) {
		r.uses(0, pc1, capture.OriginARP, "192.168.1.21")
		r.uses(h, pc2, capture.OriginARP, "192.168.1.21")
	})
	f("and gives it back", "192.168.1.21", "192.168.1.21", func(r *room) {
		r.uses(0, pc1, capture.OriginARP, "192.168.1.21")
		r.uses(h, pc2, capture.OriginARP, "192.168.1.21")
		r.uses(2*h, pc1, capture.OriginARP, "192.168.1.21")
	})
	f("another sends from it, which proves nothing", "192.168.1.21", "192.168.1.21", func(r *room) {
		r.uses(0, pc1, capture.OriginARP, "192.168.1.21")
		r.uses(h, pc2, capture.OriginIP, "192.168.1.21")
	})
	f("the other has moved on, the lease is another's", "192.168.1.21 192.168.1.22", "192.168.1.22", func(r *room) {
		r.uses(0, pc1, capture.OriginDHCP, "192.168.1.21")
		r.uses(h, pc1, capture.OriginDHCP, "192.168.1.22")
		r.uses(2*h, pc2, capture.OriginDHCP, "192.168.1.21")
	})
	f("APIPA, then a lease", "169.254.7.9 192.168.1.21", "192.168.1.21", func(r *room) {
		r.uses(0, pc1, capture.OriginARP, "169.254.7.9")
		r.uses(time.Minute, pc1, capture.OriginDHCP, "192.168.1.21")
	})
	f("a lease, then APIPA for a moment", "192.168.1.21 169.254.7.9", "192.168.1.21 169.254.7.9", func(r *room) {
		r.uses(0, pc1, capture.OriginDHCP, "192.168.1.21")
		r.uses(time.Minute, pc1, capture.OriginARP, "169.254.7.9")
	})
	f("two on one card", "192.168.1.21 10.0.0.2", "192.168.1.21 10.0.0.2", func(r *room) {
		for i := range time.Duration(3) {
			r.uses(i*h, pc1, capture.OriginARP, "192.168.1.21")
			r.uses(i*h, pc1, capture.OriginARP, "10.0.0.2")
		}
	})
	f("dual stack: temporary addresses go, what is made of the card stays",
		"192.168.1.21 fe80::2ef0:5dff:fe10:1 2001:db8::2ef0:5dff:fe10:1 2001:db8::a1 2001:db8::b2",
		"192.168.1.21 fe80::2ef0:5dff:fe10:1 2001:db8::2ef0:5dff:fe10:1 2001:db8::b2", func(r *room) {
			r.uses(0, pc1, capture.OriginARP, "192.168.1.21")
			r.uses(0, pc1, capture.OriginND, "fe80::2ef0:5dff:fe10:1")
			r.uses(0, pc1, capture.OriginND, "2001:db8::2ef0:5dff:fe10:1")
			r.uses(0, pc1, capture.OriginIP, "2001:db8::a1")
			r.uses(24*h, pc1, capture.OriginIP, "2001:db8::b2")
		})
	f("two temporary ones in use", "2001:db8::a1 2001:db8::b2", "2001:db8::a1 2001:db8::b2", func(r *room) {
		r.uses(0, pc1, capture.OriginIP, "2001:db8::a1")
		r.uses(20*time.Minute, pc1, capture.OriginIP, "2001:db8::b2")
	})
}

// TestAddressBelongsToTheCard: whoever takes over a server's address is no server.
func TestAddressBelongsToTheCard(t *testing.T) {
	r := newRoom(Config{})
	ask := func(at time.Duration) {
		for i := range 3 {
			r.frames(pc(i), at, at, time.Second)
			r.see(at, capture.Observation{
				Kind: capture.KindEvidence, Origin: capture.OriginARP, Evidence: capture.EvidenceARPRequest, MAC: pc(i), Group: true,
				Peer: netip.MustParseAddr("192.168.1.1"),
			})
		}
	}
	r.frames(gate, 0, 2*time.Minute, time.Minute)
	r.uses(0, gate, capture.OriginARP, "192.168.1.1")
	ask(0)
	r.frames(pc1, time.Hour, time.Hour+2*time.Minute, time.Minute)
	r.uses(time.Hour, pc1, capture.OriginARP, "192.168.1.1")
	r.uses(2*time.Hour, gate, capture.OriginARP, "192.168.1.1")
	r.Finish()
	if a, b := r.stations[gate].Role, r.stations[pc1].Role; a != RoleRouter || b != RoleUnknown {
		t.Errorf("%v and %v, want the router to be one, and who had its address for a while not", a, b)
	}
}
