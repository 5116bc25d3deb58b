package sim

import (
	"testing"
	"time"
)

// TestActs: acts are in order, of stations that are on, within the room's time, and the same each time.
func TestActs(t *testing.T) {
	for seed := range uint64(12) {
		r := room(t, seed, Options{
			Stations: 10, For: 3 * time.Hour, PowerCut: Choice(seed % 3), Outage: Yes,
			Vantage: [3]string{"A", "A+", "C"}[seed%3],
		})
		again := r.Stage()
		n := 0
		for s := r.Stage(); ; {
			start, acts, ok := s.Minute(true)
			_, same, _ := again.Minute(true)
			if !ok {
				break
			}
			n += len(acts)
			before := start
			for i := range acts {
				a := &acts[i]
				if a.At < before || a.At >= start+int64(time.Minute) {
					t.Fatalf("seed %d: act %+v at %v of the minute, after one at %v", seed, a, time.Duration(a.At-start),
						time.Duration(before-start))
				}
				before = a.At
				check(t, r, a)
				if i >= len(same) || *a != same[i] {
					t.Fatalf("seed %d: a second stage plays %+v, the first %+v", seed, same[i], *a)
				}
			}
		}
		if n < 10*180 {
			t.Errorf("seed %d: %d acts in 3 hours of 10 stations", seed, n)
		}
	}
}

// check checks one act.
func check(t *testing.T, r *Room, a *Act) {
	t.Helper()
	state, span := r.Truth.StateAt(int(a.Who), a.At)
	if state == Off && a.Say != ARPAnswer {
		t.Errorf("%+v of %s, which is off", *a, r.Stations[a.Who].Name)
	}
	if span != nil && a.At+a.For > span.To {
		if next, _ := r.Truth.StateAt(int(a.Who), span.To); next == Off && a.At+a.For > span.To+1 && span.To < r.to {
			t.Errorf("%+v goes on after the end of its station", *a)
		}
	}
	if a.Say.Group() != (a.To == ToAll) && a.Say != Wake {
		t.Errorf("%+v: to a group or not", *a)
	}
	if a.Say == Talk {
		for _, c := range []struct{ f, o uint64 }{{a.Up.Frames, a.Up.Octets}, {a.Down.Frames, a.Down.Octets}} {
			if c.f > 0 && (c.o < 42*c.f || c.o > 1514*c.f) || c.f > 40_000 {
				t.Errorf("%+v: frames of %v octets", *a, float64(c.o)/float64(c.f))
			}
		}
		if a.Up.Frames == 0 || a.For <= 0 || a.PeerPort == 0 || a.Port == 0 || !a.Addr.IsValid() {
			t.Errorf("%+v lacks something", *a)
		}
	}
}

// BenchmarkActs is what playing a room costs: 30 stations from 18:00 to 06:00.
func BenchmarkActs(b *testing.B) {
	acts := 0
	for b.Loop() {
		s := room(b, 1, Options{For: 12 * time.Hour}).Stage()
		for {
			_, list, ok := s.Minute(false)
			if !ok {
				break
			}
			acts += len(list)
		}
	}
	b.ReportMetric(float64(acts)/float64(b.N), "acts/op")
}
