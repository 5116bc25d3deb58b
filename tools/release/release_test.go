package release

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/update"
)

var day = time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)

// image writes what make image writes, and returns it with a record that is green.
func image(t *testing.T, board, version string, number uint64) (*Image, *Record) {
	t.Helper()
	dir := t.TempDir()
	fw := []byte(strings.Repeat(board+version, 1000))
	sum := update.Sum(sha256.Sum256(fw))
	text, err := json.Marshal(map[string]any{
		"release": map[string]any{"version": version, "number": number, "board": board, "commit": "abc"},
		"files":   []any{map[string]any{"name": "slot.fit", "sha256": sum}, map[string]any{"name": "disk.img", "sha256": sum}},
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "slot.fit"), fw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	i, err := ReadImage(dir)
	if err != nil {
		t.Fatal(err)
	}
	rec := &Record{
		Format: RecordFormat, Board: board, Commit: "abc", Images: map[string]update.Sum{"slot.fit": sum}, Began: day, Ended: day.Add(time.Hour),
	}
	for _, s := range Suites {
		rec.Suites = append(rec.Suites, Suite{s, Pass, 3})
	}
	return i, rec
}

func newRepo(t *testing.T) (*Repo, string) {
	t.Helper()
	dir := t.TempDir()
	r, err := Init(filepath.Join(dir, "repo"), filepath.Join(dir, "keys"), day)
	if err != nil {
		t.Fatal(err)
	}
	return r, filepath.Join(dir, "keys")
}

// TestNotGreen: nothing is signed without a record of this image's tests in which all that must has passed.
func TestNotGreen(t *testing.T) {
	f := func(name string, spoil func(*Record)) {
		t.Helper()
		r, _ := newRepo(t)
		i, rec := image(t, "rpi4", "1.0.0", 1)
		spoil(rec)
		if err := r.Add(i, rec, day); !errors.Is(err, ErrNotGreen) || len(r.targets.Signed.Targets) > 0 {
			t.Errorf("%s: %v, %d targets, want ErrNotGreen and none", name, err, len(r.targets.Signed.Targets))
		}
	}
	f("failed", func(r *Record) { r.Suites[2].Result = "fail" })
	f("did not run", func(r *Record) { r.Suites = r.Suites[1:] })
	f("ran no test", func(r *Record) { r.Suites[0].Tests = 0 })
	f("one more that failed", func(r *Record) { r.Suites = append(r.Suites, Suite{"growth", "fail", 1}) })
	f("another image", func(r *Record) { r.Images["slot.fit"] = update.Sum{} })
	f("no image", func(r *Record) { r.Images = nil })
	f("another commit", func(r *Record) { r.Commit = "def" })
	f("another board", func(r *Record) { r.Board = "pc" })
	f("no end", func(r *Record) { r.Ended = time.Time{} })
	file := filepath.Join(t.TempDir(), "record.json")
	i, rec := image(t, "rpi4", "1.0.0", 1)
	if err := rec.Write(file); err != nil {
		t.Fatal(err)
	}
	if back, err := ReadRecord(file); err != nil || back.Green(&i.Manifest, i.Sums()) != nil {
		t.Errorf("a record that was written: %+v, %v", back, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadRecord(file); !errors.Is(err, ErrNotGreen) {
		t.Errorf("no record: %v, want ErrNotGreen", err)
	}
	if err := os.WriteFile(file, []byte(`{"format":"other"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadRecord(file); !errors.Is(err, ErrNotGreen) {
		t.Errorf("another format: %v, want ErrNotGreen", err)
	}
}

func TestImage(t *testing.T) {
	i, _ := image(t, "rpi4", "1.0.0", 1)
	if len(i.files) != 1 || i.target(i.files[0]) != "rpi4/1.0.0-slot.fit" {
		t.Errorf("files %d", len(i.files))
	}
	dir := t.TempDir()
	f := func(name, manifest string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(manifest), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "slot.fit"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadImage(dir); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	const release = `"release":{"version":"1","number":1,"board":"rpi4","commit":"abc"}`
	f("no release", `{"release":{"version":"0.0.0-dev","board":"rpi4"}}`)
	f("no slot", `{`+release+`}`)
	f("another file", `{`+release+`,"files":[{"name":"slot.fit","sha256":"`+strings.Repeat("00", 32)+`"}]}`)
}

// TestFolder: numbers rise, the two newest releases of each board stay, what is withdrawn goes, and all of it is there after a
// new start.
func TestFolder(t *testing.T) {
	r, keys := newRepo(t)
	add := func(board, version string, number uint64) error {
		i, rec := image(t, board, version, number)
		if err := r.Add(i, rec, day); err != nil {
			return err
		}
		again, err := Open(r.dir, keys)
		if err == nil {
			r = again
		}
		return err
	}
	files := func() int {
		list, err := filepath.Glob(filepath.Join(r.dir, "targets", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for n, v := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		if err := errors.Join(add("rpi4", v, uint64(n+1)), add("pc", v, uint64(n+1))); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.targets.Signed.Targets) != 2*Kept || files() != 2*Kept {
		t.Errorf("%d targets, %d files, want %d", len(r.targets.Signed.Targets), files(), 2*Kept)
	}
	if err := add("rpi4", "1.3.0", 3); !errors.Is(err, ErrNumber) {
		t.Errorf("number 3 again: %v, want ErrNumber", err)
	}
	if err := r.Withdraw("1.2.0", day); err != nil || len(r.targets.Signed.Targets) != 2 {
		t.Errorf("withdrawn: %v, %d targets left", err, len(r.targets.Signed.Targets))
	}
	if err := r.Withdraw("1.2.0", day); err == nil {
		t.Error("withdrawn twice")
	}
}

func TestRotate(t *testing.T) {
	r, keys := newRepo(t)
	file := func(n string) string { return filepath.Join(keys, n) }
	f := func(name string, roles, with []string) {
		t.Helper()
		if err := r.Rotate(roles, with, day); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	f("one key", []string{"targets"}, []string{file("root-1.key")})
	f("the same twice", []string{"targets"}, []string{file("root-1.key"), file("root-1.key")})
	f("another role's", []string{"targets"}, []string{file("root-1.key"), file("targets.key")})
	two := []string{file("root-1.key"), file("root-2.key")}
	f("no such role", []string{"mirrors"}, two)
	if err := r.Rotate([]string{"targets", "root-3"}, two, day); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file("root-3.key.before-root-2")); err != nil {
		t.Error(err)
	}
	again, err := Open(r.dir, keys)
	if err != nil || again.root.Signed.Version != 2 {
		t.Errorf("opened again: %v", err)
	}
	if _, err := Init(r.dir, keys, day); err == nil {
		t.Error("keys were made over keys")
	}
}
