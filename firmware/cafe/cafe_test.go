package cafe

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"cafeprobe/capture"
)

var (
	start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC).UnixNano()
	pc1   = capture.MAC{0x2c, 0xf0, 0x5d, 0x10, 0, 1}
	pc2   = capture.MAC{0x2c, 0xf0, 0x5d, 0x10, 0, 2}
	phone = capture.MAC{0xda, 0xa1, 0x19, 0, 0, 1}
)

// room feeds observations to a Cafe and keeps what it says.
type room struct {
	*Cafe
	log []Event
}

func newRoom(cfg Config) *room { return &room{Cafe: New(cfg)} }

func (r *room) see(at time.Duration, o capture.Observation) {
	o.Time = start + int64(at)
	if o.First == 0 {
		o.First = o.Time
	}
	if o.Kind != capture.KindTick {
		tick := capture.Observation{Kind: capture.KindTick, Time: o.Time} // as the hot side does
		r.log = append(r.log, r.Observe(&tick)...)
	}
	r.log = append(r.log, r.Observe(&o)...)
}

func (r *room) frames(m capture.MAC, from, to, every time.Duration) {
	for at := from; at <= to; at += every {
		r.see(at, capture.Observation{Kind: capture.KindActivity, MAC: m, Up: capture.Count{Frames: 1, Octets: 60}})
	}
}

// windows lets stations say names as Windows does, so that they are told of as soon as they are heard in a second minute.
func (r *room) windows(at time.Duration, list ...capture.MAC) {
	for _, m := range list {
		r.see(at, capture.Observation{Kind: capture.KindName, Origin: capture.OriginNBNS, MAC: m, Name: "PC"})
	}
}

func (r *room) count(kind EventKind, m capture.MAC) (n int) {
	for _, e := range r.log {
		if e.Kind == kind && (e.Station == nil || e.Station.MAC == m) {
			n++
		}
	}
	return n
}

func (r *room) closed(m capture.MAC) (list []Session) {
	for _, e := range r.log {
		if e.Kind == EventClose && e.Station.MAC == m {
			list = append(list, e.Session)
		}
	}
	return list
}

func at(d time.Duration) int64 { return start + int64(d) }

// background keeps the wire alive so that the silence of one is not the silence of all.
func (r *room) background(to time.Duration) {
	r.frames(pc2, 0, to, 10*time.Second)
}

func TestSessionEndsAfterSilence(t *testing.T) {
	f := func(name string, silence time.Duration, want int) {
		t.Helper()
		r := newRoom(Config{})
		r.frames(pc1, 0, 10*time.Minute, 10*time.Second)
		r.frames(pc2, 10*time.Minute, 10*time.Minute+silence, time.Second)
		if got := len(r.closed(pc1)); got != want {
			t.Errorf("%s: after %v of silence: %d closed, want %d", name, silence, got, want)
		}
	}
	f("just within", 5*time.Minute, 0)
	f("just over", 5*time.Minute+2*time.Second, 1)
}

func TestSessionEndIsTheLastFrame(t *testing.T) {
	r := newRoom(Config{})
	r.frames(pc1, 0, 10*time.Minute, 20*time.Second)
	r.frames(pc2, 10*time.Minute, 20*time.Minute, 20*time.Second)
	list := r.closed(pc1)
	if len(list) != 1 {
		t.Fatalf("%d sessions, want 1", len(list))
	}
	s := list[0]
	if s.Start != at(0) || s.End != at(10*time.Minute) || s.Closed != CauseOff {
		t.Errorf("session %v–%v %s, want %v–%v off", s.Start, s.End, s.Closed, at(0), at(10*time.Minute))
	}
	if s.EndErr != time.Minute {
		t.Errorf("end error %v, want three times its longest gap of 20s", s.EndErr)
	}
	if s.Confidence < 0.95 {
		t.Errorf("confidence %v after ten minutes of evidence", s.Confidence)
	}
}

func TestNothingIsReportedOfOneMinute(t *testing.T) {
	r := newRoom(Config{})
	r.frames(pc1, 0, 59*time.Second, 5*time.Second)
	r.frames(pc2, time.Minute, 20*time.Minute, 10*time.Second)
	if n := r.count(EventOpen, pc1) + r.count(EventClose, pc1) + r.count(EventStation, pc1); n != 0 {
		t.Errorf("%d events of a station seen in one minute only, want 0", n)
	}
	if n := r.count(EventOpen, pc2); n != 1 {
		t.Errorf("%d sessions opened of a station seen for long, want 1", n)
	}
}

func TestBootOpensExactly(t *testing.T) {
	r := newRoom(Config{})
	r.background(5 * time.Minute)
	discover := &capture.DHCP{Message: "DISCOVER", Client: pc1, VendorClass: "PXEClient:Arch:00000:UNDI:002001"}
	r.see(5*time.Minute, capture.Observation{Kind: capture.KindActivity, MAC: pc1, Up: capture.Count{Frames: 1}})
	r.see(5*time.Minute, capture.Observation{Kind: capture.KindDHCP, MAC: pc1, DHCP: discover})
	r.frames(pc1, 5*time.Minute+time.Second, 8*time.Minute, 10*time.Second)
	r.log = append(r.log, r.Finish()...)
	list := r.closed(pc1)
	if len(list) != 1 || list[0].Opened != CauseBoot || list[0].Start != at(5*time.Minute) {
		t.Fatalf("sessions %+v, want one opened by boot at the DISCOVER", list)
	}
	if got, want := r.stations[pc1].Role, RolePC; got != want {
		t.Errorf("role %v, want %v", got, want)
	}
}

// TestOthersMakeNoStation says things about a client that has sent no frame here: behind a relay agent, or forged.
func TestOthersMakeNoStation(t *testing.T) {
	f := func(name string, o capture.Observation) {
		t.Helper()
		r := newRoom(Config{})
		r.see(0, o)
		if s, ok := r.Known(pc1); ok {
			t.Errorf("%s: is station %v, want none", name, s.MAC)
		}
	}
	boot := &capture.DHCP{Message: "DISCOVER", Client: pc1, VendorClass: "PXEClient:Arch:00000:UNDI:002001", Relayed: true}
	f("message", capture.Observation{Kind: capture.KindDHCP, Origin: capture.OriginDHCP, MAC: pc2, DHCP: boot})
	f("name", capture.Observation{Kind: capture.KindName, Origin: capture.OriginDHCP, MAC: pc1, Name: "MAY-01"})
	f("address", capture.Observation{
		Kind: capture.KindAddr, Origin: capture.OriginDHCP, MAC: pc1, Addr: netip.MustParseAddr("192.168.1.21"),
	})
	f("boot", capture.Observation{
		Kind: capture.KindEvidence, Origin: capture.OriginPXE, MAC: pc1, Evidence: capture.EvidencePXEBoot,
	})
}

func TestReleaseClosesAtOnce(t *testing.T) {
	r := newRoom(Config{})
	r.windows(0, pc1)
	r.frames(pc1, 0, 3*time.Minute, 10*time.Second)
	r.see(3*time.Minute+time.Second, capture.Observation{
		Kind: capture.KindDHCP, MAC: pc1, DHCP: &capture.DHCP{Message: "RELEASE", Client: pc1},
	})
	list := r.closed(pc1)
	if len(list) != 1 || list[0].Closed != CauseRelease || list[0].End != at(3*time.Minute+time.Second) {
		t.Errorf("sessions %+v, want one closed by release", list)
	}
}

func TestSilentWireIsBlindNotClosed(t *testing.T) {
	r := newRoom(Config{})
	r.windows(0, pc1)
	r.frames(pc1, 0, 10*time.Minute, 10*time.Second)
	r.see(40*time.Minute, capture.Observation{Kind: capture.KindTick})
	list := r.closed(pc1)
	if len(list) != 1 || list[0].Closed != CauseBlind {
		t.Fatalf("sessions %+v, want one closed as blind", list)
	}
	if got := r.stations[pc1].StateAt(r.now, r.blind); got != StateUnknown {
		t.Errorf("state %v while blind, want %v", got, StateUnknown)
	}
	if g := r.Vantage().Grade; g != GradeBlind {
		t.Errorf("grade %v, want BLIND", g)
	}
	r.frames(pc1, 41*time.Minute, 43*time.Minute, 10*time.Second)
	if n := r.count(EventBlind, pc1); n != 2 {
		t.Errorf("%d blind events, want its begin and its end", n)
	}
	if n := r.count(EventOpen, pc1); n != 2 {
		t.Errorf("%d sessions opened, want a second one when the wire came back", n)
	}
}

// TestLastBeforeSilence: what was sent last before the wire fell silent may be told of behind the tick that found the silence, or
// behind the first frame after it. It is of the session that ended, begins none and ends no silence.
func TestLastBeforeSilence(t *testing.T) {
	f := func(name string, at1 time.Duration) {
		t.Helper()
		r := newRoom(Config{})
		r.windows(0, pc1, pc2)
		r.frames(pc1, 0, 10*time.Minute, 10*time.Second)
		r.frames(pc2, 0, 10*time.Minute, 10*time.Second)
		r.see(20*time.Minute, capture.Observation{Kind: capture.KindTick})
		late := capture.Observation{Kind: capture.KindActivity, MAC: pc1, Up: capture.Count{Frames: 1, Octets: 60}}
		late.First, late.Time = at(10*time.Minute+200*time.Millisecond), at(10*time.Minute+400*time.Millisecond)
		if at1 > 0 {
			r.frames(pc2, at1, at1, time.Second)
		}
		r.log = append(r.log, r.Observe(&late)...)
		if r.blind != (at1 == 0) {
			t.Errorf("%s: blind %v", name, r.blind)
		}
		if s := r.stations[pc1]; s.on || len(s.Sessions) != 1 {
			t.Errorf("%s: on %v behind %d sessions, want off behind one", name, s.on, len(s.Sessions))
		}
		r.frames(pc1, 31*time.Minute, 31*time.Minute, time.Second)
		r.frames(pc2, 31*time.Minute, 31*time.Minute, time.Second)
		if s := r.stations[pc1]; !s.on || s.session.Start != at(31*time.Minute) {
			t.Errorf("%s: on %v since %v, want since it was heard again", name, s.on, s.session.Start-start)
		}
		if b := r.BlindTimes(); len(b) != 1 || b[0].End < at(30*time.Minute) {
			t.Errorf("%s: blind times %v, want one until the wire was heard again", name, b)
		}
	}
	f("behind the tick", 0)
	f("behind the first frame", 30*time.Minute)
}

// TestOwnBeaconGaps: an idle computer that beacons every eight minutes is not off seven minutes out of eight.
func TestOwnBeaconGaps(t *testing.T) {
	r := newRoom(Config{})
	r.windows(0, pc1)
	r.frames(pc1, 0, 4*time.Minute, 10*time.Second)
	for at := 12 * time.Minute; at < 3*time.Hour; at += 8 * time.Minute {
		r.frames(pc2, at-8*time.Minute, at, 10*time.Second)
		r.frames(pc1, at, at, time.Second)
	}
	if got := len(r.closed(pc1)); got != 1 {
		t.Errorf("%d ends of an idle station with a beacon every 8 minutes, want 1 before its gap was known", got)
	}
}

func TestPhonesAreNotReported(t *testing.T) {
	r := newRoom(Config{})
	r.background(10 * time.Minute)
	r.frames(phone, 0, 10*time.Minute, 10*time.Second)
	r.Finish()
	if n := r.count(EventOpen, phone) + r.count(EventStation, phone); n != 0 {
		t.Errorf("%d events of a randomised MAC, want 0", n)
	}
	if got := r.stations[phone].Role; got != RolePhone {
		t.Errorf("role %v, want phone", got)
	}
}

func TestFloodOfMACsKeepsRealStations(t *testing.T) {
	r := newRoom(Config{MaxStations: 64})
	r.frames(pc1, 0, 5*time.Minute, 10*time.Second)
	for i := range 100_000 {
		m := capture.MAC{0, 1, 2, byte(i >> 16), byte(i >> 8), byte(i)}
		r.see(5*time.Minute+time.Duration(i)*time.Millisecond, capture.Observation{Kind: capture.KindActivity, MAC: m})
	}
	if len(r.stations) > 64 {
		t.Errorf("%d stations remembered, want at most 64", len(r.stations))
	}
	if _, ok := r.Known(pc1); !ok {
		t.Error("a real station was forgotten in a flood of made-up ones")
	}
}

func TestClockStepBack(t *testing.T) {
	r := newRoom(Config{})
	r.windows(10*time.Hour, pc1)
	r.frames(pc1, 10*time.Hour, 10*time.Hour+5*time.Minute, 10*time.Second)
	r.frames(pc1, 0, 5*time.Minute, 10*time.Second)
	list := r.closed(pc1)
	if len(list) != 1 || list[0].Closed != CauseClock {
		t.Errorf("sessions %+v, want one closed by the clock", list)
	}
}

func TestOnlyOwnFramesMakeAStation(t *testing.T) {
	r := newRoom(Config{})
	f := func(name string, o capture.Observation) {
		t.Helper()
		r.see(0, o)
		if n := len(r.stations); n != 0 {
			t.Errorf("%s: %d stations, want 0", name, n)
		}
	}
	f("group", capture.Observation{Kind: capture.KindActivity, MAC: capture.Broadcast})
	f("zero", capture.Observation{Kind: capture.KindActivity})
	f("server's answer to a client", capture.Observation{
		Kind: capture.KindDHCP, MAC: pc2, DHCP: &capture.DHCP{Message: "ACK", FromServer: true, Client: pc1},
	})
}

func TestAddressEvidence(t *testing.T) {
	r := newRoom(Config{})
	a := netip.MustParseAddr("192.168.1.21")
	for _, o := range []capture.Origin{capture.OriginIP, capture.OriginARP, capture.OriginDHCP} {
		r.see(0, capture.Observation{Kind: capture.KindAddr, MAC: pc1, Addr: a, Origin: o})
	}
	got := r.stations[pc1].Addrs
	if len(got) != 1 || got[0].Origin != capture.OriginARP {
		t.Errorf("addresses %+v, want one, by ARP", got)
	}
}

func TestSameObservationsSameEvents(t *testing.T) {
	run := func() string {
		r := newRoom(Config{})
		for i := range 40 {
			m := capture.MAC{0, 1, 2, 3, 4, byte(i)}
			r.frames(m, time.Duration(i)*time.Second, 3*time.Minute, 10*time.Second)
		}
		r.frames(pc1, 3*time.Minute, 30*time.Minute, 10*time.Second)
		out := ""
		for _, e := range append(r.log, r.Finish()...) {
			out += fmt.Sprintln(e.Kind, e.Time, e.Session, len(e.Occupancy))
		}
		return out
	}
	if a, b := run(), run(); !reflect.DeepEqual(a, b) {
		t.Error("two runs over the same observations differ")
	}
}

// TestAnswersAreNoPresence: a computer whose card does nothing but answer who asks for its address is not on; it is, from its
// first frame of its own.
func TestAnswersAreNoPresence(t *testing.T) {
	c := New(Config{})
	m := capture.MAC{0x2c, 0xf0, 0x5d, 0x10, 0, 7}
	start := int64(1_800_000_000) * int64(time.Second)
	frame := func(s int64, e capture.Evidence) {
		at := start + s*int64(time.Second)
		c.Observe(&capture.Observation{Kind: capture.KindTick, Time: at})
		c.Observe(&capture.Observation{Kind: capture.KindEvidence, Evidence: e, MAC: m, Time: at})
		c.Observe(&capture.Observation{Kind: capture.KindActivity, MAC: m, Time: at, First: at, Up: capture.Count{Frames: 1, Octets: 60}})
	}
	for s := int64(0); s < 3600; s += 60 {
		frame(s, capture.EvidenceARPReply)
	}
	s, ok := c.Known(m)
	if !ok || s.Confirmed || len(s.Presence) != 1 {
		t.Fatalf("an hour of answers: known %v, %+v; want a station that is heard and not confirmed", ok, s)
	}
	if _, on := s.On(); on {
		t.Error("on, by answers alone")
	}
	frame(3600, capture.EvidenceARPRequest)
	frame(3665, capture.EvidenceARPRequest)
	if _, on := s.On(); !on || !s.Confirmed {
		t.Error("not on though it asks of itself")
	}
	for s := int64(3700); s < 7200; s += 60 {
		frame(s, capture.EvidenceARPReply)
	}
	c.Finish()
	if len(s.Sessions) != 1 || s.Sessions[0].End != start+3665*int64(time.Second) {
		t.Errorf("sessions %+v, want one that ends with its last frame of its own", s.Sessions)
	}
}

// TestStrangers: a station of which nothing is known is told of when a phone would have shown itself; one that turns out to
// be somebody's own is told of no more, and what was told of it ends.
func TestStrangers(t *testing.T) {
	android := capture.Observation{Kind: capture.KindSystem, MAC: pc1, Name: "Android"}
	windows := capture.Observation{Kind: capture.KindSystem, MAC: pc1, Name: "Windows"}
	f := func(name string, said capture.Observation, at time.Duration, opens, closes int, opened time.Duration) {
		t.Helper()
		r := newRoom(Config{})
		for m := time.Duration(0); m < 30*time.Minute; m += 10 * time.Second {
			r.frames(pc1, m, m, time.Second)
			if m == at {
				r.see(m, said)
			}
		}
		if got := len(r.closed(pc1)); r.count(EventOpen, pc1) != opens || got != closes {
			t.Errorf("%s: opened %d times, closed %d; want %d, %d", name, r.count(EventOpen, pc1), got, opens, closes)
		}
		for _, e := range r.log {
			if e.Kind == EventOpen && (e.Session.Start != start || e.Time < start+int64(opened) || e.Time > start+int64(opened+5*time.Minute)) {
				t.Errorf("%s: opened %v after the start, as of %v; want after %v, as of the start", name, time.Duration(e.Time-start),
					time.Duration(e.Session.Start-start), opened)
			}
			if e.Kind == EventOccupancy && closes > 0 && e.Time > start+int64(at+5*time.Minute) && len(e.Occupancy) > 0 {
				t.Errorf("%s: still told of at %v", name, time.Duration(e.Time-start))
			}
		}
	}
	f("nothing is known", capture.Observation{Kind: capture.KindTick}, 0, 1, 0, stranger)
	f("Windows at once", windows, 0, 1, 0, time.Minute)
	f("Windows in the third minute", windows, 3*time.Minute, 1, 0, 3*time.Minute)
	f("a phone at once", android, 0, 0, 0, 0)
	f("a phone in the eighth minute", android, 8*time.Minute, 0, 0, 0)
	f("a phone in the twentieth minute", android, 20*time.Minute, 1, 1, stranger)
}

// TestOwnMessagesAreNoStation: whatever the box itself is heard to say where a mirror shows it, it is no station, and nothing
// falls over it.
func TestOwnMessagesAreNoStation(t *testing.T) {
	own := capture.MAC{0x2c, 0xf0, 0x5d, 0x10, 0, 9}
	c := New(Config{Own: []capture.MAC{own}})
	at := int64(1_800_000_000) * int64(time.Second)
	for kind := capture.KindTick; kind <= capture.KindLoss; kind++ {
		c.Observe(&capture.Observation{
			Kind: kind, MAC: own, Target: own, Time: at, First: at, Up: capture.Count{Frames: 3}, Down: capture.Count{Frames: 3},
			Evidence: capture.EvidencePXEBoot, DHCP: &capture.DHCP{Client: own, Message: "DISCOVER"},
		})
	}
	if c.Finish(); len(c.Stations()) != 0 {
		t.Errorf("the box is a station: %+v", c.Stations()[0])
	}
}
