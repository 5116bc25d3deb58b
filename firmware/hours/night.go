package hours

import (
	"slices"
	"time"
)

// Minute is what is known of a site in one minute. K is what stations are told apart by. A minute may be given in parts, late,
// out of order and more than once: what counts is all that was ever said of it.
type Minute[K comparable] struct {
	Start      time.Time
	Certain    bool     // Start is right within ClockError (rule R12)
	Blind      bool     // nobody could see, or what was seen does not tell use
	Maintained bool     // it is in a declared maintenance (rule R23)
	Use        []Use[K] // the stations that are IN_USE
}

// Use is a station in use.
type Use[K comparable] struct {
	Station K
	P       float64 // the probability that it is, 0 to 1
}

// Stage is what is told of a night.
type Stage string

// The stages, lowest first.
const (
	Watch Stage = "watch" // one station was in use for long; or more were, in a declared maintenance
	Alert Stage = "alert" // several stations were in use
	End   Stage = "end"   // the night is over: the final figures of one of which something was told
)

// Told is what is to be told, or was told: the figures up to then.
type Told struct {
	Night   Date
	Stage   Stage
	Profile Profile // that the night is judged by
	Figures
}

// Figures are what was counted of a night.
type Figures struct {
	First, Last time.Time // start of the first and of the last late minute
	Peak        int       // the most stations that were late in one minute
	Minutes     int       // station-minutes that were late
	Blind       int       // minutes of the window, up to the newest, in which nobody could see, or the box was off
	Maintained  int       // late minutes in a declared maintenance
	Confidence  float64   // mean probability of the station-minutes, 0 to 1
	Uncertain   bool      // times of what is told may be wrong by more than ClockError
}

// maxStations bounds the stations of one night that are told apart; more are not counted. No site has half as many.
const maxStations = 1024

// night is one night of a site.
type night[K comparable] struct {
	date    Date
	profile Profile
	told    []Stage
	over    bool // it has been closed; minutes that come behind begin anew

	newest                   int // the newest minute that was given, −1 for none
	seen, unsure, maintained set
	stations                 []station[K]
	percent                  int  // sum of the probabilities of late station-minutes behind base
	base                     base // what an earlier run counted, where its minutes are not here
}

// station is in which minutes of the night one station was late.
type station[K comparable] struct {
	key  K
	late set
}

// base is what the chain says was counted up to a minute, when the state that counted it is lost.
type base struct {
	To         int  `json:"to"` // minutes below it are counted in here, and not from the sets
	First      int  `json:"first"`
	Last       int  `json:"last"`
	Peak       int  `json:"peak"`
	Minutes    int  `json:"minutes"`
	Blind      int  `json:"blind"`
	Maintained int  `json:"maintained"`
	Percent    int  `json:"percent"`
	Uncertain  bool `json:"uncertain"`
}

func newNight[K comparable](d Date, p Profile) *night[K] {
	return &night[K]{date: d, profile: p, newest: -1}
}

func (n *night[K]) has(s Stage) bool { return slices.Contains(n.told, s) }

// take counts minute at and reports whether somebody was late in it of whom that was not known.
func (n *night[K]) take(at int, m *Minute[K]) (more bool) {
	if n.over && n.has(Alert) {
		return false
	}
	n.newest = max(n.newest, at)
	for _, u := range m.Use {
		if u.P >= MinP && n.late(u.Station, at) {
			more = true
			if at >= n.base.To {
				n.percent += int(100*min(u.P, 1) + 0.5)
			}
		}
	}
	if more || !m.Blind {
		n.seen.add(at)
	}
	if more && !m.Certain {
		n.unsure.add(at)
	}
	if m.Maintained {
		n.maintained.add(at)
	}
	return more
}

// late notes that the station was late in minute at, and reports whether that is new.
func (n *night[K]) late(key K, at int) bool {
	i := slices.IndexFunc(n.stations, func(s station[K]) bool { return s.key == key })
	if i < 0 {
		if len(n.stations) == maxStations {
			return false
		}
		i = len(n.stations)
		n.stations = append(n.stations, station[K]{key: key})
	}
	if n.stations[i].late.has(at) {
		return false
	}
	n.stations[i].late.add(at)
	return true
}

// several returns the minutes in which AlertStations or more were late.
func (n *night[K]) several() (s set) {
	counts := n.counts()
	for i, c := range counts {
		if c >= AlertStations {
			s.add(i)
		}
	}
	return s
}

// counts returns how many stations were late in each minute.
func (n *night[K]) counts() (c [day]uint16) {
	for i := range n.stations {
		s := &n.stations[i].late
		first, last, ok := s.ends()
		for m := first; ok && m <= last; m++ {
			if s.has(m) {
				c[m]++
			}
		}
	}
	return c
}

// judge returns the stage that is reached and was not told, "" for none. Behind an alert no watch is told.
func (n *night[K]) judge() Stage {
	if n.has(Alert) {
		return ""
	}
	from, to := n.profile.Grace, n.newest+1
	several := n.several()
	working := several.without(&n.maintained)
	switch {
	case run(&working, &n.seen, from, to, AlertMinutes):
		return Alert
	case n.has(Watch):
		return ""
	case run(&several, &n.seen, from, to, AlertMinutes): // in a declared maintenance: one stage lower
		return Watch
	}
	for i := range n.stations {
		if run(&n.stations[i].late, &n.seen, from, to, WatchMinutes) {
			return Watch
		}
	}
	return ""
}

// figures returns what was counted of the minutes before to.
func (n *night[K]) figures(to int) (f Figures) {
	b := &n.base
	counts := n.counts()
	var late set
	peak, minutes := b.Peak, b.Minutes
	for i := b.To; i < to; i++ {
		if c := int(counts[i]); c > 0 {
			late.add(i)
			minutes += c
			peak = max(peak, c)
		}
	}
	first, last, ok := late.ends()
	if b.Minutes > 0 {
		if first = b.First; !ok {
			last = b.Last
		}
	}
	seen, kept, unsure := n.seen.behind(b.To), n.maintained.and(&late), n.unsure.and(&late)
	f = Figures{
		Peak: peak, Minutes: minutes, Blind: b.Blind + max(0, to-b.To) - seen.len(), Maintained: b.Maintained + kept.len(),
		Uncertain: b.Uncertain || unsure.len() > 0,
	}
	if minutes > 0 {
		f.First, f.Last = n.at(first), n.at(last)
		f.Confidence = float64(b.Percent+n.percent) / float64(100*minutes)
	}
	return f
}

// at returns when minute i of the night began.
func (n *night[K]) at(i int) time.Time { return n.date.minute(n.profile.Window.From + i) }

// tell notes that s is told and returns it with the figures of the minutes before to.
func (n *night[K]) tell(s Stage, to int) Told {
	n.told = append(n.told, s)
	return Told{n.date, s, n.profile, n.figures(to)}
}

// close ends the night and returns its summary; ok is false where nothing was told of it, or the summary was.
func (n *night[K]) close() (t Told, ok bool) {
	if len(n.told) > 0 && !n.has(End) {
		t = n.tell(End, n.profile.Window.Minutes())
		ok = t.Minutes > 0 // else the chain says that something was told, and not what
	}
	*n = night[K]{date: n.date, profile: n.profile, told: n.told, over: true, newest: -1}
	return t, ok
}

// know takes t, which was told of this night. What it counted holds where this state is older.
func (n *night[K]) know(t *Told) {
	if !n.has(t.Stage) {
		n.told = append(n.told, t.Stage)
	}
	first, ok := n.profile.place(n.date, t.First)
	last, ok2 := n.profile.place(n.date, t.Last)
	if t.Stage == End {
		*n = night[K]{date: n.date, profile: n.profile, told: n.told, over: true, newest: -1}
		return
	}
	if !ok || !ok2 || last <= n.newest || last < n.base.To || t.Minutes <= 0 {
		return
	}
	b := base{
		To: last + 1, First: first, Last: last, Peak: t.Peak, Minutes: t.Minutes, Blind: min(t.Blind, last+1), Maintained: t.Maintained,
		Percent: int(100*t.Confidence*float64(t.Minutes) + 0.5), Uncertain: t.Uncertain,
	}
	if b.valid(last + 1) {
		n.base, n.percent, n.newest = b, 0, last
	}
}
