package fit

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func slot() Slot {
	return Slot{
		Board: "one", Version: "1", Kernel: bytes.Repeat([]byte("kernel"), 100), Initramfs: bytes.Repeat([]byte("initramfs"), 100),
		Trees: []Tree{{"one", bytes.Repeat([]byte("tree"), 10)}, {"two", bytes.Repeat([]byte("eert"), 10)}}, Time: 1,
	}
}

// A bit that is flipped in any part, or in its hash, is found.
func TestCheck(t *testing.T) {
	good := Build(slot())
	if err := Check(good); err != nil {
		t.Fatal(err)
	}
	if err := Check(append(good, make([]byte, 1000)...)); err != nil {
		t.Errorf("with the rest of a partition behind it: %v", err)
	}
	for _, part := range [][]byte{slot().Kernel, slot().Initramfs, slot().Trees[0].Data, slot().Trees[1].Data} {
		at := bytes.Index(good, part)
		for _, i := range []int{0, len(part) / 2, len(part) - 1} {
			bad := bytes.Clone(good)
			bad[at+i] ^= 1
			if err := Check(bad); !errors.Is(err, ErrDamaged) {
				t.Errorf("a bit flipped at %d of %.6q…: %v, want ErrDamaged", i, part, err)
			}
		}
	}
	if err := Check(make([]byte, 1<<16)); !errors.Is(err, ErrDamaged) {
		t.Errorf("zeros: %v, want ErrDamaged", err)
	}
}

// U-Boot's own tool reads the image and finds its hashes right.
func TestDumpimage(t *testing.T) {
	if _, err := exec.LookPath("dumpimage"); err != nil && os.Getenv("CI") == "" {
		t.Skip("dumpimage is not installed (apt-get install u-boot-tools)")
	}
	path := t.TempDir() + "/slot.fit"
	if err := os.WriteFile(path, Build(slot()), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("dumpimage", "-l", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{
		"Default Configuration: 'one'", "(kernel)", "(initramfs)", "(fdt-two)", "Configuration 1 (two)", "sha256",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("dumpimage does not say %s:\n%s", want, out)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(Build(slot()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := Check(b); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%v is not ErrDamaged", err)
		}
	})
}
