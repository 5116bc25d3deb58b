package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"cafeprobe/tools/soak/hold"
)

// event is a line of `go test -json` (cmd/test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64 // seconds
	Output  string
	Key     string // of an attribute
	Value   string
}

// summary is what became of the long tests.
type summary struct {
	list []Long
	by   map[Long]*result
}

// result is what became of one.
type result struct {
	verdict string // "pass", "fail" or "skip" of test2json; empty: it has not ended
	took    time.Duration
	figures []told
}

// told is a figure, and the subtest that told it.
type told struct {
	sub string
	hold.Figure
}

func newSummary(list []Long) *summary {
	s := &summary{list, map[Long]*result{}}
	for _, l := range list {
		s.by[l] = &result{}
	}
	return s
}

// take takes a line of `go test -json` and returns what it would have said without -json.
func (s *summary) take(line []byte) (text string, err error) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		return "", err
	}
	name, sub, _ := strings.Cut(e.Test, "/")
	for l, r := range s.by {
		if l.Test == name && strings.HasSuffix(e.Package, "/"+l.Package) {
			return e.Output, r.take(&e, sub)
		}
	}
	return e.Output, nil
}

func (r *result) take(e *event, sub string) error {
	switch e.Action {
	case "pass", "fail", "skip":
		if sub == "" {
			r.verdict, r.took = e.Action, time.Duration(e.Elapsed*float64(time.Second))
		}
	case "attr":
		if e.Key != hold.Attribute {
			return nil
		}
		f := told{sub: sub}
		if err := json.Unmarshal([]byte(e.Value), &f.Figure); err != nil {
			return fmt.Errorf("figure %q of %s: %w", e.Value, e.Test, err)
		}
		r.figures = append(r.figures, f)
	}
	return nil
}

// passed reports whether every test has run and passed. One that was skipped has proved nothing.
func (s *summary) passed() bool {
	for _, r := range s.by {
		if r.verdict != "pass" {
			return false
		}
	}
	return true
}

// write writes the table: a line for each test, and below it one for each of its figures.
func (s *summary) write(out io.Writer) {
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tmust hold\tmeasured\tresult\ttook")
	for _, l := range s.list {
		r := s.by[l]
		fmt.Fprintf(w, "%s %s\t%s\t\t%s\t%v\n", l.Package, l.Test, l.Must, word(r.verdict), r.took.Round(100*time.Millisecond))
		slices.SortStableFunc(r.figures, func(a, b told) int { return cmp.Compare(a.sub, b.sub) }) // parallel ones come mixed
		for _, f := range r.figures {
			what := f.What
			if f.sub != "" {
				what = f.sub + ": " + what
			}
			verdict := "fail"
			if f.OK {
				verdict = "pass"
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t\n", what, f.Must(), f.Measured(), word(verdict))
		}
	}
	_ = w.Flush() // there is nobody to tell
}

// word writes a verdict for a person.
func word(verdict string) string {
	switch verdict {
	case "pass":
		return "PASS"
	case "skip":
		return "SKIPPED"
	case "":
		return "DID NOT RUN"
	}
	return "FAIL"
}
