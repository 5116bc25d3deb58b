package state

import (
	"fmt"
	"strings"
	"time"
)

// FactKind is the kind of a Fact.
type FactKind uint8

// The kinds of facts. N is given where it counts something.
const (
	FactNone   FactKind = iota
	FactBoot            // it asked for an address or a system to start with, first at From
	FactUp              // it was silent, and then heard from From on
	FactPlay            // real-time traffic, N seconds of it; of Title, if that is known
	FactGame            // a game's own flow, in N minutes, none of it in real time
	FactNames           // asked for N new names
	FactUser            // N KB with the internet that are no update, telemetry or launcher
	FactSteam           // Steam said in N minutes that a game runs
	FactPause           // the longest stretch without a sign of a person
	FactBack            // N KB of updates and other traffic that programs make by themselves
	FactUnseen          // N minutes that could not be seen
	FactOff             // sent nothing after From
	FactReboot          // started anew at From
	FactIdle            // stayed on without a sign of a person after From
	FactBlind           // could not be seen from From on
)

// maxFacts bounds the facts of one session.
const maxFacts = 12

// Fact is something that the minutes of a session showed, from From to To.
type Fact struct {
	Kind     FactKind
	Title    uint16
	N        uint32
	From, To int64
}

// evidenceCount adds up what the minutes of the open session showed.
type evidenceCount struct {
	games  [4]game // by title, 0 for real-time traffic of none that is known; further ones are left out
	names  Fact
	user   Fact
	steam  Fact
	back   Fact
	gap    Fact
	unseen uint32
}

type game struct {
	title        uint16
	any          bool
	seconds, own uint32 // of real-time traffic; minutes with a flow of its own
	from, to     int64
}

// leastUser and leastBack are the volumes, in KB, from which they are worth a word.
const (
	leastUser  = 1024
	leastBack  = 10 * 1024
	leastPause = int64(3 * time.Minute)
)

// add counts minute m, in which a person showed from from to to, 0 where none did.
func (c *evidenceCount) add(m *Settled, from, to int64) {
	if from == 0 {
		from, to = m.clamp(m.First, m.Start), m.clamp(m.Last, m.Start)
	}
	if m.Play > 0 || m.Title != 0 {
		c.game(m, from, to)
	}
	c.names.count(uint32(m.Names), from, to)
	c.user.count(m.User, from, to)
	c.back.count(m.Back, from, to)
	if m.Signs&GameRunning != 0 {
		c.steam.count(1, from, to)
	}
}

func (c *evidenceCount) game(m *Settled, from, to int64) {
	for i := range c.games {
		g := &c.games[i]
		if !g.any {
			*g = game{title: m.Title, any: true, from: from}
		}
		if g.title == m.Title {
			g.seconds, g.own, g.to = g.seconds+uint32(m.Play), g.own+1, max(to, g.from)
			return
		}
	}
}

// pause takes a stretch without a sign of a person.
func (c *evidenceCount) pause(from, to int64) {
	if to-from >= leastPause && to-from > c.gap.To-c.gap.From {
		c.gap = Fact{Kind: FactPause, From: from, To: to}
	}
}

// count adds n to f, as shown from from to to.
func (f *Fact) count(n uint32, from, to int64) {
	if n == 0 {
		return
	}
	if f.N == 0 {
		f.From = from
	}
	f.To = max(to, f.From)
	if f.N += n; f.N < n {
		f.N = 1<<32 - 1
	}
}

// tell adds the facts to s.
func (c *evidenceCount) tell(s *Session) {
	for i := range c.games {
		switch g := &c.games[i]; {
		case g.seconds > 0:
			s.add(Fact{Kind: FactPlay, Title: g.title, N: g.seconds, From: g.from, To: g.to})
		case g.own > 0:
			s.add(Fact{Kind: FactGame, Title: g.title, N: g.own, From: g.from, To: g.to})
		}
	}
	add := func(kind FactKind, f Fact, least uint32) {
		if f.Kind = kind; f.N >= max(1, least) {
			s.add(f)
		}
	}
	add(FactNames, c.names, 1)
	add(FactUser, c.user, leastUser)
	add(FactSteam, c.steam, 1)
	if c.gap.Kind == FactPause {
		s.add(c.gap)
	}
	add(FactBack, c.back, leastBack)
	add(FactUnseen, Fact{N: c.unseen, From: s.Start, To: s.End}, 1)
}

// Language is one in which evidence can be told.
type Language uint8

// The languages.
const (
	English Language = iota
	Vietnamese
)

// Teller tells facts as sentences.
type Teller struct {
	Language Language
	At       func(t int64) time.Time   // the time people read at moment t of the minutes; nil: UTC of the Unix epoch
	Title    func(title uint16) string // the name of a title; nil or an empty name: none is told
}

// Why returns a sentence for each fact of s. They inform: they say what was seen, and accuse nobody.
func (t *Teller) Why(s *Session) []string {
	var why []string
	for i := range s.Facts() {
		if line := t.tell(&s.facts[i]); line != "" {
			why = append(why, line)
		}
	}
	return why
}

func (t *Teller) tell(f *Fact) string {
	name := ""
	if t.Title != nil && f.Title != 0 {
		name = t.Title(f.Title)
	}
	if t.Language == Vietnamese {
		return t.vietnamese(f, name)
	}
	return t.english(f, name)
}

func (t *Teller) english(f *Fact, name string) string {
	switch f.Kind {
	case FactBoot:
		return "started up " + t.moment(f.From)
	case FactUp:
		return "heard again after silence " + t.moment(f.From)
	case FactPlay:
		return fmt.Sprintf("real-time %s %s%s, %s", either(name != "", "game traffic", "traffic (a game or voice)"),
			t.span(f), inBrackets(name), t.duration(f.N))
	case FactGame:
		return fmt.Sprintf("traffic of a game, not in real time, %s%s", t.span(f), inBrackets(name))
	case FactNames:
		return fmt.Sprintf("asked for %d new %s %s", f.N, either(f.N == 1, "site", "sites"), t.span(f))
	case FactUser:
		return fmt.Sprintf("exchanged %s with the internet %s, updates left out", t.volume(f.N), t.span(f))
	case FactSteam:
		return fmt.Sprintf("Steam said that a game was running %s", t.span(f))
	case FactPause:
		return fmt.Sprintf("longest pause: %d min, %s", minutes(f), t.span(f))
	case FactBack:
		return fmt.Sprintf("%s of updates and background traffic were not counted as use", t.volume(f.N))
	case FactUnseen:
		return fmt.Sprintf("could not be seen for %d min of it", f.N)
	case FactOff:
		return "off or asleep after " + t.moment(f.From)
	case FactReboot:
		return "started anew " + t.moment(f.From)
	case FactIdle:
		return "stayed on after the last use at " + t.moment(f.From)
	case FactBlind:
		return fmt.Sprintf("could not be seen from %s on", t.minute(f.From))
	}
	return ""
}

func (t *Teller) vietnamese(f *Fact, name string) string {
	switch f.Kind {
	case FactBoot:
		return "máy khởi động lúc " + t.moment(f.From)
	case FactUp:
		return "sau khi im lặng, máy có tín hiệu trở lại lúc " + t.moment(f.From)
	case FactPlay:
		what := either(name != "", "lưu lượng trò chơi thời gian thực", "lưu lượng thời gian thực (trò chơi hoặc thoại)")
		return fmt.Sprintf("%s %s%s, %s", what, t.span(f), inBrackets(name), t.duration(f.N))
	case FactGame:
		return fmt.Sprintf("lưu lượng của trò chơi, không phải thời gian thực, %s%s", t.span(f), inBrackets(name))
	case FactNames:
		return fmt.Sprintf("truy vấn %d trang mới %s", f.N, t.span(f))
	case FactUser:
		return fmt.Sprintf("trao đổi %s với Internet %s, không kể cập nhật", t.volume(f.N), t.span(f))
	case FactSteam:
		return fmt.Sprintf("Steam báo có trò chơi đang chạy %s", t.span(f))
	case FactPause:
		return fmt.Sprintf("khoảng nghỉ dài nhất: %d phút, %s", minutes(f), t.span(f))
	case FactBack:
		return fmt.Sprintf("%s cập nhật và lưu lượng nền không tính là sử dụng", t.volume(f.N))
	case FactUnseen:
		return fmt.Sprintf("có %d phút không quan sát được", f.N)
	case FactOff:
		return "máy tắt hoặc ngủ sau " + t.moment(f.From)
	case FactReboot:
		return "máy khởi động lại lúc " + t.moment(f.From)
	case FactIdle:
		return "máy vẫn bật sau lần sử dụng cuối lúc " + t.moment(f.From)
	case FactBlind:
		return fmt.Sprintf("từ %s không quan sát được", t.minute(f.From))
	}
	return ""
}

func either(is bool, a, b string) string {
	if is {
		return a
	}
	return b
}

func inBrackets(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

func minutes(f *Fact) int64 { return (f.To - f.From) / int64(time.Minute) }

func (t *Teller) at(at int64) time.Time {
	if t.At == nil {
		return time.Unix(0, at).UTC()
	}
	return t.At(at)
}

func (t *Teller) minute(at int64) string { return t.at(at).Format("15:04") }

// moment tells to the second, or to the minute where no more than the minute is known.
func (t *Teller) moment(at int64) string {
	if at%int64(time.Minute) == 0 {
		return t.minute(at)
	}
	return t.at(at).Format("15:04:05")
}

// span tells from when to when, or only when if that is the same minute.
func (t *Teller) span(f *Fact) string {
	from, to := t.minute(f.From), t.minute(f.To)
	if from == to {
		return from
	}
	return from + "–" + to
}

// duration tells seconds as minutes, or as seconds where there is no whole minute.
func (t *Teller) duration(n uint32) string {
	if n < 60 {
		return fmt.Sprintf("%d %s", n, either(t.Language == Vietnamese, "giây", "s"))
	}
	return fmt.Sprintf("%d %s", n/60, either(t.Language == Vietnamese, "phút", "min"))
}

// volume tells KB in MB or GB, with the language's decimal sign.
func (t *Teller) volume(kb uint32) string {
	text := fmt.Sprintf("%.1f GB", float64(kb)/(1<<20))
	if kb < 1<<20 {
		return fmt.Sprintf("%d MB", (uint64(kb)+512)>>10)
	}
	if t.Language == Vietnamese {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text
}
