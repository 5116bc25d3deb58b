package judge

import (
	"fmt"
	"testing"
	"time"

	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/timeline"
)

// evening is 2026-11-27 20:00 in Vietnam.
var evening = time.Date(2026, 11, 27, 13, 0, 0, 0, time.UTC).UnixNano()

// made returns the timeline of a station that is in use from one minute of n to another, and what a judge who is right says.
func made(station string, n, from, to int) (t timeline.Timeline, st Station) {
	t = timeline.Timeline{Room: "made", Station: station, Sessions: []sim.Interval{}}
	for i := range n {
		at, s := evening+int64(i)*minute, state.Idle
		if i >= from && i < to {
			s = state.Use
		}
		t.Minutes, t.States = append(t.Minutes, state.Minute{Start: at, View: state.Full}), append(t.States, s)
		st.Minutes = append(st.Minutes, Said{Start: at, View: state.Full, State: s, On: true, P: 0.9, Proved: true})
	}
	if from < to {
		x := sim.Interval{From: evening + int64(from)*minute, To: evening + int64(to)*minute}
		t.Sessions = append(t.Sessions, x)
		st.Sessions = append(st.Sessions, state.Session{Start: x.From, End: x.To, Confidence: 0.9})
	}
	return t, st
}

// TestScoreSaysNo: what is wrong counts as wrong.
func TestScoreSaysNo(t *testing.T) {
	f := func(name, figure string, want float64, change func(t *timeline.Timeline, st *Station)) {
		t.Helper()
		x, st := made("a", 120, 30, 90)
		change(&x, &st)
		var c Score
		c.Room([]timeline.Timeline{x}, []Station{st})
		for _, got := range c.Figures() {
			if got.Name == figure && (got.Value < want-1e-9 || got.Value > want+1e-9) {
				t.Errorf("%s: %s is %v, want %v", name, figure, got.Value, want)
			}
		}
	}
	f("right", "states", 1, func(*timeline.Timeline, *Station) {})
	f("right", "sessions_f1", 1, func(*timeline.Timeline, *Station) {})
	f("right", "states_ece", 0.1, func(*timeline.Timeline, *Station) {})
	f("a minute wrong", "states", 119./120, func(_ *timeline.Timeline, st *Station) { st.Minutes[30].State = state.Idle })
	f("off for a minute", "on_within_5min", 119./120, func(_ *timeline.Timeline, st *Station) { st.Minutes[30].On = false })
	f("begins late", "sessions_f1", 0, func(_ *timeline.Timeline, st *Station) { st.Sessions[0].Start += 2 * minute })
	f("begins late", "sessions_f1_5min", 1, func(_ *timeline.Timeline, st *Station) { st.Sessions[0].Start += 2 * minute })
	f("begins late, and says so", "sessions_f1", 1, func(_ *timeline.Timeline, st *Station) {
		st.Sessions[0].Start += 2 * minute
		st.Sessions[0].StartErr = time.Minute
	})
	f("begins late", "start_median", 120, func(_ *timeline.Timeline, st *Station) { st.Sessions[0].Start += 2 * minute })
	f("ends early", "end_median", 60, func(_ *timeline.Timeline, st *Station) { st.Sessions[0].End -= minute })
	f("in two", "sessions_f1", 0, func(_ *timeline.Timeline, st *Station) {
		s := st.Sessions[0]
		st.Sessions[0].End, s.Start = s.Start+20*minute, s.Start+40*minute
		st.Sessions = append(st.Sessions, s)
	})
	f("none", "sessions_f1", 0, func(_ *timeline.Timeline, st *Station) { st.Sessions = nil })
	f("where nobody sat", "sessions_precision", 0, func(t *timeline.Timeline, _ *Station) { t.Sessions = t.Sessions[:0] })
	two := func(sign state.Signs) func(t *timeline.Timeline, st *Station) { // two guests, told as one
		return func(t *timeline.Timeline, st *Station) {
			x := t.Sessions[0]
			t.Sessions = []sim.Interval{{From: x.From, To: x.From + 25*minute}, {From: x.From + 31*minute, To: x.To}}
			for i := 55; i < 61; i++ {
				t.States[i] = state.Idle
			}
			t.Minutes[57].Signs = sign
		}
	}
	f("two whom nothing parts", "sessions_f1", 0, two(0))
	f("two whom nothing parts", "sessions_f1_apart", 1, two(0))
	f("two whom a boot parts", "sessions_f1_apart", 0, two(state.Boot))
	f("two whom nothing parts, told as two", "sessions_f1_apart", 1, func(t *timeline.Timeline, st *Station) {
		two(0)(t, st)
		st.Sessions = st.Sessions[:0]
		for _, x := range t.Sessions {
			st.Sessions = append(st.Sessions, state.Session{Start: x.From, End: x.To})
		}
	})
	f("cut off at the begin, not told", "sessions_f1", 1, func(t *timeline.Timeline, _ *Station) {
		t.Sessions = append([]sim.Interval{{From: evening - 9*minute, To: evening + 4*minute}}, t.Sessions...)
	})
	f("at the begin, not told", "sessions_f1", 2./3, func(t *timeline.Timeline, _ *Station) {
		t.Sessions = append([]sim.Interval{{From: evening - 9*minute, To: evening + 6*minute}}, t.Sessions...)
	})
	plain := func(t *timeline.Timeline, st *Station) {
		for i := range st.Minutes {
			t.Minutes[i].View, st.Minutes[i].View, st.Minutes[i].Proved = state.Broadcasts, state.Broadcasts, false
		}
	}
	f("claimed at a plain port", "plain_use_unproved", 60, plain)
	f("claimed at a plain port with 0.7", "plain_use_unproved", 0, func(t *timeline.Timeline, st *Station) {
		for i := range st.Minutes {
			st.Minutes[i].P = 0.7
		}
		plain(t, st)
	})
}

// TestCauses: each way to miss a session is told as what it is.
func TestCauses(t *testing.T) {
	f := func(name string, want cause, n int, change func(t *timeline.Timeline, st *Station)) {
		t.Helper()
		x, st := made("a", 120, 30, 90)
		change(&x, &st)
		var c Score
		c.Room([]timeline.Timeline{x}, []Station{st})
		wanted := [causes]int{}
		wanted[want] = n
		if c.Uses.Missed != wanted {
			t.Errorf("%s: missed %v, want %v", name, c.Uses.Missed, wanted)
		}
	}
	s := func(st *Station) *state.Session { return &st.Sessions[0] }
	f("right", untold, 0, func(*timeline.Timeline, *Station) {})
	f("none", untold, 1, func(_ *timeline.Timeline, st *Station) { st.Sessions = nil })
	f("late", lateStart, 1, func(_ *timeline.Timeline, st *Station) { s(st).Start += 2 * minute })
	f("much too early", earlyStart, 1, func(_ *timeline.Timeline, st *Station) { s(st).Start -= 9 * minute })
	f("ends late", lateEnd, 1, func(_ *timeline.Timeline, st *Station) { s(st).End += 2 * minute })
	f("ends early", earlyEnd, 1, func(_ *timeline.Timeline, st *Station) { s(st).End -= 20 * minute })
	f("in two", cut, 1, func(_ *timeline.Timeline, st *Station) {
		two := *s(st)
		s(st).End, two.Start = two.Start+20*minute, two.Start+40*minute
		st.Sessions = append(st.Sessions, two)
	})
	for _, j := range []struct {
		apart int64
		boot  state.Signs
		want  cause
	}{{3, 0, joined4}, {6, 0, joined7}, {8, 0, joined10}, {12, 0, joinedOn}, {6, state.Boot, booted}} {
		f(fmt.Sprint("two, ", j.apart, " minutes apart"), j.want, 2, func(t *timeline.Timeline, _ *Station) {
			x := t.Sessions[0]
			t.Sessions = []sim.Interval{{From: x.From, To: x.From + 20*minute}, {From: x.From + (20+j.apart)*minute, To: x.To}}
			t.Minutes[51].Signs = j.boot
		})
	}
}

// TestNightsSayNo: an alert that nobody caused is false, and one that was not told is missed.
func TestNightsSayNo(t *testing.T) {
	const until = 12 * 60
	f := func(name string, truly, said [2]int, want Nights) {
		t.Helper()
		var list []timeline.Timeline
		var stations []Station
		for _, s := range []string{"a", "b"} {
			x, _ := made(s, until, truly[0], truly[1])
			_, st := made(s, until, said[0], said[1])
			list, stations = append(list, x), append(stations, st)
		}
		var n Nights
		n.Add(list, stations)
		n.Wrong = nil
		if got := [7]int{n.Nights, n.True, n.Told, n.False, n.Twice, n.Watches, n.Border}; got != [7]int{
			want.Nights, want.True, want.Told, want.False, want.Twice, want.Watches, want.Border,
		} {
			t.Errorf("%s: %+v, want %+v", name, n, want)
		}
	}
	none, late, brief := [2]int{0, 60}, [2]int{0, 240}, [2]int{200, 211}
	f("nobody", none, none, Nights{Nights: 1})
	f("told", late, late, Nights{Nights: 1, True: 1, Told: 1})
	f("missed", late, none, Nights{Nights: 1, True: 1})
	f("false", none, late, Nights{Nights: 1, False: 1})
	f("eleven minutes, not told", brief, none, Nights{Nights: 1, Border: 1})
}

// TestObserve: the whole slow side and a model of the minutes find nearly the same sessions of a room.
func TestObserve(t *testing.T) {
	r, err := sim.New(3100, sim.Options{Stations: 10, For: 3 * time.Hour, SecondSwitch: sim.No, MirrorLost: sim.No, PowerCut: sim.No})
	if err != nil {
		t.Fatal(err)
	}
	list := timeline.Of(r, "3100")
	var byCafe, byModel Score
	byCafe.Room(list, Observe(r, list))
	byModel.Room(list, ByModel(state.Builtin())(r, list))
	a, b := byCafe.Views[state.Full], byModel.Views[state.Full]
	if a.Minutes < 500 || a.Accuracy() < 0.9 || b.Minutes < a.Minutes || byCafe.Uses.Said == 0 {
		t.Errorf("café: %d minutes, %.3f right, %d sessions; model: %d minutes", a.Minutes, a.Accuracy(), byCafe.Uses.Said, b.Minutes)
	}
}
