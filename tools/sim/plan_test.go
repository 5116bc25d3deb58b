package sim

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

func room(t testing.TB, seed uint64, o Options) *Room {
	t.Helper()
	r, err := New(seed, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTruthIsWhole: a station has one state at a time, for all of the time, guests sit only where the PC is in use, and the
// PC is booted before.
func TestTruthIsWhole(t *testing.T) {
	for seed := range uint64(150) {
		o := Options{Stations: 12, For: 16 * time.Hour}
		if seed%3 == 0 {
			o = Options{Stations: 20, For: 30 * time.Hour, PowerCut: Yes, NightUpdates: Yes, Late: 3}
		}
		r := room(t, seed, o)
		for i, f := range r.Truth.Stations {
			whole(t, seed, r.Truth, i)
			for _, s := range f.Sessions {
				for at := s.From; at < s.To; at += int64(time.Minute) {
					if got, _ := r.Truth.StateAt(i, at); got != InUse {
						t.Fatalf("seed %d %s %s: %s at %v, in the session %v", seed, f.Role, f.Name, got, time.Unix(0,
							at).In(vietnam), s)
					}
				}
			}
			for _, a := range f.Activities {
				if s, _ := r.Truth.StateAt(i, a.From); s != InUse && a.Word != "update" {
					t.Errorf("seed %d %s: %s begins when the station is %s", seed, f.Name, a.Word, s)
				}
			}
		}
	}
}

func whole(t *testing.T, seed uint64, truth *Truth, i int) {
	t.Helper()
	f := &truth.Stations[i]
	at, before := truth.From, State("")
	for _, s := range f.Spans {
		if s.From != at || s.To <= s.From {
			t.Fatalf("seed %d %s %s: a span from %v to %v, want one from %v", seed, f.Role, f.Name, s.From, s.To, at)
		}
		if before == Off && (s.State == Idle || s.State == InUse) && f.Role != Phone {
			t.Errorf("seed %d %s %s: %s at %v without a boot", seed, f.Role, f.Name, s.State, time.Unix(0, s.From).In(vietnam))
		}
		at, before = s.To, s.State
	}
	if at != truth.To {
		t.Fatalf("seed %d %s %s: spans end at %v, want %v", seed, f.Role, f.Name, at, truth.To)
	}
}

// TestSeeds: a seed makes one room, and another seed another.
func TestSeeds(t *testing.T) {
	say := func(seed uint64) string {
		b, err := json.Marshal(room(t, seed, Options{}).Truth)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if a, b := say(7), say(7); a != b {
		t.Error("one seed made two rooms")
	}
	if say(7) == say(8) {
		t.Error("two seeds made one room")
	}
}

// TestEvenings: rooms are as full as rooms are, by their sum: an evening has guests, a night without late guests has none.
func TestEvenings(t *testing.T) {
	var used, late, rooms int
	var stays []int64
	for seed := range uint64(60) {
		r := room(t, seed, Options{Stations: 30, For: 12 * time.Hour, Late: -1})
		rooms++
		at := r.from + int64(2*time.Hour) // 20:00
		for i, f := range r.Truth.Stations {
			if f.Role != PC {
				continue
			}
			if s, _ := r.Truth.StateAt(i, at); s == InUse {
				used++
			}
			for _, s := range f.Sessions {
				if s.From > r.from && s.To < r.from+int64(4*time.Hour) {
					stays = append(stays, s.To-s.From)
				}
			}
			late += len(r.Truth.Late(i))
		}
		for _, n := range r.Truth.Nights() {
			if slices.Max(n.Longest) > 5 {
				t.Errorf("seed %d: %+v in a room without late guests", seed, n)
			}
		}
	}
	share := float64(used) / float64(30*rooms)
	slices.Sort(stays)
	median := time.Duration(stays[len(stays)/2])
	t.Logf("%d rooms: %.2f of the stations in use at 20:00; guests who came and went in the evening stayed %v in the "+
		"median; %d minutes past 22:00", rooms, share, median.Round(time.Minute), late)
	if share < 0.4 || share > 0.9 || median < 20*time.Minute || median > 3*time.Hour {
		t.Errorf("share %.2f, median %v: no evening of a café", share, median)
	}
}

// TestLate: those who play on are in the truth by the minute.
func TestLate(t *testing.T) {
	r := room(t, 3, Options{Stations: 10, For: 14 * time.Hour, Late: 4})
	nights := r.Truth.Nights()
	if len(nights) != 1 || nights[0].Evening != "2026-11-27" || nights[0].Stations < 4 || nights[0].Minutes < 4*12 {
		t.Errorf("nights %+v, want one of 27 November with 4 stations", nights)
	}
}
