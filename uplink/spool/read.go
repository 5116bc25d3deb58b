package spool

import (
	"fmt"

	"cafeprobe/uplink"
)

// Read returns committed records from sequence number from on, ascending: at most records of them, with at most octets of
// raw records together, but one at least if there is one. The numbers need not be consecutive: lost ones are left out. A
// file that cannot be read is left out from then on; the next Open checks it.
func (s *Spool) Read(from uint64, records, octets int) ([]uplink.Stored, error) {
	var rs []uplink.Stored
	take := func(r uplink.Stored) bool {
		octets -= len(r.Raw)
		if len(rs) >= records || (len(rs) > 0 && octets < 0) {
			return false
		}
		rs = append(rs, r)
		return true
	}
	for {
		bad, err := s.walk(from, take)
		if bad == nil {
			return rs, err
		}
		s.write.Lock()
		s.mu.Lock()
		bad.bad, s.dirty = true, true
		s.checked = min(s.checked, bad.first-1)
		s.stats.Corrupt++
		s.mu.Unlock()
		s.write.Unlock()
		s.cfg.Log.Error("spool file is left out", "error", err)
		if n := len(rs); n > 0 {
			from = rs[n-1].Seq + 1
		}
	}
}

// walk calls f with the committed records from sequence number from on until it says no. If a generation cannot be read
// it is returned.
func (s *Spool) walk(from uint64, f func(uplink.Stored) bool) (bad *generation, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.down {
		return nil, errClosed
	}
	return s.each(from, f)
}

func (s *Spool) each(from uint64, f func(uplink.Stored) bool) (bad *generation, err error) {
	for _, g := range s.gens {
		if g.Head.Seq < from || g.empty() {
			continue
		}
		// While a commit ends its records are in the file before they are in the head: they are not told of yet, lest a
		// receipt comes for what the spool does not know.
		more, err := g.read(from, func(r uplink.Stored) bool { return r.Seq <= g.Head.Seq && f(r) })
		if err != nil {
			return g, err
		}
		if !more {
			return nil, nil
		}
	}
	return nil, nil
}

// Head returns the last committed place in the chain.
func (s *Spool) Head() uplink.Head {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.head()
}

// First returns the oldest sequence number that Read can return, one above Head's if there is none.
func (s *Spool) First() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.gens[0].first
}

// Next returns the smallest sequence number from seq on that Read can return, one above Head's if there is none.
func (s *Spool) Next(seq uint64) uint64 {
	next := s.Head().Seq + 1
	_, _ = s.walk(seq, func(r uplink.Stored) bool { // what cannot be read is what Read leaves out
		next = r.Seq
		return false
	})
	return next
}

// Resume returns the smallest sequence number behind the receipt that the province can still be given: a record, or one that
// a gap record in its place stands for. In front of it records are lost.
func (s *Spool) Resume() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.resume()
}

func (s *Spool) resume() uint64 {
	next := s.head().Seq + 1
	_, _ = s.each(s.rcpt.Seq+1, func(r uplink.Stored) bool { // what cannot be read is what Read leaves out
		next = r.Seq
		if _, err := uplink.VerifyStored(s.rcpt, []uplink.Stored{r}); err == nil {
			next = s.rcpt.Seq + 1
		}
		return false
	})
	return next
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
// receipted already changes nothing. It returns ErrUnknown or ErrMismatch, and changes nothing, if the chain does not lead
// to h; then the card may be a restored or a cloned one: see Fork. The receipt is written with the next commit: one that is
// lost with the power is given again at hello.
func (s *Spool) SetReceipt(h uplink.Head) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errClosed
	}
	own, ok := s.hash(h.Seq)
	switch {
	case !ok && h.Seq < s.rcpt.Seq: // long deleted
	case !ok:
		return fmt.Errorf("receipt %d: %w", h.Seq, ErrUnknown)
	case own != h.Hash:
		return fmt.Errorf("receipt %d: %w: %v, own %v", h.Seq, ErrMismatch, h.Hash, own)
	case s.isBase(h): // until a record behind it has a receipt, the branch that leads nowhere is still to be told
	case h.Seq > s.rcpt.Seq:
		s.rcpt = h
		if s.full {
			signal(s.wake)
		}
	}
	return nil
}

// hash returns the hash of the committed record seq, or what stands for it: the receipt's, genesis, the place that the
// first record of a generation follows.
func (s *Spool) hash(seq uint64) (uplink.Hash, bool) {
	switch {
	case seq == 0:
		return s.id.Genesis(), true
	case seq == s.rcpt.Seq:
		return s.rcpt.Hash, true
	}
	for i := len(s.gens) - 1; i >= 0; i-- {
		g := s.gens[i]
		if seq == g.Prev.Seq || seq == g.first-1 && !g.empty() {
			return g.Prev.Hash, true
		}
		if seq >= g.first && seq <= g.Head.Seq {
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
	st.Head, st.Receipted, st.Waiting = s.head().Seq, s.rcpt.Seq, len(s.wait)
	for _, g := range s.gens {
		st.Owed += g.behind(s.rcpt.Seq)
	}
	st.Files, st.Bytes, st.Full = len(s.gens), s.bytes(), s.full
	if s.fault != nil {
		st.Fault = s.fault.Error()
	}
	for _, w := range s.card.warnings {
		st.Warnings = append(st.Warnings, w.text)
	}
	st.Written = s.card.written()
	return st
}

// At returns the place in the chain at seq, 0 for its start; ok is false for one that the spool has no hash of.
func (s *Spool) At(seq uint64) (h uplink.Head, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	hash, ok := s.hash(seq)
	return uplink.Head{Seq: seq, Hash: hash}, ok
}
