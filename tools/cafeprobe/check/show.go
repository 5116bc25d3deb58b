package check

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"cafeprobe/firmware/health"
	"cafeprobe/tools/cafeprobe/mirror"
	"cafeprobe/tools/lang"
)

var (
	todo    = lang.Text{VI: "cần làm: %s", EN: "do: %s"}
	because = lang.Text{VI: "do %s", EN: "because of: %s"}
	waiting = lang.Text{VI: "đang chờ", EN: "wait"}
	looking = lang.Text{VI: "đang tìm thiết bị: %s", EN: "looking for the box: %s"}
	left    = lang.Text{VI: "%s, còn tối đa %s", EN: "%s, %s left at most"}
	on      = lang.Text{VI: "trên %s: %s", EN: "on %s: %s"}
)

// summaries say the state of all.
var summaries = map[health.State]lang.Text{
	health.OK:      {VI: "Thiết bị hoạt động tốt.", EN: "The box works."},
	health.Warn:    {VI: "Thiết bị hoạt động; còn điểm cần xem.", EN: "The box works; something is to be looked at."},
	health.Bad:     {VI: "Còn điểm chưa hoạt động.", EN: "Something does not work yet."},
	health.Unknown: {VI: "Đang kiểm tra.", EN: "It is being checked."},
}

// words say a point's state: of what the owner signs it is said how it stands, and not that something is broken.
var words = map[health.State]lang.Text{
	health.OK:      {VI: "đạt", EN: "ok"},
	health.Warn:    {VI: "cần xem", EN: "look"},
	health.Bad:     {VI: "chưa đạt", EN: "not yet"},
	health.Unknown: {VI: "chưa rõ", EN: "unknown"},
}

// word returns a point's state for people.
func (p *Point) word(l lang.Lang) string {
	if p.Pending() {
		return waiting.In(l)
	}
	return words[p.State].In(l)
}

// Screen shows progress: on a terminal as a table that is drawn again and again, else a line for each change.
type Screen struct {
	Out    io.Writer
	Lang   lang.Lang
	Live   bool // Out is a terminal
	Colour bool

	rows int             // of the table, that stand on the terminal
	said map[Name]string // what was said of each point
	err  string
}

// Tell is a Config.Tell.
func (s *Screen) Tell(p Progress) {
	trouble := ""
	if p.Err != nil {
		trouble = lang.Words(p.Err, s.Lang)
	}
	if !s.Live {
		s.changes(p, trouble)
		return
	}
	var b strings.Builder
	if p.Result != nil {
		for i := range p.Result.Points {
			b.WriteString(s.row(&p.Result.Points[i]) + "\n")
		}
	}
	if trouble != "" {
		b.WriteString(looking.In(s.Lang, trouble) + "\n")
	}
	b.WriteString(left.In(s.Lang, clock(p.Elapsed), clock(p.Left)) + "\n")
	s.draw(b.String())
}

// draw puts text in the place of what stands there (ECMA-48 CPL, ED). A line that is too long for the terminal would count as two: the
// terminal is told not to wrap (DECAWM) meanwhile.
func (s *Screen) draw(text string) {
	up := ""
	if s.rows > 0 {
		up = fmt.Sprintf("\x1b[%dF", s.rows)
	}
	fmt.Fprint(s.Out, up+"\x1b[J\x1b[?7l"+text+"\x1b[?7h")
	s.rows = strings.Count(text, "\n")
}

func (s *Screen) changes(p Progress, trouble string) {
	at := clock(p.Elapsed) + "  "
	if trouble != "" && trouble != s.err {
		fmt.Fprintln(s.Out, at+looking.In(s.Lang, trouble))
	}
	s.err = trouble
	if p.Result == nil {
		return
	}
	if s.said == nil {
		s.said = map[Name]string{}
	}
	for i := range p.Result.Points {
		q := &p.Result.Points[i]
		if q.By == Program {
			continue // its own line says enough
		}
		if now := string(q.State) + q.Text.VI; s.said[q.Name] != now {
			s.said[q.Name] = now
			fmt.Fprintln(s.Out, at+s.row(q))
		}
	}
}

// clock says a time as minutes and seconds.
func clock(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d/time.Minute), int(d/time.Second)%60)
}

const (
	stateWidth = 10
	titleWidth = 16
)

// colours of states (ECMA-48 SGR).
var colours = map[health.State]string{health.OK: "32", health.Warn: "33", health.Bad: "1;31", health.Unknown: "2"}

func (s *Screen) row(p *Point) string {
	mark := pad(p.word(s.Lang), stateWidth)
	if s.Colour {
		mark = "\x1b[" + colours[p.State] + "m" + mark + "\x1b[0m"
	}
	row := mark + pad(p.Name.Title(s.Lang), titleWidth) + p.Text.In(s.Lang)
	if more := p.More.In(s.Lang); more != "" {
		row += " (" + more + ")"
	}
	return row
}

// pad fills s up to n letters and a blank.
func pad(s string, n int) string { return s + strings.Repeat(" ", max(1, n-utf8.RuneCountInString(s))) }

// Final shows the result, with what to do.
func (s *Screen) Final(r *Result) error {
	var b strings.Builder
	indent := strings.Repeat(" ", stateWidth+titleWidth)
	for i := range r.Points {
		p := &r.Points[i]
		b.WriteString(s.row(p) + "\n")
		if p.By != "" && p.State != health.OK {
			b.WriteString(indent + because.In(s.Lang, p.By.Title(s.Lang)) + "\n")
			continue
		}
		if do := p.Do.In(s.Lang); do != "" {
			b.WriteString(indent + todo.In(s.Lang, do) + "\n")
		}
		if p.mirrored() {
			b.WriteString(indent + mirror.Legend.In(s.Lang) + "\n")
			for _, m := range mirror.Makers {
				b.WriteString(indent + on.In(s.Lang, m.Maker, m.Do.In(s.Lang)) + "\n")
			}
		}
	}
	b.WriteString("\n")
	if name := strings.TrimSpace(r.Box + "  " + r.Fingerprint); name != "" {
		b.WriteString(name + "\n")
	}
	b.WriteString(summaries[r.State].In(s.Lang) + "\n")
	if s.Live {
		s.draw("")
	} else {
		fmt.Fprintln(s.Out)
	}
	_, err := io.WriteString(s.Out, b.String())
	return err
}

// Document is a result for machines.
type Document struct {
	V           int           `json:"v"`
	Box         string        `json:"box,omitempty"`
	Cafe        string        `json:"cafe,omitempty"`
	Board       string        `json:"board"`
	Release     string        `json:"release"`
	Key         []byte        `json:"key,omitempty"`
	Fingerprint string        `json:"fingerprint,omitempty"`
	At          time.Time     `json:"at"`
	State       health.State  `json:"state"`
	Declared    int           `json:"declared,omitempty"`
	Seen        *health.Seen  `json:"seen,omitempty"`
	Points      []PointOfJSON `json:"points"`
}

// PointOfJSON is a Point in one language.
type PointOfJSON struct {
	Name  Name         `json:"name"`
	State health.State `json:"state"`
	Why   string       `json:"why"`
	Text  string       `json:"text"`
	More  string       `json:"more,omitempty"`
	Do    string       `json:"do,omitempty"`
	By    Name         `json:"by,omitempty"`
}

// Document returns r for machines, its words in a language.
func (r *Result) Document(cafe string, at time.Time, l lang.Lang) *Document {
	d := &Document{
		V: 1, Box: r.Box, Cafe: cafe, Board: r.Board, Release: r.Release, Key: r.Key, Fingerprint: r.Fingerprint, At: at, State: r.State,
		Declared: r.Declared, Seen: r.Seen, Points: []PointOfJSON{},
	}
	for i := range r.Points {
		p := &r.Points[i]
		d.Points = append(d.Points, PointOfJSON{p.Name, p.State, p.Why, p.Text.In(l), p.More.In(l), p.Do.In(l), p.By})
	}
	return d
}
