package main

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// box is a box's folder in which a replay is told by several lives of a daemon.
type box struct {
	t   *testing.T
	dir string
	id  spool.Identity
}

func newBox(t *testing.T) *box {
	t.Helper()
	id, err := spool.NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, make(ed25519.PublicKey, ed25519.PublicKeySize))
	if err != nil {
		t.Fatal(err)
	}
	return &box{t, t.TempDir(), id}
}

// live runs one life: it tells rs, f looks at the spool, and the life ends. It returns the first error of the book.
func (b *box) live(rs []uplink.Record, f func(*spool.Spool)) error {
	b.t.Helper()
	sp, err := spool.Open(b.dir, b.id, spool.Config{Generation: 1 << 20})
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		if err := sp.Close(); err != nil {
			b.t.Fatal(err)
		}
	}()
	book, err := newBook(sp, nil, "")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, r := range rs {
		if err := book.Record(r); err != nil {
			return err
		}
		if err := sp.Commit(); err != nil {
			b.t.Fatal(err)
		}
		if f != nil {
			f(sp)
		}
	}
	return book.end()
}

// told returns the octets of what the spool holds of the replay, one record a line.
func (b *box) told() string {
	b.t.Helper()
	sp, err := spool.Open(b.dir, b.id, spool.Config{Generation: 1 << 20})
	if err != nil {
		b.t.Fatal(err)
	}
	defer sp.Close()
	rs, err := sp.Read(1, 1<<20, 1<<30)
	if err != nil {
		b.t.Fatal(err)
	}
	var out bytes.Buffer
	for _, r := range rs {
		if told(r.Kind) {
			out.Write(append(r.Raw, '\n'))
		}
	}
	return out.String()
}

func lines(rs []uplink.Record) string {
	var out bytes.Buffer
	for _, r := range rs {
		out.Write(append(r.Raw, '\n'))
	}
	return out.String()
}

// vantages returns a record for each confidence, on its day.
func vantages(t *testing.T, day func(i int) int, conf ...uplink.Int) (rs []uplink.Record) {
	t.Helper()
	for i, c := range conf {
		v := &uplink.Vantage{Class: "A", Confidence: c}
		v.Quality, v.Time = uplink.QualitySync, uplink.TimeOf(time.Date(2026, 11, 1+day(i), 12, 0, 0, 0, time.UTC))
		r, err := uplink.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, r)
	}
	return rs
}

func today(int) int { return 0 }

// TestKilledAnywhere: whenever a life ends, and though records have equal octets, the replay is told once.
func TestKilledAnywhere(t *testing.T) {
	rs := vantages(t, today, 1, 2, 1, 2, 3, 1, 2, 1, 1)
	for k := range len(rs) + 1 {
		b := newBox(t)
		if err := b.live(rs[:k/2], nil); err != nil {
			t.Fatalf("first %d: %v", k/2, err)
		}
		if err := b.live(rs[:k], nil); err != nil {
			t.Fatalf("then %d: %v", k, err)
		}
		if err := b.live(rs, nil); err != nil {
			t.Fatalf("then all: %v", err)
		}
		if got, want := b.told(), lines(rs); got != want {
			t.Errorf("killed after %d and %d records: told\n%swant\n%s", k/2, k, got, want)
		}
	}
}

// TestBeginningDeleted: of a replay of three weeks the first are receipted and gone.
func TestBeginningDeleted(t *testing.T) {
	conf := make([]uplink.Int, 42)
	for i := range conf {
		conf[i] = uplink.Int(i % 2) // two of each day, alike but for the day
	}
	rs := vantages(t, func(i int) int { return i / 2 }, conf...)
	receipt := func(sp *spool.Spool) {
		if err := sp.SetReceipt(sp.Head()); err != nil {
			t.Fatal(err)
		}
	}
	for k := 32; k < len(rs); k += 3 { // within a day and at its end
		b := newBox(t)
		if err := b.live(rs[:k], receipt); err != nil {
			t.Fatal(err)
		}
		before := b.told()
		if n := bytes.Count([]byte(before), []byte("\n")); n == k {
			t.Fatalf("all of %d records are there, want the first deleted", k)
		}
		if err := b.live(rs, nil); err != nil {
			t.Fatalf("killed after %d: %v", k, err)
		}
		got, all := b.told(), lines(rs)
		if !bytes.HasSuffix([]byte(all), []byte(got)) || len(got) < len(lines(rs[k:])) {
			t.Errorf("killed after %d: told\n%swant the end of\n%s", k, got, all)
		}
		if err := b.live(rs, func(sp *spool.Spool) {
			if n := sp.Stats().Appended; n != 0 {
				t.Errorf("killed after %d, told whole: %d records appended again, want 0", k, n)
			}
		}); err != nil {
			t.Error(err)
		}
	}
}

// TestOtherCapture: a spool is not continued with what it did not begin with.
func TestOtherCapture(t *testing.T) {
	f := func(name string, first, then []uplink.Record) {
		t.Helper()
		b := newBox(t)
		if err := b.live(first, nil); err != nil {
			t.Fatal(err)
		}
		if err := b.live(then, nil); !errors.Is(err, errOtherCapture) {
			t.Errorf("%s: %v, want %v", name, err, errOtherCapture)
		}
		if got, want := b.told(), lines(first); got != want {
			t.Errorf("%s: spool\n%swant\n%s", name, got, want)
		}
	}
	f("another record", vantages(t, today, 1, 2, 3), vantages(t, today, 1, 4, 3))
	f("the last one only", vantages(t, today, 1, 2, 3), vantages(t, today, 3, 4))
	f("shorter", vantages(t, today, 1, 2, 3), vantages(t, today, 1, 2))
	f("empty", vantages(t, today, 1, 2, 3), nil)
}

// TestLostIsToldAgain: what a broken file held is told again, behind the record that declares it lost.
func TestLostIsToldAgain(t *testing.T) {
	rs := vantages(t, func(i int) int { return i / 3 }, 1, 2, 3, 4, 5, 6)
	b := newBox(t)
	if err := b.live(rs[:5], nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(b.dir, "0000000000000005.db"), 100); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second has nothing to tell
		if err := b.live(rs, nil); err != nil {
			t.Fatal(err)
		}
		if got, want := b.told(), lines(rs); got != want {
			t.Errorf("told\n%swant\n%s", got, want)
		}
	}
}
