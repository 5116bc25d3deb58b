package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"cafeprobe/tools/sim/shape"
)

// use is one guest at one station, as it is planned.
type use struct {
	Interval
	late bool
}

// awake is a stretch in which a station is on for no guest: woken for the night's updates, or in the morning.
type awake struct {
	Interval
	update bool
}

const day = int64(24 * time.Hour)

// seconds and minutes return nanoseconds.
func seconds(s float64) int64 { return int64(s * float64(time.Second)) }
func minutes(m float64) int64 { return int64(m * float64(time.Minute)) }

// plan makes the truth: troubles first, then who comes and when, then what each station does.
func (r *Room) plan() *Truth {
	t := &Truth{Seed: r.Seed, Interval: Interval{r.from, r.to}, Vantage: r.Options.Vantage}
	t.Stations = make([]Facts, len(r.Stations))
	for i := range r.Stations {
		s := &r.Stations[i]
		t.Stations[i] = Facts{MAC: s.MAC.String(), Role: s.Role, Addr: s.Addr.String(), Name: s.Name, Hidden: s.Hidden}
	}
	r.troubles(t)
	uses, wakes := r.guests(), make([][]awake, len(r.Stations))
	if r.habits.nightUpdates {
		r.updates(uses, wakes)
	}
	for i := range r.Stations {
		g := r.rand("station " + r.Stations[i].MAC.String())
		f := &t.Stations[i]
		switch r.Stations[i].Role {
		case PC:
			r.powerCuts(g, t.Cuts, &uses[i])
			r.planPC(g, t, f, uses[i], wakes[i])
		case Cashier:
			r.planCashier(g, t, f)
		case Phone:
			r.planPhone(g, t, f)
		case Printer:
			r.planAlways(g, t, f, 5, 20)
		case Server:
			r.planAlways(g, t, f, 40, 120)
			r.planServer(g, f)
		default:
			r.planAlways(g, t, f, 40, 120)
		}
		f.clip(r.from, r.to)
	}
	return t
}

// days calls do with each midnight in Vietnam that matters: from the day before the first.
func (r *Room) days(do func(midnight int64)) {
	first := r.from - int64(sinceMidnight(r.from)) - day
	for m := first; m < r.to; m += day {
		do(m)
	}
}

// troubles draws what goes wrong, and what the box sees.
func (r *Room) troubles(t *Truth) {
	g := r.rand("troubles")
	o := &r.Options
	has := func(c Choice, p float64) bool { return c == Yes || g.Float64() < p && c == Drawn }
	span := func(least, most float64) Interval {
		from := r.from + int64((0.15+0.6*g.Float64())*float64(r.to-r.from))
		return Interval{from, from + min(minutes(least+(most-least)*g.Float64()), (r.to-r.from)/4)}
	}
	outage, cut, lost := span(3, 25), span(3, 40), span(30, 400)
	if has(o.Outage, 0.08) {
		t.Outages = append(t.Outages, outage)
	}
	if has(o.PowerCut, 0.03) {
		t.Cuts = append(t.Cuts, cut)
	}
	usual := SeesAll
	if o.Vantage == VantageC {
		usual = SeesBroadcasts
	}
	t.Views = []View{{usual, t.Interval}}
	if has(o.MirrorLost, 0.04) && usual == SeesAll {
		t.Views = overlay(t.Views, View{SeesBroadcasts, lost.within(r.from, r.to)})
	}
	for _, c := range t.Cuts { // the box is at the same socket; it takes 45 s to listen again
		t.Views = overlay(t.Views, View{SeesNothing, Interval{c.From, c.To + int64(45*time.Second)}.within(r.from, r.to)})
	}
}

// overlay puts v over views.
func overlay(views []View, v View) (out []View) {
	for _, old := range views {
		if head := old.within(old.From, v.From); head.From < head.To {
			out = append(out, View{old.Sight, head})
		}
	}
	out = append(out, v)
	for _, old := range views {
		if tail := old.within(v.To, old.To); tail.From < tail.To {
			out = append(out, View{old.Sight, tail})
		}
	}
	slices.SortFunc(out, func(a, b View) int { return cmp.Compare(a.From, b.From) })
	return out
}

// powerCuts ends the uses that a cut falls into. Half of the guests wait and go on.
func (r *Room) powerCuts(g *rand.Rand, cuts []Interval, uses *[]use) {
	for _, c := range cuts {
		var out []use
		for _, u := range *uses {
			if u.To <= c.From || u.From >= c.To+minutes(8) {
				out = append(out, u)
				continue
			}
			if u.From < c.From {
				out = append(out, use{Interval{u.From, c.From}, u.late})
			}
			back := c.To + seconds(r.habits.boot.To) + minutes(1+5*g.Float64())
			if g.Float64() < 0.5 && u.To-back > minutes(10) {
				out = append(out, use{Interval{back, u.To}, u.late})
			}
		}
		*uses = out
	}
}

// clip leaves of f what is within [from, to).
func (f *Facts) clip(from, to int64) {
	spans := f.Spans[:0]
	for _, s := range f.Spans {
		if s.To > to {
			s.End = ""
		}
		if s.Interval = s.within(from, to); s.From < s.To {
			spans = append(spans, s)
		}
	}
	f.Spans = spans
	sessions := f.Sessions[:0]
	for _, s := range f.Sessions {
		if s.Interval = s.within(from, to); s.From < s.To {
			sessions = append(sessions, s)
		}
	}
	f.Sessions = sessions
	activities := f.Activities[:0]
	for _, a := range f.Activities {
		a.Word = a.What.String()
		if a.Interval = a.within(from, to); a.From < a.To {
			activities = append(activities, a)
		}
	}
	slices.SortStableFunc(activities, func(a, b Activity) int { return cmp.Compare(a.From, b.From) })
	f.Activities = activities
}

func (f *Facts) span(s State, from, to int64, end End) {
	if from < to {
		f.Spans = append(f.Spans, Span{s, Interval{from, to}, end})
	}
}

// act notes an activity.
func (f *Facts) act(what shape.Class, title string, from, to int64) *Activity {
	f.Activities = append(f.Activities, Activity{What: what, Title: title, Interval: Interval{from, to}})
	return &f.Activities[len(f.Activities)-1]
}
