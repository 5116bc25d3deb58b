package live_test

import (
	"fmt"
	"testing"
	"time"

	"cafeprobe/tools/province/live"
	"cafeprobe/tools/province/store"
)

func TestOf(t *testing.T) {
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	occ := func(vantage string, on, use, unknown int) []byte {
		// The record's own time is a year old on purpose: a replayed capture is still heard now.
		return fmt.Appendf(nil, `{"v":1,"t":1763953200000,"tq":"sync","win":300,"vantage":%q,"roster":1,"on":%d,"use":%d,`+
			`"unknown":%d,"conf":80,"st":""}`, vantage, on, use, unknown)
	}
	heard := func(ago time.Duration, occ []byte) store.Box {
		return store.Box{Box: "b-00000001", LastHeard: now.Add(-ago), Occ: occ, OccAt: now.Add(-ago)}
	}
	f := func(name string, b store.Box, want live.Status) {
		t.Helper()
		if got := live.Of(b, now).Status; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("registered, never heard", store.Box{}, live.Offline)
	f("one station on", heard(0, occ("A", 1, 0, 0)), live.Open)
	f("one station on, plain port", heard(0, occ("C", 1, 0, 0)), live.Open)
	f("none on, mirror", heard(0, occ("A", 0, 0, 0)), live.Closed)
	f("none on, one unknown", heard(0, occ("A", 0, 0, 1)), live.Unknown)
	f("none on, mirror with the boot server's port", heard(0, occ("A+", 0, 0, 0)), live.Closed)
	f("none on, sees nothing", heard(0, occ("BLIND", 0, 0, 0)), live.Blind)
	f("one on, judged blind since", heard(0, occ("BLIND", 1, 0, 0)), live.Open)
	f("none on, plain port: silence is no proof", heard(0, occ("C", 0, 0, 0)), live.Unknown)
	f("no occupancy yet", heard(0, nil), live.Unknown)
	f("occupancy that does not parse", heard(0, []byte(`{"v":1}`)), live.Unknown)
	f("just within the silence", heard(live.Silence-1, occ("A", 3, 0, 0)), live.Open)
	f("just over", heard(live.Silence, occ("A", 3, 0, 0)), live.Offline)

	b := heard(0, occ("A", 3, 0, 0))
	b.OccAt = now.Add(-live.Silence)
	f("heard, but its occupancy is old", b, live.Unknown)
	b = heard(0, occ("A", 3, 0, 0))
	b.Blind = true
	f("blind with stations on", b, live.Blind)
	b.Blind, b.Down = false, true
	f("its will arrived", b, live.Offline)
	b.Blind = true
	f("blind, and its will arrived", b, live.Offline)
}

func TestUseIsShownOnlyWhereItIsSeen(t *testing.T) {
	now := time.Now()
	f := func(vantage string, use int, want bool) {
		t.Helper()
		o := fmt.Appendf(nil, `{"v":1,"t":null,"tq":"none","win":300,"vantage":%q,"roster":0,"on":5,"use":%d,"unknown":0,`+
			`"conf":80,"st":""}`, vantage, use)
		if got := live.Of(store.Box{LastHeard: now, Occ: o, OccAt: now}, now).InUse; got != want {
			t.Errorf("vantage %s, %d in use: shown %v, want %v", vantage, use, got, want)
		}
	}
	f("A", 0, true)
	f("C", 0, false)
	f("C", 2, true) // proven by a broadcast
}
