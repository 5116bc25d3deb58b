package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cafeprobe/tools/lab/day"
	"cafeprobe/tools/sim"
)

// wordOf is the simulator's word for what a person, or nobody, does.
var wordOf = map[day.Verb]string{
	day.Browse: "browse", day.Video: "video", day.Chat: "chat", day.Game: "game", day.Voice: "voice", day.Update: "update",
}

// truth is what happened, in the simulator's form: power and boots as they were carried out, what people did as the
// table has it, of which every step was done.
func (c *conductor) truth(t *day.Table) *sim.Truth {
	c.l.mu.Lock()
	power := slices.Clone(c.l.power)
	c.l.mu.Unlock()
	x := &sim.Truth{Vantage: "A"}
	x.Interval = c.interval(day.Stretch{From: t.From, To: t.To})
	x.Views = []sim.View{{Sight: sim.SeesAll, Interval: x.Interval}}
	for i := range c.l.scene.stations {
		s := &c.l.scene.stations[i]
		f := sim.Facts{MAC: s.mac, Role: sim.Role(s.role), Addr: s.addr, Name: s.host}
		for _, u := range t.Sessions(s.name) {
			f.Sessions = append(f.Sessions, sim.Session{Interval: c.interval(u)})
		}
		for _, r := range t.Rows {
			if word := wordOf[r.Does]; word != "" && r.Who == s.name {
				a := sim.Activity{Word: word, Interval: c.interval(day.Stretch{From: r.From, To: r.To})}
				a.Title = strings.Join(r.What, " ")
				f.Activities = append(f.Activities, a)
			}
		}
		at := x.From
		for _, p := range power {
			if p.who == s {
				f.Spans = append(f.Spans, sim.Span{State: sim.Off, Interval: sim.Interval{From: at, To: c.nano(p.from)}})
				f.Spans = append(f.Spans, c.spans(p, f.Sessions)...)
				at = c.nano(p.to)
			}
		}
		f.Spans = append(f.Spans, sim.Span{State: sim.Off, Interval: sim.Interval{From: at, To: x.To}})
		f.Spans = slices.DeleteFunc(f.Spans, func(s sim.Span) bool { return s.From >= s.To })
		x.Stations = append(x.Stations, f)
	}
	return x
}

// spans are the states of one time on: booting until the system was there, in use in sessions, else idle.
func (c *conductor) spans(p powered, uses []sim.Session) (list []sim.Span) {
	from, to := c.nano(p.from), c.nano(p.to)
	for _, r := range c.ready[p.who.name] {
		if at := c.nano(r.from); at >= from && at < to && !r.to.IsZero() {
			list = append(list, sim.Span{State: sim.Booting, Interval: sim.Interval{From: at, To: min(c.nano(r.to), to)}})
		}
	}
	for _, u := range uses {
		if u.From >= from && u.From < to {
			list = append(list, sim.Span{State: sim.InUse, Interval: sim.Interval{From: u.From, To: min(u.To, to)}})
		}
	}
	slices.SortFunc(list, func(a, b sim.Span) int { return cmp.Compare(a.From, b.From) })
	list = idleBetween(list, from, to)
	if n := len(list) - 1; n >= 0 {
		list[n].End = map[string]sim.End{string(leave): sim.Shutdown, string(again): sim.Reset, string(cut): sim.Cut}[p.end]
	}
	return list
}

// idleBetween fills the gaps between spans with idle ones.
func idleBetween(list []sim.Span, from, to int64) (full []sim.Span) {
	for _, s := range append(list, sim.Span{Interval: sim.Interval{From: to, To: to}}) {
		if s.From > from {
			full = append(full, sim.Span{State: sim.Idle, Interval: sim.Interval{From: from, To: s.From}})
		}
		if s.To > s.From {
			full = append(full, s)
		}
		from = s.To
	}
	return full
}

func (c *conductor) nano(t time.Time) int64 { return c.clock.at(t).UnixNano() }

func (c *conductor) interval(s day.Stretch) sim.Interval {
	return sim.Interval{From: c.zero.Add(s.From).UnixNano(), To: c.zero.Add(s.To).UnixNano()}
}

// rowsOf are the truth's rows beside those of every scene, in the kinds of tools/sim. A phone is nobody's seat: of what it does
// there is nothing to be told.
func rowsOf(x *sim.Truth) (facts []fact) {
	const origin = "lab: the day's table, as it was carried out"
	for _, f := range x.Stations {
		if len(f.Spans) < 2 {
			continue // it was never on
		}
		if f.Role == "pc" || f.Role == "cashier" {
			for _, s := range f.Spans {
				facts = append(facts, fact{"schedule_state", f.MAC, fmt.Sprintf("%s;%s;%s", s.State, s.Interval, s.End), origin})
			}
			for _, s := range f.Sessions {
				facts = append(facts, fact{"schedule_session", f.MAC, s.Interval.String(), origin})
			}
		}
		for _, a := range f.Activities {
			facts = append(facts, fact{"schedule_activity", f.MAC, fmt.Sprintf("%s;%s;%s", a.Word, a.Title, a.Interval), origin})
		}
	}
	return facts
}

// tellDay writes what was true of a day that was played, and what time was cut of it, and keeps the rows for the truth that
// every scene has.
func (l *lab) tellDay(c *conductor, t *day.Table, out string) error {
	x := c.truth(t)
	l.extra = rowsOf(x)
	text, err := json.MarshalIndent(x, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, l.scene.file+".truth.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, l.scene.file+".blocks.tsv"), []byte(c.clock.report(time.Now())), 0o644)
}
