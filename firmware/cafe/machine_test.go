package cafe

import (
	"fmt"
	"testing"
	"time"

	"cafeprobe/capture"
)

const (
	uuidOne  = "4c4c4544-0042-3510-8056-b4c04f4a3132"
	classPXE = "PXEClient:Arch:00007:UNDI:003016"
)

// leases is a DHCP message of a client, and the frame that it is.
func (r *room) leases(at time.Duration, d capture.DHCP) {
	if d.Message == "" {
		d.Message = "DISCOVER"
	}
	r.see(at, capture.Observation{Kind: capture.KindDHCP, Origin: capture.OriginDHCP, MAC: d.Client, DHCP: &d})
	if d.VendorClass == classPXE {
		r.see(at, capture.Observation{
			Kind: capture.KindEvidence, Origin: capture.OriginPXE, Evidence: capture.EvidencePXEBoot, MAC: d.Client,
		})
	}
	r.frames(d.Client, at, at, time.Second)
}

// boots is how a diskless PC comes up: its ROM, iPXE and Windows ask, one after the other.
func (r *room) boots(at time.Duration, m capture.MAC, uuid string) {
	d := capture.DHCP{Client: m, VendorClass: classPXE, ClientUUID: uuid, Arch: 7, HasArch: true}
	r.leases(at, d)
	d.Message = "REQUEST"
	r.leases(at+time.Second, d)
	d.Message, d.UserClass = "DISCOVER", "iPXE"
	r.leases(at+8*time.Second, d)
	r.leases(at+70*time.Second, capture.DHCP{Client: m, Message: "REQUEST", VendorClass: "MSFT 5.0", Hostname: "MAY-01"})
}

// runs is a PC that is on.
func (r *room) runs(from, to time.Duration, list ...capture.MAC) {
	for at := from; at < to; at += 20 * time.Second {
		for _, m := range list {
			r.frames(m, at, at, time.Second)
		}
	}
}

// TestOneBoot: ROM, loader and system are one station that booted once.
func TestOneBoot(t *testing.T) {
	r := newRoom(Config{})
	r.runs(0, 10*time.Minute, gate)
	r.boots(10*time.Minute, pc1, uuidOne)
	r.runs(12*time.Minute, 20*time.Minute, gate, pc1)
	r.Finish()
	s, ok := r.Known(pc1)
	if !ok || len(r.stations) != 2 || len(s.Sessions) != 1 || s.Role != RolePC {
		t.Fatalf("%d stations, %+v; want two, one of them a PC that was on once", len(r.stations), s)
	}
	if e := s.Sessions[0]; e.Opened != CauseBoot || e.Start != at(10*time.Minute) || len(e.Why) != 2 {
		t.Errorf("session %+v, want one that the ROM's question began", e)
	}
	f := s.DHCP
	if f.ClientUUID != uuidOne || f.UserClass != "iPXE" || f.Arch != 7 || f.VendorClass != classPXE || f.Hostname != "MAY-01" ||
		s.OS() != "Windows" {
		t.Errorf("facts %+v, OS %q; want those of all three", f, s.OS())
	}
}

// TestChangedCard: a computer that boots by another card goes on as the station that it was.
func TestChangedCard(t *testing.T) {
	const h = time.Hour
	r := newRoom(Config{})
	r.boots(0, pc1, uuidOne)
	r.runs(2*time.Minute, h, gate, pc1)
	r.runs(h, 2*h, gate)
	r.boots(2*h, pc2, uuidOne)
	// what was counted of the old card, and is told late, is of before the change
	r.see(2*h+15*time.Second, capture.Observation{
		Kind: capture.KindFlow, MAC: pc1, Target: gate, First: at(h - time.Minute),
		Up: capture.Count{Frames: 1}, Down: capture.Count{Frames: 1},
	})
	r.runs(2*h+2*time.Minute, 2*h+10*time.Minute, gate, pc2)
	r.Finish()
	s, ok := r.Known(pc2)
	if _, old := r.Known(pc1); !ok || old || len(r.stations) != 2 {
		t.Fatalf("%d stations; the old card is one: %v, the new one: %v", len(r.stations), old, ok)
	}
	if len(s.Sessions) != 2 || s.Sessions[0].Start != at(0) || s.Sessions[1].Start != at(2*h) || s.ID() != pc1 || s.First != at(0) {
		t.Errorf("%v told of as %v, first heard at %v, sessions %+v; want both, as of the old card", s.MAC, s.ID(), s.First-start,
			s.Sessions)
	}
	if got := r.count(EventOpen, pc1) + r.count(EventOpen, pc2); got != 2 {
		t.Errorf("%d sessions opened, want 2", got)
	}
}

// TestClones: UUIDs that several computers have, or that are none, join nothing.
func TestClones(t *testing.T) {
	const h = time.Hour
	two := func(name, uuid string, do func(r *room)) {
		t.Helper()
		r := newRoom(Config{})
		do(r)
		r.Finish()
		a, okA := r.Known(pc1)
		b, okB := r.Known(pc2)
		if !okA || !okB || a.ID() != pc1 || b.ID() != pc2 {
			t.Errorf("%s: stations %v and %v, want both, each told of by its own card", name, okA, okB)
			return
		}
		if a.Role != RolePC || b.Role != RolePC || a.DHCP.Hostname != "MAY-01" || b.DHCP.Hostname != "MAY-01" {
			t.Errorf("%s: %v %q and %v %q, want two PCs of one name", name, a.Role, a.DHCP.Hostname, b.Role, b.DHCP.Hostname)
		}
	}
	after := func(uuid string) func(r *room) { // one is off when the other comes on: a changed card, by all that is seen
		return func(r *room) {
			r.boots(0, pc1, uuid)
			r.runs(2*time.Minute, h, gate, pc1)
			r.runs(h, 2*h, gate)
			r.boots(2*h, pc2, uuid)
			r.runs(2*h+2*time.Minute, 2*h+10*time.Minute, gate, pc2)
		}
	}
	for _, uuid := range []string{
		"", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
		"03000200-0400-0500-0006-000700080009",
	} {
		two(fmt.Sprintf("UUID %q", uuid), uuid, after(uuid))
	}
	two("both on at once", uuidOne, func(r *room) {
		r.boots(0, pc1, uuidOne)
		r.boots(2*time.Minute, pc2, uuidOne)
		r.runs(2*time.Minute, h, pc1, pc2, gate)
	})
	two("both boot at once", uuidOne, func(r *room) {
		for i := range 5 {
			for _, m := range []capture.MAC{pc1, pc2} {
				r.leases(time.Duration(i)*time.Second, capture.DHCP{Client: m, VendorClass: classPXE, ClientUUID: uuidOne})
			}
		}
		r.leases(time.Minute, capture.DHCP{Client: pc1, VendorClass: "MSFT 5.0", Hostname: "MAY-01"})
		r.leases(time.Minute, capture.DHCP{Client: pc2, VendorClass: "MSFT 5.0", Hostname: "MAY-01"})
		r.runs(2*time.Minute, h, pc1, pc2, gate)
	})
	two("found out when the first comes back", uuidOne, func(r *room) {
		after(uuidOne)(r)
		r.boots(2*h+10*time.Minute, pc1, uuidOne)
		r.runs(2*h+12*time.Minute, 3*h, gate, pc1, pc2)
	})
	two("both on, one silent when the other boots", uuidOne, func(r *room) {
		r.boots(0, pc1, uuidOne)
		r.runs(2*time.Minute, h, gate)
		r.boots(3*time.Minute, pc2, uuidOne)
		r.runs(h, 2*h, gate, pc1, pc2)
	})
	two("found out, and never taken for one again", uuidOne, func(r *room) {
		after(uuidOne)(r)
		r.boots(2*h+10*time.Minute, pc1, uuidOne)
		r.runs(2*h+12*time.Minute, 3*h, gate, pc1, pc2)
		r.runs(3*h, 5*h, gate, pc1)
		r.boots(5*h, pc2, uuidOne)
		r.runs(5*h+2*time.Minute, 6*h, gate, pc2)
	})
	two("a message that another sends for it", uuidOne, func(r *room) {
		r.boots(0, pc1, uuidOne)
		r.runs(2*time.Minute, h, gate, pc1)
		r.runs(h, 2*h, gate)
		r.see(2*h, capture.Observation{Kind: capture.KindActivity, MAC: pc2, Up: capture.Count{Frames: 1}})
		r.see(2*h, capture.Observation{Kind: capture.KindDHCP, MAC: gate, DHCP: &capture.DHCP{
			Message: "DISCOVER", Client: pc2, VendorClass: classPXE, ClientUUID: uuidOne,
		}})
		r.boots(2*h, pc2, "")
		r.runs(2*h+2*time.Minute, 2*h+10*time.Minute, gate, pc2)
	})
}

// TestPartedTellsItsOwn: what was told of two that were taken for one is ended by the name it was told by, and goes on by the
// station's own.
func TestPartedTellsItsOwn(t *testing.T) {
	const h = time.Hour
	r := newRoom(Config{})
	var log []string
	see := func(do func()) {
		r.log = r.log[:0]
		do()
		for _, e := range r.log {
			if (e.Kind == EventOpen || e.Kind == EventClose) && e.Station.Role == RolePC {
				log = append(log, fmt.Sprint(map[EventKind]string{EventOpen: "open ", EventClose: "close "}[e.Kind], e.Station.ID() == pc1))
			}
		}
	}
	r.boots(0, pc1, uuidOne)
	r.runs(2*time.Minute, h, gate, pc1)
	r.runs(h, 2*h, gate)
	see(func() {
		r.boots(2*h, pc2, uuidOne)
		r.runs(2*h+2*time.Minute, 2*h+10*time.Minute, gate, pc2)
	})
	see(func() { r.frames(pc1, 2*h+10*time.Minute, 2*h+10*time.Minute, time.Second) })
	if got, want := fmt.Sprint(log), "[open true close true open false open true]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestUUIDsAreBounded: made-up cards with made-up computers cost no memory beyond the stations'.
func TestUUIDsAreBounded(t *testing.T) {
	r := newRoom(Config{MaxStations: 64})
	for i := range 10_000 {
		r.leases(time.Duration(i)*10*time.Millisecond, capture.DHCP{
			Client: madeUp(i), VendorClass: classPXE, ClientUUID: fmt.Sprintf("4c4c4544-0042-3510-8056-%012x", i),
		})
	}
	if len(r.machines) > 64 || len(r.former) > 64 {
		t.Errorf("%d computers and %d former cards are remembered, want at most 64", len(r.machines), len(r.former))
	}
}
