// Package capturetest holds what tests of several packages share: where captures are, and what they are known to hold.
package capturetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cafeprobe/capture/capturetest/testdata/cafe"
)

// Root returns the folder of go.mod, seen from the running test.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = up
	}
}

// Shared returns the folder of the shared captures, ../shared/captures beside the project. Where it is absent the test
// is skipped, but in CI (environment CI set) it fails: there the folder must be.
func Shared(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(Root(t), "..", "shared", "captures")
	if _, err := os.Stat(filepath.Join(dir, "truth.tsv")); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("shared captures are absent and this is CI: %v", err)
		}
		t.Skipf("shared captures are absent (%s): this test compares with them", dir)
	}
	return dir
}

// Fact is one row of a truth.tsv: one thing that a correct monitor can be asked about a capture.
type Fact struct {
	File, Kind, Key, Value, Origin string
}

// Truth reads truth.tsv of the shared captures.
func Truth(t testing.TB) []Fact {
	t.Helper()
	return Facts(t, filepath.Join(Shared(t), "truth.tsv"))
}

// Cafe writes the project's own capture into a folder of the test's and returns its path, and what it is known to hold.
func Cafe(t testing.TB) (path string, known []Fact) {
	t.Helper()
	path = filepath.Join(t.TempDir(), cafe.File)
	if err := os.WriteFile(path, cafe.Capture, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, facts(t, cafe.Truth)
}

// Day returns the path of the lab's recording of a morning, and what it is known to hold. testdata/day/README.md says how it
// was made, and what is not as it would be.
func Day(t testing.TB) (path string, known []Fact) {
	t.Helper()
	dir := filepath.Join(Root(t), "capture", "capturetest", "testdata", "day")
	return filepath.Join(dir, "day.pcapng.zst"), Facts(t, filepath.Join(dir, "day.truth.tsv"))
}

// Facts reads a file in the form of truth.tsv.
func Facts(t testing.TB, path string) []Fact {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return facts(t, string(text))
}

// facts reads rows of five columns behind a heading. Escaped line ends in values are put back.
func facts(t testing.TB, text string) []Fact {
	t.Helper()
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	list := make([]Fact, 0, len(lines))
	for _, line := range lines[1:] {
		col := strings.Split(line, "\t")
		if len(col) != 5 {
			t.Fatalf("truth: %d columns, want 5: %q", len(col), line)
		}
		list = append(list, Fact{col[0], col[1], col[2], strings.ReplaceAll(col[3], `\n`, "\n"), col[4]})
	}
	return list
}
