package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"cafeprobe/firmware/image/disk"
)

// TestFlash: a file that stands for a card gets the image only if its name was given once more, and is asked about in words.
func TestFlash(t *testing.T) {
	dir := t.TempDir()
	img, card := filepath.Join(dir, "disk.img"), filepath.Join(dir, "card")
	err := disk.Write(img, "test", nil, []disk.Partition{{Name: "state", Type: disk.Linux, Size: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(card, make([]byte, 16<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	box := filepath.Join(dir, "box")
	if err := os.Mkdir(box, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(box, "config.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := func(want int, args ...string) []byte {
		t.Helper()
		if got := run(append([]string{"flash"}, args...)); got != want {
			t.Errorf("flash %v: status %d, want %d", args, got, want)
		}
		b, err := os.ReadFile(card)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	f(exitOK)
	f(exitError, "--image", img, filepath.Join(dir, "nonesuch"))
	f(exitError, "--image", filepath.Join(dir, "nonesuch"), card)
	f(exitUsage, "--lang", "fr", card)
	if b := f(exitError, "--image", img, "--confirm", "sda", card); bytes.Count(b, []byte{0}) != len(b) {
		t.Error("written without its name")
	}
	want, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	if b := f(exitOK, "--image", img, "--confirm", "card", card); !bytes.Equal(b[:len(want)], want) {
		t.Error("the card differs from the image")
	}
	if b := f(exitOK, "--image", img, "--confirm", "card", "--provision", box, card); !bytes.Contains(b, []byte("CPPROV1\n")) {
		t.Error("the box's files are not on the card")
	}
	if err := os.WriteFile(filepath.Join(box, "id_rsa"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f(exitError, "--image", img, "--confirm", "card", "--provision", box, card)
}
