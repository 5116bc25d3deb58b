package owner

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/ledger"
	"cafeprobe/uplink"
)

// Proof writes the proof of a night that is over, a PDF, to w. Before its first octet it may return why there is none.
type Proof func(ctx context.Context, w io.Writer, night hours.Date) error

// How often the owner may object: a night, and a day.
const (
	nightDisputes = 4
	dayDisputes   = 16
)

// ErrMany is returned by Sayer.Dispute for more objections than are taken.
var ErrMany = errors.New("owner: too many objections")

// nightPage is one night.
type nightPage struct {
	Date    hours.Date
	Night   ledger.Night
	Window  string
	Verdict string
	Class   string // closed, partly, used, pending
	Unsure  string
	Figures []figure
	Chart   chart
	Alerts  []alert
	Gone    []gone
	Left    int // objections that are left
	Proof   bool
	Max     int // letters of a note
	Draft   string
	At      string // number of the record that Draft is about
}

func (p nightPage) title(l *lang) string { return l.say("night.title", l.date(p.Date)) }

// alert is what was told of a night, and what the owner said to it.
type alert struct {
	Seq, Stage, Word, Why, Facts string
	Alert                        bool
	Told                         time.Time
	Disputes                     []ledger.Dispute
}

func (s *Server) night(w http.ResponseWriter, r *http.Request) {
	d, ok := s.dateOf(r)
	if !ok {
		s.refuse(w, r, http.StatusNotFound, "refused.missing")
		return
	}
	s.showNight(w, r, http.StatusOK, d, "", "", "")
}

// showNight shows a night, and with what was wrong the note that was sent.
func (s *Server) showNight(w http.ResponseWriter, r *http.Request, status int, d hours.Date, draft, at, wrong string, args ...any) {
	l, now := chosen(r), s.cfg.Now()
	n := s.cfg.Book.Night(d, now)
	if n.Verdict == ledger.NoNight && len(n.Alerts) == 0 {
		s.refuse(w, r, http.StatusNotFound, "night.none")
		return
	}
	see := sightOf(n.Minutes, n.From, now)
	p := nightPage{
		Date: d, Night: n, Window: l.window(&n), Verdict: l.verdict(&n), Class: n.Verdict.String(),
		Gone: goneOf(l, n.Off, n.Blind, n.Gaps, untold(n.Minutes, n.From, now)),
		Left: s.left(&n, now), Proof: s.cfg.Proof != nil && n.Verdict != ledger.NoNight && n.Verdict != ledger.Pending && !now.Before(n.To.Add(ledger.Settle)),
		Max: uplink.MaxDisputeNote, Draft: draft, At: at,
	}
	if n.Figures.Unsure > 0 {
		p.Unsure = l.say("night.unsure", minutes(n.Figures.Unsure))
	}
	p.Chart = chartOf(n.Minutes, n.From, now, nil)
	p.Chart.Title, p.Chart.Desc = l.say("chart.night", l.date(d)), summary(l, &n.Figures, n.Open, see)
	p.Figures = l.nightFigures(&n, see)
	for i := range n.Alerts {
		p.Alerts = append(p.Alerts, l.alert(&n.Alerts[i]))
	}
	s.show(w, r, status, "night", p, wrong, args...)
}

func (l *lang) window(n *ledger.Night) string {
	return n.From.In(hours.Zone).Format("15:04") + "–" + n.To.In(hours.Zone).Format("15:04")
}

// verdict says what the minutes of a night come to.
func (l *lang) verdict(n *ledger.Night) string {
	f := &n.Figures
	switch n.Verdict {
	case ledger.Closed:
		return l.say("verdict.closed")
	case ledger.Used:
		return l.say("verdict.used", f.Peak, f.InUse)
	case ledger.Partly:
		return l.say("verdict.partly", minutes(f.Seen), minutes(len(n.Minutes)-f.Seen))
	case ledger.Pending:
		return l.say("verdict.pending")
	}
	return l.say("verdict.none")
}

func (l *lang) nightFigures(n *ledger.Night, see sight) []figure {
	f := &n.Figures
	peak := figure{l.say("figure.peak"), l.num(f.Peak), ""}
	if f.Peak > 0 {
		peak.Small = l.say("figure.at", f.PeakAt.In(hours.Zone).Format("15:04"))
	}
	return []figure{
		{l.say("figure.use"), l.span(total(n.Open)), l.say("figure.use.small", f.InUse)},
		peak,
		{l.say("figure.seen"), l.span(minutes(see.seen)), l.say("figure.of", minutes(len(n.Minutes)))},
		{l.say("figure.dark"), l.span(minutes(see.dark)), l.say("figure.dark.small")},
	}
}

// alert says in words what a record told, and by which rule.
func (l *lang) alert(a *ledger.Alert) alert {
	at := func(t uplink.Time) string { return t.Time().In(hours.Zone).Format("15:04 02/01") }
	facts := l.say("alert.facts", at(a.First), at(a.Last), whole(a.Peak), whole(a.Minutes), whole(a.Confidence))
	var blind, kept, unsure string
	if a.Blind > 0 {
		blind = l.say("alert.blind", minutes(whole(a.Blind)))
	}
	if a.Maintained > 0 {
		kept = l.say("alert.kept", whole(a.Maintained))
	}
	if a.Uncertain {
		unsure = l.say("alert.unsure")
	}
	why := "alert.why." + a.Stage
	if _, ok := texts[why]; !ok {
		why = "alert.why."
	}
	return alert{
		Seq: strconv.FormatUint(a.Seq, 10), Stage: a.Stage, Word: l.known("stage.", a.Stage), Why: l.say(why), Facts: sentences(facts, blind, kept, unsure),
		Alert: a.Stage == uplink.StageAlert, Told: a.Time.Time(), Disputes: a.Disputes,
	}
}

// whole is n as an int of all boards.
func whole(n uplink.Int) int { return int(min(n, 1<<31-1)) }

// left returns how many objections to n may still be said at now.
func (s *Server) left(n *ledger.Night, now time.Time) int {
	s.said.Lock()
	defer s.said.Unlock()
	night, day := s.disputed(n, now)
	return max(0, min(nightDisputes-night, dayDisputes-day))
}

// disputed counts the objections to n, and those of the last day: what the book has, and what this run has said, which the book may not
// have yet. s.said is held.
func (s *Server) disputed(n *ledger.Night, now time.Time) (night, day int) {
	for _, a := range n.Alerts {
		night += len(a.Disputes)
	}
	mine, recent := 0, 0
	for _, o := range s.said.list {
		if o.night == n.Date {
			mine++
		}
		if now.Sub(o.at) < 24*time.Hour {
			recent++
		}
	}
	for _, d := range s.cfg.Book.Days(now) {
		for _, a := range s.cfg.Book.Night(d, now).Alerts {
			for _, x := range a.Disputes {
				if now.Sub(x.At) < 24*time.Hour {
					day++
				}
			}
		}
	}
	return max(night, mine), max(day, recent)
}

// dispute takes an objection to what was told of a night.
func (s *Server) dispute(w http.ResponseWriter, r *http.Request) {
	d, ok := s.dateOf(r)
	if !ok {
		s.refuse(w, r, http.StatusNotFound, "refused.missing")
		return
	}
	if !s.form(w, r) {
		return
	}
	now := s.cfg.Now()
	n := s.cfg.Book.Night(d, now)
	at, note := field(r, "seq"), uplink.CleanNote(field(r, "note"))
	var about *ledger.Alert
	for i := range n.Alerts {
		if strconv.FormatUint(n.Alerts[i].Seq, 10) == at {
			about = &n.Alerts[i]
		}
	}
	switch {
	case about == nil:
		s.showNight(w, r, http.StatusUnprocessableEntity, d, "", "", "dispute.none")
	case note == "":
		s.showNight(w, r, http.StatusUnprocessableEntity, d, note, at, "dispute.empty")
	case utf8.RuneCountInString(note) > uplink.MaxDisputeNote:
		s.showNight(w, r, http.StatusUnprocessableEntity, d, note, at, "dispute.long", uplink.MaxDisputeNote)
	default:
		s.say(w, r, &n, about, note)
	}
}

// say passes an objection on, one at a time.
func (s *Server) say(w http.ResponseWriter, r *http.Request, n *ledger.Night, about *ledger.Alert, note string) {
	now, at := s.cfg.Now(), strconv.FormatUint(about.Seq, 10)
	s.said.Lock()
	night, day := s.disputed(n, now)
	err := ErrMany
	if night < nightDisputes && day < dayDisputes {
		err = s.cfg.Sayer.Dispute(n.Date, about.Stage, about.Seq, note)
	}
	if err == nil {
		s.said.list = append(s.said.list, objection{n.Date, now})
		s.said.list = s.said.list[max(0, len(s.said.list)-8*dayDisputes):]
	}
	s.said.Unlock()
	switch {
	case err == nil:
		http.Redirect(w, r, "/night/"+n.Date.String()+"?done=dispute", http.StatusSeeOther)
	case errors.Is(err, ErrMany):
		s.showNight(w, r, http.StatusTooManyRequests, n.Date, note, at, "dispute.many", nightDisputes, dayDisputes)
	default:
		s.log.Error("the owner's objection", "error", err)
		s.showNight(w, r, http.StatusServiceUnavailable, n.Date, note, at, "unkept")
	}
}

// objection is one that this run has passed on.
type objection struct {
	night hours.Date
	at    time.Time
}

// proof gives the PDF of a night.
func (s *Server) proof(w http.ResponseWriter, r *http.Request) {
	d, ok := s.dateOf(r)
	if !ok || s.cfg.Proof == nil {
		s.refuse(w, r, http.StatusNotFound, "refused.missing")
		return
	}
	now := s.cfg.Now()
	if n := s.cfg.Book.Night(d, now); n.Verdict == ledger.NoNight || now.Before(n.To.Add(ledger.Settle)) {
		s.refuse(w, r, http.StatusNotFound, cmp.Or(map[bool]string{true: "night.none"}[n.Verdict == ledger.NoNight], "night.going"))
		return
	}
	s.give(w, r, "application/pdf", string(s.cfg.Box)+"-"+d.String()+".pdf", func(ctx context.Context, out io.Writer) error {
		return s.cfg.Proof(ctx, out, d)
	})
}
