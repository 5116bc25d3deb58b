package vm

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestReplay: the disk that a Replay makes of a crash is the one that Apply makes, and so is what is extracted of it.
func TestReplay(t *testing.T) {
	const size = 1 << 20
	rng := rand.New(rand.NewPCG(3, 4))
	l := &Log{}
	for i := range 400 {
		n := 1 + rng.IntN(16)
		l.Writes = append(l.Writes, Write{
			Offset: sector * rng.Int64N(size/sector-16), Length: int64(n) * sector, Data: filled(byte(i), n), FUA: rng.IntN(9) == 0,
		})
		if rng.IntN(20) == 0 {
			l.Writes = append(l.Writes, Write{Flush: true})
		}
	}
	base, err := os.Create(filepath.Join(t.TempDir(), "base"))
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	if err := base.Truncate(size); err != nil {
		t.Fatal(err)
	}
	list := l.Crashes(200, rng)
	slices.SortStableFunc(list, func(a, b Crash) int { return a.At - b.At })
	r := NewReplay(l, base)
	for i, c := range list {
		want := make(memory, size)
		if err := l.Apply(want, c); err != nil {
			t.Fatal(err)
		}
		o, err := r.After(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.WriteAt([]byte("written"), 100_001); err != nil {
			t.Fatal(err)
		}
		copy(want[100_001:], "written")
		got := make([]byte, 300_000)
		if _, err := o.ReadAt(got, 77); err != nil || !bytes.Equal(got, want[77:77+len(got)]) {
			t.Fatalf("crash %d, %+v: another disk, %v", i, c, err)
		}
		path := filepath.Join(t.TempDir(), "part")
		if err := o.Extract(path, 4096, size-8192); err != nil {
			t.Fatal(err)
		}
		part, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(part, want[4096:size-4096]) {
			t.Fatalf("crash %d, %+v: another partition, %v", i, c, err)
		}
	}
	if _, err := r.After(Crash{At: 0, Torn: -1}); err == nil {
		t.Error("an earlier crash is taken behind a later one")
	}
}

// TestBefore: how long the log's file was says which writes were in it.
func TestBefore(t *testing.T) {
	b := logOf(Write{Data: filled(1, 2)}, Write{Flush: true}, Write{Offset: 4096, Data: filled(2, 1)})
	l, err := parseLog(b)
	if err != nil {
		t.Fatal(err)
	}
	f := func(length, want int) {
		t.Helper()
		if got := l.Before(int64(length)); got != want {
			t.Errorf("%d octets: %d writes, want %d", length, got, want)
		}
	}
	f(0, 0)
	f(4*sector-1, 0)
	f(4*sector, 1)
	f(5*sector, 2)
	f(len(b), 3)
}
