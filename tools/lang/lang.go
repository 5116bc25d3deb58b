// Package lang lets the tools speak to technicians in Vietnamese and English.
package lang

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"cafeprobe/firmware/health"
)

// Lang is a language.
type Lang = health.Lang

// The languages.
const (
	VI = health.Vietnamese
	EN = health.English
)

// Text is one thing in both languages, each a format of package fmt with the same verbs in the same order, or with indexes.
type Text struct{ VI, EN string }

// In returns t in a language, with args in its verbs.
func (t Text) In(l Lang, args ...any) string {
	f := t.EN
	if l == VI {
		f = t.VI
	}
	if len(args) == 0 {
		return f
	}
	return fmt.Sprintf(f, args...)
}

// Fault is an error that a technician can do something about: what is the matter, and what to do, in both languages.
type Fault struct {
	What, Do Text
	Args     []any // of What's verbs
	Err      error // what is behind it; nil for nothing
}

// Error says both in English.
func (f *Fault) Error() string { return f.In(EN) }

// In says both in a language.
func (f *Fault) In(l Lang) string {
	s := f.What.In(l, f.Args...)
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	if do := f.Do.In(l); do != "" {
		s += ": " + do
	}
	return s
}

// Unwrap returns what is behind f.
func (f *Fault) Unwrap() error { return f.Err }

// Words returns what err says in a language: of a Fault in it, else the error's own.
func Words(err error, l Lang) string {
	var f interface{ In(l Lang) string }
	if errors.As(err, &f) {
		return f.In(l)
	}
	return err.Error()
}

// Auto is the choice of a user who makes none.
const Auto = "auto"

// Of returns the language of a choice: vi, en, or, of auto, that of messages in the environment (locale(7)).
func Of(choice string) Lang {
	if choice != Auto {
		return Lang(choice)
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "vi") {
				return VI
			}
			break
		}
	}
	return EN
}
