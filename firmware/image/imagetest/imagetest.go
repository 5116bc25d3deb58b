// Package imagetest gives the tests of a whole image the image that they test: the one that is to be released, where its tests are run
// for their record, else one that is made of the source as it is.
package imagetest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"cafeprobe/firmware/image"
)

// Env names the folder with a folder for each board, as `make image` makes them, whose images are tested. It is an absolute path.
const Env = "CAFEPROBE_IMAGES"

// BoardEnv names the board whose image is to be released, where its tests are run for their record.
const BoardEnv = "CAFEPROBE_BOARD"

// Boards returns those of all boards whose image is to be tested: the one that is to be released, else all.
func Boards(all ...string) (list []string) {
	board := os.Getenv(BoardEnv)
	for _, b := range all {
		if board == "" || b == board {
			list = append(list, b)
		}
	}
	return list
}

// Attribute is the key under which a test says which image it tests: of each slot's file the name and its SHA-256. The record of the
// tests counts no test that says another.
const Attribute = "cafeprobe-image"

// Candidate returns the folder of the image that is tested. source is the module's root.
func Candidate(t testing.TB, source, board string) (dir string) {
	t.Helper()
	if images := os.Getenv(Env); images != "" {
		dir = filepath.Join(images, board)
	} else {
		dir = filepath.Join(t.TempDir(), board)
		cfg := image.Config{Board: board, Source: source, Out: dir, Version: "2026.12.0", Number: 12}
		if _, err := image.Build(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	found := false
	for _, name := range []string{image.SlotFile, image.SlotFileA, image.SlotFileB} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Attr(Attribute, fmt.Sprintf("%s %x", name, sha256.Sum256(b)))
		found = true
	}
	if !found {
		t.Fatalf("no image in %s: make image BOARD=%s", dir, board)
	}
	return dir
}
