package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
		bd, err := parseBoard(b)
		if err != nil || bd.Name != filepath.Base(filepath.Dir(f)) || bd.Ports.Capture == "" || bd.Ports.Uplink == "" || bd.Console.Device == "" || len(bd.Disk) == 0 {
			t.Errorf("%s: %+v, %v", f, bd, err)
		}
	}
}

func TestParseBoard(t *testing.T) {
	for _, text := range []string{``, `[]`, `{"console":{"device":"../kmsg"}}`, `{"disk":["/dev/sda"]}`, `{"disk":["/sys/block/../../x"]}`} {
		if bd, err := parseBoard([]byte(text)); !errors.Is(err, errBoard) {
			t.Errorf("%s: %+v, %v; want %v", text, bd, err, errBoard)
		}
	}
	if _, err := readText(os.DevNull + "/none"); err == nil {
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

func FuzzParseBoard(f *testing.F) {
	f.Add([]byte(`{"name":"b","ports":{"capture":"1","uplink":"2"},"console":{"device":"ttyS0"},"disk":["/sys/block/vd*"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		bd, err := parseBoard(b)
		if err == nil && strings.ContainsAny(bd.Console.Device, "/\x00") {
			t.Errorf("console %q", bd.Console.Device)
		}
	})
}
