package account

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/cafe"
	"cafeprobe/uplink"
)

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC).UnixNano()

// page keeps what an Account writes.
type page struct {
	records []uplink.Record
	occs    []uplink.Occ
}

func (p *page) Record(r uplink.Record) error { p.records = append(p.records, r); return nil }
func (p *page) Occ(o uplink.Occ) error       { p.occs = append(p.occs, o); return nil }

func (p *page) kinds() string {
	var ks []string
	for _, r := range p.records {
		ks = append(ks, string(r.Kind))
	}
	return strings.Join(ks, " ")
}

// play runs stations through a Cafe into an Account: each is heard every 10 s for the given minutes.
func play(t *testing.T, minutes map[capture.MAC]int) *page {
	t.Helper()
	p := &page{}
	c := cafe.New(cafe.Config{})
	a := New(Config{Secret: [32]byte{1}, Quality: uplink.QualitySync, Window: 5 * time.Minute}, p)
	book := func(events []cafe.Event) {
		for i := range events {
			if err := a.Take(&events[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for s := 0; s < 3600; s += 10 {
		at := start + int64(s)*int64(time.Second)
		book(c.Observe(&capture.Observation{Kind: capture.KindTick, Time: at}))
		for i := range byte(8) {
			m := capture.MAC{0x2c, 0xf0, 0x5d, 0, 0, i}
			if s < 60*minutes[m] {
				book(c.Observe(&capture.Observation{Kind: capture.KindActivity, MAC: m, Time: at, First: at}))
			}
		}
	}
	book(c.Finish())
	return p
}

func mac(i byte) capture.MAC { return capture.MAC{0x2c, 0xf0, 0x5d, 0, 0, i} }

func TestBooks(t *testing.T) {
	p := play(t, map[capture.MAC]int{mac(1): 60, mac(2): 20})
	var open, closed int
	for _, r := range p.records {
		switch r.Kind {
		case uplink.KindOpen:
			open++
		case uplink.KindClose:
			closed++
		}
	}
	if open != 2 || closed != 2 {
		t.Errorf("%d opened, %d closed, want 2 and 2: %s", open, closed, p.kinds())
	}
}

func TestCloseSaysWhenAndWhy(t *testing.T) {
	p := play(t, map[capture.MAC]int{mac(1): 60, mac(2): 20})
	for _, r := range p.records {
		if r.Kind != uplink.KindClose {
			continue
		}
		b, err := r.Body()
		if err != nil {
			t.Fatal(err)
		}
		c := b.(*uplink.Close)
		if c.Station != uplink.NewStationID([32]byte{1}, mac(2)) {
			continue
		}
		end := start + int64(20*time.Minute) - int64(10*time.Second)
		if c.Cause != uplink.CauseIdleTimeout || c.Time != uplink.TimeOf(time.Unix(0, end)) || c.Duration != 1190 {
			t.Errorf("close %+v, want idle-timeout at %d after 1190 s", c, end/1e6)
		}
		return
	}
	t.Error("no close of the second station")
}

func TestOccCountsOnAndOff(t *testing.T) {
	p := play(t, map[capture.MAC]int{mac(1): 60, mac(2): 20})
	last := p.occs[len(p.occs)-1]
	if last.On != 1 || last.Use != 0 || last.Unknown != 1 || last.States != "O-" {
		t.Errorf("occ %+v, want one on with its use unknown and one off", last)
	}
	if last.Roster == 0 {
		t.Error("occ refers to no roster")
	}
}

// TestNoMACLeaves: records and summaries hold pseudonyms only.
func TestNoMACLeaves(t *testing.T) {
	p := play(t, map[capture.MAC]int{mac(1): 60, mac(2): 20})
	var all strings.Builder
	for _, r := range p.records {
		all.Write(r.Raw)
	}
	for _, o := range p.occs {
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	text := strings.ToLower(all.String())
	for _, m := range []capture.MAC{mac(1), mac(2)} {
		for _, form := range []string{m.String(), strings.ReplaceAll(m.String(), ":", ""), strings.ReplaceAll(m.String(), ":", "-")} {
			if strings.Contains(text, form) {
				t.Errorf("%s is in what leaves the box", form)
			}
		}
	}
}

func TestSameEventsSameOctets(t *testing.T) {
	minutes := map[capture.MAC]int{mac(1): 60, mac(2): 20, mac(3): 31}
	a, b := play(t, minutes), play(t, minutes)
	if len(a.records) != len(b.records) {
		t.Fatalf("%d and %d records", len(a.records), len(b.records))
	}
	for i := range a.records {
		if string(a.records[i].Raw) != string(b.records[i].Raw) {
			t.Errorf("record %d: %s and %s", i, a.records[i].Raw, b.records[i].Raw)
		}
	}
}

// wall is a Clock whose UTC is ahead of the events' time.
type wall struct {
	ahead   time.Duration
	quality uplink.Quality
}

func (w wall) Stamp(t int64) uplink.Stamp {
	return uplink.Stamp{
		Mono: uplink.Int(t / int64(time.Millisecond)), Time: uplink.TimeOf(time.Unix(0, t).Add(w.ahead)), Quality: w.quality,
	}
}

// Within: a wall is as sure as its quality says.
func (w wall) Within(int64, time.Duration) bool { return w.quality == uplink.QualitySync }

// TestClock: on a box that listens, all stamps come from its clock, and a start that is only a floor is not told as one.
func TestClock(t *testing.T) {
	station := &cafe.Station{MAC: mac(1)}
	f := func(name string, w wall, began uplink.Time) {
		t.Helper()
		p := &page{}
		a := New(Config{Secret: [32]byte{1}, Clock: w}, p)
		minute := int64(time.Minute)
		e := cafe.Event{Kind: cafe.EventClose, Time: 9 * minute, Station: station, Session: cafe.Session{Start: minute, End: 3 * minute, Closed: cafe.CauseOff}}
		if err := a.Take(&e); err != nil {
			t.Fatal(err)
		}
		b, err := p.records[0].Body()
		if err != nil {
			t.Fatal(err)
		}
		if c := b.(*uplink.Close); c.Stamp != w.Stamp(3*minute) || c.Began != began {
			t.Errorf("%s: stamp %+v, began %d, want %+v, %d", name, c.Stamp, c.Began, w.Stamp(3*minute), began)
		}
	}
	ahead := time.Duration(start)
	f("sync", wall{ahead, uplink.QualitySync}, uplink.TimeOf(time.Unix(0, start).Add(time.Minute)))
	f("floor", wall{ahead, uplink.QualityFloor}, 0)
}

// TestRosterIsBounded: somebody who makes up stations that are heard for some minutes each fills neither the box's memory nor
// the message; who is really there stays in the roster, and what the letters say is right.
func TestRosterIsBounded(t *testing.T) {
	p := &page{}
	c := cafe.New(cafe.Config{})
	a := New(Config{Secret: [32]byte{1}, Quality: uplink.QualitySync, Window: 5 * time.Minute}, p)
	see := func(o capture.Observation) {
		t.Helper()
		o.First = o.Time
		events := c.Observe(&o)
		for i := range events {
			if err := a.Take(&events[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	const each, rounds = 100, 60
	for s := 0; s < rounds*180; s += 20 {
		at := start + int64(s)*int64(time.Second)
		see(capture.Observation{Kind: capture.KindTick, Time: at})
		see(capture.Observation{Kind: capture.KindActivity, MAC: mac(1), Time: at, Up: capture.Count{Frames: 9}})
		for i := range each {
			n := s/180*each + i
			m := capture.MAC{0, 1, 2, 3, byte(n >> 8), byte(n)}
			see(capture.Observation{Kind: capture.KindActivity, MAC: m, Time: at, Up: capture.Count{Frames: 9}})
		}
		if len(a.roster) > maxRoster+1024 || len(a.place) != len(a.roster) {
			t.Fatalf("after %d s: %d in the roster, %d placed, want at most %d", s, len(a.roster), len(a.place), maxRoster+1024)
		}
	}
	if len(a.roster) >= rounds*each {
		t.Fatalf("%d in the roster: it was never cut", len(a.roster))
	}
	real := uplink.NewStationID([32]byte{1}, mac(1))
	for _, o := range p.occs {
		if _, err := uplink.Marshal(o); err != nil {
			t.Fatalf("occupancy of %d stations: %v", len(o.States), err)
		}
	}
	var roster []uplink.Member
	for _, r := range p.records { // the parts of the last revision
		var b uplink.Roster
		if r.Kind != uplink.KindRoster {
			continue
		}
		if err := json.Unmarshal(r.Raw, &b); err != nil {
			t.Fatal(err)
		}
		if b.Part == 1 {
			roster = nil
		}
		roster = append(roster, b.Stations...)
	}
	last := p.occs[len(p.occs)-1]
	i := slices.IndexFunc(roster, func(m uplink.Member) bool { return m.Station == real })
	if len(roster) != len(last.States) || i < 0 || last.States[i] != uplink.StateOn {
		t.Errorf("the roster's %d stations have %d letters; the real one is at %d of %q", len(roster), len(last.States), i, last.States)
	}
}

// TestChangedCard: a computer that boots by another card is the station that it was, in the roster and in what is told of it.
func TestChangedCard(t *testing.T) {
	p := &page{}
	c := cafe.New(cafe.Config{})
	a := New(Config{Secret: [32]byte{1}, Quality: uplink.QualitySync, Window: 5 * time.Minute}, p)
	see := func(o capture.Observation) {
		events := c.Observe(&o)
		for i := range events {
			if err := a.Take(&events[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	cards := []capture.MAC{{0x2c, 0xf0, 0x5d, 0, 0, 1}, {0xd8, 0xbb, 0xc1, 0, 0, 9}}
	for s := range int64(3 * 3600 / 10) {
		at, hour := start+s*10*int64(time.Second), s/360
		see(capture.Observation{Kind: capture.KindTick, Time: at})
		see(capture.Observation{Kind: capture.KindActivity, MAC: capture.MAC{0x4c, 0x5e, 0x0c, 0, 0, 1}, Time: at, First: at})
		if hour == 1 {
			continue
		}
		m := cards[hour/2]
		if s%360 == 0 {
			see(capture.Observation{Kind: capture.KindDHCP, Origin: capture.OriginDHCP, MAC: m, Time: at, DHCP: &capture.DHCP{
				Message: "DISCOVER", Client: m, VendorClass: "PXEClient:Arch:00007", ClientUUID: "4c4c4544-0042-3510-8056-b4c04f4a3132",
			}})
		}
		see(capture.Observation{Kind: capture.KindActivity, MAC: m, Time: at, First: at})
	}
	last := p.occs[len(p.occs)-1]
	if len(last.States) != 2 || last.On != 2 {
		t.Errorf("at the end %q, %d on; want two stations, the computer and the router, on", last.States, last.On)
	}
	name, other := string(uplink.NewStationID([32]byte{1}, cards[0])), string(uplink.NewStationID([32]byte{1}, cards[1]))
	opened := 0
	for _, r := range p.records {
		if strings.Contains(string(r.Raw), other) {
			t.Errorf("%s tells of the other card", r.Raw)
		}
		if r.Kind == uplink.KindOpen && strings.Contains(string(r.Raw), name) {
			opened++
		}
	}
	if opened != 2 {
		t.Errorf("%d sessions of the computer opened, want one by each card", opened)
	}
}

// TestRosterIsSentEachDay: where nothing changes, too.
func TestRosterIsSentEachDay(t *testing.T) {
	p := &page{}
	a := New(Config{Secret: [32]byte{1}, Quality: uplink.QualitySync, Window: 5 * time.Minute}, p)
	s := &cafe.Station{MAC: mac(1), Role: cafe.RolePC}
	if err := a.Take(&cafe.Event{Kind: cafe.EventStation, Time: start, Station: s}); err != nil {
		t.Fatal(err)
	}
	for at := time.Duration(0); at < 73*time.Hour; at += 5 * time.Minute {
		e := cafe.Event{Kind: cafe.EventOccupancy, Time: start + int64(at), Occupancy: []cafe.Doing{{Station: s, State: cafe.StateOff}}}
		if err := a.Take(&e); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.kinds(); got != "roster roster roster roster" {
		t.Errorf("%s, want a roster at the start and after each of three days", got)
	}
}
