package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"cafeprobe/tools/sim/shape"
)

// item is a stretch that a PC has to be on for.
type item struct {
	Interval
	use, update bool
}

// planPC makes the states of a PC of what it is used for.
func (r *Room) planPC(g *rand.Rand, t *Truth, f *Facts, uses []use, wakes []awake) {
	items := make([]item, 0, len(uses)+len(wakes))
	for _, u := range uses {
		items = append(items, item{u.Interval, true, false})
		f.Sessions = append(f.Sessions, Session{u.Interval, u.late})
		r.activities(g, f, u.Interval)
	}
	for _, w := range wakes {
		items = append(items, item{w.Interval, false, w.update})
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.From, b.From) })
	p := power{room: r, g: g, f: f, at: r.from - 2*day}
	for _, c := range append(slices.Clone(t.Cuts), Interval{r.to, r.to}) {
		for len(items) > 0 && items[0].From < c.From {
			p.item(items[0], c.From)
			items = items[1:]
		}
		for len(items) > 0 && items[0].From < c.To { // a wake in a cut
			items = items[1:]
		}
		p.cut(c)
	}
}

// power walks along the time of one PC.
type power struct {
	room *Room
	g    *rand.Rand
	f    *Facts
	at   int64 // until where its spans go
	on   bool  // it is on at p.at
	off  int64 // when it will be switched off if nothing comes between
}

// item switches the PC on if need be, and notes what it is on for, until limit at most.
func (p *power) item(it item, limit int64) {
	h := &p.room.habits
	boot := seconds(h.boot.Draw(p.g))
	if p.on && p.off < it.From-boot-seconds(30) {
		p.switchOff(p.off)
	}
	if p.on {
		p.f.span(Idle, p.at, it.From, "")
	} else {
		p.f.span(Off, p.at, max(p.at, it.From-boot), "")
		p.f.span(Booting, max(p.at, it.From-boot), it.From, "")
	}
	state := Idle
	if it.use {
		state = InUse
	}
	to := min(it.To, limit)
	if it.update {
		p.f.act(shape.Update, "", it.From+seconds(20+60*p.g.Float64()), to)
	}
	p.f.span(state, it.From, to, "")
	p.at, p.on = to, true
	p.leave(it, limit)
}

// leave decides what becomes of a PC that is on for nothing any more.
func (p *power) leave(it item, limit int64) {
	h, g := &p.room.habits, p.g
	last := p.at - int64(sinceMidnight(p.at)) + int64(closes) + minutes(25*g.Float64())
	switch {
	case it.update, g.Float64() < h.offAtOnce:
		p.off = p.at + seconds(5+40*g.Float64())
		return
	case h.reboot && p.at < limit:
		boot := min(p.at+seconds(4+h.boot.Draw(g)), limit)
		p.f.Spans[len(p.f.Spans)-1].End = Reset
		p.f.span(Booting, p.at, boot, "")
		p.at = boot
	}
	switch soon := p.at + minutes(h.offAfter.Draw(g)); {
	case g.Float64() < h.offSoon:
		p.off = soon
	case g.Float64() < h.overnight:
		p.off = p.at + 365*day
	case sinceMidnight(p.at) > closes || sinceMidnight(p.at) < opens:
		p.off = p.at + minutes(10*g.Float64())
	default:
		p.off = max(last, p.at+seconds(20))
	}
}

func (p *power) switchOff(at int64) {
	at = max(at, p.at)
	if p.f.span(Idle, p.at, at, Shutdown); p.at == at && len(p.f.Spans) > 0 {
		p.f.Spans[len(p.f.Spans)-1].End = Shutdown
	}
	p.at, p.on = at, false
}

// cut ends everything at c.From, and leaves the PC off until c.To.
func (p *power) cut(c Interval) {
	if p.on && p.off < c.From {
		p.switchOff(p.off)
	}
	if p.on {
		p.f.span(Idle, p.at, c.From, Cut)
		p.f.Spans[len(p.f.Spans)-1].End = Cut
	} else {
		p.f.span(Off, p.at, c.From, "")
	}
	p.f.span(Off, c.From, c.To, "")
	p.at, p.on = c.To, false
}

// activities draws what a guest does from beginning to end.
func (r *Room) activities(g *rand.Rand, f *Facts, u Interval) {
	h := &r.habits
	hidden := g.Float64() < h.tunnelled
	player := g.Float64() < h.gamers
	talks, watches := player && g.Float64() < h.voice, player && g.Float64() < h.screen
	titles := [2]int{weighted(g, h.mix), weighted(g, h.mix)}
	first := len(f.Activities)
	for at := u.From + seconds(8+60*g.Float64()); at < u.To; {
		length := minutes(shape.Range{From: 4, To: 45}.DrawLog(g))
		if player && g.Float64() < 0.8 {
			title := &shape.Titles[titles[g.IntN(2)]]
			length = minutes(shape.Range{From: 15, To: 180}.DrawLog(g))
			f.act(shape.Game, title.Name, at, min(at+length, u.To)).title = title
			if talks {
				f.act(shape.Voice, "discord", at+minutes(3*g.Float64()), min(at+length, u.To))
			}
			if watches {
				f.act(shape.Video, pick(g, shape.Films[:2]), at+minutes(2*g.Float64()), min(at+length, u.To))
			}
		} else {
			r.leisure(g, f, at, min(at+length, u.To))
		}
		at += length + seconds(5+60*g.Float64())
	}
	for i := range f.Activities[first:] {
		f.Activities[first+i].Tunnel = hidden
	}
}

// leisure is a while of anything but games.
func (r *Room) leisure(g *rand.Rand, f *Facts, from, to int64) {
	switch x := g.Float64(); {
	case x < 0.35:
		f.act(shape.Site, "", from, to)
	case x < 0.6:
		f.act(shape.Social, pick(g, shape.Feeds), from, to)
	case x < 0.9:
		f.act(shape.Video, pick(g, shape.Films), from, to)
	default:
		f.act(shape.Social, pick(g, shape.Chats), from, to)
	}
}

// planCashier makes the day of the staff's PC: on while the room is open, used now and then, and after closing in rooms
// where the staff stays.
func (r *Room) planCashier(g *rand.Rand, t *Truth, f *Facts) {
	always := g.Float64() < 0.4
	p := power{room: r, g: g, f: f, at: r.from - 2*day}
	var on []item
	r.days(func(midnight int64) {
		from := midnight + int64(opens) - minutes(5+20*g.Float64())
		busy := midnight + int64(closes) + minutes(15*g.Float64())
		if r.habits.staff {
			busy += minutes(20 + 160*g.Float64())
		}
		to := busy + minutes(2+20*g.Float64())
		if always {
			to = from + day
		}
		for at := from; at < busy; {
			idle := at + minutes(0.5+6*g.ExpFloat64())
			use := min(idle+minutes(0.5+9*g.ExpFloat64()), busy)
			on = append(on, item{Interval{at, min(idle, busy)}, false, false}, item{Interval{min(idle, busy), use}, true, false})
			at = use
		}
		on = append(on, item{Interval{busy, to}, false, false})
	})
	for _, c := range append(slices.Clone(t.Cuts), Interval{r.to, r.to}) {
		for len(on) > 0 && on[0].From < c.From {
			p.staff(on[0], c.From)
			on = on[1:]
		}
		for len(on) > 0 && on[0].To <= c.To+minutes(3) {
			on = on[1:]
		}
		if len(on) > 0 && on[0].From < c.To+minutes(3) {
			on[0].From = c.To + minutes(3)
		}
		p.cut(c)
	}
}

// staff notes a stretch of the cashier's PC.
func (p *power) staff(it item, limit int64) {
	it.From, it.To = max(it.From, p.at), min(it.To, limit)
	if it.From >= it.To {
		return
	}
	if p.on && p.at < it.From {
		p.switchOff(p.at)
	}
	if !p.on {
		boot := max(p.at, it.From-seconds(p.room.habits.boot.Draw(p.g)))
		p.f.span(Off, p.at, boot, "")
		p.f.span(Booting, boot, it.From, "")
	}
	state := Idle
	if it.use {
		state = InUse
		p.f.Sessions = append(p.f.Sessions, Session{Interval: it.Interval})
		p.room.leisure(p.g, p.f, it.From+seconds(3), it.To)
	}
	p.f.span(state, it.From, it.To, "")
	p.at, p.on, p.off = it.To, true, it.To
}

// planPhone lets somebody's phone come in and go, again and again.
func (r *Room) planPhone(g *rand.Rand, t *Truth, f *Facts) {
	at := r.from - 2*day
	r.days(func(midnight int64) {
		last := midnight + int64(closes)
		for from := midnight + int64(opens) + minutes(300*g.ExpFloat64()); from < last; {
			to := min(from+minutes(5+50*g.ExpFloat64()), last+minutes(5))
			if hit := func(c Interval) bool { return from < c.To && c.From < to }; !slices.ContainsFunc(t.Cuts, hit) &&
				from > at {
				f.span(Off, at, from, "")
				f.span(InUse, from, to, Reset)
				f.Sessions = append(f.Sessions, Session{Interval: Interval{from, to}})
				r.leisure(g, f, from+seconds(4), to)
				at = to
			}
			from = to + minutes(10+150*g.ExpFloat64())
		}
	})
	f.span(Off, at, r.to, "")
}

// planAlways makes a station that is on whenever there is power.
func (r *Room) planAlways(g *rand.Rand, t *Truth, f *Facts, least, most float64) {
	at := r.from - day
	for _, c := range t.Cuts {
		f.span(Idle, at, c.From, Cut)
		f.span(Off, c.From, c.To, "")
		at = c.To + seconds(least+(most-least)*g.Float64())
		f.span(Booting, c.To, at, "")
	}
	f.span(Idle, at, r.to, "")
}

// planServer lets the server fetch updates of games before the PCs want them.
func (r *Room) planServer(g *rand.Rand, f *Facts) {
	r.days(func(midnight int64) {
		if from := midnight + minutes(90+120*g.Float64()); g.Float64() < 0.7 && !f.off(from) {
			f.act(shape.Update, "", from, from+minutes(10+80*g.Float64()))
		}
	})
}

// off reports whether the station is off, or boots, at t.
func (f *Facts) off(t int64) bool {
	return slices.ContainsFunc(f.Spans, func(s Span) bool { return s.has(t) && s.State != Idle })
}

// weighted draws an index by weights.
func weighted(g *rand.Rand, weights []float64) int {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	x := g.Float64() * sum
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func pick[T any](g *rand.Rand, list []T) T { return list[g.IntN(len(list))] }
