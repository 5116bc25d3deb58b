// Package day is a day in a café as a table that a person can read: what each computer does, from when to when. It knows
// nothing of how that is played: it reads the table, and writes out what single things happen of it and when.
package day

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Long and Short are tables: a morning of two hours, and some minutes of a smaller room, to try all of it out.
var (
	//go:embed long.txt
	Long string
	//go:embed short.txt
	Short string
)

// Verb is what a row of the table says that a computer does.
type Verb string

// The verbs of a table. Those of a person have a from and a to, the others a from alone.
const (
	Boot   Verb = "boot"   // power on: over the network where the computer has no disk
	Off    Verb = "off"    // an orderly end: programs end, the lease is given back
	Cut    Verb = "cut"    // the power is gone, or the phone out of the door
	Reboot Verb = "reboot" // at log-off, without a word
	Wake   Verb = "wake"   // wakes another with a magic packet; what: whom
	Update Verb = "update" // nobody is there: a download; what: name

	Browse Verb = "browse" // a person reads pages; what: names of sites, he goes from one to the next
	Video  Verb = "video"  // a person watches; what: the site
	Chat   Verb = "chat"   // a person writes and is answered; what: the name
	Game   Verb = "game"   // a person plays; what: the game
	Voice  Verb = "voice"  // a person talks beside a game; what: the name
)

// Person says whether the verb is somebody's doing.
func (v Verb) Person() bool { return slices.Contains([]Verb{Browse, Video, Chat, Game, Voice}, v) }

// lasting are the verbs that have a to; others happen at a moment.
func (v Verb) lasting() bool { return v.Person() || v == Update }

// Row is a line of the table. Times are since midnight.
type Row struct {
	Who      string
	From, To time.Duration
	Does     Verb
	What     []string
}

// Table is a day.
type Table struct {
	From, To time.Duration
	Rows     []Row // in the order of the text
}

// Stretch is some time of the day.
type Stretch struct{ From, To time.Duration }

// Parse reads a table: lines of client, from, to, verb and what the verb is about; "-" is no time. The first line has the
// word "day" and when the day begins and ends. Empty lines and what is behind a # are passed over. All that is wrong is
// in the error, each with its line.
func Parse(text string) (t Table, err error) {
	var wrong []error
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := t.take(words); err != nil {
			wrong = append(wrong, fmt.Errorf("line %d: %w", n, err))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return t, err
	}
	if t.To <= t.From {
		return t, errors.New("the table has no line \"day FROM TO\"")
	}
	return t, t.check()
}

func (t *Table) take(words []string) (err error) {
	if words[0] == "day" && len(words) == 3 {
		var err1, err2 error
		t.From, err1 = clock(words[1])
		t.To, err2 = clock(words[2])
		return errors.Join(err1, err2)
	}
	if len(words) < 4 {
		return fmt.Errorf("%q: want client, from, to, verb", words)
	}
	r := Row{Who: words[0], Does: Verb(words[3]), What: words[4:]}
	if r.From, err = clock(words[1]); err != nil {
		return err
	}
	switch r.Does {
	case Boot, Off, Cut, Reboot, Wake:
	default:
		if !r.Does.lasting() {
			return fmt.Errorf("no verb is called %q", r.Does)
		}
	}
	if (r.Does.lasting() || r.Does == Wake) && len(r.What) == 0 {
		return fmt.Errorf("%s %s: want what", r.Who, r.Does)
	}
	if !r.Does.lasting() {
		if words[2] != "-" {
			return fmt.Errorf("%s %s: it happens at a moment: want - for a to", r.Who, r.Does)
		}
		r.To = r.From
	} else if r.To, err = clock(words[2]); err == nil && r.To <= r.From {
		err = fmt.Errorf("%s %s ends before it begins", r.Who, r.Does)
	}
	t.Rows = append(t.Rows, r)
	return err
}

// clock reads a time of day: 8:30 or 8:30:15.
func clock(word string) (time.Duration, error) {
	var h, m, s int
	if n, _ := fmt.Sscanf(word, "%d:%d:%d", &h, &m, &s); n < 2 || m > 59 || s > 59 || h > 23 || h < 0 || m < 0 || s < 0 {
		return 0, fmt.Errorf("%q is no time of day such as 8:30 or 8:30:15", word)
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second, nil
}

// check says what cannot be: a computer that does something while it is off, or too soon after it was switched on.
func (t *Table) check() error {
	var wrong []error
	for _, r := range t.Rows {
		if r.From < t.From || r.To > t.To {
			wrong = append(wrong, fmt.Errorf("%s %s at %v is not within the day", r.Who, r.Does, r.From))
		}
		if r.Does == Boot {
			continue
		}
		on := slices.ContainsFunc(t.On(r.Who), func(s Stretch) bool {
			from := s.From
			if r.Does.lasting() {
				from += Ready
			}
			return from <= r.From && r.To <= s.To
		})
		if !on {
			wrong = append(wrong, fmt.Errorf("%s %s at %v: it is off, or has not booted yet", r.Who, r.Does, r.From))
		}
	}
	return errors.Join(wrong...)
}

// Ready is how long after the power came on a computer's system and programs run at the latest.
const Ready = 90 * time.Second

// Who returns the names of those that the table has, in its order.
func (t *Table) Who() (names []string) {
	for _, r := range t.Rows {
		if !slices.Contains(names, r.Who) {
			names = append(names, r.Who)
		}
	}
	return names
}

// of returns one client's rows in order of time.
func (t *Table) of(who string) (rows []Row) {
	for _, r := range t.Rows {
		if r.Who == who {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return int(a.From - b.From) })
	return rows
}

// On returns when a client is on. A reboot ends one stretch and begins another.
func (t *Table) On(who string) (list []Stretch) {
	on := false
	for _, r := range t.of(who) {
		switch r.Does {
		case Boot:
			list, on = append(list, Stretch{r.From, t.To}), true
		case Off, Cut, Reboot:
			if on {
				list[len(list)-1].To, on = r.From, false
			}
			if r.Does == Reboot {
				list, on = append(list, Stretch{r.From, t.To}), true
			}
		}
	}
	return list
}

// Sessions returns when somebody is at a client: what he does without a pause between.
func (t *Table) Sessions(who string) (list []Stretch) {
	for _, r := range t.of(who) {
		if !r.Does.Person() {
			continue
		}
		if n := len(list) - 1; n >= 0 && r.From <= list[n].To {
			list[n].To = max(list[n].To, r.To)
			continue
		}
		list = append(list, Stretch{r.From, r.To})
	}
	return list
}
