package web

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"cafeprobe/tools/province/live"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// What one page shows at most. The counts at its top are of all cafés.
const (
	maxCards = 500
	newest   = 40
)

// lateness is by how much figures may be older than their arrival, or newer, without a remark: an occupancy is sent
// within seconds of its time.
const lateness = 2 * time.Minute

// vietnam is UTC+7 all year round: the country has no summer time, and a server may have no time zone data.
var vietnam = time.FixedZone("UTC+7", 7*60*60)

// moment is a time as people in Vietnam read it.
type moment struct{ time.Time }

func (m moment) String() string {
	if m.IsZero() {
		return "–"
	}
	return m.In(vietnam).Format("15:04:05 02/01/2006")
}

// ISO returns m for machines.
func (m moment) ISO() string { return m.In(vietnam).Format(time.RFC3339) }

// MarshalJSON writes ISO, or null for a time that is not known.
func (m moment) MarshalJSON() ([]byte, error) {
	if m.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(m.ISO())
}

// row is one café on the page and in /api/v1/cafes.
type row struct {
	Box      string         `json:"box"`
	Name     string         `json:"name"`
	Commune  string         `json:"commune"`
	Status   live.Status    `json:"status"`
	Known    bool           `json:"known"` // on, in_use and use_unknown are of now
	On       uint64         `json:"on"`
	Use      uint64         `json:"in_use"`
	Unsaid   uint64         `json:"use_unknown"`
	Vantage  string         `json:"vantage"`
	Told     moment         `json:"told"`    // what the box says is the time of that
	Quality  uplink.Quality `json:"tq"`      // how far that can be trusted
	Arrived  moment         `json:"arrived"` // when it came
	Heard    moment         `json:"heard"`   // when the box was last heard at all
	Received uint64         `json:"received"`
	Verified uint64         `json:"verified"`
	Gaps     uint64         `json:"gaps"`
	Lost     uint64         `json:"lost"`
	Forks    uint64         `json:"forks"`
	Doubts   uint64         `json:"doubts"`   // alarms that the chain is not one box's alone
	Card     uplink.Card    `json:"card"`     // as the box said last
	Late     uplink.Int     `json:"late_s"`   // seconds that receipts do not reach it though it is connected
	Replaced moment         `json:"replaced"` // when the box, its card or its board was last replaced
	Before   string         `json:"before"`   // the box that was replaced then

	Say said `json:"-"`
}

// said is a row in words, for the page alone.
type said struct {
	Word, On, Why, Late, Ago, Sight, Books, Chain, Box, Swaps string
	Unsure, Intact, Unwell, Back                              bool
}

// line is one record on the page.
type line struct {
	Cafe, Kind, Text, Seq string
	Time, Arrived         moment
	Waiting               bool // not linked to its chain yet
}

// count is one number at the top of the page.
type count struct {
	Status     live.Status
	Word, Text string
	N          int
}

// view is one page.
type view struct {
	L       *words
	Now     moment
	Sum     string // the counts as a sentence
	Counts  []count
	On      string
	Cafes   []row
	More    string // how many cafés are not shown, empty if all are
	Nights  []night
	Records []line
}

// look reads what one page shows at now.
func (w *Server) look(ctx context.Context, l *words, now time.Time) (*view, error) {
	rows, err := w.rows(ctx, l, now)
	if err != nil {
		return nil, err
	}
	v := &view{L: l, Now: moment{now}, Cafes: rows}
	if v.Records, err = w.lines(ctx, l); err != nil {
		return nil, err
	}
	if v.Nights, err = w.nights(ctx, l); err != nil {
		return nil, err
	}
	v.sum(rows)
	if n := len(rows) - maxCards; n > 0 {
		v.Cafes, v.More = rows[:maxCards], l.f(l.more, n)
	}
	return v, nil
}

// sum counts the cafés of each status, and the stations that are known to be on.
func (v *view) sum(rows []row) {
	n := map[live.Status]int{}
	var on uint64
	for i := range rows {
		n[rows[i].Status]++
		if rows[i].Known {
			on += rows[i].On
		}
	}
	var parts []string
	for _, s := range live.Statuses() {
		c := count{s, v.L.status[s], v.L.f("%d", n[s]), n[s]}
		v.Counts = append(v.Counts, c)
		parts = append(parts, c.Text+" "+c.Word)
	}
	v.On = v.L.f("%d", on)
	v.Sum = v.L.f(v.L.sum, len(rows), strings.Join(parts, ", "), on)
}

func (w *Server) rows(ctx context.Context, l *words, now time.Time) ([]row, error) {
	boxes, err := w.store.Boxes(ctx)
	if err != nil {
		return nil, err
	}
	swaps, err := w.swaps(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]row, 0, len(boxes))
	for _, b := range boxes {
		r := rowOf(b, l, now)
		if s := swaps[b.Box]; len(s) > 0 {
			r.Replaced, r.Before = moment{s[0].At}, s[0].Old
			r.Say.Swaps, r.Say.Back = l.swapped(s)
		}
		list = append(list, r)
	}
	return list, nil
}

func rowOf(b store.Box, l *words, now time.Time) row {
	c := live.Of(b, now)
	r := row{
		Box: b.Box, Name: cmp.Or(b.Site.Name, b.Box), Commune: b.Site.Commune, Status: c.Status, Known: c.Known,
		On: c.On, Use: c.Use, Unsaid: c.Unsaid, Vantage: c.Vantage, Told: moment{c.Told}, Quality: c.Clock,
		Arrived: moment{b.OccAt}, Heard: moment{b.LastHeard}, Received: b.Received, Verified: b.Verified, Gaps: b.Gaps,
		Lost: b.Lost, Forks: b.Forks, Doubts: b.Doubts,
	}
	if s, err := uplink.Parse[uplink.State](b.State); err == nil {
		r.Card, r.Late = s.Card, s.Lag
	}
	r.Say = said{
		Word: l.status[c.Status], Why: l.reason(c), Late: l.lateness(c.Told, b.OccAt),
		Ago: l.since(now.Sub(b.LastHeard)), Sight: l.sights[c.Vantage], Books: l.f(l.books, b.Verified, b.Received),
		Unsure: c.Clock != uplink.QualitySync, Intact: b.Gaps+b.Lost+b.Forks+b.Doubts == 0, Chain: l.chain(b),
		Box: sentences(l.card(&r.Card), l.lag(r.Late)), Unwell: r.Card.Ill() || r.Late > 0,
	}
	if c.Status == live.Open || c.Status == live.Closed {
		r.Say.On = l.f("%d", c.On) // elsewhere a number would look like knowledge
	}
	return r
}

// reason says what the status rests on, and of an open café what is known of its use.
func (l *words) reason(c live.Cafe) string {
	if c.Status != live.Open {
		return l.why[c.Status]
	}
	use, unsaid := "", ""
	if c.InUse && (c.Use > 0 || c.Unsaid == 0) { // "0 in use" would mislead beside stations of which it is not known
		use = l.f(l.inUse, c.Use)
	}
	if c.Unsaid > 0 {
		unsaid = l.f(l.unsaid, c.Unsaid)
	}
	return cmp.Or(sentences(use, unsaid), l.why[c.Status])
}

// lateness says by how much figures told of another time than that of their arrival: a backlog that was sent late, a
// capture that is replayed, or a clock that is wrong.
func (l *words) lateness(told, arrived time.Time) string {
	switch d := arrived.Sub(told); {
	case told.IsZero() || arrived.IsZero():
		return ""
	case d >= lateness:
		return l.f(l.late, l.span(d))
	case d <= -lateness:
		return l.f(l.early, l.span(-d))
	}
	return ""
}

// chain says what is wrong with the records of b, if anything.
func (l *words) chain(b store.Box) string {
	var parts []string
	for _, p := range []struct {
		n      uint64
		format string
	}{{b.Forks, l.forked}, {b.Gaps, l.missing}, {b.Lost, l.lostForever}} {
		if p.n > 0 {
			parts = append(parts, l.f(p.format, p.n))
		}
	}
	if b.Doubts > 0 && b.Forks == 0 {
		parts = append(parts, l.f(l.doubted, b.Doubts))
	}
	return cmp.Or(strings.Join(parts, "; "), l.intact)
}

// card says what is wrong with a box's card, nothing if all is well.
func (l *words) card(c *uplink.Card) string {
	var fault, broken string
	if c.Fault != "" {
		fault = l.f(l.cardFault, cmp.Or(l.cards[c.Fault], c.Fault))
	}
	if c.Corrupt > 0 {
		broken = l.f(l.cardBroken, c.Corrupt)
	}
	var warn []string
	for _, w := range c.Warn {
		warn = append(warn, cmp.Or(l.cards[w], w))
	}
	if len(warn) > 0 {
		return sentences(fault, broken, l.f(l.cardWarn, strings.Join(warn, ", ")))
	}
	return sentences(fault, broken)
}

func (l *words) lag(s uplink.Int) string {
	if s == 0 {
		return ""
	}
	return l.f(l.unreceipted, l.span(seconds(s)))
}

func (w *Server) lines(ctx context.Context, l *words) ([]line, error) {
	stored, err := w.store.Newest(ctx, newest)
	if err != nil {
		return nil, err
	}
	list := make([]line, 0, len(stored))
	for _, s := range stored {
		r, err := uplink.ParseRecord(s.Body)
		if err != nil {
			continue // the collector stores none such
		}
		list = append(list, line{
			Cafe: cmp.Or(s.Site, s.Box), Kind: l.kind(r.Kind), Text: l.describe(r), Seq: l.f("%d", s.Seq),
			Time: moment{r.Stamp.Time.Time()}, Arrived: moment{s.Arrived}, Waiting: !s.Verified,
		})
	}
	return list, nil
}
