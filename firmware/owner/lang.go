package owner

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cafeprobe/firmware/hours"
)

// text is one thing in both languages. What %s stands for is the same, in the same order or numbered.
type text struct{ vi, en string }

// lang is a language of the page.
type lang struct {
	Code, Other, OtherName string // BCP 47 tags, and the other language's own name
	group                  string // between three digits and three
	pick                   func(text) string
}

var (
	vietnamese = &lang{"vi", "en", "English", ".", func(t text) string { return t.vi }}
	english    = &lang{"en", "vi", "Tiếng Việt", ",", func(t text) string { return t.en }}
	languages  = []*lang{vietnamese, english}
)

// say returns the text of key with args in it. Numbers are written as the language does.
func (l *lang) say(key string, args ...any) string {
	t, ok := texts[key]
	if !ok {
		panic("BUG: no text " + key)
	}
	if len(args) == 0 {
		return l.pick(t)
	}
	for i, a := range args {
		switch a := a.(type) {
		case int:
			args[i] = l.num(a)
		case uint64:
			args[i] = l.grouped(strconv.FormatUint(a, 10))
		case time.Duration:
			args[i] = l.span(a)
		}
	}
	return fmt.Sprintf(l.pick(t), args...)
}

// known returns the text of prefix and word, and word itself where a later version of the box's records has a new one.
func (l *lang) known(prefix, word string) string {
	if t, ok := texts[prefix+word]; ok {
		return l.pick(t)
	}
	return word
}

// num writes n with its digits in groups of three.
func (l *lang) num(n int) string { return l.grouped(strconv.Itoa(n)) }

func (l *lang) grouped(s string) string {
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + l.group + s[i:]
	}
	return s
}

// span says how long d is, in hours and minutes.
func (l *lang) span(d time.Duration) string {
	m := int(d / time.Minute)
	switch h := m / 60; {
	case h == 0:
		return l.say("span.m", m)
	case m%60 == 0:
		return l.say("span.h", h)
	default:
		return l.say("span.hm", h, m%60)
	}
}

// date writes d with its weekday, within a sentence.
func (l *lang) date(d hours.Date) string {
	t := d.Start().In(hours.Zone)
	return l.say("weekday."+strconv.Itoa(int(t.Weekday()))) + ", " + t.Format("02/01/2006")
}

// first writes s as the beginning of a sentence.
func first(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// chosen returns the language asked for: by the link, else by the cookie that the link left; Vietnamese without both.
func chosen(r *http.Request) *lang {
	code := r.URL.Query().Get("lang")
	if code == "" {
		if c, err := r.Cookie(langCookie); err == nil {
			code = c.Value
		}
	}
	if code == english.Code {
		return english
	}
	return vietnamese
}

// remember leaves the cookie if r came by the link.
func remember(w http.ResponseWriter, r *http.Request, l *lang) {
	if r.URL.Query().Has("lang") {
		http.SetCookie(w, cookie(langCookie, l.Code, 365*24*3600))
	}
}

// sentences joins those of s that are not empty.
func sentences(s ...string) string {
	var out []string
	for _, one := range s {
		if one != "" {
			out = append(out, one)
		}
	}
	return strings.Join(out, " ")
}
