package trust

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cafeprobe/firmware/update"
	"cafeprobe/tools/release"
)

// files are metadata in memory.
type files map[string][]byte

func (f files) Metadata(_ context.Context, name string, limit int64) ([]byte, error) {
	b, ok := f[name]
	switch {
	case !ok:
		return nil, fs.ErrNotExist
	case int64(len(b)) > limit:
		return nil, update.Refuse(update.Endless, "%s", name)
	}
	return b, nil
}

// FuzzFind: whatever stands in a file of metadata that was not signed, no firmware is found by it, and what is kept stays usable.
func FuzzFind(f *testing.F) {
	dir := f.TempDir()
	now := time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)
	r, err := release.Init(filepath.Join(dir, "repo"), filepath.Join(dir, "keys"), now)
	if err != nil {
		f.Fatal(err)
	}
	root, err := os.ReadFile(r.RootFile())
	if err != nil {
		f.Fatal(err)
	}
	good := files{}
	names := []string{"timestamp.json", "1.snapshot.json", "1.targets.json"}
	for i, n := range names {
		if good[n], err = os.ReadFile(filepath.Join(dir, "repo", n)); err != nil {
			f.Fatal(err)
		}
		f.Add(i, good[n])
		f.Add(i, bytes.Replace(good[n], []byte(`"signatures":[`), []byte(`"signatures":null,"x":[`), 1))
		f.Add(i, bytes.Replace(good[n], []byte(`"meta":{`), []byte(`"meta":{"root.json":null},"x":{`), 1))
	}
	f.Add(3, root)
	f.Add(3, bytes.Replace(root, []byte(`"keys":{`), []byte(`"keys":{"a":null},"x":{`), 1))
	find := func(src Source, dir string) error {
		b := Box{Root: root, Dir: dir, Now: now, Board: "b", Slot: "b", Number: 1}
		found, err := b.Find(context.Background(), src, "")
		if err == nil {
			return fmt.Errorf("found %+v in a folder that has none", found)
		}
		return err
	}
	seen := filepath.Join(dir, "seen")
	f.Fuzz(func(t *testing.T, which int, text []byte) {
		bad := files{}
		for n, b := range good {
			bad[n] = b
		}
		name := append(names, "2.root.json")[uint(which)%4]
		bad[name] = text
		if err := find(bad, seen); update.Refused(err) == "" {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
		if err := find(good, seen); update.Refused(err) != update.Absent {
			t.Errorf("the good folder after a bad %s: %v", name, err)
		}
	})
}

// TestKept: files that are kept and torn cost nothing but to fetch them again.
func TestKept(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)
	keys := filepath.Join(dir, "keys")
	r, err := release.Init(filepath.Join(dir, "repo"), keys, now)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(r.RootFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate([]string{"timestamp"}, []string{filepath.Join(keys, "root-1.key"), filepath.Join(keys, "root-3.key")}, now); err != nil {
		t.Fatal(err)
	}
	src := files{}
	list, err := os.ReadDir(filepath.Join(dir, "repo"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if f.Type().IsRegular() {
			if src[f.Name()], err = os.ReadFile(filepath.Join(dir, "repo", f.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	b := Box{Root: root, Dir: filepath.Join(dir, "seen"), Now: now, Board: "b", Number: 1}
	for _, torn := range []string{"", "2.root.json", "timestamp.json", "snapshot.json"} {
		if torn != "" {
			path := filepath.Join(b.Dir, torn)
			if i, err := os.Stat(path); err != nil || i.Size() < 100 {
				t.Fatalf("%s is not kept: %v", torn, err)
			}
			if err := os.Truncate(path, 90); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.Find(t.Context(), src, ""); update.Refused(err) != update.Absent {
			t.Errorf("torn %q: %v, want %s", torn, err, update.Absent)
		}
	}
}

func TestPath(t *testing.T) {
	f := func(s string, want bool) {
		t.Helper()
		if got := isPath(s); got != want {
			t.Errorf("%q: %t, want %t", s, got, want)
		}
	}
	f("qemu-arm64/2026.12.0-slot.fit", true)
	for _, bad := range []string{"", "a", "a/", "/a", "../a", "a/..", "a/b/c", "a/.b", "A/b", "a/b?c", "a/%2e"} {
		f(bad, false)
	}
}
