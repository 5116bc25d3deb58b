package inspect

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture/capturetest"
)

// Of times, truth is in seconds since the Unix epoch, and so are these.
const (
	useSlack  = 60.0 // how far a session of use may be off beyond the errors that it states
	useJoined = 60.0 // pauses in what somebody does that are shorter end no session
	heardErr  = 0.01 // of the first and last frame of a presence
)

// judgeTimes compares what stations did and when, where a file knows.
func judgeTimes(add adder, doc *Document, fs facts) {
	judgeStates(add, doc, fs)
	judgeUse(add, doc, fs)
	judgeDevices(add, doc, fs)
	judgePresence(add, doc, fs)
}

// span is a stretch of what a station did.
type span struct {
	from, to float64
	word     string
}

// known returns the stations of which all that was done at them is known: a file says their states, or from when on they
// booted. The timetable of the lab's evening has games alone.
func known(fs facts) map[string]bool {
	return keys(append(slices.DeleteFunc(slices.Clone(fs["schedule_activity"]), func(f capturetest.Fact) bool {
		return !strings.HasPrefix(f.Value, "boot;")
	}), fs["schedule_state"]...))
}

// didOf returns what a station truly did while it was on. Where a file does not say its states, a time on without an
// activity is idle.
func didOf(fs facts, mac string) (list []span) {
	for _, f := range fs["schedule_state"] {
		col := strings.Split(f.Value, ";")
		if f.Key != mac || len(col) < 2 || col[0] == "OFF" {
			continue
		}
		if from, to, err := times(col[1]); err == nil {
			list = append(list, span{from, to, col[0]})
		}
	}
	if len(list) > 0 {
		return list
	}
	for _, f := range fs["schedule_power"] {
		if from, to, err := times(f.Value); f.Key == mac && err == nil {
			list = append(list, span{from, to, "ON_IDLE"})
		}
	}
	for _, f := range fs["schedule_activity"] {
		col := strings.Split(f.Value, ";")
		if f.Key != mac || len(col) < 3 {
			continue
		}
		word := ""
		switch col[0] {
		case "boot":
			word = "BOOTING"
		case "game", "platform", "video", "voice":
			word = "IN_USE"
		}
		if from, to, err := times(col[2]); err == nil && word != "" {
			list = append(list, span{from, to, word})
		}
	}
	return list
}

func times(v string) (from, to float64, err error) {
	a, b, _ := strings.Cut(v, ",")
	from, err1 := strconv.ParseFloat(a, 64)
	to, err2 := strconv.ParseFloat(b, 64)
	return from, to, cmp.Or(err1, err2)
}

// most returns what holds for the most of the time from from to to, of equals what holds first. Later spans cover earlier
// ones, and where none is it is off.
func most(list []span, from, to float64) string {
	cuts := []float64{from, to}
	for _, s := range list {
		for _, c := range []float64{s.from, s.to} {
			if c > from && c < to {
				cuts = append(cuts, c)
			}
		}
	}
	slices.Sort(cuts)
	had, best := map[string]float64{}, "OFF"
	for i, at := range cuts[:len(cuts)-1] {
		word := "OFF"
		for _, s := range list {
			if s.from <= at && at < s.to {
				word = s.word
			}
		}
		had[word] += cuts[i+1] - at
		if had[word] > had[best] {
			best = word
		}
	}
	return best
}

// judgeStates compares what each minute was for the most of it with what is said of the most of it, and the same of on and
// off alone. Minutes count of which half was captured.
func judgeStates(add adder, doc *Document, fs facts) {
	want, got, wantOn, gotOn := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	if len(known(fs)) == 0 {
		return
	}
	first, last := seconds(doc.Capture.First), seconds(doc.Capture.Last)
	for mac := range known(fs) {
		did, said := didOf(fs, mac), []span{}
		for _, s := range doc.Stations {
			for _, x := range s.States {
				if s.MAC == mac {
					said = append(said, span{seconds(x.From), seconds(x.To), x.State})
				}
			}
		}
		for at := math.Floor(first/60) * 60; at < last; at += 60 {
			from, to := max(at, first), min(at+60, last)
			if to-from < 30 {
				continue
			}
			minute := fmt.Sprintf("%s %s ", mac, time.Unix(int64(at), 0).UTC().Format("15:04"))
			truth, told := most(did, from, to), most(said, from, to)
			if want[minute+truth] = true; told == truth {
				got[minute+truth] = true
			}
			on := minute + onOff(truth)
			if wantOn[on] = true; onOff(told) == onOff(truth) {
				gotOn[on] = true
			}
		}
	}
	add("states", want, got, false)
	add("on", wantOn, gotOn, false)
}

func onOff(word string) string {
	switch word {
	case "OFF", "UNKNOWN":
		return word
	}
	return "ON"
}

// judgeUse compares sessions of use, one to one.
func judgeUse(add adder, doc *Document, fs facts) {
	want, got := map[string]bool{}, map[string]bool{}
	if len(known(fs)) == 0 {
		return
	}
	for mac := range known(fs) {
		used := uses(didOf(fs, mac))
		for _, u := range used {
			want[u.of(mac)] = true
		}
		for _, s := range doc.Stations {
			for _, e := range s.Sessions {
				if s.MAC != mac {
					continue
				}
				i := slices.IndexFunc(used, func(u span) bool { return u.is(e) })
				if i < 0 {
					got[span{seconds(e.Start), seconds(e.End), "IN_USE"}.of(mac)+fmt.Sprintf(" ±%.0f ±%.0f", e.StartErr, e.EndErr)] = true
					continue
				}
				got[used[i].of(mac)] = true
				used = slices.Delete(used, i, i+1)
			}
		}
	}
	add("use", want, got, true)
}

func (s span) of(mac string) string { return fmt.Sprintf("%s %.0f–%.0f", mac, s.from, s.to) }

func (s span) is(e Session) bool {
	return math.Abs(seconds(e.Start)-s.from) <= useSlack+e.StartErr && math.Abs(seconds(e.End)-s.to) <= useSlack+e.EndErr
}

// uses returns the stretches of use in what a station did, with what is between them where that is short.
func uses(list []span) (used []span) {
	for _, s := range list {
		if s.word == "IN_USE" {
			used = append(used, s)
		}
	}
	slices.SortFunc(used, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	joined := used[:0]
	for _, s := range used {
		if n := len(joined) - 1; n >= 0 && s.from-joined[n].to < useJoined {
			joined[n].to = max(joined[n].to, s.to)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// judgeDevices compares when devices were switched on, one to one; extra are times for which one is said to have been on that
// begin at no switch.
func judgeDevices(add adder, doc *Document, fs facts) {
	if len(fs["device_session"]) == 0 {
		return
	}
	want, got := map[string]bool{}, map[string]bool{}
	starts := map[string][]float64{}
	for _, f := range fs["device_session"] {
		for field := range strings.SplitSeq(f.Value, ";") {
			if at, ok := strings.CutPrefix(field, "start="); ok {
				start, err := strconv.ParseFloat(at, 64)
				want[switched(f.Key, start)] = err == nil
				starts[f.Key] = append(starts[f.Key], start)
			}
		}
	}
	for _, s := range doc.Stations {
		left := starts[s.MAC]
		if len(left) == 0 {
			continue
		}
		for _, e := range s.Power {
			at := seconds(e.Start)
			i := slices.IndexFunc(left, func(start float64) bool { return math.Abs(start-at) <= startSlack.Seconds() })
			if i < 0 {
				got[switched(s.MAC, at)+" said"] = true
				continue
			}
			got[switched(s.MAC, left[i])] = true
			left = slices.Delete(left, i, i+1)
		}
	}
	add("device_session", want, got, true)
}

func switched(mac string, at float64) string { return fmt.Sprintf("%s on at %.3f", mac, at) }

// judgePresence compares when frames of stations were heard.
func judgePresence(add adder, doc *Document, fs facts) {
	if fs.asserts("stations") != "strict" || jumps(fs) {
		return
	}
	want, got := map[string]bool{}, map[string]bool{}
	for _, f := range fs["presence"] {
		key := f.Key + " heard " + f.Value
		want[key] = true
		from, to, err := times(f.Value)
		for _, s := range doc.Stations {
			if s.MAC == f.Key && err == nil && slices.ContainsFunc(s.Presence, func(p Span) bool {
				return math.Abs(seconds(p.Start)-from) <= heardErr && math.Abs(seconds(p.End)-to) <= heardErr
			}) {
				got[key] = true
			}
		}
	}
	add("presence", want, got, false)
}

// jumps reports whether a capture is glued from unrelated times.
func jumps(fs facts) bool {
	return slices.ContainsFunc(fs["capture"], func(f capturetest.Fact) bool { return f.Key == "time_jumps_gt_1day" })
}

// TestJudgeTimes shows that the judges of times can say no.
func TestJudgeTimes(t *testing.T) {
	const mac = "2c:f0:5d:10:00:01"
	at := func(s float64) Time { return Time(s * float64(time.Second)) }
	fs := facts{
		"schedule_power": {{Key: mac, Value: "6000.0,7200.0"}},
		"schedule_activity": {
			{Key: mac, Value: "boot;windows-boot;6000.0,6070.0;packets=209"},
			{Key: mac, Value: "game;firefall;6120.0,6600.0;packets=2"},
			{Key: mac, Value: "game;firefall;6620.0,6900.0;packets=2"},
		},
		"device_session": {{Key: mac, Value: "device=Cam;start=6000.5;end=6100.0;file=x"}},
		"assert":         {{Key: "stations", Value: "strict"}},
		"presence":       {{Key: mac, Value: "6000.500,7190.000"}},
	}
	right := func() *Document {
		return &Document{
			Capture: Capture{First: at(5940), Last: at(7260)},
			Stations: []Station{{
				MAC: mac, Power: []Session{{Start: at(6010), End: at(7200)}}, Presence: []Span{{at(6000.5), at(7190)}},
				States: []State{
					{"BOOTING", at(6000), at(6060), 1},
					{"ON_IDLE", at(6060), at(6120), 1},
					{"IN_USE", at(6120), at(6900), 1},
					{"ON_IDLE", at(6900), at(7200), 1},
				},
				Sessions: []Session{{Start: at(6150), End: at(6950), EndErr: 20}},
			}},
		}
	}
	f := func(name, kind string, missed, extra int, change func(s *Station)) {
		t.Helper()
		doc, scores := right(), map[string]*score{}
		change(&doc.Stations[0])
		judge(scores, "x", doc, map[string]facts{"x": fs})
		if s := scores[kind]; s.expected == 0 || len(s.missed) != missed || len(s.extra) != extra {
			t.Errorf("%s: %s: missed %q extra %q, want %d and %d", name, kind, s.missed, s.extra, missed, extra)
		}
	}
	for _, kind := range []string{"states", "on", "use", "device_session", "presence"} {
		f("right", kind, 0, 0, func(*Station) {})
	}
	f("idle a minute too long", "states", 1, 0, func(s *Station) { s.States[1].To, s.States[2].From = at(6180), at(6180) })
	f("off a minute too early", "states", 1, 0, func(s *Station) { s.States[3].To = at(7140) })
	f("off a minute too early", "on", 1, 0, func(s *Station) { s.States[3].To = at(7140) })
	f("not judged", "states", 13, 0, func(s *Station) { s.States[2].State = "ON" })
	f("not judged", "on", 0, 0, func(s *Station) { s.States[2].State = "ON" })
	f("ends later than it says", "use", 1, 1, func(s *Station) { s.Sessions[0].End = at(6981) })
	f("begins too late", "use", 1, 1, func(s *Station) { s.Sessions[0].Start = at(6181) })
	f("in two", "use", 1, 2, func(s *Station) {
		s.Sessions = []Session{{Start: at(6150), End: at(6500)}, {Start: at(6600), End: at(6900)}}
	})
	fs["schedule_state"] = []capturetest.Fact{ // says more than the others: nobody was there from 6600 on
		{Key: mac, Value: "OFF;5940.0,6000.0;"},
		{Key: mac, Value: "BOOTING;6000.0,6070.0;"},
		{Key: mac, Value: "ON_IDLE;6070.0,6120.0;"},
		{Key: mac, Value: "IN_USE;6120.0,6600.0;"},
		{Key: mac, Value: "ON_IDLE;6600.0,7200.0;cut"},
	}
	f("used for five minutes too long", "states", 5, 0, func(*Station) {})
	f("used for five minutes too long", "use", 1, 1, func(*Station) {})
	f("ends when it does", "use", 0, 0, func(s *Station) { s.Sessions[0].End = at(6600) })
	f("on too late", "device_session", 1, 1, func(s *Station) { s.Power[0].Start = at(6031) })
	f("on twice", "device_session", 0, 1, func(s *Station) { s.Power = append(s.Power, Session{Start: at(6020)}) })
	f("heard for too long", "presence", 1, 0, func(s *Station) { s.Presence[0].End = at(7191) })
}
