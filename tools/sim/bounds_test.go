package sim

import (
	"math"
	"testing"
	"time"
)

// TestStageIsBounded: what a stage keeps does not grow with the time.
func TestStageIsBounded(t *testing.T) {
	most := func(span time.Duration) (kept, programs, names int) {
		s := room(t, 5, Options{Stations: 12, For: span, NightUpdates: Yes}).Stage()
		for {
			_, _, ok := s.Minute(false)
			if !ok {
				return kept, programs, names
			}
			kept = max(kept, len(s.later))
			for i := range s.actors {
				programs, names = max(programs, len(s.actors[i].programs)), max(names, len(s.actors[i].known))
			}
		}
	}
	day, dayPrograms, dayNames := most(24 * time.Hour)
	week, weekPrograms, weekNames := most(7 * 24 * time.Hour)
	t.Logf("a day: %d acts ahead, %d programs and %d names of one station; a week: %d, %d, %d", day, dayPrograms,
		dayNames, week, weekPrograms, weekNames)
	if week > 3*day+100 || weekPrograms > 2*dayPrograms+10 || weekNames > 2*dayNames+100 {
		t.Error("a week takes more than a day")
	}
}

// TestRoomsDiffer: a number that a room shows says little of the next room, so that nothing can be fitted to one.
func TestRoomsDiffer(t *testing.T) {
	var play, idle, busy []float64
	for seed := range uint64(24) {
		r := room(t, seed, Options{Stations: 16, For: 3 * time.Hour, Vantage: "A", MirrorLost: No, PowerCut: No})
		var frames, seconds, acts, idleMinutes, used float64
		for s := r.Stage(); ; {
			start, list, ok := s.Minute(false)
			if !ok {
				break
			}
			for i := range list {
				a := &list[i]
				if a.Title != nil && !a.TCP {
					frames += float64(a.Up.Frames)
					seconds += float64(a.For) / 1e9
				}
				if state, _ := r.Truth.StateAt(int(a.Who), a.At); state == Idle && r.Stations[a.Who].Role == PC {
					acts++
				}
			}
			for i := range r.Stations {
				switch state, _ := r.Truth.StateAt(i, start); {
				case r.Stations[i].Role != PC:
				case state == Idle:
					idleMinutes++
				case state == InUse:
					used++
				}
			}
		}
		if seconds > 0 {
			play = append(play, frames/seconds)
		}
		if idleMinutes > 30 {
			idle = append(idle, acts/idleMinutes)
		}
		busy = append(busy, used)
	}
	f := func(what string, list []float64) {
		t.Helper()
		mean, dev := moments(list)
		t.Logf("%-40s %7.2f ± %.2f over %d rooms", what, mean, dev, len(list))
		if dev/mean < 0.15 || len(list) < 8 {
			t.Errorf("%s: rooms are all alike", what)
		}
	}
	f("frames/s that players send", play)
	f("acts a minute of an idle PC", idle)
	f("minutes of use", busy)
}

func moments(list []float64) (mean, dev float64) {
	for _, x := range list {
		mean += x / float64(len(list))
	}
	for _, x := range list {
		dev += (x - mean) * (x - mean) / float64(len(list))
	}
	return mean, math.Sqrt(dev)
}
