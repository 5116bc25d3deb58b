package spool

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cafeprobe/uplink"
)

// image returns a copy of what a spool that is still open has on its card: the power is cut.
func image(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	check(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

// A power cut passes over a block of numbers with a gap record that says so; a process that dies and an orderly end do
// not.
func TestPassedOver(t *testing.T) {
	id := identity(t)
	open := func(dir, kernel string) *Spool {
		t.Helper()
		s := mustOpen(t, dir, id, Config{Generation: 1 << 20, kernel: kernel})
		mustAppend(t, s, vantage(t, 1))
		check(t, s.Commit())
		verify(t, s)
		return s
	}
	f := func(name string, s *Spool, want uint64) {
		t.Helper()
		if got := s.Head().Seq; got != want {
			t.Errorf("%s: head %d, want %d", name, got, want)
		}
		if st, ok, err := readState(s.dir); err != nil || !ok || st.Limit < want+reserve/2 {
			t.Errorf("%s: state %+v, %v, want numbers to %d allowed", name, st, err, want+reserve/2)
		}
	}
	dir := t.TempDir()
	s := open(dir, "a")
	f("new", s, 1)
	check(t, s.Close())
	s = open(dir, "b")
	f("an orderly end, another run of the kernel", s, 2)
	killed := open(image(t, dir), "b")
	f("a process that died", killed, 3)
	cut := open(image(t, dir), "c")
	f("a power cut", cut, 2+reserve+2) // numbers up to reserve behind the first of that life, 2, were allowed
	rs, err := cut.Read(3, 1, 1<<20)
	check(t, err)
	body, err := rs[0].Body()
	if g, ok := body.(*uplink.Gap); !ok || !g.Passed() || g.From != 3 || g.To != 2+reserve || g.Kinds != nil {
		t.Errorf("the record behind the cut is %+v, %v, want a gap of 3 to %d", body, err, 2+reserve)
	}
	check(t, cut.Close())
	f("an orderly end behind it", open(cut.dir, "d"), 2+reserve+3)
}

// A file that was made and never written to: what its first record was to say is said by the one that comes instead.
func TestGapRecordThatWasCutOff(t *testing.T) {
	for kernel, want := range map[string]uint64{"b": 4100, "c": 8198} {
		dir, id := t.TempDir(), identity(t)
		s := mustOpen(t, dir, id, Config{Generation: 1 << 20, kernel: "a"})
		fill(t, s, 3)
		g := plan(dir, 4100, s.Head(), false)
		check(t, g.create(0, nil))
		check(t, g.close())
		check(t, state{Chain: id.Chain, First: 4100, Prev: s.Head(), Limit: 8196, Kernel: "b"}.write(dir))
		s = mustOpen(t, image(t, dir), id, Config{Generation: 1 << 20, kernel: kernel})
		fill(t, s, 1)
		if rs := verify(t, s); len(rs) != 5 || rs[3].Kind != uplink.KindGap || s.Head().Seq < want {
			t.Errorf("kernel %s: %d records to %d, want 3, a gap record and one more, %d at least", kernel, len(rs), s.Head().Seq, want)
		}
	}
}

// An empty folder is a new chain, or for a wary box a card that lost all.
func TestWary(t *testing.T) {
	id := identity(t)
	s := mustOpen(t, t.TempDir(), id, Config{Wary: true})
	mustAppend(t, s, vantage(t, 1))
	check(t, s.Commit())
	if rs := verify(t, s); len(rs) != 2 || rs[0].Seq != reserve+1 || rs[0].Kind != uplink.KindGap || s.Resume() != 1 {
		t.Errorf("records %+v, resume at %d, want a gap record %d and one more, and 1", rs, s.Resume(), reserve+1)
	}
	owed := func(want uint64) {
		t.Helper()
		if n := s.Stats().Owed; n != want {
			t.Errorf("%d records are owed, want %d", n, want)
		}
	}
	owed(2)
	first, _ := s.At(reserve + 1)
	check(t, s.SetReceipt(first))
	owed(1)
	check(t, s.SetReceipt(s.Head()))
	owed(0)
}

// The province holds records that the card lost and passed over: the chain goes on behind what the province has.
func TestReceiptWhereNumbersWerePassedOver(t *testing.T) {
	for _, receipted := range []uint64{0, 3, 10} {
		id, dir := identity(t), t.TempDir()
		s := mustOpen(t, dir, id, Config{Generation: 1 << 20, kernel: "a"})
		fill(t, s, 10)
		h, _ := s.At(receipted)
		check(t, s.SetReceipt(h))
		mustAppend(t, s, vantage(t, 1)) // the receipt is written with it
		check(t, s.Commit())
		earlier := image(t, dir)
		fill(t, s, 5)
		theirs := s.Head()
		s = mustOpen(t, earlier, id, Config{Generation: 1 << 20, kernel: "b"})
		if got := s.Resume(); got != receipted+1 {
			t.Errorf("receipted %d: resumes at %d, want %d", receipted, got, receipted+1)
		}
		if err := s.SetReceipt(theirs); !errors.Is(err, ErrUnknown) {
			t.Errorf("receipted %d: a receipt for %d: %v, want %v", receipted, theirs.Seq, err, ErrUnknown)
		}
		s.Fork(theirs)
		check(t, s.Commit())
		if got := s.Stats().Forks; got != 1 {
			t.Fatalf("receipted %d: %d forks, want 1", receipted, got)
		}
		rs, err := s.Read(s.last().first, 10, 1<<20)
		check(t, err)
		if end, err := uplink.VerifyStored(theirs, rs); err != nil || end != s.Head() {
			t.Errorf("receipted %d: the fork leads from the province's place to %d, %v, want to the head %d", receipted, end.Seq, err, s.Head().Seq)
		}
	}
}

// A file that nothing is written to any more takes what it needs.
func TestShrink(t *testing.T) {
	dir, id := t.TempDir(), identity(t)
	s := mustOpen(t, dir, id, Config{})
	for d := range 5 {
		for i := range 200 {
			mustAppend(t, s, opened(t, d, i))
		}
		check(t, s.Commit())
	}
	before := verify(t, s)
	small := func() {
		t.Helper()
		paths, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
		check(t, err)
		for i, p := range paths {
			if got := onCard(p); (i < 4) != (got < 256<<10) {
				t.Errorf("file %d of %d takes %d octets, want the last to be large alone", i, len(paths), got)
			}
		}
		if st := s.Stats(); st.Bytes > 9<<20 {
			t.Errorf("the spool takes %d octets, want little more than a file of 8 MiB", st.Bytes)
		}
	}
	small()
	check(t, s.Close())
	check(t, os.Truncate(filepath.Join(dir, name(201)), 8<<20)) // as a cut before it was shrunk leaves it
	s = mustOpen(t, dir, id, Config{})
	small()
	if got := verify(t, s); len(got) != len(before) {
		t.Errorf("%d records, want %d", len(got), len(before))
	}
}

// What is salvaged of a forked file is still a fork; where nothing is, what comes next is.
func TestForkedFileBreaks(t *testing.T) {
	f := func(name string, at uint64, left int, damage func(path, state string) error) {
		t.Helper()
		dir, id := t.TempDir(), identity(t)
		s := mustOpen(t, dir, id, Config{Generation: 1 << 20})
		fill(t, s, 10)
		theirs := uplink.Head{Seq: at, Hash: uplink.Hash{1}}
		s.Fork(theirs)
		fill(t, s, 3)
		first := s.last().first
		check(t, s.Close())
		check(t, damage(s.last().path, filepath.Join(dir, stateFile)))
		for range 2 { // the second start finds nothing more to do
			s = mustOpen(t, dir, id, Config{Generation: 1 << 20})
			if last, ok := s.Branch(); !ok || last != 10 {
				t.Errorf("%s: branch to %d, %v, want 10", name, last, ok)
			}
			if h, known := s.At(at); known && at > 10 && h != theirs {
				t.Errorf("%s: the place %d is %v, want the province's", name, at, h)
			}
			check(t, s.SetReceipt(theirs)) // at the base: nothing, where it is known
			rs, err := s.Read(max(first, 11), 20, 1<<20)
			check(t, err)
			if end, err := uplink.VerifyStored(theirs, rs); err != nil || end != s.Head() || len(rs) != left {
				t.Errorf("%s: %d records lead to %d, %v; want %d to the head %d", name, len(rs), end.Seq, err, left, s.Head().Seq)
			}
			if got := s.Receipted().Seq; got != 0 {
				t.Errorf("%s: receipted %d with the branch untold, want 0", name, got)
			}
			check(t, s.Close())
		}
	}
	over := func(path string, from, to int) error {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		clear(b[from:min(to, len(b))])
		return os.WriteFile(path, b, 0o600)
	}
	for name, at := range map[string]uint64{"ahead": 5000, "another branch": 5} {
		f(name+", no meta page", at, 6, func(path, _ string) error { return over(path, 0, 2*pageSize) })
		f(name+", no meta page, no state", at, 6, func(path, state string) error {
			return errors.Join(over(path, 0, 2*pageSize), os.Remove(state))
		})
		f(name+", nothing left", at, 1, func(path, _ string) error { return over(path, 0, 1<<20) })
	}
}
