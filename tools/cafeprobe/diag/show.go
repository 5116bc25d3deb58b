package diag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cafeprobe/firmware/health"
)

// Answer is what a box says of itself to the verb diag. A box of another release may leave out what it does not know.
type Answer struct {
	Board   string    `json:"board"`
	Release string    `json:"release"`
	Number  uint64    `json:"number"`
	Slot    string    `json:"slot"`
	Trial   bool      `json:"trial"`
	Uptime  int64     `json:"up"` // milliseconds
	Clock   time.Time `json:"clock"`
	Data    struct {
		Mode string `json:"mode"`
		Why  string `json:"why"`
		Size int64  `json:"size"` // octets
	} `json:"data"`
	Memory struct { // octets
		Total     uint64 `json:"total"`
		Available uint64 `json:"available"` // to programs
		Init      uint64 `json:"init"`      // what PID 1 takes up
		Daemon    uint64 `json:"daemon"`    // what the daemon takes up

		InitOpen   int `json:"init_open"` // files that PID 1 has open
		DaemonOpen int `json:"daemon_open"`
	} `json:"memory"`
	Written uint64         `json:"written"` // octets, to the card since the box started
	Uplink  string         `json:"uplink"`
	Daemon  int64          `json:"daemon"` // process number, 0 for none
	Exits   int            `json:"exits"`
	Events  int            `json:"events"`
	Crashes []string       `json:"crashes"` // names of reports, oldest first
	Faults  []string       `json:"faults"`
	Health  *health.Report `json:"health"` // nil: the daemon has said nothing since the box started
}

// Parse reads an answer.
func Parse(b json.RawMessage) (*Answer, error) {
	var a Answer
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("the box's answer: %w", err)
	}
	return &a, nil
}

// Stale reports whether the daemon has stopped to report.
func (a *Answer) Stale() bool {
	return a.Health != nil && a.Uptime-a.Health.At >= health.Silence.Milliseconds()
}

// State returns how the box is, all in all: bad also where the daemon says nothing, or no more.
func (a *Answer) State() health.State {
	if a.Health == nil || a.Stale() {
		return health.Bad
	}
	return a.Health.Worst()
}

// text is a table's words in both languages.
type text struct{ vi, en string }

func (t text) in(l health.Lang) string {
	if l == health.Vietnamese {
		return t.vi
	}
	return t.en
}

var (
	box      = text{"thiết bị", "box"}
	release  = text{"bản", "release"}
	slot     = text{"ngăn", "slot"}
	trial    = text{"đang thử", "on trial"}
	up       = text{"đã chạy", "up"}
	data     = text{"dữ liệu", "data"}
	address  = text{"địa chỉ", "address"}
	ram      = text{"bộ nhớ", "memory"}
	used     = text{"đã dùng %d trong %d MiB", "%d of %d MiB used"}
	fault    = text{"lỗi", "fault"}
	waits    = text{"%d sự kiện chờ ghi", "%d events wait to be recorded"}
	exits    = text{"chương trình chính đã dừng bất ngờ %d lần", "the daemon ended unasked %d times"}
	silent   = text{"chương trình chính chưa báo cáo", "the daemon has said nothing yet"}
	noLonger = text{"chương trình chính không báo cáo nữa", "the daemon says nothing any more"}
	because  = text{"do %s", "because of: %s"}
	todo     = text{"cần làm", "do"}
)

// Print shows a as a table, in colours where colour is set. What the box says is shown without what could steer a terminal.
func (a *Answer) Print(w io.Writer, l health.Lang, colour bool) error {
	p := &printer{lang: l, colour: colour}
	p.about(a)
	if a.Health == nil {
		p.state(health.Bad, silent.in(l))
	} else {
		if a.Stale() {
			p.state(health.Bad, noLonger.in(l))
		}
		for _, c := range a.Health.Checks {
			p.check(a.Health, c, a.Uptime)
		}
	}
	_, err := w.Write(p.out.Bytes())
	return err
}

type printer struct {
	out    bytes.Buffer
	lang   health.Lang
	colour bool
}

func (p *printer) about(a *Answer) {
	kind := fmt.Sprintf("%s, %s %s (%d)", Plain(a.Board), release.in(p.lang), Plain(a.Release), a.Number)
	if a.Slot != "" {
		kind += ", " + slot.in(p.lang) + " " + Plain(a.Slot)
	}
	if a.Trial {
		kind += " " + trial.in(p.lang)
	}
	p.line(box.in(p.lang), kind+", "+up.in(p.lang)+" "+span(a.Uptime))
	if a.Data.Mode != "" {
		text := fmt.Sprintf("%s, %.1f GiB", Plain(a.Data.Mode), float64(a.Data.Size)/(1<<30))
		if a.Data.Why != "" {
			text += ": " + Plain(a.Data.Why)
		}
		p.line(data.in(p.lang), text)
	}
	if m := a.Memory; m.Total > 0 {
		p.line(ram.in(p.lang), fmt.Sprintf(used.in(p.lang), (m.Total-min(m.Available, m.Total))>>20, m.Total>>20))
	}
	if a.Uplink != "" {
		p.line(address.in(p.lang), Plain(a.Uplink))
	}
	for _, f := range a.Faults {
		p.line(fault.in(p.lang), Plain(f))
	}
	if a.Exits > 0 {
		p.line("", fmt.Sprintf(exits.in(p.lang), a.Exits))
	}
	if a.Events > 0 {
		p.line("", fmt.Sprintf(waits.in(p.lang), a.Events))
	}
	p.out.WriteByte('\n')
}

// Widths of columns, in letters.
const (
	labelWidth = 10
	stateWidth = 9
	titleWidth = 14
	sinceWidth = 8
)

func (p *printer) line(label, text string) {
	fmt.Fprintf(&p.out, "%s%s\n", pad(label, labelWidth), text)
}

// colours of states (ECMA-48 SGR).
var colours = map[health.State]string{health.OK: "32", health.Warn: "33", health.Bad: "1;31", health.Unknown: "2"}

func (p *printer) mark(s health.State) string {
	word := pad(s.Word(p.lang), stateWidth)
	if c, ok := colours[s]; ok && p.colour {
		return "\x1b[" + c + "m" + word + "\x1b[0m"
	}
	return word
}

func (p *printer) state(s health.State, text string) {
	fmt.Fprintf(&p.out, "%s%s\n", p.mark(s), text)
}

func (p *printer) check(r *health.Report, c health.Check, now int64) {
	title, since := pad(Plain(c.Name.Title(p.lang)), titleWidth), pad(span(now-c.Since), sinceWidth)
	fmt.Fprintf(&p.out, "%s%s%s%s\n", p.mark(c.State), title, since, Plain(c.Sentence(p.lang)))
	indent := strings.Repeat(" ", stateWidth+titleWidth+sinceWidth)
	if c.By != "" {
		fmt.Fprintf(&p.out, "%s%s\n", indent, fmt.Sprintf(because.in(p.lang), Plain(r.Check(c.By).Name.Title(p.lang))))
		return // what explains it says what to do
	}
	if remedy := c.Remedy(p.lang); remedy != "" {
		fmt.Fprintf(&p.out, "%s%s: %s\n", indent, todo.in(p.lang), Plain(remedy))
	}
}

// pad fills s up to n letters and a blank.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(1, n-utf8.RuneCountInString(s)))
}

// maxWords bounds what is shown of one thing, in letters.
const maxWords = 300

// Plain returns s without what a terminal would obey.
func Plain(s string) string {
	out := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
	if r := []rune(out); len(r) > maxWords {
		return string(r[:maxWords]) + "…"
	}
	return out
}

// span says a time of milliseconds in the two largest units that it has.
func span(t int64) string {
	d := time.Duration(max(0, min(t, 1<<43))) * time.Millisecond
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
