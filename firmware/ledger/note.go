package ledger

import (
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// Alert is a record of use after hours, as it stands in the chain, and what the owner said to it.
type Alert struct {
	uplink.AfterHours
	Seq      uint64
	Disputes []Dispute
}

// Dispute is the owner's word on an alert.
type Dispute struct {
	Seq  uint64
	At   time.Time
	Note string // his own words: not to be trusted as markup
}

// Maintenance is a declared maintenance (rule R23).
type Maintenance struct {
	Seq      uint64
	From, To time.Time
	By       string // owner, province
}

// Lost is records that are lost, as the box says.
type Lost struct {
	At       time.Time // when it said so
	From, To uint64    // sequence numbers; 0: they never had one
	Count    uint64
	Why      string
}

// Fork is where the province has another history than the card.
type Fork struct {
	At  time.Time
	Seq uint64 // the first place known to differ
}

// note takes what is no session and nothing of the box's sight.
func (l *Ledger) note(r *uplink.Stored, body uplink.Body, t int64) {
	switch b := body.(type) {
	case *uplink.AfterHours:
		l.afterHours(r.Seq, b)
	case *uplink.Gap:
		l.gap(b, t)
	case *uplink.Dispute:
		l.dispute(r.Seq, b, t)
	case *uplink.Maintenance:
		l.maint = keep(l.maint, Maintenance{r.Seq, b.From.Time(), b.To.Time(), b.By}, maxMaint)
	case *uplink.Fork:
		l.forks = keep(l.forks, Fork{time.UnixMilli(t).UTC(), uint64(b.At)}, maxNotes)
	}
}

func (l *Ledger) afterHours(seq uint64, a *uplink.AfterHours) {
	d, err := hours.ParseDate(string(a.Night))
	if err != nil || l.day(d) == nil || len(l.nights[d]) == maxNight {
		l.counts.Passed++
		return
	}
	l.nights[d] = append(l.nights[d], Alert{AfterHours: *a, Seq: seq})
}

// dispute puts the owner's word beside the record that it is about.
func (l *Ledger) dispute(seq uint64, b *uplink.Dispute, t int64) {
	d, err := hours.ParseDate(string(b.Night))
	if err == nil {
		for i := range l.nights[d] {
			a := &l.nights[d][i]
			if a.Seq == uint64(b.Seq) && len(a.Disputes) < maxDisputes {
				a.Disputes = append(a.Disputes, Dispute{seq, time.UnixMilli(t).UTC(), b.Note})
				return
			}
		}
	}
	l.counts.Passed++
}

// gap takes what the box says is lost. Sessions that were refused leave it open who was there since the last record.
func (l *Ledger) gap(g *uplink.Gap, t int64) {
	l.lost = keep(l.lost, Lost{time.UnixMilli(t).UTC(), uint64(g.From), uint64(g.To), uint64(g.Count), g.Why}, maxNotes)
	for _, k := range g.Kinds {
		if g.From == 0 && !k.Kind.Thin() {
			l.hole()
			l.fill(t)
			return
		}
	}
}

// hole notes that records are missing behind the last one that was placed. They may have told of what was a while before it.
func (l *Ledger) hole() {
	if l.holed == 0 {
		l.holed = max(l.run.to-settle, 0)
	}
}

// fill writes down that records up to t are missing.
func (l *Ledger) fill(t int64) {
	if l.holed > 0 {
		l.paint(l.holed, max(t, l.run.to), isGap, "")
		l.holed = 0
	}
}

func keep[T any](list []T, x T, n int) []T {
	if len(list) >= n {
		list = append(list[:0], list[1:]...)
	}
	return append(list, x)
}
