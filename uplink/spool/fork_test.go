package spool

import (
	"errors"
	"testing"

	"cafeprobe/uplink"
)

// A receipt for a history that the card does not have: it goes on behind it, gives no number again and says so.
func TestRestoredCard(t *testing.T) {
	f := func(name string, seq, own uint64, want error) {
		t.Helper()
		dir, id := t.TempDir(), identity(t)
		s := mustOpen(t, dir, id, Config{Generation: 1 << 20})
		fill(t, s, int(own))
		theirs := uplink.Head{Seq: seq, Hash: uplink.Hash{1}}
		if err := s.SetReceipt(theirs); !errors.Is(err, want) {
			t.Fatalf("%s: %v, want %v", name, err, want)
		}
		s.Fork(theirs)
		fill(t, s, 2)
		for range 2 { // as well after a restart
			first := s.Next(max(seq, own) + 1)
			rs, err := s.Read(first, 10, 1<<20)
			check(t, err)
			end, err := uplink.VerifyStored(theirs, rs)
			if err != nil || end != s.Head() || len(rs) != 4 || rs[0].Kind != uplink.KindGap || rs[1].Kind != uplink.KindFork {
				t.Errorf("%s: %d records from %d lead to %d, %v; want gap, fork and 2 more", name, len(rs), first, end.Seq, err)
			}
			if at, ok := s.At(first - 1); !ok || at.Hash != theirs.Hash {
				t.Errorf("%s: place before %d is %v, want the province's", name, first, at)
			}
			if last, ok := s.Branch(); !ok || last != own {
				t.Errorf("%s: branch to %d, %v, want %d", name, last, ok, own)
			}
			check(t, s.SetReceipt(theirs))
			if got := s.Receipted().Seq; got != 0 {
				t.Errorf("%s: receipted %d with the branch untold, want 0", name, got)
			}
			check(t, s.Close())
			s = mustOpen(t, dir, id, Config{Generation: 1 << 20})
		}
		check(t, s.SetReceipt(s.Head()))
		if _, ok := s.Branch(); ok || s.Receipted() != s.Head() {
			t.Errorf("%s: receipted %d, branch %v, want all", name, s.Receipted().Seq, ok)
		}
	}
	f("ahead of the head", 5000, 10, ErrUnknown)
	f("of another branch", 5, 10, ErrMismatch)
}

// One that is refused since the card is behind a gap, or too soon after another, changes nothing.
func TestForkIsBounded(t *testing.T) {
	s := mustOpen(t, t.TempDir(), identity(t), Config{Generation: 1 << 20})
	fill(t, s, 3)
	for n := range uint64(3) {
		s.Fork(uplink.Head{Seq: 100_000 + n, Hash: uplink.Hash{1}})
		fill(t, s, 1)
	}
	if st := s.Stats(); st.Forks != 1 || st.Files != 2 {
		t.Errorf("%d forks, %d files, want 1 and 2", st.Forks, st.Files)
	}
}

// TestCommitEnds: between the end of a commit in the file and in the head a reader sees nothing of it, and a receipt for it
// does not leave a spool that can never commit again.
func TestCommitEnds(t *testing.T) {
	s := mustOpen(t, t.TempDir(), identity(t), Config{})
	defer s.Close()
	fill(t, s, 3)
	before := s.Head()
	fill(t, s, 2)
	after := s.Head()
	at := func(h uplink.Head) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last().Head = h
	}

	at(before)
	rs, err := s.Read(2, 10, 1<<20)
	if err != nil || len(rs) != 2 || rs[1].Seq != 3 {
		t.Errorf("%d records, %v, want the records 2 and 3", len(rs), err)
	}
	if err := s.SetReceipt(after); !errors.Is(err, ErrUnknown) {
		t.Errorf("a receipt for what is not in the head yet: %v, want %v", err, ErrUnknown)
	}
	s.Fork(after)
	at(after)
	fill(t, s, 1)
	if st := s.Stats(); st.Head != 6 || st.Forks != 0 || st.Fault != "" {
		t.Errorf("%+v, want 6 records, no fork, no fault", st)
	}
}
