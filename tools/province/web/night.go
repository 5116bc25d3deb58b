package web

import (
	"cmp"
	"context"
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// maxShown is how many nights the page shows at most.
const maxShown = 60

// night is one night of one café on the page.
type night struct {
	Cafe, Commune, Night, Hours, Stage, Text string
	Alert, Over, Unsure, Waiting             bool
	Arrived                                  moment
	Disputes                                 []dispute
	Before                                   []string // what boxes told that were replaced in this night
}

// dispute is what the owner says of a night.
type dispute struct {
	Note    string
	Told    moment // zero where the box did not know the time
	Arrived moment
	Waiting bool
}

// nights reads the newest nights of which something was told.
func (w *Server) nights(ctx context.Context, l *words) ([]night, error) {
	stored, err := w.store.Nights(ctx, maxShown)
	if err != nil {
		return nil, err
	}
	list := make([]night, 0, len(stored))
	for _, s := range stored {
		if n, ok := nightOf(s, l); ok {
			list = append(list, n)
		}
	}
	return list, nil
}

func disputesOf(list []store.Dispute) (out []dispute) {
	for _, s := range list {
		r, err := uplink.ParseRecord(s.Body)
		if err != nil {
			continue
		}
		if b, err := r.Body(); err == nil {
			if d, ok := b.(*uplink.Dispute); ok {
				out = append(out, dispute{d.Note, moment{r.Stamp.Time.Time()}, moment{s.Arrived}, !s.Verified})
			}
		}
	}
	return out
}

func nightOf(s store.Night, l *words) (n night, ok bool) {
	r, err := uplink.ParseRecord(s.Body)
	if err != nil {
		return n, false
	}
	b, err := r.Body()
	if err != nil {
		return n, false
	}
	a, ok := b.(*uplink.AfterHours)
	if !ok {
		return n, false
	}
	stage := uplink.StageWatch
	if s.Alert {
		stage = uplink.StageAlert
	}
	n = night{
		Cafe: cmp.Or(s.Site.Name, s.Box), Commune: s.Site.Commune, Night: dayOf(a.Night), Hours: a.Hours, Stage: l.stages[stage],
		Text: l.figures(a), Alert: s.Alert, Over: s.Over, Unsure: a.Uncertain, Waiting: !s.Verified, Arrived: moment{s.Arrived},
		Disputes: disputesOf(s.Disputes),
	}
	for _, b := range s.Before {
		if before, ok := nightOf(b, l); ok {
			n.Before = append(n.Before, l.f(l.earlier, b.Box, before.Text))
			n.Disputes = append(n.Disputes, before.Disputes...)
		}
	}
	return n, true
}

// dispute says in words what the owner says of a night.
func (l *words) dispute(d *uplink.Dispute) string {
	return l.f(l.disputed, dayOf(d.Night), cmp.Or(l.stages[d.Stage], d.Stage), d.Seq, d.Note)
}

// maintenance says in words which work was announced.
func (l *words) maintenance(m *uplink.Maintenance) string {
	return l.f(l.announced, minuteOf(m.From), minuteOf(m.To), cmp.Or(l.announcers[m.By], m.By))
}

// night says in words what a record tells of a night.
func (l *words) night(a *uplink.AfterHours) string {
	unsure := ""
	if a.Uncertain {
		unsure = l.unsureTimes
	}
	stage := cmp.Or(l.stages[a.Stage], a.Stage)
	return sentences(l.NightOf+" "+dayOf(a.Night)+", "+a.Hours+", "+stage+".", l.figures(a), unsure)
}

// figures says what was counted of a night, and what was not.
func (l *words) figures(a *uplink.AfterHours) string {
	var blind, kept string
	if a.Blind > 0 {
		blind = l.f(l.notSeen, a.Blind)
	}
	if a.Maintained > 0 {
		kept = l.f(l.maintained, a.Maintained)
	}
	return sentences(l.f(l.used, minuteOf(a.First), minuteOf(a.Last), a.Peak, a.Minutes, a.Confidence), blind, kept)
}

// minuteOf is a time as it is read in a sentence about a night.
func minuteOf(t uplink.Time) string { return t.Time().In(vietnam).Format("15:04 02/01") }

// dayOf is a day as people in Vietnam read it.
func dayOf(d uplink.Date) string {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	return t.Format("02/01/2006")
}
