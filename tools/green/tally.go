package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cafeprobe/firmware/image/imagetest"
	"cafeprobe/firmware/update"
	"cafeprobe/tools/release"
)

// event is a line of `go test -json` (cmd/test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Key     string // of an attribute
	Value   string
}

// tally is what became of the tests.
type tally struct {
	rows   []Row
	images []string            // as tests say them: each file's name and hash
	tests  map[string]*outcome // by package below the module, a blank, and the test's whole name
}

// outcome is what became of one test, or of a part of one.
type outcome struct {
	verdict string   // "pass", "fail" or "skip" of test2json; empty: it has not ended
	parent  bool     // it has parts
	images  []string // that it and its parts said they test, each once
}

func newTally(rows []Row, sums map[string]update.Sum) *tally {
	t := &tally{rows: rows, tests: map[string]*outcome{}}
	for name, sum := range sums {
		t.images = append(t.images, fmt.Sprintf("%s %x", name, sum[:]))
	}
	slices.Sort(t.images)
	return t
}

// pattern returns which tests of a package are to be run.
func (t *tally) pattern(pkg string) string {
	var of []string
	for _, r := range t.rows {
		if r.Package == pkg {
			of = append(of, r.Test)
		}
	}
	return "^(" + strings.Join(of, "|") + ")$"
}

// take takes a line of `go test -json` and returns what it would have said without -json.
func (t *tally) take(line []byte) (text string, err error) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		return "", err
	}
	_, pkg, _ := strings.Cut(e.Package, "/")
	if e.Test == "" || !slices.ContainsFunc(t.rows, func(r Row) bool { return r.Package == pkg }) {
		return e.Output, nil
	}
	if at := strings.LastIndexByte(e.Test, '/'); at > 0 {
		t.of(pkg, e.Test[:at]).parent = true
	}
	top, _, _ := strings.Cut(e.Test, "/")
	switch e.Action {
	case "pass", "fail", "skip":
		t.of(pkg, e.Test).verdict = e.Action
	case "attr": // what a part says counts for all of its test
		if of := t.of(pkg, top); e.Key == imagetest.Attribute && !slices.Contains(of.images, e.Value) {
			of.images = append(of.images, e.Value)
		}
	default:
		t.of(pkg, e.Test) // it runs: without an end it fails
	}
	return e.Output, nil
}

func (t *tally) of(pkg, name string) *outcome {
	key := pkg + " " + name
	if t.tests[key] == nil {
		t.tests[key] = &outcome{}
	}
	return t.tests[key]
}

// Results of a suite beside release.Pass, the worst last.
const (
	skipped = "skip"
	another = "other-image" // a test did not say that it tests this one
	absent  = "did-not-run" // a row of the table has no test
	failed  = "fail"        // or did not end
)

var worst = []string{release.Pass, skipped, another, absent, failed}

// suites returns what became of each suite. Tests counts the tests, and of those with parts the parts, that passed.
func (t *tally) suites() (list []release.Suite) {
	for _, r := range t.rows {
		at := slices.IndexFunc(list, func(s release.Suite) bool { return s.Name == r.Suite })
		if at < 0 {
			list, at = append(list, release.Suite{Name: r.Suite, Result: release.Pass}), len(list)
		}
		result, n := t.row(r)
		s := &list[at]
		s.Tests += n
		if slices.Index(worst, result) > slices.Index(worst, s.Result) {
			s.Result = result
		}
	}
	return list
}

// row returns what became of a row's tests.
func (t *tally) row(r Row) (result string, tests int) {
	re := regexp.MustCompile("^(" + r.Test + ")$")
	result = absent
	note := func(is string) {
		if result == absent || slices.Index(worst, is) > slices.Index(worst, result) {
			result = is
		}
	}
	for _, key := range slices.Sorted(maps.Keys(t.tests)) {
		pkg, name, _ := strings.Cut(key, " ")
		top, _, sub := strings.Cut(name, "/")
		if pkg != r.Package || !re.MatchString(top) {
			continue
		}
		of := t.tests[key]
		switch of.verdict {
		case "pass":
			note(release.Pass)
			if !of.parent {
				tests++
			}
		case "skip":
			note(skipped)
		default:
			note(failed)
		}
		if !sub && of.verdict != "skip" && !slices.Equal(slices.Sorted(slices.Values(of.images)), t.images) {
			note(another)
		}
	}
	return result, tests
}

// passed reports whether all suites passed.
func (t *tally) passed() bool {
	return !slices.ContainsFunc(t.suites(), func(s release.Suite) bool { return s.Result != release.Pass })
}
