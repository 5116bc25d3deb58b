package cafe

import (
	"net/netip"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/state"
)

// TestFlowsOfMinutes: what a station loads from the internet is its own whatever addresses the two have, and what goes on in the LAN
// is not loaded.
func TestFlowsOfMinutes(t *testing.T) {
	f := func(name, addr, peer string, to capture.MAC, want uint32) {
		t.Helper()
		r := newRoom(Config{})
		r.see(0, capture.Observation{Kind: capture.KindEvidence, Evidence: capture.EvidenceRouterAdvert, MAC: gate})
		r.frames(gate, 0, 10*time.Minute, 30*time.Second)
		r.frames(pc1, 0, 10*time.Minute, 30*time.Second)
		r.frames(pc2, 0, 10*time.Minute, 30*time.Second)
		r.windows(10*time.Minute, pc1, pc2)
		r.see(10*time.Minute+50*time.Second, capture.Observation{
			Kind: capture.KindFlow, Proto: 17, MAC: pc1, Target: to, First: start + int64(10*time.Minute+5*time.Second),
			Addr: netip.MustParseAddr(addr), Peer: netip.MustParseAddr(peer), Port: 50000, PeerPort: 443,
			Up: capture.Count{Frames: 100, Octets: 8 << 10}, Down: capture.Count{Frames: 700, Octets: 992 << 10},
		})
		got := uint32(0)
		s := r.stations[pc1]
		s.shown.Flush(func(int64) state.View { return state.Full }, func(m *state.Minute) { got += m.User })
		if got != want {
			t.Errorf("%s: %d KB with the internet, want %d", name, got, want)
		}
	}
	f("IPv4", "192.168.1.21", "203.0.113.7", gate, 1000)
	f("IPv6, of the provider's network", "2001:db8:1::21", "2001:db8:2::41", gate, 1000)
	f("IPv6, of a network of its own", "fd00:1::21", "2001:db8:2::41", gate, 1000)
	f("IPv4 in the LAN", "192.168.1.21", "192.168.1.22", pc2, 0)
	f("IPv6 in the LAN", "2001:db8:1::21", "2001:db8:1::22", pc2, 0)
	f("IPv6 in the LAN, link-local", "fe80::21", "fe80::22", pc2, 0)
}
