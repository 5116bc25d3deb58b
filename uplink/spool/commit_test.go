package spool

import (
	"testing"
	"time"

	"cafeprobe/uplink"
)

// TestCommitTime: how long the card takes is known from the first commit on, and one that is slow once is forgotten.
func TestCommitTime(t *testing.T) {
	id, err := NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.TempDir(), id, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func() {
		t.Helper()
		r, err := uplink.Encode(&uplink.Boot{Stamp: uplink.Stamp{Quality: uplink.QualityNone}, Firmware: "0.1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(r); err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	put()
	if got := s.Stats().Commit; got <= 0 || got > time.Minute {
		t.Errorf("%v after a commit", got)
	}
	s.mu.Lock()
	s.stats.Commit = time.Hour
	s.mu.Unlock()
	put()
	if got := s.Stats().Commit; got >= time.Hour || got < 50*time.Minute {
		t.Errorf("%v after an hour's commit and a quick one, want an eighth less", got)
	}
}
