package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cafeprobe/tools/release"
)

// TestRefuses: what cannot be tested is refused before anything runs.
func TestRefuses(t *testing.T) {
	if err := run(t.Context(), of("rpi4"), t.TempDir(), "rpi4", t.Output()); err == nil || !strings.Contains(err.Error(), "no such board") {
		t.Errorf("a board that QEMU does not have: %v", err)
	}
	if err := run(t.Context(), of("qemu-arm64"), t.TempDir(), "qemu-arm64", t.Output()); err == nil {
		t.Error("no image, and no error")
	}
}

// made is a module whose tests test an image, as ours do.
const made = `package p

import (
	"crypto/sha256"
	"fmt"
	"os"
	"testing"
)

func candidate(t *testing.T) {
	b, err := os.ReadFile(os.Getenv("CAFEPROBE_IMAGES") + "/" + os.Getenv("CAFEPROBE_BOARD") + "/slot.fit")
	if err != nil || os.Getenv("SOAK") == "" {
		t.Fatal("it is not run as a long test of an image")
	}
	t.Attr("cafeprobe-image", fmt.Sprintf("slot.fit %x", sha256.Sum256(b)))
}

func TestGood(t *testing.T) {
	candidate(t)
	t.Run("one", func(*testing.T) {})
	t.Run("two", func(*testing.T) {})
}

func TestSkips(t *testing.T) {
	candidate(t)
	t.Skip()
}

func TestPanics(t *testing.T) {
	candidate(t)
	panic("BUG: of a test")
}

func TestBeside(t *testing.T) {}
`

// TestRecord: go test's own words become a record that signs this image, if all is green, and none that does if not.
func TestRecord(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	put("go.mod", "module cafeprobe\n\ngo 1.26\n")
	put(".gitignore", "/out/\n")
	put("p/p_test.go", made)
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "p: be there")
	commit := git("rev-parse", "HEAD")
	put("out/b/slot.fit", "firmware")
	manifest := fmt.Sprintf(`{"release":{"version":"1","number":1,"board":"b","commit":%q},"files":[{"name":"slot.fit","sha256":"%x"}]}`,
		commit, sha256.Sum256([]byte("firmware")))
	put("out/b/manifest.json", manifest)
	t.Chdir(dir)

	all := func(test string) (rows []Row) {
		for _, s := range release.Suites {
			rows = append(rows, Row{"b", s, "p", test})
		}
		return rows
	}
	record := filepath.Join(dir, "out/b/tests.json")
	f := func(name string, rows []Row, green bool, want string) {
		t.Helper()
		var out bytes.Buffer
		err := run(t.Context(), rows, "out", "b", &out)
		if (err == nil) != green || err != nil && !errors.Is(err, release.ErrNotGreen) || !strings.Contains(fmt.Sprint(err), want) {
			t.Fatalf("%s: %v, want %q; it said:\n%s", name, err, want, &out)
		}
		r, err := release.ReadRecord(record)
		if err != nil {
			t.Fatal(err)
		}
		i, err := release.ReadImage("out/b")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Green(&i.Manifest, i.Sums()); (err == nil) != green {
			t.Errorf("%s: the record that is written: %v", name, err)
		}
	}
	f("all passes", all("TestGood"), true, "<nil>")
	one := func(test string) []Row { return append(all("TestGood"), Row{"b", "boot", "p", test}) }
	f("one is skipped", one("TestSkips"), false, "boot: skip, 2 tests")
	f("one panics", one("TestPanics"), false, "boot: fail")
	f("one is not there", one("TestNone"), false, "boot: did-not-run")
	f("one is of no image", one("TestBeside"), false, "boot: other-image")
	f("a suite is not there", all("TestGood")[1:], false, "boot: did not run")

	put("out/b/manifest.json", strings.ReplaceAll(manifest, commit, "0123"))
	f("the image is of another commit", all("TestGood"), false, "and 0123")
	put("out/b/manifest.json", manifest)
	put("p/more_test.go", "package p")
	if err := run(t.Context(), all("TestGood"), "out", "b", t.Output()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(record); err == nil {
		t.Error("a record of what is in no commit")
	}
}
