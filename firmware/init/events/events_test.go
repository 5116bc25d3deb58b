package events

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func ids(s *Store) (list []string) {
	for _, e := range s.Pending() {
		list = append(list, e.ID)
	}
	return list
}

// TestKept: an event is pending until it is acknowledged, also in the next boots, and no number is given twice while one is.
func TestKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "init", "events")
	open := func(boot string) *Store {
		t.Helper()
		s, err := Open(dir, boot)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open("one")
	for _, k := range []string{"crash", "rolled-back"} {
		if _, err := s.Add(k, 12, map[string]string{"why": k}); err != nil {
			t.Fatal(err)
		}
	}
	s = open("two")
	if _, err := s.Add("update", 5, nil); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(ids(s), " "); got != "00000001-one 00000002-one 00000003-two" {
		t.Errorf("pending %s", got)
	}
	if err := errors.Join(s.Acknowledge("00000002-one"), s.Acknowledge("00000002-one"), s.Acknowledge("../../x")); err != nil {
		t.Error(err)
	}
	s = open("three")
	got := s.Pending()
	if len(got) != 2 || got[0].Kind != "crash" || string(got[0].Detail) != `{"why":"crash"}` || got[1].ID != "00000003-two" {
		t.Errorf("pending %+v, want what was not acknowledged", got)
	}
}

// TestBounded: more than are kept push out the oldest, and the newest says how many.
func TestBounded(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, "b")
	if err != nil {
		t.Fatal(err)
	}
	for range MaxKept + 3 {
		if _, err := s.Add("crash", 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := os.ReadDir(dir)
	got := s.Pending()
	if len(got) != MaxKept || len(files) != MaxKept || got[0].ID != "00000004-b" || got[MaxKept-1].Lost != 1 {
		t.Errorf("%d kept in %d files from %s, the last one says %d lost; want %d from 4, 1", len(got), len(files), got[0].ID, got[MaxKept-1].Lost, MaxKept)
	}
	if _, err := s.Add("crash", 0, strings.Repeat("x", MaxEvent)); !errors.Is(err, ErrSize) {
		t.Errorf("a long one: %v", err)
	}
}

// TestTorn: what is no event is removed, whatever it is, and the rest is there.
func TestTorn(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, "b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add("crash", 0, nil); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"00000002-b.json": `{"id":"00000002-b","kind`, "00000003-b.json": `{"id":"00000001-b","kind":"crash"}`, "x": "", "00000009-b.json.new": "{}",
		"-5-b.json": `{"id":"-5-b","kind":"crash"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "00000007-b.json", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err = Open(dir, "c")
	if err == nil {
		t.Error("nothing was said of torn files")
	}
	files, _ := os.ReadDir(dir)
	if got := ids(s); len(got) != 1 || len(files) != 1 {
		t.Errorf("pending %v in %d files, want the one that is whole", got, len(files))
	}
}

// TestNoFolder: where nothing can be written events are pending all the same.
func TestNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(filepath.Join(file, "events"), "b")
	if err == nil {
		t.Error("no error")
	}
	if _, err := s.Add("crash", 0, nil); err != nil || len(s.Pending()) != 1 {
		t.Errorf("%v, pending %v", err, s.Pending())
	}
	if err := s.Acknowledge("00000001-b"); err != nil || len(s.Pending()) != 0 {
		t.Errorf("%v, pending %v", err, s.Pending())
	}
}

func FuzzRead(f *testing.F) {
	f.Add("00000001-b.json", []byte(`{"id":"00000001-b","kind":"crash","up":1,"detail":{"a":1}}`))
	f.Add("x.json", []byte(`{}`))
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		if name == "" || len(name) > 200 || name != filepath.Base(name) || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
			return
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return
		}
		if e, n, err := read(dir, name); err == nil && (e.ID+suffix != name || n < 1 || e.Kind == "") {
			t.Errorf("%q: event %+v, number %d", name, e, n)
		}
	})
}
