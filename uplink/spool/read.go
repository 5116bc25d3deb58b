package spool

import (
	"fmt"

	"cafeprobe/uplink"
)

// Read returns committed records from sequence number from on, ascending: at most records of them, with at most octets of
// raw records together, but one at least if there is one. The numbers need not be consecutive: lost ones are left out.
func (s *Spool) Read(from uint64, records, octets int) ([]uplink.Stored, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.down {
		return nil, errClosed
	}
	var rs []uplink.Stored
	head := s.last().head.Seq
	take := func(r uplink.Stored) bool {
		octets -= len(r.Raw)
		if len(rs) >= records || (len(rs) > 0 && octets < 0) || r.Seq > head {
			return false
		}
		rs = append(rs, r)
		return true
	}
	for _, g := range s.gens {
		if g.head.Seq < from {
			continue
		}
		more, err := g.read(from, take)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	return rs, nil
}

// Head returns the last committed place in the chain.
func (s *Spool) Head() uplink.Head {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.last().head
}

// First returns the oldest sequence number that Read can return, one above Head's if there is none.
func (s *Spool) First() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.gens[0].first
}

// Boot returns the boot counter: 1 at the first Open, one more at each.
func (s *Spool) Boot() uint64 { return s.boot }

// Identity returns whose spool it is.
func (s *Spool) Identity() Identity { return s.id }

// Committed returns a channel that holds a value after one or more commits. It is for one reader.
func (s *Spool) Committed() <-chan struct{} { return s.committed }

// Receipted returns the place up to which the province has receipted.
func (s *Spool) Receipted() uplink.Head {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rcpt
}

// SetReceipt notes that the province holds all records up to h; the caller has verified that it says so. Less than is
// receipted already changes nothing. It returns ErrUnknown or ErrMismatch, and changes nothing, if the chain does not
// lead to h. The receipt is written with the next commit: one that is lost with the power is given again at hello.
func (s *Spool) SetReceipt(h uplink.Head) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errClosed
	}
	own, ok := s.hash(h.Seq)
	switch {
	case !ok:
		return fmt.Errorf("receipt %d: %w", h.Seq, ErrUnknown)
	case own != h.Hash:
		return fmt.Errorf("receipt %d: %w: %v, own %v", h.Seq, ErrMismatch, h.Hash, own)
	case h.Seq > s.rcpt.Seq:
		s.rcpt = h
	}
	return nil
}

// hash returns the hash of the committed record seq, or what stands for it: the receipt's, genesis.
func (s *Spool) hash(seq uint64) (uplink.Hash, bool) {
	switch {
	case seq == 0:
		return s.id.Genesis(), true
	case seq == s.rcpt.Seq:
		return s.rcpt.Hash, true
	case seq > s.last().head.Seq:
		return uplink.Hash{}, false
	}
	for i := len(s.gens) - 1; i >= 0; i-- {
		if g := s.gens[i]; seq >= g.first || seq == g.prev.Seq {
			if h, ok := g.hash(seq); ok {
				return h, true
			}
		}
	}
	return uplink.Hash{}, false
}

// Stats returns what the spool holds and has done.
func (s *Spool) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := s.stats
	st.Head, st.Receipted, st.Waiting = s.last().head.Seq, s.rcpt.Seq, len(s.wait)
	st.Files, st.Bytes = len(s.gens), s.bytes()
	return st
}

// At returns the place in the chain at seq, 0 for its start; ok is false for one that the spool has no hash of.
func (s *Spool) At(seq uint64) (h uplink.Head, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	hash, ok := s.hash(seq)
	return uplink.Head{Seq: seq, Hash: hash}, ok
}
