package image

import (
	"bytes"
	"debug/pe"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cafeprobe/firmware/image/fit"
	"cafeprobe/firmware/image/parts"
)

// TestReproducible builds in two clones of this source, in two folders: each file is the same, octet for octet. Without SOAK it builds for
// the one processor only: packages and builds of a board take a minute each.
func TestReproducible(t *testing.T) {
	boards := []string{"qemu-arm64", "pc"}
	if os.Getenv("SOAK") == "" {
		boards = boards[:1]
	}
	for _, board := range boards {
		t.Run(board, func(t *testing.T) {
			arch := map[string]string{"qemu-arm64": "arm64", "pc": "amd64"}[board]
			fetch(t, parts.Want{Name: "linux-image-" + arch, Arch: arch}) // or skip
			one, m := buildIn(t, board)
			two, _ := buildIn(t, board)
			files, err := os.ReadDir(one)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				a, err1 := os.ReadFile(filepath.Join(one, f.Name()))
				b, err2 := os.ReadFile(filepath.Join(two, f.Name()))
				if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
					t.Errorf("%s differs: %d and %d octets, %v, %v", f.Name(), len(a), len(b), err1, err2)
				}
			}
			judge(t, one, board, m)
		})
	}
}

// buildIn clones the source, makes an image there with any program as PID 1, and returns the folder.
func buildIn(t *testing.T, board string) (string, *Manifest) {
	t.Helper()
	clone, out := filepath.Join(t.TempDir(), "clone"), t.TempDir()
	root, err := filepath.Abs(source)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command("git", "clone", "-q", "--shared", root, clone).CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v: %s", err, b)
	}
	m, err := Build(t.Context(), Config{
		Board: board, Source: clone, Out: out, Store: filepath.Join(root, "out/parts"), Init: "./firmware/cafeprobed",
		Number: 12, Version: "1.2.3",
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, m
}

// judge looks at what a build left.
func judge(t *testing.T, dir, board string, m *Manifest) {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, f := range m.Files {
		b := read(f.Name)
		if sum(b) != f.SHA256 || int64(len(b)) != f.Size {
			t.Errorf("the manifest says %+v of a file of %d octets, %s", f, len(b), sum(b))
		}
		if strings.HasPrefix(f.Name, "slot") && f.Size > SlotMax {
			t.Errorf("%s has %d octets", f.Name, f.Size)
		}
	}
	if board == "pc" {
		f, err := pe.NewFile(bytes.NewReader(read(SlotFileB)))
		if err != nil {
			t.Fatal(err)
		}
		line, err := f.Section(".cmdline").Data()
		if err != nil || !bytes.Contains(line, []byte("cafeprobe.slot=b")) {
			t.Errorf("slot b's command line is %q, %v", line, err)
		}
	} else if err := fit.Check(read(SlotFile)); err != nil {
		t.Error(err)
	}
	// The SBOM names each part and each module once, with an identifier of its own.
	var s spdxDocument
	if err := json.Unmarshal(read(SBOMFile), &s); err != nil {
		t.Fatal(err)
	}
	var ids, names []string
	for _, p := range s.Packages {
		ids, names = append(ids, p.ID), append(names, p.Name+" "+p.Version)
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != len(names) {
		t.Error("two packages have one SPDX identifier")
	}
	if want := 1 + len(m.Parts) + len(m.Modules); len(names) != want || len(s.Relationships) != want {
		t.Errorf("the SBOM has %d packages and %d relationships, want %d", len(names), len(s.Relationships), want)
	}
	for _, p := range m.Parts {
		if !slices.Contains(names, p.Name+" "+p.Version) || len(p.SHA256) != 64 {
			t.Errorf("part %+v is not in the SBOM", p)
		}
	}
}
