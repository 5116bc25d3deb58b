package web

import (
	"cmp"
	"net/http"
	"time"

	"golang.org/x/text/message"

	"cafeprobe/tools/province/live"
	"cafeprobe/uplink"
)

// words is all that a person reads, in one language. The exported fields are the template's. A field with verbs is a
// format: the two languages have the same verbs, which a test holds them to. English is phrased so that no word has to
// agree with a number.
type words struct {
	Lang, Other, OtherName string // BCP 47 tags, and the other language's own name

	Title, Notice, Lost, Now, Zone                                              string
	Cafes, None, On, Told, Arrived, Heard, Never                                string
	Unsure, Vantage, Records, Chain, Box                                        string
	Newest, NoRecords, Time, Cafe, What, Seq                                    string
	NoTime, Got, Waiting                                                        string
	sum, more, away, late, early, ago, justNow                                  string
	inUse, unsaid                                                               string
	books, intact, missing, lostForever, forked, doubted                        string
	cardFault, cardBroken, cardWarn, unreceipted                                string
	fromBoot, alive                                                             string
	roster, part                                                                string
	usedFrom, usedTo                                                            string
	opened, closed, unseen, give                                                string
	titles, titleUse, fewer                                                     string
	blindFrom, blindTo                                                          string
	health, dropped, missed, gap, passed, unused, unnumbered                    string
	offSince, cleanOff, cutOff, unknownOff, anchored, stepped, linkUp, linkDown string
	power, configured, done, updated, forkedAt, refusedN, wrong                 string
	opaque, garbled                                                             string
	days, hours, minutes, seconds                                               string
	status                                                                      map[live.Status]string
	why                                                                         map[live.Status]string // what the status rests on
	kinds                                                                       map[uplink.Kind]string
	roles, boots, blinds, gaps, sights, results, powers, refusals, cards        map[string]string
	updates, notTaken                                                           map[string]string // a firmware's steps, and why it was refused
	events, checks                                                              map[string]string
	vantages                                                                    map[string]string // why a grade of sight is given
	hidden, lost                                                                string
	causes                                                                      map[uplink.Cause]string
	Nights, NoNights, NightOf, Going, Over                                      string
	used, notSeen, maintained, unsureTimes                                      string
	stages                                                                      map[string]string
	Disputed, disputed, announced                                               string
	Replaced, replaced, newCard, newChain, because, awaited, cameBack, earlier  string
	announcers                                                                  map[string]string // who announces maintenance

	printer *message.Printer // groups digits and writes decimals as the language does; only read, so it can be shared
}

// chosen returns the language asked for: Vietnamese, unless that is English.
func chosen(r *http.Request) *words {
	if r.URL.Query().Get("lang") == english.Lang {
		return &english
	}
	return &vietnamese
}

// f fills format in.
func (l *words) f(format string, args ...any) string { return l.printer.Sprintf(format, args...) }

// kind names k; a kind of a later version by its own word.
func (l *words) kind(k uplink.Kind) string { return cmp.Or(l.kinds[k], string(k)) }

// span says how long d is, in its two largest units.
func (l *words) span(d time.Duration) string {
	units := []struct {
		d    time.Duration
		word string
	}{{24 * time.Hour, l.days}, {time.Hour, l.hours}, {time.Minute, l.minutes}, {time.Second, l.seconds}}
	for i, u := range units {
		if d < u.d && u.d > time.Second {
			continue
		}
		out := l.f(u.word, int64(d/u.d))
		if i+1 < len(units) {
			if rest := int64(d % u.d / units[i+1].d); rest > 0 {
				out += " " + l.f(units[i+1].word, rest)
			}
		}
		return out
	}
	panic("BUG: the last unit takes all that is left")
}

// since says how long ago something was. Under ten seconds is now: the page itself takes some.
func (l *words) since(d time.Duration) string {
	if d < 10*time.Second {
		return l.justNow
	}
	return l.f(l.ago, l.span(d))
}
