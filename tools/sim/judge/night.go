package judge

import (
	"cmp"
	"slices"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim/timeline"
)

// Nights is how well use after hours was told, of site-nights. What is told of them is what firmware/hours makes of minutes,
// and so is what should be: of the true minutes of stations and times of which all is seen.
type Nights struct {
	Nights  int
	True    int // in which an alert is to be told
	Told    int // of those, in which one was
	False   int // in which a watch or an alert was told, and nobody was there who was to be told of
	Twice   int // in which one stage was told twice
	Watches int // in which a watch and no alert is to be told
	Watched int // of those, in which a watch or an alert was told
	Border  int // in which the truth is within Margin of another judgement: they count for nothing but False and Twice
	Wrong   []string
}

// Margin is by how much longer or shorter use is taken to be for a night to count as one of the border: a minute is judged
// whole, so that ten minutes may be told as nine or as eleven.
const Margin = 2 // minutes

// told are the stages that were told of each night.
type told map[hours.Date][]hours.Stage

func (t told) has(d hours.Date, s hours.Stage) bool { return slices.Contains(t[d], s) }

// use is a station in use in a minute.
type use struct {
	start   int64
	station int
	p       float64 // that it is in use; 0: it is not
	off     bool
	open    bool // nobody can say
}

// Add takes one room: its stations' timelines and what was said of them.
func (n *Nights) Add(list []timeline.Timeline, said []Station) {
	from, to := int64(1)<<62, int64(0)
	var got []use
	for i := range said {
		for _, s := range said[i].Minutes {
			from, to = min(from, s.Start), max(to, s.Start)
			u := use{start: s.Start, station: i, off: s.State == state.Off, open: s.State == state.Unknown}
			if s.State == state.Use {
				u.p = s.P
			}
			got = append(got, u)
		}
	}
	if len(got) == 0 {
		return
	}
	tell := tellOf(got, to)
	strict, least := tellOf(truly(list, 0, true), to), tellOf(truly(list, -Margin, true), to)
	more, most := tellOf(truly(list, Margin, true), to), tellOf(truly(list, Margin, false), to)
	for d := hours.DateOf(time.Unix(0, from)) - 1; d <= hours.DateOf(time.Unix(0, to)); d++ {
		if !within(d, from, to) {
			continue
		}
		n.Nights++
		wrong := func(what string) { n.Wrong = append(n.Wrong, list[0].Room+" "+d.String()+" "+what) }
		for i, s := range tell[d] {
			if slices.Contains(tell[d][:i], s) {
				n.Twice++
				wrong("told twice")
			}
		}
		if len(tell[d]) > 0 && len(most[d]) == 0 {
			n.False++
			wrong("false")
		}
		switch level := func(t told) string { return levelOf(t, d) }; {
		case level(least) != level(strict) || level(more) != level(strict):
			n.Border++
		case level(strict) == "alert":
			n.True++
			if tell.has(d, hours.Alert) {
				n.Told++
			} else {
				wrong("missed")
			}
		case level(strict) == "watch":
			n.Watches++
			if len(tell[d]) > 0 {
				n.Watched++
			} else {
				wrong("missed watch")
			}
		}
	}
}

// levelOf returns the highest stage of a night.
func levelOf(t told, d hours.Date) string {
	switch {
	case t.has(d, hours.Alert):
		return "alert"
	case t.has(d, hours.Watch):
		return "watch"
	}
	return ""
}

// within reports whether some of the night of d is in from to to.
func within(d hours.Date, from, to int64) bool {
	p := profile()
	begins, _ := time.ParseInLocation(time.DateOnly, d.String(), hours.Zone)
	start := begins.Add(time.Duration(p.Window.From) * time.Minute)
	end := start.Add(time.Duration(p.Window.Minutes()) * time.Minute)
	return start.UnixNano() < to && end.UnixNano() > from
}

func profile() hours.Profile {
	p, err := hours.NewProfile(hours.Game, hours.Window{}, hours.Grace)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return p
}

// truly returns in which minutes stations were in use, each stretch longer by so many minutes at both ends; seen leaves out
// what could not be seen.
func truly(list []timeline.Timeline, longer int, seen bool) (uses []use) {
	for i := range list {
		t := &list[i]
		for k := range t.Minutes {
			in := t.States[k] == state.Use
			for d := -max(longer, -longer); d <= max(longer, -longer); d++ {
				j := min(max(k+d, 0), len(t.States)-1)
				if longer > 0 && t.States[j] == state.Use {
					in = true
				}
				if longer < 0 && t.States[j] != state.Use {
					in = false
				}
			}
			u := use{start: t.Minutes[k].Start, station: i, off: t.States[k] == state.Off}
			if seen && t.Minutes[k].View != state.Full {
				u.open = true
			} else if in {
				u.p = 1
			}
			uses = append(uses, u)
		}
	}
	return uses
}

// tellOf gives minutes to the rules of the night, as firmware/account does, and returns what they tell until an hour behind to.
func tellOf(list []use, to int64) told {
	slices.SortFunc(list, func(a, b use) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.station, b.station)) })
	var n hours.Nights[int]
	n.Change(profile(), time.Unix(0, list[0].start))
	out := told{}
	note := func(list []hours.Told) {
		for _, t := range list {
			out[t.Night] = append(out[t.Night], t.Stage)
		}
	}
	for len(list) > 0 {
		m := hours.Minute[int]{Start: time.Unix(0, list[0].start), Certain: true}
		judged, open := 0, 0
		for len(list) > 0 && list[0].start == m.Start.UnixNano() {
			switch u := list[0]; {
			case u.open:
				open++
			case u.p > 0:
				m.Use = append(m.Use, hours.Use[int]{Station: u.station, P: u.p})
				judged++
			case !u.off:
				judged++
			}
			list = list[1:]
		}
		m.Blind = judged == 0 && open > 0
		note(n.Take(&m))
	}
	note(n.Pass(time.Unix(0, to).Add(time.Hour)))
	return out
}
