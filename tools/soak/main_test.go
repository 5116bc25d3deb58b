package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestRun: a real go test is run and read; a test that is not there has not run.
func TestRun(t *testing.T) {
	s := newSummary([]Long{{"hold", "TestFigures", "x"}, {"hold", "TestNobody", "y"}})
	var out bytes.Buffer
	if err := s.run(t.Context(), &out, "hold"); err != nil {
		t.Fatal(err)
	}
	if s.write(&out); s.passed() {
		t.Error("passed, though one did not run")
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"--- PASS: TestFigures", "hold TestFigures x PASS", "hold TestNobody y DID NOT RUN"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant in it %q", out.String(), want)
		}
	}
}

// TestPackages: packages come once, in the order of the list.
func TestPackages(t *testing.T) {
	got := packages([]Long{{Package: "b"}, {Package: "a"}, {Package: "b"}})
	if strings.Join(got, " ") != "b a" {
		t.Errorf("got %v, want b a", got)
	}
}
