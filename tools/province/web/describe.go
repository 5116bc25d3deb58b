package web

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"cafeprobe/uplink"
)

// minCell is how many stations a title must have been seen on to be named (rule R16): with fewer, what a title says of a
// café says something of a person.
const minCell = 10

// describe says in words what a record tells. It is never empty.
func (l *words) describe(r uplink.Record) string {
	b, err := r.Body()
	switch {
	case errors.Is(err, uplink.ErrOpaque):
		return l.opaque
	case err != nil:
		return l.garbled
	}
	switch b := b.(type) {
	case *uplink.Boot:
		return l.boot(b)
	case *uplink.Roster:
		return l.members(b)
	case *uplink.Open:
		format := l.opened
		if b.Of == uplink.OfUse {
			format = l.usedFrom
		}
		return sentences(l.f(format, short(b.Station), b.Confidence), l.giveOrTake(b.Uncertain))
	case *uplink.Close:
		return l.close(b)
	case *uplink.Title:
		return l.mix(b)
	case *uplink.Vantage:
		return l.vantage(b)
	case *uplink.Blind:
		format := l.blindTo
		if b.Blind {
			format = l.blindFrom
		}
		return l.f(format, cmp.Or(l.blinds[b.Why], b.Why))
	case *uplink.AfterHours:
		return l.night(b)
	case *uplink.Maintenance:
		return l.maintenance(b)
	case *uplink.Dispute:
		return l.dispute(b)
	case *uplink.Health:
		return l.counters(b)
	case *uplink.Gap:
		why := cmp.Or(l.gaps[b.Why], b.Why)
		if b.From == 0 {
			return l.f(l.unnumbered, b.Count, why)
		}
		switch {
		case b.Passed():
			return l.f(l.passed, b.From, b.To)
		case b.Why == "fork" && b.Count == 0: // the chain went on behind the numbers of another branch
			return l.f(l.unused, b.From, b.To, why)
		}
		return l.f(l.gap, b.From, b.To, why)
	}
	return l.ofBox(b)
}

// vantage says what the box can see, why, and what it misses.
func (l *words) vantage(b *uplink.Vantage) string {
	s := l.sights[b.Class]
	if b.Why != "" {
		s += " (" + cmp.Or(l.vantages[b.Why], b.Why) + ")"
	}
	var hidden, lost string
	if b.Hidden > 0 {
		hidden = l.f(l.hidden, b.Hidden)
	}
	if b.Lost > 0 {
		lost = l.f(l.lost, float64(b.Lost)/100)
	}
	if hidden+lost == "" {
		return s
	}
	return sentences(s+".", hidden, lost)
}

// ofBox says in words what a record tells of the box itself, not of the café.
func (l *words) ofBox(b uplink.Body) string {
	switch b := b.(type) {
	case *uplink.Off:
		return l.off(b)
	case *uplink.Anchor:
		step := ""
		if b.Step != 0 {
			step = l.f(l.stepped, int64(b.Step))
		}
		return sentences(l.f(l.anchored, b.Source, b.Error), step)
	case *uplink.Link:
		if b.Up {
			return l.f(l.linkUp, b.Port)
		}
		return l.f(l.linkDown, b.Port)
	case *uplink.Power:
		return l.f(l.power, cmp.Or(l.powers[b.What], b.What))
	case *uplink.Config:
		return l.f(l.configured, cmp.Or(strings.Join(b.Changed, ", "), "–"))
	case *uplink.Done:
		return sentences(l.f(l.done, string(b.Verb), b.Number, cmp.Or(l.results[b.Result], b.Result)), b.Why)
	case *uplink.Update:
		return sentences(l.f(l.updated, b.Version, cmp.Or(l.updates[b.Step], b.Step)), cmp.Or(l.notTaken[b.Why], b.Why))
	case *uplink.Fork:
		return l.f(l.forkedAt, b.At)
	case *uplink.Event:
		return sentences(cmp.Or(l.events[b.What], b.What), b.Of, b.Why)
	case *uplink.Security:
		return l.f(l.refusedN, b.Count, cmp.Or(l.refusals[b.What], b.What))
	}
	return l.opaque
}

func (l *words) off(b *uplink.Off) string {
	since, how := l.unknownOff, l.cutOff
	if b.From != 0 {
		since = l.f(l.offSince, moment{b.From.Time()}.String())
	}
	if b.Clean {
		how = l.cleanOff
	}
	return sentences(since, how)
}

func (l *words) boot(b *uplink.Boot) string {
	alive := ""
	if b.Alive != 0 {
		alive = l.f(l.alive, moment{b.Alive.Time()}.String())
	}
	return sentences(cmp.Or(l.boots[b.Why], b.Why), l.f(l.fromBoot, b.Firmware), b.Board, alive)
}

// members counts a roster's stations by role, the most frequent first.
func (l *words) members(b *uplink.Roster) string {
	count := map[string]int{}
	var roles []string
	for _, m := range b.Stations {
		if count[m.Role]++; count[m.Role] == 1 {
			roles = append(roles, m.Role)
		}
	}
	slices.SortStableFunc(roles, func(a, b string) int { return count[b] - count[a] })
	for i, role := range roles {
		roles[i] = l.f("%d %s", count[role], cmp.Or(l.roles[role], role))
	}
	out := l.f(l.roster, len(b.Stations))
	if len(roles) > 0 {
		out += ": " + strings.Join(roles, ", ")
	}
	if b.Parts > 1 {
		out += " (" + l.f(l.part, b.Part, b.Parts) + ")"
	}
	return out + "."
}

// close does not say "off" of a station that the box only lost sight of.
func (l *words) close(b *uplink.Close) string {
	format := l.closed
	switch b.Cause {
	case uplink.CauseLostService, uplink.CauseNASReboot, uplink.CauseNASRequest:
		format = l.unseen
	}
	if b.Of == uplink.OfUse {
		format = l.usedTo
	}
	s := l.f(format, short(b.Station), l.span(seconds(b.Duration)), b.Confidence, cmp.Or(l.causes[b.Cause], string(b.Cause)))
	return sentences(s, l.giveOrTake(b.Uncertain))
}

func (l *words) giveOrTake(u uplink.Int) string {
	if u == 0 {
		return ""
	}
	return l.f(l.give, l.span(seconds(u)))
}

func (l *words) mix(b *uplink.Title) string {
	var parts []string
	few := 0
	for _, u := range b.Mix {
		if u.Stations < minCell {
			few++
			continue
		}
		parts = append(parts, l.f(l.titleUse, u.Title, u.Minutes, u.Stations))
	}
	if few > 0 || len(parts) == 0 {
		parts = append(parts, l.f(l.fewer, few, minCell))
	}
	return l.f(l.titles, l.span(seconds(b.Window)), strings.Join(parts, "; "))
}

func (l *words) counters(b *uplink.Health) string {
	var dropped, missed, wrong string
	if len(b.Wrong) > 0 {
		var names []string
		for _, w := range b.Wrong {
			names = append(names, cmp.Or(l.checks[w], w))
		}
		wrong = l.f(l.wrong, strings.Join(names, ", "))
	}
	if b.Dropped > 0 {
		dropped = l.f(l.dropped, b.Dropped)
	}
	if b.Missed > 0 {
		missed = l.f(l.missed, b.Missed)
	}
	return sentences(l.f(l.health, l.span(seconds(b.Window)), b.Frames, b.Stations, b.Backlog, float64(b.Spool)/(1<<20)), dropped, missed,
		wrong, l.card(&b.Card))
}

// seconds is n seconds; more than a century, which no box has lived, is taken for a century.
func seconds(n uplink.Int) time.Duration {
	const century = 100 * 366 * 24 * 60 * 60
	return time.Duration(min(n, century)) * time.Second
}

func sentences(s ...string) string {
	return strings.Join(slices.DeleteFunc(s, func(s string) bool { return s == "" }), " ")
}

// short is enough of a station's id to tell the stations of one café apart.
func short(id uplink.StationID) string { return string(id)[:min(5, len(id))] }
