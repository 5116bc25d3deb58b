package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"cafeprobe/uplink"
)

// thinPending is how many records may wait in memory before thin ones are refused: the rest of the room is for sessions.
const thinPending = maxPending / 2

// refuse returns ErrFull if there is no room for rs, and counts them.
func (s *Spool) refuse(rs []uplink.Record) error {
	err := s.room(rs)
	if err != nil {
		s.stats.Refused += uint64(len(rs))
		for _, r := range rs {
			s.dropped[r.Kind]++
		}
	}
	return err
}

func (s *Spool) room(rs []uplink.Record) error {
	if len(s.wait)+len(rs) > maxPending {
		return errors.Join(fmt.Errorf("%w: %d records wait for the card", ErrFull, len(s.wait)), s.fault)
	}
	tight := s.full || s.fault != nil || len(s.wait) > thinPending
	if i := slices.IndexFunc(rs, func(r uplink.Record) bool { return tight && r.Kind.Thin() }); i >= 0 {
		return fmt.Errorf("%w: %s", ErrFull, rs[i].Kind)
	}
	return nil
}

// relief makes room where the spool is full, and appends a gap record of what was refused when there is room again. While
// the card takes no writes that record waits like any other.
func (s *Spool) relief() error {
	s.mu.RLock()
	full, down, g := s.full, s.down, s.last()
	s.mu.RUnlock()
	if full && !down {
		if err := s.save(g); err != nil {
			return err
		}
		s.clean(g.Day, false)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || s.full || len(s.dropped) == 0 || len(s.wait) > 0 {
		return nil
	}
	lost := uplink.Gap{Stamp: s.now(), Why: "full"}
	for _, k := range uplink.Kinds() {
		if n := s.dropped[k]; n > 0 {
			lost.Kinds = append(lost.Kinds, uplink.GapKind{Kind: k, Count: uplink.Int(n)})
			lost.Count += uplink.Int(n)
		}
	}
	r, err := uplink.Encode(&lost)
	if err != nil {
		return err
	}
	clear(s.dropped)
	s.add(r)
	return nil
}

// putAside returns the files that were put aside, oldest first.
func (s *Spool) putAside() []string {
	paths, _ := filepath.Glob(filepath.Join(s.dir, "*"+suffix+aside))
	return paths
}

// dropAside deletes the files that were put aside: the card has no room.
func (s *Spool) dropAside() {
	for _, p := range s.putAside() {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.cfg.Log.Error("spool file put aside is not deleted", "file", p, "error", err)
		}
	}
}
