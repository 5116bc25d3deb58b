package main

import (
	"os"
	"path/filepath"
	"testing"

	"cafeprobe/board"
)

// TestBoards: each board's own file can be read, and has all that PID 1 needs.
func TestBoards(t *testing.T) {
	files, err := filepath.Glob("../../board/*/board.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		b, err := readText(f)
		if err != nil {
			t.Fatal(err)
		}
		bd, err := board.ParseDescription(b)
		if err != nil || bd.Name != filepath.Base(filepath.Dir(f)) || bd.Ports.Capture == "" || bd.Ports.Uplink == "" || bd.Console.Device == "" || len(bd.Disk) == 0 {
			t.Errorf("%s: %+v, %v", f, bd, err)
		}
	}
}

func TestReadText(t *testing.T) {
	if _, err := readText(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no error without a file")
	}
	long := filepath.Join(t.TempDir(), "long")
	if err := os.WriteFile(long, make([]byte, maxText+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readText(long); err == nil {
		t.Error("no error of a file that is too long")
	}
}
