package ledger

import (
	"net/netip"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/account"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// sink gives the records of an account to a ledger.
type sink struct {
	l    *Ledger
	head uplink.Head
}

func (s *sink) Record(r uplink.Record) error {
	s.head = s.head.Next(1, r)
	s.l.Take(uplink.Stored{Record: r, Seq: s.head.Seq, Boot: 1, Hash: s.head.Hash})
	return nil
}

func (*sink) Occ(uplink.Occ) error { return nil }

func mac(i byte) capture.MAC { return capture.MAC{0x2c, 0xf0, 0x5d, 0, 0, i} }

// TestEvening: what the stations of a room do, seen by the café and booked by the account, is what the ledger says of the day and of
// its night, to two minutes.
func TestEvening(t *testing.T) {
	const stations = 4
	f := func(name, until string, players byte, want Verdict) {
		t.Helper()
		p, err := hours.NewProfile(hours.Game, hours.Decreed, hours.Grace)
		if err != nil {
			t.Fatal(err)
		}
		s := &sink{l: New(p)}
		room := cafe.New(cafe.Config{Vantage: cafe.GradeA})
		book := account.New(account.Config{
			Secret: [32]byte{1}, Quality: uplink.QualitySync, Profile: p, Window: 5 * time.Minute,
		}, s)
		see := func(o capture.Observation) {
			t.Helper()
			events := room.Observe(&o)
			for i := range events {
				if err := book.Take(&events[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		begin, leave, end := at(t, "19:00"), at(t, until), at(t, "33:00")
		for now := begin; now.Before(end); now = now.Add(30 * time.Second) {
			ns := now.UnixNano()
			see(capture.Observation{Kind: capture.KindTick, Time: ns})
			for i := range byte(stations) {
				stays(see, i, ns)
				if now.Second() == 0 && now.After(begin.Add(time.Hour)) && i < players && !now.After(leave) {
					plays(see, i, ns)
				}
			}
		}
		n := s.l.Night(night, end)
		if n.Verdict != want {
			t.Errorf("%s: %v, want %v: %+v", name, n.Verdict, want, n.Figures)
		}
		d := s.l.Day(night, end)
		if len(d.Open) != 1 || d.Figures.Peak != int(players) {
			t.Fatalf("%s: open %s, peak %d, want once and %d", name, show(d.Open), d.Figures.Peak, players)
		}
		if near := func(a, b time.Time) bool { return a.Sub(b).Abs() <= 2*time.Minute }; !near(d.Open[0].From, begin.Add(time.Hour)) ||
			!near(d.Open[0].To, leave) {
			t.Errorf("%s: open %s, want 20:00 to %s", name, show(d.Open), until)
		}
	}
	f("all leave before the hours begin", "21:55", 4, Closed)
	f("three play on", "23:30", 3, Used)
	f("one plays on", "22:20", 1, Used)
}

// stays is what a PC shows that is on.
func stays(see func(capture.Observation), i byte, at int64) {
	see(capture.Observation{
		Kind: capture.KindActivity, MAC: mac(i), First: at - int64(25*time.Second), Time: at, Up: capture.Count{Frames: 20, Octets: 2000},
	})
	if at%int64(10*time.Minute) == 0 {
		see(capture.Observation{Kind: capture.KindName, Origin: capture.OriginNBNS, MAC: mac(i), Time: at, Name: "PC"})
		see(capture.Observation{Kind: capture.KindEvidence, Evidence: capture.EvidenceARPRequest, MAC: mac(i), Time: at})
	}
}

// plays is a game's minute: small datagrams both ways, with the internet.
func plays(see func(capture.Observation), i byte, at int64) {
	see(capture.Observation{
		Kind: capture.KindFlow, Proto: 17, MAC: mac(i), Target: mac(99), Addr: netip.AddrFrom4([4]byte{192, 168, 1, 10 + i}),
		Peer: netip.MustParseAddr("103.10.1.1"), Port: 50000, PeerPort: 7000, First: at - int64(time.Minute), Time: at,
		Up: capture.Count{Frames: 1800, Octets: 180_000}, Down: capture.Count{Frames: 1800, Octets: 360_000},
	})
}
