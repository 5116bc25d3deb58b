package account

import (
	"net/netip"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// room is stations as the hot side shows them, from 20:00 on for six hours: what the whole slow side makes of a night.
type room struct {
	t    *testing.T
	cafe *cafe.Cafe
	book *Account
}

func (r *room) see(o capture.Observation) {
	r.t.Helper()
	events := r.cafe.Observe(&o)
	for i := range events {
		if err := r.book.Take(&events[i]); err != nil {
			r.t.Fatal(err)
		}
	}
}

// flow is a minute of a flow of station i.
func (r *room) flow(i byte, at int64, peer string, up, down capture.Count) {
	r.see(capture.Observation{
		Kind: capture.KindFlow, Proto: 17, MAC: mac(i), Target: mac(99), Addr: netip.AddrFrom4([4]byte{192, 168, 1, 10 + i}),
		Peer: netip.MustParseAddr(peer), Port: 50000, PeerPort: 7000, First: at - int64(time.Minute), Time: at, Up: up, Down: down,
	})
}

// plays is a game's minute: small datagrams both ways, with the internet.
func (r *room) plays(i byte, at int64) {
	r.flow(i, at, "103.10.1.1", capture.Count{Frames: 1800, Octets: 180_000}, capture.Count{Frames: 1800, Octets: 360_000})
}

// updates is a minute in which the boot server sends a game's new version.
func (r *room) updates(i byte, at int64) {
	r.flow(i, at, "192.168.1.2", capture.Count{Frames: 9000, Octets: 600_000}, capture.Count{Frames: 40_000, Octets: 56_000_000})
}

// TestEvening: from observations to records. Who plays beyond 22:10 is told of, once; whose PCs stand idle, or are brought up
// to date at night, is not.
func TestEvening(t *testing.T) {
	f := func(name string, stations byte, do func(r *room, i byte, at int64, clock time.Duration), want string) {
		t.Helper()
		p := &page{}
		r := &room{t, cafe.New(cafe.Config{Vantage: cafe.GradeA}), New(Config{
			Secret: [32]byte{1}, Quality: uplink.QualitySync, Profile: profile(t), Window: 5 * time.Minute,
		}, p)}
		began := time.Date(2026, 11, 24, 20, 0, 0, 0, hours.Zone)
		for s := time.Duration(0); s < 14*time.Hour; s += 30 * time.Second {
			at := began.Add(s).UnixNano()
			r.see(capture.Observation{Kind: capture.KindTick, Time: at})
			for i := range stations {
				r.see(capture.Observation{
					Kind: capture.KindActivity, MAC: mac(i), First: at - int64(25*time.Second), Time: at,
					Up: capture.Count{Frames: 20, Octets: 2000},
				})
				if s%(10*time.Minute) == 0 {
					r.see(capture.Observation{Kind: capture.KindName, Origin: capture.OriginNBNS, MAC: mac(i), Time: at, Name: "PC"})
					r.see(capture.Observation{Kind: capture.KindEvidence, Evidence: capture.EvidenceARPRequest, MAC: mac(i), Time: at})
				}
				if s%time.Minute == 0 && s > 0 {
					do(r, i, at, 20*time.Hour+s)
				}
			}
		}
		if got := p.stages(t); got != want {
			t.Errorf("%s: told %q, want %q", name, got, want)
		}
	}
	const h = time.Hour
	until := func(end time.Duration, players byte) func(r *room, i byte, at int64, clock time.Duration) {
		return func(r *room, i byte, at int64, clock time.Duration) {
			if i < players && clock <= end {
				r.plays(i, at)
			}
		}
	}
	f("idle", 4, func(*room, byte, int64, time.Duration) {}, "")
	f("play until 21:55", 4, until(22*h-5*time.Minute, 4), "")
	f("three play until 23:00", 4, until(23*h, 3), "2026-11-24 alert, 2026-11-24 end")
	f("one plays until 23:30", 4, until(23*h+h/2, 1), "2026-11-24 watch, 2026-11-24 end")
	f("updates at 03:00 (rule R22)", 12, func(r *room, i byte, at int64, clock time.Duration) {
		if clock > 27*h && clock < 28*h {
			r.updates(i, at)
		}
	}, "")
}
