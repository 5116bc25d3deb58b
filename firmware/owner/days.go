package owner

import (
	"net/http"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/ledger"
)

// dayLine is one of the 35 days.
type dayLine struct {
	Date        string // in the path
	Name        string
	Today       bool
	Bands       []band
	Open, Peak  string
	Seen        string
	Desc        string
	Watch       bool // something was told of the night that begins on it
	Alert       bool
	Maintenance bool
	Dispute     bool
}

// days lists the days of which something is known.
func (s *Server) days(w http.ResponseWriter, r *http.Request) {
	l, now := chosen(r), s.cfg.Now()
	var lines []dayLine
	one := s.cfg.Book.Night(hours.DateOf(now), now) // the hours are the same each night
	for _, date := range s.cfg.Book.Days(now) {
		d := s.cfg.Book.Day(date, now)
		see := sightOf(d.Minutes, date.Start(), now)
		nights := []ledger.Span{shifted(&one, date-1), shifted(&one, date)}
		x := dayLine{
			Date: date.String(), Name: first(l.date(date)), Today: date == hours.DateOf(now), Open: l.span(total(d.Open)), Peak: l.num(d.Figures.Peak),
			Seen: see.percent(), Desc: summary(l, &d.Figures, d.Open, see), Maintenance: len(d.Maintenance) > 0,
			Bands: strip(&d, now, nights),
		}
		x.Watch, x.Alert = toldOf(d.Alerts)
		for _, a := range d.Alerts {
			x.Dispute = x.Dispute || len(a.Disputes) > 0
		}
		lines = append(lines, x)
	}
	s.show(w, r, http.StatusOK, "days", lines, "")
}

// shifted returns the hours of n on d.
func shifted(n *ledger.Night, d hours.Date) ledger.Span {
	by := time.Duration(d-n.Date) * 24 * time.Hour
	return ledger.Span{From: n.From.Add(by), To: n.To.Add(by)}
}
