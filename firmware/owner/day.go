package owner

import (
	"net/http"
	"strconv"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/ledger"
	"cafeprobe/uplink"
)

// Book is the account of the café: what a ledger.Ledger says, which is not to be asked by two at once.
type Book interface {
	Days(now time.Time) []hours.Date
	Day(d hours.Date, now time.Time) ledger.Day
	Night(d hours.Date, now time.Time) ledger.Night
	Maintenances() []ledger.Maintenance
}

// shown are the pages of who is logged in.
func (s *Server) shown(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { s.day(w, r, hours.DateOf(s.cfg.Now()), true) })
	mux.HandleFunc("GET /day/{date}", s.oneDay)
	mux.HandleFunc("GET /days", s.days)
	mux.HandleFunc("GET /night/{date}", s.night)
	mux.HandleFunc("POST /night/{date}", s.dispute)
	mux.HandleFunc("GET /night/{date}/proof.pdf", s.proof)
	mux.HandleFunc("GET /maintenance", s.maintenance)
	mux.HandleFunc("POST /maintenance", s.declare)
	mux.HandleFunc("GET /privacy", s.privacy)
	mux.HandleFunc("GET /data", s.data)
	mux.HandleFunc("GET /data/records.jsonl", s.records)
	mux.HandleFunc("GET /data/days.csv", s.table)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.refuse(w, r, http.StatusNotFound, "refused.missing") })
}

// dateOf returns the date in the path of r, if the page has it: one of the last 35 days.
func (s *Server) dateOf(r *http.Request) (hours.Date, bool) {
	d, err := hours.ParseDate(r.PathValue("date"))
	today := hours.DateOf(s.cfg.Now())
	return d, err == nil && d <= today && d > today-ledger.MaxDays
}

func (s *Server) oneDay(w http.ResponseWriter, r *http.Request) {
	d, ok := s.dateOf(r)
	if !ok {
		s.refuse(w, r, http.StatusNotFound, "refused.missing")
		return
	}
	s.day(w, r, d, false)
}

// figure is a number with what it is of.
type figure struct{ Name, Value, Small string }

// gone is a time in which nothing can be said.
type gone struct {
	From, To  time.Time
	Minutes   time.Duration
	What, Why string
}

// dayPage is one day.
type dayPage struct {
	Date    hours.Date
	Today   bool
	State   []string // what is so now, in sentences
	Class   string   // of that: open, quiet, blind
	Figures []figure
	Chart   chart
	Open    []ledger.Span
	More    int // spans that are not listed
	Gone    []gone
	Upkeep  []ledger.Maintenance
	Nights  []nightLine
	Lost    []string
	Prev    string // date of the day before, "" where there is none
	Next    string
}

func (p dayPage) title(l *lang) string {
	if p.Today {
		return l.say("title.day") + ", " + l.date(p.Date)
	}
	return first(l.date(p.Date))
}

// nightLine leads to a night.
type nightLine struct {
	Date, Name, Text string
	Told             string // the highest stage of what was told of it, "" if nothing was
	Alert            bool
}

// maxListed is how many spans a page lists of one kind. A chart shows all.
const maxListed = 24

func (s *Server) day(w http.ResponseWriter, r *http.Request, date hours.Date, today bool) {
	l, now := chosen(r), s.cfg.Now()
	d := s.cfg.Book.Day(date, now)
	before, tonight := s.cfg.Book.Night(date-1, now), s.cfg.Book.Night(date, now)
	see := sightOf(d.Minutes, date.Start(), now)
	p := dayPage{Date: date, Today: today, Upkeep: d.Maintenance, Lost: lostOf(l, &d)}
	p.Gone = goneOf(l, d.Off, d.Blind, d.Gaps, untold(d.Minutes, date.Start(), now))
	p.Chart = chartOf(d.Minutes, date.Start(), now, []ledger.Span{{From: before.From, To: before.To}, {From: tonight.From, To: tonight.To}})
	p.Chart.Title, p.Chart.Desc = l.say("chart.day", l.date(date)), summary(l, &d.Figures, d.Open, see)
	p.Figures = l.figures(&d, see)
	p.Open, p.More = listed(d.Open)
	if today {
		p.State, p.Class = l.present(s.moment(&d, now))
	}
	for _, n := range []ledger.Night{tonight, before} {
		if n.Verdict != ledger.NoNight && n.From.Before(now) {
			p.Nights = append(p.Nights, l.line(&n))
		}
	}
	if have := s.cfg.Book.Days(now); len(have) > 0 && date > have[len(have)-1] {
		p.Prev = (date - 1).String()
	}
	if !today && date < hours.DateOf(now) {
		p.Next = (date + 1).String()
	}
	s.show(w, r, http.StatusOK, "day", p, "")
}

func (l *lang) line(n *ledger.Night) nightLine {
	x := nightLine{Date: n.Date.String(), Name: l.say("day.night", l.date(n.Date), l.window(n)), Text: l.verdict(n)}
	watch, alert := toldOf(n.Alerts)
	switch {
	case alert:
		x.Told, x.Alert = l.say("stage.alert"), true
	case watch:
		x.Told = l.say("stage.watch")
	}
	return x
}

// toldOf reports whether anything was told of a night, and whether an inspection was suggested.
func toldOf(alerts []ledger.Alert) (watch, alert bool) {
	for i := range alerts {
		watch, alert = true, alert || alerts[i].Stage == uplink.StageAlert
	}
	return watch, alert
}

func listed(spans []ledger.Span) (list []ledger.Span, more int) {
	n := min(len(spans), maxListed)
	return spans[:n], len(spans) - n
}

// moment is what is known of a minute that is just over: what was told of it already, and how the box saw at the newest minute that is
// settled, without which a count of nobody would say more than is known.
type moment struct {
	last    ledger.Minute
	settled ledger.State
	why     string // of a settled minute that was blind
}

// moment looks back from now in today's d, and over midnight.
func (s *Server) moment(d *ledger.Day, now time.Time) (m moment) {
	const back = int(ledger.Settle/time.Minute) + 2
	over := min(max(0, int(now.Sub(d.Date.Start())/time.Minute)), len(d.Minutes))
	recent, blind := d.Minutes[:over], d.Blind
	if over < back {
		y := s.cfg.Book.Day(d.Date-1, now)
		recent, blind = append(y.Minutes, recent...), append(y.Blind, blind...)
	}
	recent = recent[len(recent)-back:]
	m.last = recent[back-1]
	for i := back - 1; i >= 0 && m.settled == ledger.Unknown; i-- {
		m.settled = recent[i].State
		at := d.Date.Start().Add(time.Duration(over-back+i) * time.Minute)
		for _, b := range blind {
			if !at.Before(b.From) && at.Before(b.To) {
				m.why = b.Why
			}
		}
	}
	return m
}

// present says what is so now, and no more than is known. class is for the look.
func (l *lang) present(m moment) (say []string, class string) {
	on, use := int(max(m.last.On, m.last.InUse)), int(m.last.InUse)
	switch {
	case use > 0:
		return []string{l.say("state.open", use, on), l.say("state.late")}, "open"
	case m.settled == ledger.Blind && on > 0:
		return []string{l.say("state.on", on), l.say("state.blind", l.known("why.", m.why))}, "blind"
	case m.settled == ledger.Blind:
		return []string{l.say("state.unseen"), l.say("state.blind", l.known("why.", m.why))}, "blind"
	case m.settled != ledger.Seen && on > 0:
		return []string{l.say("state.on", on), l.say("state.soon")}, "blind"
	case m.settled != ledger.Seen:
		return []string{l.say("state.nothing"), l.say("state.soon")}, "blind"
	case on > 0:
		return []string{l.say("state.on", on), l.say("state.idle"), l.say("state.late")}, "quiet"
	}
	return []string{l.say("state.quiet"), l.say("state.late")}, "quiet"
}

// sight is how much of some minutes was seen. Minutes of which nothing was told count as not seen as soon as they are settled.
type sight struct{ seen, dark int }

func sightOf(ms []ledger.Minute, from, now time.Time) (s sight) {
	settled := int(now.Add(-ledger.Settle).Sub(from) / time.Minute)
	for i := range ms {
		switch state := ms[i].State; {
		case state == ledger.Seen:
			s.seen++
		case state != ledger.Unknown || i < settled:
			s.dark++
		}
	}
	return s
}

// percent is how much was seen, in whole percent, rounded down: 100 is all.
func (s sight) percent() string {
	if s.seen+s.dark == 0 {
		return "–"
	}
	return strconv.Itoa(100*s.seen/(s.seen+s.dark)) + "\u00a0%"
}

// untold returns the times of which nothing was told, though they are settled.
func untold(ms []ledger.Minute, from, now time.Time) (spans []ledger.Span) {
	settled := min(len(ms), int(now.Add(-ledger.Settle).Sub(from)/time.Minute))
	for a := 0; a < settled; a++ {
		b := a
		for b < settled && ms[b].State == ledger.Unknown {
			b++
		}
		if b > a {
			spans = append(spans, ledger.Span{From: from.Add(minutes(a)), To: from.Add(minutes(b))})
			a = b
		}
	}
	return spans
}

// figures are the four numbers of a day.
func (l *lang) figures(d *ledger.Day, see sight) []figure {
	f := &d.Figures
	peak := figure{l.say("figure.peak"), l.num(f.Peak), ""}
	if f.Peak > 0 {
		peak.Small = l.say("figure.at", f.PeakAt.In(hours.Zone).Format("15:04"))
	}
	open := figure{l.say("figure.open"), l.span(total(d.Open)), ""}
	if !f.First.IsZero() {
		open.Small = l.say("figure.between", f.First.In(hours.Zone).Format("15:04"), f.Last.Add(time.Minute).In(hours.Zone).Format("15:04"))
	}
	return []figure{
		open, peak,
		{l.say("figure.seen"), l.span(minutes(see.seen)), l.say("figure.seen.small", see.percent())},
		{l.say("figure.dark"), l.span(minutes(see.dark)), l.say("figure.dark.small")},
	}
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

func total(spans []ledger.Span) (d time.Duration) {
	for _, s := range spans {
		d += s.To.Sub(s.From)
	}
	return d
}

// summary says a chart in a sentence, for who does not see it.
func summary(l *lang, f *ledger.Figures, open []ledger.Span, see sight) string {
	if f.Peak == 0 {
		return l.say("chart.none", minutes(see.seen), minutes(see.dark))
	}
	return l.say("chart.some", total(open), f.Peak, f.PeakAt.In(hours.Zone).Format("15:04"), minutes(see.seen), minutes(see.dark))
}

// goneOf lists the times in which nothing can be said, in their order, with the reasons.
func goneOf(l *lang, off, blind, gaps, unknown []ledger.Span) (out []gone) {
	for len(off)+len(blind)+len(gaps)+len(unknown) > 0 {
		from, what := &off, "off"
		for _, o := range []struct {
			spans *[]ledger.Span
			what  string
		}{{&blind, "blind"}, {&gaps, "gap"}, {&unknown, "unknown"}} {
			if len(*o.spans) > 0 && (len(*from) == 0 || (*o.spans)[0].From.Before((*from)[0].From)) {
				from, what = o.spans, o.what
			}
		}
		s := (*from)[0]
		*from = (*from)[1:]
		if len(out) < maxListed {
			why := ""
			if s.Why != "" {
				why = l.known("why.", s.Why)
			}
			out = append(out, gone{s.From, s.To, s.To.Sub(s.From), l.say("gone." + what), why})
		}
	}
	return out
}

// lostOf says what the chain itself says is missing in it.
func lostOf(l *lang, d *ledger.Day) (out []string) {
	for _, x := range d.Lost {
		at := x.At.In(hours.Zone).Format("15:04")
		if x.Count == 0 {
			out = append(out, l.say("lost.passed", at, x.From, x.To))
			continue
		}
		out = append(out, l.say("lost.count", at, x.Count, l.known("lost.", x.Why)))
	}
	for _, x := range d.Forks {
		out = append(out, l.say("lost.forked", x.At.In(hours.Zone).Format("15:04"), x.Seq))
	}
	return out[:min(len(out), maxListed)]
}
