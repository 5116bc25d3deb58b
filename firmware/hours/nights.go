package hours

import (
	"slices"
	"time"
)

// maxNights is how many nights are remembered: enough that a clock which is set back finds what was told.
const maxNights = 8

// Nights judges the nights of one site, minute by minute. The zero Nights knows nothing; give it a profile (Change) before
// its first minute. It is not safe for concurrent use.
type Nights[K comparable] struct {
	schedule schedule
	nights   []*night[K] // the one that was begun last is the last
}

// Change puts p into force with the first night that has not begun at now (rule R4); in a Nights without a profile, at once.
// It reports whether that is new, so that the state is to be kept: a run that did not know would take the change for a later
// one.
func (n *Nights[K]) Change(p Profile, now time.Time) bool {
	was := n.schedule
	n.schedule = n.schedule.change(p, now)
	return !slices.Equal(was, n.schedule)
}

// Know takes what was told in an earlier run, as the chain says: it is not told again.
func (n *Nights[K]) Know(t Told) {
	if t.Profile.valid() != nil || t.Profile.Window == (Window{}) || t.Stage != Watch && t.Stage != Alert && t.Stage != End {
		return
	}
	nt := n.find(t.Night)
	if nt == nil {
		nt, _ = n.begin(t.Night, t.Profile)
	}
	nt.know(&t)
}

// Take counts a minute and returns what is to be told because of it, nearly always nothing.
func (n *Nights[K]) Take(m *Minute[K]) []Told {
	told := n.Pass(m.Start)
	d, p, at, ok := n.place(m.Start)
	if !ok {
		return told
	}
	nt := n.find(d)
	if nt == nil {
		var gone []Told
		nt, gone = n.begin(d, p)
		told = append(told, gone...)
	}
	if !nt.take(at, m) {
		return told
	}
	if s := nt.judge(); s != "" {
		told = append(told, nt.tell(s, nt.newest+1))
	}
	return told
}

// Pass returns the summaries of the nights that are over at now.
func (n *Nights[K]) Pass(now time.Time) (told []Told) {
	for _, nt := range n.nights {
		if (!nt.over || nt.newest >= 0) && !nt.profile.ends(nt.date).After(now) {
			if t, ok := nt.close(); ok {
				told = append(told, t)
			}
		}
	}
	n.nights = slices.DeleteFunc(n.nights, func(nt *night[K]) bool { return nt.over && len(nt.told) == 0 })
	return told
}

// Night reports whether t is in the night of some day, by the profile of that night.
func (n *Nights[K]) Night(t time.Time) bool {
	_, _, _, ok := n.place(t)
	return ok
}

// place returns the night that t is in, its profile, and which minute of it. Where two overlap, the earlier goes on.
func (n *Nights[K]) place(t time.Time) (d Date, p Profile, at int, ok bool) {
	today := DateOf(t)
	for d := today - 1; d <= today; d++ {
		p := n.schedule.of(d)
		if nt := n.find(d); nt != nil {
			p = nt.profile
		}
		if at, ok := p.place(d, t); ok {
			return d, p, at, true
		}
	}
	return 0, Profile{}, 0, false
}

func (n *Nights[K]) find(d Date) *night[K] {
	for _, nt := range n.nights {
		if nt.date == d {
			return nt
		}
	}
	return nil
}

// begin begins the night of d. Where there is no room another is forgotten, one that is over if there is one; gone is what
// is to be told of it before.
func (n *Nights[K]) begin(d Date, p Profile) (nt *night[K], gone []Told) {
	if len(n.nights) == maxNights {
		i := max(0, slices.IndexFunc(n.nights, func(nt *night[K]) bool { return nt.over }))
		if t, ok := n.nights[i].close(); ok {
			gone = append(gone, t)
		}
		n.nights = slices.Delete(n.nights, i, i+1)
	}
	nt = newNight[K](d, p)
	n.nights = append(n.nights, nt)
	return nt, gone
}
