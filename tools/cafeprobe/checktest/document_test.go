package checktest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cafeprobe/capture/capturetest"
	"cafeprobe/firmware/health"
	"cafeprobe/tools/cafeprobe/check"
	"cafeprobe/tools/lang"
)

// recordings is the variable that names the folder in which it is kept what a technician sees, and a row of the document's table.
const recordings = "CHECK_RECORDINGS"

// keep keeps what was seen, if somebody wants it.
func (s *scene) keep(t *testing.T, v *verdict) {
	t.Helper()
	dir := os.Getenv(recordings)
	if dir == "" {
		return
	}
	err := os.MkdirAll(dir, 0o755)
	for kind, text := range map[string]string{"txt": v.asked + v.text, "row": s.row(v)} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, s.name+"."+kind), []byte(text), 0o644))
	}
	if err != nil {
		t.Error(err)
	}
}

// row is a line of the document's table: what is wrong, the status, and of each point that nothing explains what it says and what to do.
func (s *scene) row(v *verdict) string {
	var says, does []string
	for _, p := range v.doc.Points {
		if p.By == "" && (p.State == string(health.Warn) || p.State == string(health.Bad)) {
			says = append(says, check.Name(p.Name).Title(lang.VI)+": "+p.Text)
			does = append(does, p.Do)
		}
	}
	if says == nil {
		says, does = []string{"tất cả đạt"}, []string{"–"}
	}
	return fmt.Sprintf("| %s | %d | %s | %s |\n", s.what, v.status, strings.Join(says, "; "), strings.Join(does, "; "))
}

// TestDocument: the document has each case, with the remedy that it is to have.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(capturetest.Root(t), "firmware", "doc", "CHECK.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if what, rest, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok && strings.HasPrefix(line, "| ") {
			rows[what] = rest
		}
	}
	for _, s := range scenes {
		row := rows[s.what]
		if row == "" {
			t.Errorf("%s: %q has no row", s.name, s.what)
		}
		for _, do := range s.do {
			if !strings.Contains(row, do) {
				t.Errorf("%s: the row is %q, want %q in it", s.name, row, do)
			}
		}
	}
}
