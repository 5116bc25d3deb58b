package spool

import (
	"time"

	"cafeprobe/uplink"
)

// A card that was restored from a copy, cloned, or went back to an older state gives numbers a second time. Nothing on it
// tells: the first sign is a receipt of the province for a record that is not there, or is another. From then on the chain
// goes on behind the province's place, with its hash: the first records are a gap record over the numbers that are passed
// over, and the fork. What the card had made in the meantime stays what it is and is sent as it is, so that the province sees where
// the two histories part and keeps both.

// forkPeriod is the least time between two forks. Two boxes with one identity would fork with every connection.
const forkPeriod = time.Hour

// maxJump bounds how far ahead of the head a receipt may be: beyond it numbers would run out some day.
const maxJump = 1 << 40

// Fork is to be called with a receipt that SetReceipt refused, if the province gave it just now: an older one that the
// broker has kept is no measure of what the province holds. With the next commit the chain goes on behind h. A second
// within an hour changes nothing.
func (s *Spool) Fork(h uplink.Head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.parted(h) || !s.forked.IsZero() && time.Since(s.forked) < forkPeriod {
		return
	}
	s.forkTo = &h
	signal(s.wake)
}

// parted reports whether the card's records lead past h, which the province holds, and not to it. Those behind a lost file
// do lead there: they follow the lost ones. Those behind numbers that were passed over follow what is in front of them; the
// province takes them on the box's word if that holds nothing else, and then no fork is needed.
func (s *Spool) parted(h uplink.Head) bool {
	own, known := s.hash(h.Seq)
	if head := s.head().Seq; known || h.Seq > head {
		return own != h.Hash && h.Seq <= head+maxJump
	}
	for _, g := range s.gens {
		if h.Seq <= g.Head.Seq {
			return (h.Seq > g.Prev.Seq || g.Fork && !g.leaps()) && s.resume() <= h.Seq
		}
	}
	return false
}

// fork carries out what Fork noted. Numbers above the province's that may have been given before the card went back are
// passed over: those that state.json allowed, but of a state that is old as well at least a block.
func (s *Spool) fork() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forkTo == nil || s.down {
		return nil
	}
	at := *s.forkTo
	if own, ok := s.hash(at.Seq); ok && own == at.Hash {
		s.forkTo = nil // it is this history after all
		return nil
	}
	f := &uplink.Fork{Stamp: s.now(), At: uplink.Int(at.Seq), Theirs: at.Hash}
	f.Ours, _ = s.hash(at.Seq)
	head := s.head().Seq
	first := max(at.Seq+reserve, s.before, head+1) + 1 // head+1 a reader would take to follow head
	gap := &uplink.Gap{Stamp: f.Stamp, From: uplink.Int(at.Seq + 1), To: uplink.Int(first - 1), Why: "fork"}
	var rs []uplink.Record
	for _, b := range []uplink.Body{gap, f} {
		r, err := uplink.Encode(b)
		if err != nil {
			return err
		}
		rs = append(rs, r)
	}
	s.rebase(plan(s.dir, first, at, true), rs)
	s.forkTo, s.forked = nil, time.Now()
	s.stats.Forks++
	s.cfg.Log.Error("the province holds another history than this card", "receipt", at.Seq, "head", head, "next", first)
	return nil
}

// rebase lets the chain go on in g, with rs first. What waits was seen by nobody and gets new places.
func (s *Spool) rebase(g *generation, rs []uplink.Record) {
	if l := s.last(); l.db == nil { // planned only, so nothing is lost with it
		s.gens = s.gens[:len(s.gens)-1]
	}
	s.gens = append(s.gens, g)
	wait := s.wait
	s.wait, s.next = nil, g.Head
	for _, r := range rs {
		s.add(r)
	}
	for _, w := range wait {
		s.next = s.next.Next(w.Boot, w.Record)
		s.wait = append(s.wait, uplink.Stored{Record: w.Record, Seq: s.next.Seq, Boot: w.Boot, Hash: s.next.Hash})
	}
}

// isBase reports whether h is the place of the province's behind which the chain went on, and nothing behind it has a
// receipt.
func (s *Spool) isBase(h uplink.Head) bool {
	for _, g := range s.gens {
		if g.Fork && g.Prev == h && s.rcpt.Seq < g.first {
			return true
		}
	}
	return false
}

// Branch returns the last record of the card's own history behind which the chain did not go on, because the province
// held another: it and those before it are still to be sent once, and will have no receipt of their own. ok is false
// where there is none, or a record behind the fork has a receipt.
func (s *Spool) Branch() (seq uint64, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i, g := range s.gens {
		if g.Fork && i > 0 && s.rcpt.Seq < g.first {
			seq, ok = s.gens[i-1].Head.Seq, true
		}
	}
	return seq, ok
}
