package provision

import (
	"bytes"
	"encoding/pem"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// folder makes a box's files, of which each has text in it.
func folder(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range SpareNames {
		put(t, dir, n, text)
	}
	return dir
}

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	b := []byte(`{"a":"` + text + `"}`)
	if filepath.Ext(name) == ".pem" {
		b = pem.EncodeToMemory(&pem.Block{Type: "TEST", Bytes: []byte(text)})
	}
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func save(t testing.TB, p *os.File, dir string, want bool) {
	t.Helper()
	if wrote, err := OpenSpare(p).Save(dir); wrote != want || err != nil {
		t.Fatalf("wrote %v, %v, want %v", wrote, err, want)
	}
}

// same reports how two folders differ.
func same(t testing.TB, a, b string) {
	t.Helper()
	for _, n := range SpareNames {
		x, _ := os.ReadFile(filepath.Join(a, n))
		y, _ := os.ReadFile(filepath.Join(b, n))
		if !bytes.Equal(x, y) {
			t.Errorf("%s: %q, want %q", n, y, x)
		}
	}
}

// TestSpare: what was saved last is put in place where it was lost, what is whole stays, and nothing is written twice.
func TestSpare(t *testing.T) {
	p := image(t, nil)
	if names, err := OpenSpare(p).Restore(t.TempDir()); names != nil || err != nil {
		t.Errorf("of no spare: %v, %v", names, err)
	}
	first, second := folder(t, "first"), folder(t, "second")
	if err := os.Remove(filepath.Join(first, "net.json")); err != nil {
		t.Fatal(err)
	}
	save(t, p, first, true)
	save(t, p, first, false)
	save(t, p, second, true)
	save(t, p, first, true)
	save(t, p, second, true)
	save(t, p, second, false)

	lost := t.TempDir()
	if names, err := OpenSpare(p).Restore(lost); !slices.Equal(names, SpareNames) || err != nil {
		t.Errorf("%v, %v, want all, config.json last", names, err)
	}
	same(t, second, lost)
	put(t, lost, "config.json", "third")
	if names, err := OpenSpare(p).Restore(lost); names != nil || err != nil {
		t.Errorf("of what is whole: %v, %v", names, err)
	}
	if err := os.Remove(filepath.Join(lost, "net.json")); err != nil { // the box is one without it
		t.Fatal(err)
	}
	if names, err := OpenSpare(p).Restore(lost); names != nil || err != nil {
		t.Errorf("without net.json: %v, %v", names, err)
	}
	damaged := filepath.Join(lost, "state/identity.json")
	if err := os.WriteFile(damaged, make([]byte, 300), 0o600); err != nil {
		t.Fatal(err)
	}
	if wrote, err := OpenSpare(p).Save(lost); wrote || !errors.Is(err, ErrArchive) {
		t.Errorf("damage was spared: %v, %v", wrote, err)
	}
	if names, err := OpenSpare(p).Restore(lost); !slices.Equal(names, []string{"net.json", "state/identity.json"}) || err != nil {
		t.Errorf("of a damaged identity: %v, %v", names, err)
	}
	if err := OpenSpare(p).Forget(); err != nil {
		t.Fatal(err)
	}
	if names, err := OpenSpare(p).Restore(t.TempDir()); names != nil || err != nil {
		t.Errorf("of what was forgotten: %v, %v", names, err)
	}
}

// TestSpareEarly: a box that has not enrolled has nothing to spare.
func TestSpareEarly(t *testing.T) {
	p, dir := image(t, nil), folder(t, "x")
	if err := os.Remove(filepath.Join(dir, "state/tls/box.pem")); err != nil {
		t.Fatal(err)
	}
	save(t, p, dir, false)
	if err := os.WriteFile(filepath.Join(dir, "net.json"), bytes.Repeat([]byte(" "), SpareMax+1), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "state/tls/box.pem", "x")
	if wrote, err := OpenSpare(p).Save(dir); wrote || err == nil {
		t.Errorf("too much was spared: %v, %v", wrote, err)
	}
}

// TestSpareTorn: a write that is cut at any sector, or that noise follows, leaves the spare before or the new one.
func TestSpareTorn(t *testing.T) {
	p := image(t, nil)
	old, young := folder(t, "old"), folder(t, "young")
	save(t, p, old, true)
	before, err := os.ReadFile(p.Name())
	if err != nil {
		t.Fatal(err)
	}
	save(t, p, young, true)
	after, err := os.ReadFile(p.Name())
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(6, 1))
	for at := spareSecond; at <= spareSecond+12<<10; at += 512 {
		torn := slices.Concat(after[:at], before[at:])
		for i := range 2 {
			if i == 1 {
				torn[spareSecond+r.IntN(8<<10)] ^= byte(1 + r.IntN(255))
			}
			if err := os.WriteFile(p.Name(), torn, 0o600); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if _, err := OpenSpare(p).Restore(dir); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(dir, "config.json"))
			if err != nil {
				t.Fatalf("cut at %d: %v", at, err)
			}
			same(t, map[bool]string{true: old, false: young}[bytes.Contains(b, []byte("old"))], dir)
		}
	}
}
