package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cafeprobe/firmware/update"
	"cafeprobe/tools/release"
)

// what go test said of one test after another: name, and its end.
func said(t *testing.T, tl *tally, pkg string, list ...string) {
	t.Helper()
	line := func(format string, args ...any) {
		t.Helper()
		if _, err := tl.take(fmt.Appendf(nil, `{"Package":"cafeprobe/%s",%s}`, pkg, fmt.Sprintf(format, args...))); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range list {
		name, end, _ := strings.Cut(l, " ")
		line(`"Action":"run","Test":%q`, name)
		if image, ok := strings.CutPrefix(end, "image "); ok {
			line(`"Action":"attr","Test":%q,"Key":"cafeprobe-image","Value":"slot.fit %s"`, name, image)
			end = ""
		}
		if end != "" {
			line(`"Action":%q,"Test":%q`, end, name)
		}
	}
}

// TestTally: a suite is green if each of its rows has tests, all of them passed whole, and said that they test this image.
func TestTally(t *testing.T) {
	sum := update.Sum{0xab}
	this := fmt.Sprintf("image %x", sum[:])
	rows := []Row{{"b", "boot", "p", "TestA"}, {"b", "cut", "p", "TestA"}, {"b", "cut", "q", "TestCut.*"}}
	f := func(name, want string, p, q []string) {
		t.Helper()
		tl := newTally(rows, map[string]update.Sum{"slot.fit": sum})
		said(t, tl, "p", p...)
		said(t, tl, "q", q...)
		var got []string
		for _, s := range tl.suites() {
			got = append(got, fmt.Sprint(s.Name, " ", s.Result, " ", s.Tests))
		}
		if g := strings.Join(got, ", "); g != want {
			t.Errorf("%s: %s, want %s", name, g, want)
		}
		if green := strings.Count(want, "pass") == 2; tl.passed() != green {
			t.Errorf("%s: passed %t", name, tl.passed())
		}
	}
	a := []string{"TestA " + this, "TestA pass"}
	cut := []string{"TestCutX " + this, "TestCutX/one pass", "TestCutX/two pass", "TestCutX pass", "TestOther fail"}
	f("all", "boot pass 1, cut pass 3", a, cut)
	f("a part fails", "boot pass 1, cut fail 2", a, []string{"TestCutX " + this, "TestCutX/one pass", "TestCutX/two fail", "TestCutX fail"})
	f("a part is skipped", "boot pass 1, cut skip 2", a, []string{"TestCutX " + this, "TestCutX/one pass", "TestCutX/two skip", "TestCutX pass"})
	f("a part does not end", "boot pass 1, cut fail 1", a, []string{"TestCutX " + this, "TestCutX/one"})
	f("a row without a test", "boot pass 1, cut did-not-run 1", a, nil)
	f("none", "boot did-not-run 0, cut did-not-run 0", nil, nil)
	f("skipped", "boot skip 0, cut skip 2", []string{"TestA skip"}, cut)
	f("another image", "boot other-image 1, cut other-image 3", []string{"TestA image 00", "TestA pass"}, cut)
	f("no image", "boot other-image 1, cut other-image 3", []string{"TestA pass"}, cut)
	f("parts say it", "boot pass 1, cut pass 3", a, []string{"TestCutX/one " + this, "TestCutX/one pass", "TestCutX/two " + this, "TestCutX/two pass", "TestCutX pass"})
	f("a part says another", "boot pass 1, cut other-image 3", a,
		[]string{"TestCutX/one " + this, "TestCutX/one pass", "TestCutX/two image 00", "TestCutX/two pass", "TestCutX pass"})
	f("two images", "boot other-image 1, cut other-image 3", append([]string{"TestA image 00"}, a...), cut)
}

// TestRows: the table has each suite that a record needs, and its patterns are some.
func TestRows(t *testing.T) {
	for _, board := range []string{"qemu-arm64", "pc"} {
		for _, s := range release.Suites {
			if !slices.ContainsFunc(of(board), func(r Row) bool { return r.Suite == s }) {
				t.Errorf("%s: no tests of suite %s", board, s)
			}
		}
	}
	for _, r := range Rows {
		if _, err := regexp.Compile(r.Test); err != nil {
			t.Error(err)
		}
	}
}
