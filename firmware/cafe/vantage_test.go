package cafe

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"cafeprobe/capture"
)

var (
	gateway = capture.MAC{0x4c, 0x5e, 0x0c, 0, 0, 1}
	gwAddr  = netip.MustParseAddr("192.168.1.1")
	remote  = netip.MustParseAddr("203.0.113.7")
	group   = netip.MustParseAddr("224.0.0.252")
	groupTo = capture.MAC{1, 0, 0x5e, 0, 0, 0xfc}
)

// pc returns the n-th computer's address.
func pc(n int) capture.MAC { return capture.MAC{0x2c, 0xf0, 0x5d, 0x20, 0, byte(n)} }

func addrOf(m capture.MAC) netip.Addr { return netip.AddrFrom4([4]byte{192, 168, 1, 20 + m[5]}) }

// sees feeds the room a minute of m: its frames, and a name question to all if it calls.
func (r *room) sees(at time.Duration, m capture.MAC, calls bool) {
	r.see(at, capture.Observation{Kind: capture.KindActivity, MAC: m, Up: capture.Count{Frames: 1, Octets: 60}})
	if calls {
		r.see(at, capture.Observation{
			Kind: capture.KindFlow, Proto: 17, MAC: m, Target: groupTo, Addr: addrOf(m), Peer: group, Port: 5355, PeerPort: 5355,
			Up: capture.Count{Frames: 2, Octets: 140},
		})
	}
}

// talks feeds the room a flow of m with a server behind the router, up and down frames long.
func (r *room) talks(at time.Duration, m capture.MAC, port uint16, up, down uint64) {
	r.see(at, capture.Observation{
		Kind: capture.KindFlow, Proto: 6, MAC: m, Target: gateway, Addr: addrOf(m), Peer: remote, Port: 50000, PeerPort: port,
		Up: capture.Count{Frames: up, Octets: 100 * up}, Down: capture.Count{Frames: down, Octets: 1000 * down},
	})
}

// asks feeds the room an ARP request of m for the gateway.
func (r *room) asks(at time.Duration, m capture.MAC) {
	r.see(at, capture.Observation{
		Kind: capture.KindEvidence, Origin: capture.OriginARP, Evidence: capture.EvidenceARPRequest, MAC: m, Group: true,
		Addr: addrOf(m), Peer: gwAddr,
	})
}

// name makes m a PC by the name it gives itself.
func (r *room) name(at time.Duration, m capture.MAC) {
	r.see(at, capture.Observation{Kind: capture.KindName, Origin: capture.OriginNBNS, MAC: m, Group: true, Name: "MAY"})
}

// evening is a café of n PCs behind a mirror, from..to: each is heard, calls and talks once a minute.
func (r *room) evening(n int, from, to time.Duration) {
	for at := from; at < to; at += time.Minute {
		r.see(at, capture.Observation{Kind: capture.KindActivity, MAC: gateway, Up: capture.Count{Frames: 9, Octets: 900}})
		for i := 1; i <= n; i++ {
			r.sees(at, pc(i), true)
			r.name(at, pc(i))
			r.talks(at, pc(i), 443, 20, 30)
		}
	}
}

// deaf is the same café when the mirror is gone.
func (r *room) deaf(n int, from, to, every time.Duration) {
	for at := from; at < to; at += every {
		for i := 1; i <= n; i++ {
			r.sees(at, pc(i), true)
		}
	}
}

func (r *room) wants(t *testing.T, name string, grade Grade, word Word) {
	t.Helper()
	if v := r.Vantage(); v.Grade != grade || v.Word != word {
		t.Errorf("%s: %s by %s (%q), want %s by %s", name, v.Grade, v.Word, v.Why, grade, word)
	}
}

// blindAfter returns how long after at the first event came that says that the mirror is gone; 0 if none came.
func (r *room) blindAfter(from time.Duration) time.Duration {
	for _, e := range r.log {
		if e.Kind == EventBlind && e.To == 0 && e.Why == WordBroadcasts {
			return time.Duration(e.Time - at(from))
		}
	}
	return 0
}

func TestVantageOfAMirror(t *testing.T) {
	r := newRoom(Config{})
	r.wants(t, "before anything", GradeBlind, WordNoFrames)
	r.evening(8, 0, 30*time.Minute)
	r.wants(t, "mirror", GradeA, WordMirror)
	if v := r.Vantage(); v.Both != 8 || v.Confidence < 0.95 || len(v.Hidden) != 0 {
		t.Errorf("%d stations in both directions, %d hidden, confidence %.2f, want 8, none, and sure", v.Both, len(v.Hidden), v.Confidence)
	}
}

func TestVantageOfAPlainPort(t *testing.T) {
	r := newRoom(Config{})
	for at := time.Duration(0); at < time.Hour; at += time.Minute {
		for i := 1; i <= 8; i++ {
			r.sees(at, pc(i), true)
			r.name(at, pc(i))
		}
		r.talks(at, pc(1), 443, 1, 0) // flooded: the switch has not learned where to
	}
	r.wants(t, "plain port", GradeC, WordBroadcasts)
	if n := r.blindAfter(0); n != 0 {
		t.Errorf("a plain port goes blind after %v, want never: it is none the worse for it", n)
	}
}

func TestVantageOfHalfAMirror(t *testing.T) {
	f := func(name string, up, down uint64) {
		t.Helper()
		r := newRoom(Config{})
		for at := time.Duration(0); at < 20*time.Minute; at += time.Minute {
			for i := 1; i <= 5; i++ {
				r.sees(at, pc(i), true)
				r.talks(at, pc(i), 443, up, down)
			}
		}
		r.wants(t, name, GradeC, WordOneWay)
	}
	f("stations to router", 20, 0)
	f("router to stations", 0, 20)
}

func TestVantageWithDisks(t *testing.T) {
	r := newRoom(Config{})
	for at := time.Duration(0); at < 20*time.Minute; at += time.Minute {
		for i := 1; i <= 5; i++ {
			r.sees(at, pc(i), true)
			r.talks(at, pc(i), 443, 20, 20)
			r.talks(at, pc(i), portISCSI, 200, 2000)
		}
	}
	r.wants(t, "disks", GradeAPlus, WordDisks)
	r.evening(5, 20*time.Minute, 40*time.Minute)
	r.wants(t, "the boot server's port is mirrored no more", GradeA, WordMirror)
}

func TestVantageOfAnotherPort(t *testing.T) {
	r := newRoom(Config{})
	for at := time.Duration(0); at < 30*time.Minute; at += time.Minute {
		for i := 1; i <= 8; i++ {
			r.sees(at, pc(i), true)
		}
		r.talks(at, pc(1), 443, 20, 20)
	}
	r.wants(t, "one computer's port", GradeC, WordOnePort)
}

// TestSecondSwitch: some are heard in both directions, others only ever call, or ask for the gateway.
func TestSecondSwitch(t *testing.T) {
	r := newRoom(Config{})
	printer := capture.MAC{0, 0x80, 0x77, 1, 2, 3}
	for at := time.Duration(0); at < 30*time.Minute; at += time.Minute {
		r.evening(6, at, at+time.Minute)
		r.sees(at, pc(20), true)
		r.name(at, pc(20))
		r.sees(at, pc(21), false)
		r.asks(at, pc(21))
		for i := 1; i <= gatewayAsked; i++ {
			r.asks(at, pc(i))
		}
		r.sees(at, printer, true) // talks to its neighbours alone
	}
	r.wants(t, "second switch", GradeA, WordSecondSwitch)
	v := r.Vantage()
	if v.Both != 6 || len(v.Hidden) != 2 || v.Hidden[0] != pc(20) || v.Hidden[1] != pc(21) {
		t.Errorf("%d in both directions, hidden %v, want 6, %v and %v", v.Both, v.Hidden, pc(20), pc(21))
	}
}

// TestMirrorRemoved: within 15 minutes of a mirror's end nothing is claimed any more, and again when it is back.
func TestMirrorRemoved(t *testing.T) {
	f := func(name string, n int, every time.Duration, forced Grade) {
		t.Helper()
		r := newRoom(Config{Vantage: forced})
		r.evening(n, 0, time.Hour)
		r.deaf(n, time.Hour, 90*time.Minute, every)
		after := r.blindAfter(time.Hour)
		if after < goneAfter-time.Minute || after > 15*time.Minute {
			t.Errorf("%s: blind %v after the mirror was removed, want within 15 minutes", name, after)
		}
		r.wants(t, name, GradeBlind, WordBroadcasts)
		for _, s := range r.Stations() {
			if got := s.StateAt(r.now, r.blind || r.lost); got != StateUnknown || s.on {
				t.Errorf("%s: %v is %v while the mirror is gone, want unknown, and no session", name, s.MAC, got)
			}
		}
		r.evening(n, 90*time.Minute, 100*time.Minute)
		r.wants(t, name+", and back", GradeA, WordMirror)
		if got := r.count(EventBlind, capture.MAC{}); got != 2 {
			t.Errorf("%s: %d blind events, want its begin and its end", name, got)
		}
		if b := r.BlindTimes(); len(b) != 1 || b[0].Start != at(59*time.Minute) {
			t.Errorf("%s: blind times %v, want one from the last unicast on", name, b)
		}
		if got := r.count(EventOpen, pc(1)); got != 2 {
			t.Errorf("%s: %d sessions of one station, want one before and one after", name, got)
		}
	}
	f("a full café", 20, time.Minute, "")
	f("twenty that call seldom", 20, 4*time.Minute, "")
	f("two", 2, 2*time.Minute, "")
	f("certified by the technician", 3, time.Minute, GradeA)
}

// TestBootsAreNoCalls: a thing that asks for the router whenever it is plugged in, and has nothing to send, shows no lost mirror;
// one that asks as often while it runs does.
func TestBootsAreNoCalls(t *testing.T) {
	f := func(name string, ask time.Duration, lost bool) {
		t.Helper()
		r := newRoom(Config{})
		r.evening(3, 0, 30*time.Minute)
		thing := capture.MAC{0xb0, 0xc5, 0x54, 0x1c, 0x71, 0x85}
		for i := 1; i <= 3; i++ {
			r.asks(29*time.Minute, pc(i)) // of an address that so many ask for it is known whose it is
		}
		for at := 31 * time.Minute; at < 75*time.Minute; at += 4 * time.Minute {
			r.see(at, capture.Observation{
				Kind: capture.KindDHCP, Origin: capture.OriginDHCP, MAC: thing, Group: true,
				DHCP: &capture.DHCP{Message: "DISCOVER", Client: thing},
			})
			r.sees(at, thing, false)
			r.asks(at+ask, thing)
		}
		if r.lost != lost {
			t.Errorf("%s: mirror lost %v, want %v", name, r.lost, lost)
		}
	}
	f("as it boots", 7*time.Second, false)
	f("as it runs", 200*time.Second, true)
}

// TestMirrorCertifiedThatNeverWas: a restart does not make a plain port of what the technician certified.
func TestMirrorCertifiedThatNeverWas(t *testing.T) {
	r := newRoom(Config{Vantage: GradeA})
	for i := 1; i <= 5; i++ {
		r.name(0, pc(i))
	}
	r.deaf(5, 0, 20*time.Minute, time.Minute)
	r.wants(t, "certified", GradeBlind, WordBroadcasts)
}

// TestMirrorOfFew: one station that was heard in both directions with the internet for long enough shows a mirror for the next
// run, until others are heard by broadcasts alone: then it is one of that station's own port.
func TestMirrorOfFew(t *testing.T) {
	learned := func(r *room) (m Mirror) {
		for _, e := range r.log {
			if e.Kind == EventMirror {
				m = e.Mirror
			}
		}
		return m
	}
	f := func(name string, want Mirror, do func(r *room)) Mirror {
		t.Helper()
		r := newRoom(Config{})
		do(r)
		r.see(90*time.Minute, capture.Observation{Kind: capture.KindTick})
		got := learned(r)
		if got != want {
			t.Errorf("%s: %+v was learned, want %+v", name, got, want)
		}
		return got
	}
	few := f("one station", Mirror{Few: true}, func(r *room) { r.evening(1, 0, 40*time.Minute) })
	f("two", Mirror{Few: true}, func(r *room) { r.evening(2, 0, 40*time.Minute) })
	f("three", Mirror{Settled: true}, func(r *room) { r.evening(3, 0, 40*time.Minute) })
	f("one for a moment", Mirror{}, func(r *room) { r.evening(1, 0, 5*time.Minute) })
	f("one that says little", Mirror{}, func(r *room) {
		for at := time.Duration(0); at < 40*time.Minute; at += 5 * time.Minute {
			r.evening(1, at, at+time.Minute)
		}
	})
	f("flows of one direction", Mirror{}, func(r *room) {
		for at := time.Duration(0); at < 40*time.Minute; at += time.Minute {
			r.sees(at, pc(1), true)
			r.talks(at, pc(1), 443, 20, 0)
		}
	})
	f("others are heard by broadcasts", Mirror{}, func(r *room) {
		r.evening(1, 0, 40*time.Minute)
		for at := 40 * time.Minute; at < 60*time.Minute; at += time.Minute {
			r.evening(1, at, at+time.Minute)
			r.deaf(8, at, at+time.Minute, time.Minute)
		}
		r.wants(t, "others are heard by broadcasts", GradeC, WordOnePort)
	})

	r := newRoom(Config{Mirror: few})
	r.see(0, capture.Observation{Kind: capture.KindActivity, MAC: gateway, Up: capture.Count{Frames: 1, Octets: 60}})
	r.wants(t, "in the next run, nothing heard yet", GradeA, WordMirror)
	if c := r.Vantage().Confidence; c != 0 {
		t.Errorf("confidence %v, want 0", c)
	}
	r.name(time.Minute, pc(1))
	r.name(time.Minute, pc(2))
	r.deaf(2, time.Minute, 30*time.Minute, time.Minute)
	r.wants(t, "removed while the box was off", GradeBlind, WordBroadcasts)
	r = newRoom(Config{Mirror: few, Vantage: GradeC})
	r.deaf(2, 0, 20*time.Minute, time.Minute)
	r.wants(t, "a plain port by the technician's word", GradeC, WordBroadcasts)
}

// TestMirrorOverARestart: what was learned of a mirror in one run holds in the next: with broadcasts alone it is gone, not a
// plain port; a night proves nothing; one that was gone is gone until unicast is back; and a technician's word ends it.
func TestMirrorOverARestart(t *testing.T) {
	learned := func(r *room) (m Mirror) {
		for _, e := range r.log {
			if e.Kind == EventMirror {
				m = e.Mirror
			}
		}
		return m
	}
	first := newRoom(Config{})
	first.evening(8, 0, 30*time.Minute)
	settled := learned(first)
	if want := (Mirror{Settled: true}); settled != want {
		t.Fatalf("%+v was learned of an evening, want %+v", settled, want)
	}
	first.deaf(8, 30*time.Minute, time.Hour, time.Minute)
	gone := learned(first)
	if want := (Mirror{Settled: true, Lost: true}); gone != want {
		t.Fatalf("%+v was learned of a mirror that was removed, want %+v", gone, want)
	}
	named := func(cfg Config) *room {
		r := newRoom(cfg)
		for i := 1; i <= 5; i++ {
			r.name(0, pc(i))
		}
		return r
	}

	r := named(Config{Mirror: settled})
	r.deaf(5, 0, 5*time.Minute, time.Minute)
	r.wants(t, "not known yet", GradeA, WordMirror)
	if c := r.Vantage().Confidence; c != 0 {
		t.Errorf("confidence %v of a mirror that nothing was heard of in this run, want 0", c)
	}
	r.deaf(5, 5*time.Minute, 20*time.Minute, time.Minute)
	r.wants(t, "removed while the box was off", GradeBlind, WordBroadcasts)
	for _, e := range r.log {
		if e.Kind == EventVantage && e.Vantage.Grade == GradeC {
			t.Errorf("told C at %v", e.Time-start)
		}
	}

	r = newRoom(Config{Mirror: settled})
	for at := time.Duration(0); at < 8*time.Hour; at += time.Minute {
		r.sees(at, gateway, true)
	}
	r.wants(t, "a night", GradeA, WordMirror)
	if n := r.count(EventMirror, capture.MAC{}); n != 0 {
		t.Errorf("a night: %d times something new learned, want never", n)
	}

	r = named(Config{Mirror: gone})
	r.deaf(5, 0, 2*time.Minute, time.Minute)
	r.wants(t, "still gone", GradeBlind, WordBroadcasts)
	if n := r.count(EventBlind, capture.MAC{}) + 10*r.count(EventOpen, pc(1)); n != 1 {
		t.Errorf("still gone: %d, want one blind event and no session", n)
	}
	r.evening(8, 2*time.Minute, 20*time.Minute)
	r.wants(t, "back", GradeA, WordMirror)
	if got := learned(r); got != settled {
		t.Errorf("back: %+v was learned, want %+v", got, settled)
	}

	r = named(Config{Mirror: gone, Vantage: GradeC})
	r.deaf(5, 0, 20*time.Minute, time.Minute)
	r.wants(t, "a plain port by the technician's word", GradeC, WordBroadcasts)
	if got := learned(r); got != (Mirror{}) || r.count(EventMirror, capture.MAC{}) != 1 {
		t.Errorf("a plain port by the technician's word: %+v is kept, want nothing", got)
	}
}

// TestNight: that nobody talks proves nothing; an A stays one.
func TestNight(t *testing.T) {
	f := func(name string, night func(r *room, from, to time.Duration)) {
		t.Helper()
		r := newRoom(Config{})
		r.evening(10, 0, time.Hour)
		night(r, time.Hour, 9*time.Hour)
		if after := r.blindAfter(time.Hour); after != 0 {
			t.Errorf("%s: the mirror is thought gone after %v, want never", name, after)
		}
		r.evening(1, 9*time.Hour, 9*time.Hour+2*time.Minute)
		r.wants(t, name, GradeA, WordMirror)
	}
	printer, tv := capture.MAC{0, 0x80, 0x77, 1, 2, 3}, capture.MAC{0, 0x1b, 0xa9, 1, 2, 3}
	each := func(from, to, every time.Duration, do func(at time.Duration)) {
		for at := from; at < to; at += every {
			do(at)
		}
	}
	f("nobody, the wire silent", func(*room, time.Duration, time.Duration) {})
	f("router and printer", func(r *room, from, to time.Duration) {
		each(from, to, time.Minute, func(at time.Duration) {
			r.sees(at, gateway, true)
			r.sees(at, printer, true)
		})
	})
	f("a television that was used, in stand-by", func(r *room, from, to time.Duration) {
		r.sees(from, tv, true)
		r.talks(from, tv, 443, 50, 50)
		each(from, to, time.Minute, func(at time.Duration) { r.sees(at, tv, true) })
	})
	f("one PC left on, which talks now and then", func(r *room, from, to time.Duration) {
		each(from, to, time.Minute, func(at time.Duration) {
			r.sees(at, pc(1), (at/time.Minute)%4 == 0)
			if (at/time.Minute)%18 == 0 {
				r.talks(at, pc(1), 443, 3, 3)
			}
		})
	})
	f("the last ones call once more and go", func(r *room, from, to time.Duration) {
		r.deaf(10, from, from+3*time.Minute, time.Minute)
		each(from, to, time.Minute, func(at time.Duration) { r.sees(at, gateway, true) })
	})
	f("a PC that cannot boot asks for an address all night", func(r *room, from, to time.Duration) {
		boot := &capture.DHCP{Message: "DISCOVER", Client: pc(1), VendorClass: "PXEClient:Arch:00000:UNDI:002001"}
		each(from, to, time.Minute, func(at time.Duration) {
			r.sees(at, pc(1), false)
			r.see(at, capture.Observation{Kind: capture.KindDHCP, Origin: capture.OriginDHCP, MAC: pc(1), Group: true, DHCP: boot})
			r.see(at, capture.Observation{
				Kind: capture.KindFlow, Proto: 17, MAC: pc(1), Target: capture.Broadcast, Addr: netip.IPv4Unspecified(),
				Peer: netip.AddrFrom4([4]byte{255, 255, 255, 255}), Port: 68, PeerPort: 67, Up: capture.Count{Frames: 4, Octets: 1400},
			})
		})
	})
	f("woken for updates at three", func(r *room, from, to time.Duration) {
		each(from, from+2*time.Hour, time.Minute, func(at time.Duration) { r.sees(at, gateway, true) })
		up := from + 2*time.Hour
		r.deaf(10, up, up+3*time.Minute, time.Minute)
		r.evening(10, up+3*time.Minute, up+time.Hour)
	})
}

// TestOwnTrafficProvesNothing: nor is the box, whose frames a mirror that is sent to it may show, a station.
func TestOwnTrafficProvesNothing(t *testing.T) {
	r := newRoom(Config{Own: []capture.MAC{pc(8), pc(9)}})
	for at := time.Duration(0); at < 10*time.Minute; at += time.Minute {
		r.sees(at, pc(1), true)
		for _, own := range r.cfg.Own {
			r.sees(at, own, true)
			r.talks(at, own, 443, 20, 20)
		}
	}
	r.wants(t, "traffic of the box", GradeC, WordBroadcasts)
	for _, s := range r.Stations() {
		if slices.Contains(r.cfg.Own, s.MAC) {
			t.Errorf("%v is a station, want none of the box", s.MAC)
		}
	}
}

func TestLossIsTold(t *testing.T) {
	r := newRoom(Config{})
	lose := func(at time.Duration, came, lost uint64) {
		r.see(at, capture.Observation{Kind: capture.KindLoss, Up: capture.Count{Octets: came}, Down: capture.Count{Octets: lost}})
	}
	for at := time.Duration(0); at < 2*time.Hour; at += time.Minute {
		r.evening(4, at, at+time.Minute)
		switch {
		case at < time.Hour:
			lose(at, 1_000_000, 1000)
		case at < 90*time.Minute:
			lose(at, 900_000, 100_000)
		default:
			lose(at, 1_000_000, 0)
		}
	}
	var told []Vantage
	for _, e := range r.log {
		if e.Kind == EventVantage {
			told = append(told, e.Vantage)
		}
	}
	last := len(told) - 1
	if last < 2 || last > 6 {
		t.Fatalf("vantage told %d times, want at the start, as it gets worse and as it gets better", last+1)
	}
	share := func(i int) float64 { s, _ := told[i].Loss.Share(); return s }
	if share(0) > 0.002 || share(last) > 0.005 || max(share(1), share(2)) < 0.02 {
		t.Errorf("shares told %.4f, %.4f, %.4f … %.4f, want little, much, little", share(0), share(1), share(2), share(last))
	}
	if _, ok := (Loss{Came: 1000, Lost: 500}).Share(); ok {
		t.Error("a share of 1500 octets is told, want none of so little")
	}
}

// TestVantageIsToldEachDay: where nothing changes, too.
func TestVantageIsToldEachDay(t *testing.T) {
	r := newRoom(Config{Vantage: GradeA})
	for at := time.Duration(0); at < 73*time.Hour; at += time.Minute {
		r.sees(at, gateway, true)
	}
	if n := r.count(EventVantage, capture.MAC{}); n < 4 || n > 6 {
		t.Errorf("vantage told %d times in 73 hours, want at the start and after each day", n)
	}
}

func TestMinutes(t *testing.T) {
	m := func(list ...int) (s minutes) {
		for _, n := range list {
			s.mark(at(time.Duration(n) * time.Minute))
		}
		return s
	}
	f := func(name string, s minutes, from, to, want int) {
		t.Helper()
		if got := s.between(at(time.Duration(from)*time.Minute), at(time.Duration(to)*time.Minute)); got != want {
			t.Errorf("%s: %d minutes after %d up to %d, want %d", name, got, from, to, want)
		}
	}
	f("none", m(), 0, 100, 0)
	f("all", m(1, 2, 3, 3, 10), 0, 10, 4)
	f("not the first", m(1, 2, 3, 10), 1, 10, 3)
	f("not the last", m(1, 2, 3, 10), 0, 9, 3)
	f("out of order", m(10, 3, 2, 1), 0, 10, 4)
	f("older than an hour", m(1, 2, 70), 0, 100, 1)
	f("much older", m(200, 1), 0, 1000, 1)
	f("later than asked for", m(200), 0, 100, 0)
	f("both", m(1, 70).or(m(69, 3, 12)), 0, 100, 3)
	f("both, the other way round", m(69, 3, 12).or(m(1, 70)), 0, 100, 3)
	f("with none", m(5).or(m()), 0, 100, 1)
	f("none with", m().or(m(5)), 0, 100, 1)
}
