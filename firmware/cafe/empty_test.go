package cafe

import (
	"net/netip"
	"testing"
	"time"

	"cafeprobe/capture"
)

// TestEmptyRoom: of a room in which nobody was there since the start it is told that nobody was, where that was seen, and nothing
// where it was not.
func TestEmptyRoom(t *testing.T) {
	camera := capture.MAC{0xb0, 0xc5, 0x54, 0x1c, 0x71, 0x85}
	heard := func(r *room, m capture.MAC, from, to time.Duration) { r.frames(m, from, to, 30*time.Second) }
	// talks has a camera be heard in both directions with three ends in the internet, by which the router is known as one.
	talks := func(r *room, from, to time.Duration) {
		for at := from; at < to; at += time.Minute {
			heard(r, gateway, at, at)
			r.see(at, capture.Observation{
				Kind: capture.KindDHCP, Origin: capture.OriginDHCP, MAC: camera, Group: true,
				DHCP: &capture.DHCP{Message: "REQUEST", Client: camera, VendorClass: "udhcp 1.20", ClientAddr: addrOf(camera)},
			})
			heard(r, camera, at, at)
			for i := byte(1); i <= 3; i++ {
				r.see(at, capture.Observation{
					Kind: capture.KindFlow, Proto: 6, MAC: camera, Target: gateway, Addr: addrOf(camera),
					Peer: netip.AddrFrom4([4]byte{203, i, 113, 7}), Port: 50000, PeerPort: 443,
					Up: capture.Count{Frames: 2, Octets: 200}, Down: capture.Count{Frames: 2, Octets: 200},
				})
			}
		}
	}
	f := func(name string, cfg Config, from, to time.Duration, do func(r *room)) {
		t.Helper()
		r := newRoom(cfg)
		do(r)
		r.see(80*time.Minute, capture.Observation{Kind: capture.KindTick})
		empty := map[int64]bool{}
		for _, e := range r.log {
			if e.Kind == EventMinute && len(e.Occupancy) == 0 {
				if empty[e.Time] {
					t.Errorf("%s: minute %v is told twice", name, time.Duration(e.Time-start))
				}
				empty[e.Time] = true
			}
		}
		for minute := time.Duration(0); minute < time.Hour; minute += time.Minute {
			if want := minute >= from && minute < to; empty[at(minute)] != want {
				t.Errorf("%s: minute %v: nobody was there: %v, want %v", name, minute, empty[at(minute)], want)
			}
		}
	}
	const hour = time.Hour
	f("a mirror that shows a camera alone", Config{}, 0, hour, func(r *room) { talks(r, 0, 80*time.Minute) })
	f("it does from half past on", Config{}, 30*time.Minute, hour, func(r *room) {
		heard(r, gateway, 0, 30*time.Minute)
		talks(r, 30*time.Minute, 80*time.Minute)
	})
	router := func(r *room) { heard(r, gateway, 0, 80*time.Minute) }
	f("nobody is heard but the router", Config{Mirror: Mirror{Settled: true}}, 0, 0, router)
	f("a plain port", Config{}, 0, 0, func(r *room) { heard(r, camera, 0, 80*time.Minute) })
	f("by the technician's word alone", Config{Vantage: GradeA}, 0, 0, router)
	f("a mirror that is gone", Config{Mirror: Mirror{Settled: true, Lost: true}}, 0, 0, router)
	f("the wire falls silent, and later nobody knows", Config{}, 0, 14*time.Minute, func(r *room) { talks(r, 0, 30*time.Minute) })
	f("somebody of whom nothing is known", Config{}, 0, 20*time.Minute, func(r *room) {
		talks(r, 0, 20*time.Minute)
		for at := 20 * time.Minute; at < 80*time.Minute; at += time.Minute {
			talks(r, at, at+time.Minute)
			heard(r, pc1, at, at)
		}
	})
	f("a phone", Config{}, 0, hour, func(r *room) {
		for at := time.Duration(0); at < 80*time.Minute; at += time.Minute {
			talks(r, at, at+time.Minute)
			heard(r, phone, at, at)
		}
	})
}
