package crash

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSave: the newest are kept, each within its bound; the last part is whole and the first is cut.
func TestSave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "init", "crash")
	s := Open(dir)
	for range MaxKept + 3 {
		if _, err := s.Save("daemon", "slot a", strings.Repeat("k", MaxReport), "its own last words"); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "000099-daemon.txt.new"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := Open(dir).Names()
	if len(names) != MaxKept || names[0] != "000004-daemon.txt" || names[MaxKept-1] != "000011-daemon.txt" {
		t.Errorf("kept %v, want the last %d", names, MaxKept)
	}
	b, err := os.ReadFile(filepath.Join(dir, names[0]))
	if err != nil || len(b) > MaxReport || len(b) < MaxReport-8 || !bytes.HasPrefix(b, []byte("slot a\nkkk")) || !bytes.HasSuffix(b, []byte("k\nits own last words\n")) {
		t.Errorf("%v, %d octets, %.20q … %q", err, len(b), b, b[max(0, len(b)-30):])
	}
}

// TestCollect: what pstore has becomes one report that ends with the newest words, and is removed; if the report cannot be kept, it stays.
func TestCollect(t *testing.T) {
	pstore := t.TempDir()
	fill := func() {
		for name, text := range map[string]string{
			"dmesg-efi_pstore-10": "older", "dmesg-efi_pstore-2": "newer", "dmesg-efi_pstore-1": "panic", "console-ramoops-0": "console",
		} {
			if err := os.WriteFile(filepath.Join(pstore, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if name, err := Open(filepath.Join(file, "crash")).Collect(pstore, ""); err == nil || name != "" {
		t.Errorf("a report %q, %v, where none can be kept", name, err)
	}
	dir := t.TempDir()
	s := Open(dir)
	name, err := s.Collect(pstore, "slot b")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	want := "slot b\nconsole-ramoops-0:\nconsole\ndmesg-efi_pstore-10:\nolder\ndmesg-efi_pstore-2:\nnewer\ndmesg-efi_pstore-1:\npanic\n"
	if err != nil || string(b) != want {
		t.Errorf("%v, got:\n%s\nwant:\n%s", err, b, want)
	}
	if left, _ := os.ReadDir(pstore); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
	if name, err := s.Collect(pstore, ""); name != "" || err != nil {
		t.Errorf("of nothing: %q, %v", name, err)
	}
}

func TestTail(t *testing.T) {
	var l Tail
	for i := range 3 * tail / 100 {
		if n, err := l.Write(bytes.Repeat([]byte{byte('a' + i%26)}, 100)); n != 100 || err != nil {
			t.Fatal(n, err)
		}
	}
	_, err1 := l.Write(bytes.Repeat([]byte("x"), 2*tail))
	_, err2 := l.Write([]byte("end"))
	if got := l.Take(); len(got) != tail || !strings.HasSuffix(got, "xxend") || errors.Join(err1, err2) != nil {
		t.Errorf("%d octets, end %q", len(got), got[len(got)-5:])
	}
	if got := l.Take(); got != "" {
		t.Errorf("taken twice: %q", got)
	}
}
