package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cafeprobe/uplink"
)

func encode(t testing.TB, b uplink.Body) uplink.Record {
	t.Helper()
	r, err := uplink.Encode(b)
	check(t, err)
	return r
}

const day = 24 * 60 * 60 * 1000

// opened returns an Open record of millisecond i of a day of 2026.
func opened(t testing.TB, days, i int) uplink.Record {
	return encode(t, &uplink.Open{
		Station: "u3mJq0yZcRE", Confidence: 86,
		Stamp: uplink.Stamp{Mono: uplink.Int(i), Time: uplink.Time(20500*day + days*day + i), Quality: uplink.QualitySync},
	})
}

func mustAppend(t testing.TB, s *Spool, rs ...uplink.Record) {
	t.Helper()
	if _, err := s.Append(rs...); err != nil {
		t.Fatal(err)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// One file a day; receipted files go after seven days; others never.
func TestGenerations(t *testing.T) {
	dir, id := t.TempDir(), identity(t)
	s := mustOpen(t, dir, id, Config{Generation: 1 << 20})
	for d := range 12 {
		mustAppend(t, s, opened(t, d, 1), opened(t, d, 2))
		check(t, s.Commit())
	}
	if st := s.Stats(); st.Files != 12 || st.Deleted != 0 {
		t.Errorf("%d files, %d deleted without a receipt; want 12, 0", st.Files, st.Deleted)
	}
	rs := verify(t, s)
	check(t, s.SetReceipt(uplink.Head{Seq: 5, Hash: rs[4].Hash})) // the third day half
	mustAppend(t, s, opened(t, 12, 1))
	check(t, s.Commit())
	if got := s.First(); got != 5 {
		t.Errorf("first %d, want 5", got)
	}
	check(t, s.SetReceipt(uplink.Head{Seq: 24, Hash: rs[23].Hash}))
	mustAppend(t, s, opened(t, 13, 1))
	check(t, s.Commit())
	if got := s.First(); got != 13 {
		t.Errorf("first %d, want 13: day 6 is 7 days before day 13", got)
	}
	check(t, s.Close())
	s = mustOpen(t, dir, id, Config{})
	defer s.Close()
	if got := s.First(); got != 13 {
		t.Errorf("first %d after reopening, want 13", got)
	}
	verify(t, s)
}

// At the limit receipted files go; then thin kinds are refused, and sessions still get in.
func TestFull(t *testing.T) {
	id := identity(t)
	const limit = 2<<20 + 64<<10 // one file to write to, room for one more, and what the others have shrunk to
	s := mustOpen(t, t.TempDir(), id, Config{Generation: 1 << 20, MaxBytes: limit})
	defer s.Close()
	n := 0
	for ; !s.Stats().Full && n < 1000; n++ {
		mustAppend(t, s, opened(t, n, 1))
		check(t, s.Commit())
	}
	health := encode(t, &uplink.Health{Stamp: uplink.Stamp{Quality: uplink.QualityNone}})
	if _, err := s.Append(health); !errors.Is(err, ErrFull) {
		t.Errorf("health into a full spool: %v, want %v", err, ErrFull)
	}
	mustAppend(t, s, opened(t, n, 1))
	check(t, s.Commit())
	check(t, s.SetReceipt(s.Head()))
	mustAppend(t, s, opened(t, n, 2))
	check(t, s.Commit())
	if _, err := s.Append(health); err != nil {
		t.Errorf("health after a receipt: %v", err)
	}
	if st := s.Stats(); st.Bytes > limit || st.Refused != 1 || st.Head != uint64(n+3) || st.Full {
		t.Errorf("stats %+v, want at most %d octets, 1 refused, head %d, not full", st, limit, n+3)
	}
	rs, err := s.Read(uint64(n+3), 1, 1<<20)
	check(t, err)
	body, err := rs[0].Body()
	g, ok := body.(*uplink.Gap)
	if want := (uplink.GapKind{Kind: uplink.KindHealth, Count: 1}); !ok || g.Why != "full" || len(g.Kinds) != 1 || g.Kinds[0] != want {
		t.Errorf("record %d is %+v, %v, want a gap of %+v", n+3, body, err, want)
	}
}

// A corrupt file is put aside, its numbers are declared lost, and none is given again.
func TestCorrupt(t *testing.T) {
	f := func(name string, damage func(path string) error) {
		t.Helper()
		dir, id := t.TempDir(), identity(t)
		s := mustOpen(t, dir, id, Config{Generation: 1 << 20})
		for i := range 10 {
			mustAppend(t, s, opened(t, i/5, i))
			check(t, s.Commit())
		}
		before := verify(t, s)
		check(t, s.Close())
		if err := damage(filepath.Join(dir, "0000000000000006.db")); err != nil {
			t.Fatal(err)
		}
		for boot := range 2 { // the second finds nothing more to do
			s = mustOpen(t, dir, id, Config{Generation: 1 << 20})
			mustAppend(t, s, opened(t, 2, 1))
			check(t, s.Commit())
			rs, err := s.Read(1, 1000, 1<<20)
			check(t, err)
			if _, err := uplink.VerifyStored(uplink.Head{Hash: id.Genesis()}, rs); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			n := slices.IndexFunc(rs, func(r uplink.Stored) bool { return r.Kind == uplink.KindGap })
			if n < 5 || len(rs) != n+2+boot || !slices.EqualFunc(rs[:n], before[:n], func(a, b uplink.Stored) bool { return a.Hash == b.Hash }) {
				t.Fatalf("%s: %d records, the gap is number %d; want a part of those before, a gap, and %d more", name, len(rs), n, 1+boot)
			}
			b, err := rs[n].Body()
			g, ok := b.(*uplink.Gap)
			if !ok || uint64(g.From) != rs[n-1].Seq+1 || uint64(g.To) != rs[n].Seq-1 || rs[n].Seq <= before[9].Seq {
				t.Errorf("%s: behind %d the record %d %+v, %v; want a gap between", name, rs[n-1].Seq, rs[n].Seq, b, err)
			}
			if s.Boot() != uint64(2+boot) {
				t.Errorf("%s: boot %d, want %d", name, s.Boot(), 2+boot)
			}
			check(t, s.Close())
		}
	}
	over := func(at, n int64) func(string) error {
		return func(path string) error {
			h, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			_, err = h.WriteAt([]byte(strings.Repeat("\xa5", int(n))), at)
			return errors.Join(err, h.Close())
		}
	}
	f("no meta page", over(0, 8192))
	f("no data pages", over(8192, 64<<10))
	f("truncated to three pages", func(p string) error { return os.Truncate(p, 3*4096) })
	f("empty", func(p string) error { return os.Truncate(p, 0) })
	f("one octet of a record", func(p string) error {
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(p, []byte(strings.ReplaceAll(string(b), `"c":86`, `"c":87`)), 0o600)
	})
}

// Run commits at once what is urgent, the rest after five seconds or at 64 records.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, t.TempDir(), identity(t), Config{})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		f := func(name string, after time.Duration, want uint64) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if got := s.Head().Seq; got != want {
				t.Errorf("%s: head %d, want %d", name, got, want)
			}
		}
		mustAppend(t, s, opened(t, 0, 1))
		f("just before", 5*time.Second-1, 0)
		f("after 5 s", 1, 1)
		mustAppend(t, s, encode(t, &uplink.Close{
			Station: "u3mJq0yZcRE", Cause: "idle-timeout", Stamp: uplink.Stamp{Quality: uplink.QualityNone},
		}))
		f("a session's stop", 0, 2)
		for i := range 63 {
			mustAppend(t, s, opened(t, 0, i))
		}
		f("63 records", 0, 2)
		mustAppend(t, s, opened(t, 0, 64))
		f("64 records", 0, 66)
		mustAppend(t, s, opened(t, 0, 65))
		stop()
		check(t, <-done)
		f("at the end", 0, 67)
		check(t, s.Close())
	})
}

// BenchmarkWritten commits n records at a time and counts what the process hands to write(2).
func BenchmarkWritten(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := mustOpen(b, b.TempDir(), identity(b), Config{})
			defer s.Close()
			r, before := opened(b, 0, 1), written(b)
			for b.Loop() {
				for range n {
					mustAppend(b, s, r)
				}
				check(b, s.Commit())
			}
			records := float64(b.N * n)
			b.ReportMetric(float64(written(b)-before)/records, "written-octets/record")
			b.ReportMetric(records/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func written(b *testing.B) (n int64) {
	b.Helper()
	io, err := os.ReadFile("/proc/self/io")
	check(b, err)
	if _, err := fmt.Sscanf(string(io[strings.Index(string(io), "wchar"):]), "wchar: %d", &n); err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkOpen opens a full file of 8 MiB, checked whole by a child process, and one that was checked before.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s := mustOpen(b, dir, identity(b), Config{})
	for i := 0; s.Stats().Files < 2; i++ {
		mustAppend(b, s, opened(b, 0, i))
		if i%64 == 0 {
			check(b, s.Commit())
		}
	}
	check(b, s.Close())
	octets := int64(8 << 20)
	f := func(name string, look func(g *generation) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(octets)
			for b.Loop() {
				check(b, look(plan(dir, 1, uplink.Head{}, false)))
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/float64(octets>>20), "ms/MiB")
		})
	}
	f("check", (*generation).check)
	f("glance", (*generation).glance)
}

// Of a broken file in the middle what the chain proves stays, and a gap record names the altered record.
func TestSalvage(t *testing.T) {
	dir, id := t.TempDir(), identity(t)
	s := mustOpen(t, dir, id, Config{Generation: 1 << 20})
	for i := range 15 {
		mustAppend(t, s, opened(t, i/5, i))
		check(t, s.Commit())
	}
	check(t, s.Close())
	path := filepath.Join(dir, name(6))
	b, err := os.ReadFile(path)
	check(t, err)
	check(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(b), `"m":7,`, `"m":9,`)), 0o600))
	for range 2 { // the second start finds nothing more to do
		s = mustOpen(t, dir, id, Config{Generation: 1 << 20})
		var seqs []uint64
		rs, err := s.Read(1, 100, 1<<20)
		check(t, err)
		for _, r := range rs {
			seqs = append(seqs, r.Seq)
		}
		if got, want := fmt.Sprint(seqs), "[1 2 3 4 5 6 7 9 10 11 12 13 14 15 16]"; got != want {
			t.Errorf("records %s, want %s", got, want)
		}
		body, err := rs[len(rs)-1].Body()
		if g, ok := body.(*uplink.Gap); !ok || g.From != 8 || g.To != 8 || g.Count != 1 || g.Why != "corrupt" {
			t.Errorf("the last is %+v, %v, want a gap of 8", body, err)
		}
		if got := s.Next(8); got != 9 {
			t.Errorf("next from 8 is %d, want 9", got)
		}
		check(t, s.Close())
	}
	if _, err := os.Stat(path + aside); err != nil {
		t.Errorf("the broken file is not kept: %v", err)
	}
}
