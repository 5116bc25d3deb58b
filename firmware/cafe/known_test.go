package cafe

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cafeprobe/capture"
)

// testKeys are keys that can be read.
var testKeys = &Keys{
	Card:     func(m capture.MAC) string { return "card " + m.String() },
	Computer: func(uuid string) string { return "computer " + uuid },
}

// life is a run of the box that goes on with what the runs before have learned.
func life(list []Computer, do func(r *room)) (*room, []Computer) {
	r := newRoom(Config{Keys: testKeys, Computers: list})
	do(r)
	r.log = append(r.log, r.Finish()...)
	for _, e := range r.log {
		if e.Kind == EventComputers {
			list = e.Computers
		}
	}
	return r, list
}

// on has PCs boot at from, each with its UUID, and run for an hour.
func on(from time.Duration, uuid string, list ...capture.MAC) func(r *room) {
	return func(r *room) {
		for _, m := range list {
			r.boots(from, m, uuid)
		}
		r.runs(from+2*time.Minute, from+time.Hour, append(list, gate)...)
		r.runs(from+time.Hour, from+2*time.Hour, gate)
	}
}

// TestComputersOverARestart: a computer whose card was changed is told of as it was, however often the box starts anew; and one
// whose UUID another has is not.
func TestComputersOverARestart(t *testing.T) {
	alias := func(r *room, m capture.MAC) string {
		t.Helper()
		s, ok := r.Known(m)
		if !ok {
			t.Fatalf("%v is no station", m)
		}
		return s.Alias()
	}
	f := func(name string, r *room, m capture.MAC, want string) {
		t.Helper()
		if got := alias(r, m); got != want {
			t.Errorf("%s: %v is told of by %q, want %q", name, m, got, want)
		}
	}
	old := testKeys.Card(pc1)
	_, first := life(nil, on(0, uuidOne, pc1))
	if want := []Computer{{Key: testKeys.Computer(uuidOne), Card: old}}; !slices.EqualFunc(first, want, Computer.equal) {
		t.Fatalf("%+v was learned of one computer, want %+v", first, want)
	}
	r, _ := life(first, on(0, uuidOne, pc1))
	f("the same card", r, pc1, "")
	r, second := life(first, on(0, uuidOne, pc2))
	f("another card", r, pc2, old)
	if s, _ := r.Known(pc2); len(s.Was) != 0 || len(s.Sessions) != 1 {
		t.Errorf("cards %v, %d sessions; want what this run has heard", s.Was, len(s.Sessions))
	}

	r, _ = life(second, func(r *room) { r.runs(0, time.Hour, pc2, gate) })
	f("heard again before it boots", r, pc2, old)
	r, third := life(second, on(0, uuidOne, phone))
	f("a third card", r, phone, old)
	if len(third) != 1 || !slices.Equal(third[0].Was, []string{old, testKeys.Card(pc2)}) {
		t.Errorf("%+v was learned, want one computer with two cards before", third)
	}
	r, _ = life(second, func(r *room) {
		on(0, uuidOne, pc2)(r)
		on(2*time.Hour, uuidOne, phone)(r)
	})
	f("a third card in the same run", r, phone, old)

	r, clones := life(second, func(r *room) {
		on(0, uuidOne, pc2)(r)
		r.runs(2*time.Hour, 3*time.Hour, pc1, gate)
	})
	f("the first card comes back", r, pc1, "")
	f("and this one", r, pc2, "")
	r, _ = life(clones, on(0, uuidOne, phone))
	f("clones are known to be", r, phone, "")
	r, _ = life(clones, func(r *room) { r.runs(0, time.Hour, pc2, gate) })
	f("clones are no one's", r, pc2, "")

	r, _ = life(first, func(r *room) {
		r.runs(0, time.Hour, pc1, gate)
		on(time.Hour/2, uuidOne, pc2)(r)
	})
	f("both are on", r, pc2, "")
	r, _ = life(first, func(r *room) {
		r.runs(0, 10*time.Minute, pc2, gate)
		on(10*time.Minute, uuidOne, pc2)(r)
	})
	f("on before it says who it is", r, pc2, "")
	r, _ = life([]Computer{{Key: first[0].Key, Card: old, Was: make([]string, maxCards+1)}}, on(0, uuidOne, pc2))
	f("more cards than can be", r, pc2, "")
}

// TestComingBackIsTold: what was told of a computer by another's name is ended by that, and goes on by its own.
func TestComingBackIsTold(t *testing.T) {
	_, list := life(nil, on(0, uuidOne, pc1))
	_, list = life(list, on(0, uuidOne, pc2))
	r := newRoom(Config{Keys: testKeys, Computers: list})
	var log []string
	told := func() {
		for _, e := range r.log {
			if e.Kind == EventOpen || e.Kind == EventClose {
				log = append(log, fmt.Sprint(e.Kind == EventOpen, " ", e.Station.MAC == pc2, " ", e.Station.Alias() != ""))
			}
		}
		r.log = nil
	}
	r.boots(0, pc2, uuidOne)
	r.runs(2*time.Minute, 20*time.Minute, pc2)
	told()
	r.frames(pc1, 20*time.Minute, 20*time.Minute, time.Second)
	told()
	want := []string{"true true true", "false true true", "true true false"} // open, close of the other's; open of its own
	if !slices.Equal(log, want) {
		t.Errorf("told %q, want %q", log, want)
	}
}

// TestKeptComputersAreBounded: cards that are made up for a moment are not kept, and do not push out those that are.
func TestKeptComputersAreBounded(t *testing.T) {
	_, list := life(nil, on(0, uuidOne, pc1))
	for i := range 100 {
		list = append(list, Computer{Key: fmt.Sprint(i), Card: fmt.Sprint("card ", i), Age: uint(i)})
	}
	r := newRoom(Config{MaxStations: 64, Keys: testKeys, Computers: list})
	for i := range 10_000 {
		r.leases(time.Duration(i)*10*time.Millisecond, capture.DHCP{
			Client: madeUp(i), VendorClass: classPXE, ClientUUID: fmt.Sprintf("4c4c4544-0042-3510-8056-%012x", i),
		})
	}
	r.log = append(r.log, r.Finish()...)
	if len(r.machines) > 64 || len(r.cards) > 64*(maxCards+1) {
		t.Errorf("%d computers with %d cards are remembered, want at most 64", len(r.machines), len(r.cards))
	}
	for _, e := range r.log {
		if e.Kind == EventComputers && (len(e.Computers) > 32 || !slices.ContainsFunc(e.Computers, func(k Computer) bool {
			return k.Key == testKeys.Computer(uuidOne)
		})) {
			t.Errorf("%d computers are kept, want at most 32, that of an earlier run among them", len(e.Computers))
		}
	}
}
