package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

const (
	broken       = ".broken"  // behind a file's name: found corrupt, not salvaged yet
	aside        = ".corrupt" // salvaged; kept for somebody to look at
	maxAside     = 4          // files kept so
	maxAsideSize = 32 << 20   // and their octets together
	maxRuns      = 64         // salvaged from one file
)

// load opens the generations, puts aside and salvages what is broken, and plans how the chain goes on. It makes nothing
// that the first commit cannot make as well: a card that takes no writes is no reason not to start.
func (s *Spool) load() error {
	st, known, err := readState(s.dir)
	if err != nil {
		return err
	}
	if known && st.Chain != s.id.Chain {
		return fmt.Errorf("%w: %s, want %s", ErrChain, st.Chain, s.id.Chain)
	}
	s.boot, s.holes, s.before = st.Boot, st.Holes, st.Limit
	if known {
		s.rcpt = st.Rcpt
	}
	firsts, bad, err := list(s.dir)
	if err != nil {
		return err
	}
	newest := uint64(0) // the file that was written last; sound until found otherwise
	if n := len(firsts); n > 0 {
		newest = firsts[n-1]
	}
	sound := newest > 0 && (!known || st.First <= newest)
	same := st.Kernel != "" && st.Kernel == s.kernel // else what was checked may never have got to the card
	evidence := uint64(0)                            // the largest number that a broken newest file tells of
	for _, first := range firsts {
		seen, whole, err := s.loadOne(first, bad[first], same && first <= st.Checked && first < newest, st)
		if err != nil {
			return err
		}
		if !whole && first == newest {
			sound, evidence = false, seen
		}
	}
	for _, g := range s.gens {
		s.boot = max(s.boot, g.Boot)
		if g.Rcpt.Seq > s.rcpt.Seq {
			s.rcpt = g.Rcpt
		}
	}
	s.mend()
	s.tidy()
	lost := s.proceed(st, known, newest, sound, evidence)
	s.boot++
	s.begin()
	if err := s.declare(lost); err != nil {
		return err
	}
	if s.fault == nil { // else there may be more in them that is not salvaged yet
		for _, g := range s.gens[:len(s.gens)-1] {
			s.shrink(g)
		}
	}
	return nil
}

// list returns the first sequence numbers of the generations in dir, ascending, and which of them were found broken.
func list(dir string) (firsts []uint64, bad map[uint64]bool, err error) {
	es, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("list spool: %w", err)
	}
	bad = map[uint64]bool{}
	for _, e := range es {
		if n, ok := parseName(e.Name(), suffix+broken); ok {
			bad[n] = true
			firsts = append(firsts, n)
		}
		if n, ok := parseName(e.Name(), suffix); ok {
			firsts = append(firsts, n)
		}
	}
	slices.Sort(firsts)
	return slices.Compact(firsts), bad, nil
}

// loadOne opens one generation, or what can be salvaged of it: then it is not whole, and seen is the largest number that
// anything in it tells of.
func (s *Spool) loadOne(first uint64, bad, checked bool, st state) (seen uint64, whole bool, err error) {
	g := plan(s.dir, first, uplink.Head{}, false)
	if !bad {
		err = errCorrupt
		if checked {
			err = g.glance()
		}
		if errors.Is(err, errCorrupt) {
			s.stats.Checked++
			err = g.check()
		}
		if err == nil {
			err = g.open(true)
		}
		switch {
		case err == nil:
			s.gens = append(s.gens, g)
			return 0, true, nil
		case !errors.Is(err, errCorrupt) && !cardFault(err):
			return 0, false, err
		}
	}
	s.cfg.Log.Error("spool file is broken", "file", g.path, "error", err)
	s.stats.Corrupt++
	return s.salvage(first, bad, st), false, nil
}

// salvage puts a broken generation aside and makes new ones of the records in it that can be proved. Cut off at any
// place, it is done anew at the next start.
func (s *Spool) salvage(first uint64, moved bool, st state) (seen uint64) {
	path := filepath.Join(s.dir, name(first))
	if !moved {
		if err := errors.Join(os.Rename(path, path+broken), durable.SyncDir(s.dir)); err != nil {
			s.cfg.Log.Error("spool file not put aside", "file", path, "error", err)
			s.fault = err
			return 0 // read-only: nothing can be made of it now
		}
	}
	f, err := scan(path+broken, first, first+maxGeneration-1)
	if err != nil {
		s.cfg.Log.Error("nothing salvaged", "file", path, "error", err)
		return 0
	}
	start, fork := st.fork(first)
	if !fork {
		start, fork = f.fork(first)
	}
	if !fork {
		start = s.place(first, st)
	}
	for i, r := range longest(f.runs(start), maxRuns) {
		g, err := s.writeRun(r, fork && i == 0)
		if err != nil {
			s.cfg.Log.Error("salvaged records not written", "file", path, "records", len(r.recs), "error", err)
			s.fault = err
			return f.seen
		}
		s.gens = append(s.gens, g)
		s.stats.Salvaged += uint64(len(r.recs))
	}
	if err := errors.Join(os.Rename(path+broken, path+aside), durable.SyncDir(s.dir)); err != nil {
		s.cfg.Log.Error("spool file not put aside", "file", path, "error", err)
	}
	return f.seen
}

// place returns the place in the chain that the record first follows, as far as anything but its own file says. A place
// that is not known has a hash that nothing follows.
func (s *Spool) place(first uint64, st state) uplink.Head {
	switch n := len(s.gens); {
	case n > 0:
		return s.gens[n-1].Head
	case first == 1:
		return uplink.Head{Hash: s.id.Genesis()}
	case st.First == first:
		return st.Prev
	case s.rcpt.Seq == first-1:
		return s.rcpt
	}
	return uplink.Head{Seq: first - 1}
}

// longest returns the n longest of rs, in their order.
func longest(rs []run, n int) []run {
	if len(rs) <= n {
		return rs
	}
	by := slices.Clone(rs)
	slices.SortStableFunc(by, func(a, b run) int { return len(b.recs) - len(a.recs) })
	by = by[:n]
	slices.SortFunc(by, func(a, b run) int { return int(a.recs[0].Seq) - int(b.recs[0].Seq) })
	return by
}

// writeRun makes a closed generation of r, of a forked one if fork is set.
func (s *Spool) writeRun(r run, fork bool) (*generation, error) {
	g := plan(s.dir, r.recs[0].Seq, r.prev, fork)
	g.Closed = true
	if err := g.create(0, r.recs); err != nil {
		return nil, err
	}
	return g, nil
}

// mend looks whether each generation goes on where the one before ends. A card that lied may have brought back an older
// meta page: then the records are still there, and only not told of.
func (s *Spool) mend() {
	var out []*generation
	for i, g := range s.gens {
		if i > 0 && !g.Fork {
			last := out[len(out)-1]
			hole := span{last.Head.Seq + 1, g.Prev.Seq}
			if hole.From <= hole.To && !slices.Contains(s.holes, hole) {
				out = append(out, s.mended(last, g.Prev.Seq)...)
			}
		}
		out = append(out, g)
	}
	s.gens = out
}

// mended returns generations of what g's file holds behind its head, up to record to.
func (s *Spool) mended(g *generation, to uint64) (out []*generation) {
	f, err := scan(g.path, g.Head.Seq+1, to)
	if err != nil {
		return nil
	}
	for _, r := range longest(f.runs(g.Head), maxRuns) {
		n, err := s.writeRun(r, false)
		if err != nil {
			s.fault = err
			break
		}
		s.stats.Salvaged += uint64(len(r.recs))
		out = append(out, n)
	}
	return out
}

// tidy deletes the oldest of the files put aside, so that they never fill the card.
func (s *Spool) tidy() {
	paths := s.putAside()
	slices.Reverse(paths)
	octets := int64(0)
	for i, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			continue
		}
		octets += info.Size()
		if i >= maxAside || octets > maxAsideSize {
			if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
				s.cfg.Log.Error("spool file put aside is not deleted", "file", p, "error", err)
			}
		}
	}
}

// proceed plans where the chain goes on: behind the newest file if it is sound, else behind all that it can have held.
// It returns what is lost in front of that place.
func (s *Spool) proceed(st state, known bool, newest uint64, sound bool, evidence uint64) (lost *uplink.Gap) {
	if len(s.gens) == 0 && !known && newest == 0 {
		s.gens = append(s.gens, plan(s.dir, 1, uplink.Head{Hash: s.id.Genesis()}, false))
		s.next = s.last().Head
		if s.cfg.Wary {
			lost = s.pass(0)
		}
		return lost
	}
	if sound && !s.last().Closed {
		return s.tail(st)
	}
	prev, limit := uplink.Head{Hash: s.id.Genesis()}, max(evidence, s.rcpt.Seq)
	for _, h := range []uplink.Head{st.Prev, s.rcpt, s.head()} {
		if h.Seq > prev.Seq {
			prev = h
		}
	}
	fork := false
	if at, ok := st.fork(st.First); ok && s.rcpt.Seq < st.First && (len(s.gens) == 0 || s.last().first < st.First) {
		prev, fork, limit = at, true, max(limit, s.head().Seq) // of the forked file nothing is left
	}
	limit = max(limit, prev.Seq)
	if known && (st.First >= newest || sound) && st.Limit >= limit { // as new as the file that is lost
		limit = st.Limit
	} else {
		limit = max(limit, newest+maxGeneration)
	}
	if !st.kept(s.kernel, prev) {
		limit = max(limit, prev.Seq+reserve)
	}
	s.gens = append(s.gens, plan(s.dir, limit+1, prev, fork))
	s.next = s.last().Head
	if limit == prev.Seq {
		return nil
	}
	count := uint64(0)
	if evidence > prev.Seq {
		count = evidence - prev.Seq
	}
	return &uplink.Gap{From: uplink.Int(prev.Seq + 1), To: uplink.Int(limit), Count: uplink.Int(count), Why: "corrupt"}
}

// tail looks for records behind the head of the newest file. After a power cut there may be those of a commit that did
// not end, whole or in part; and a card that lies about flushing leaves parts of commits that did, or nothing. What can be
// proved is taken back. All numbers that may have been given are passed over.
func (s *Spool) tail(st state) (lost *uplink.Gap) {
	g := s.last()
	s.next = g.Head
	if st.kept(s.kernel, g.Head) {
		return g.before()
	}
	f, err := scan(g.path, g.Head.Seq+1, g.first+maxGeneration-1)
	if err != nil {
		s.cfg.Log.Error("nothing salvaged", "error", err)
		f = &found{}
	}
	if rs := f.runs(g.Head); len(rs) > 0 && rs[0].prev == g.Head {
		s.wait, s.next = rs[0].recs, rs[0].end()
		s.stats.Salvaged += uint64(len(s.wait))
	} else if g.empty() {
		s.next = g.Prev
	}
	head := s.next.Seq
	lost = s.pass(max(f.seen, st.Limit, g.Head.Seq))
	s.turn(g)
	if f.seen > head { // one commit that did not end, or several that a card lied about: which cannot be told
		lost.Why, lost.Count = "torn", uplink.Int(f.seen-head)
	}
	return lost
}

// turn lets the chain go on in a new file: bbolt reads some damaged files well, and panics when it writes to them.
func (s *Spool) turn(g *generation) {
	first := s.next.Seq + 1
	if len(s.wait) > 0 {
		first = s.wait[0].Seq
	}
	n := plan(s.dir, first, g.Head, false)
	if g.empty() { // nothing is lost with it
		_ = g.close() // it was opened for reading only
		s.gens = s.gens[:len(s.gens)-1]
		n = plan(s.dir, g.first, g.Prev, g.Fork)
	}
	s.gens = append(s.gens, n)
}

// pass lets the chain go on behind number to, but at least a block ahead: a card that took nothing for a while shows an
// earlier state, whole and sound, and of state.json an earlier one too. It returns the gap record that says so.
func (s *Spool) pass(to uint64) *uplink.Gap {
	head := s.next.Seq
	s.next.Seq = max(to, head+reserve)
	return &uplink.Gap{From: uplink.Int(head + 1), To: uplink.Int(s.next.Seq), Why: uplink.GapCut}
}

// head returns the last place in the chain that a record stands at, or the start.
func (s *Spool) head() uplink.Head {
	for i := len(s.gens) - 1; i >= 0; i-- {
		if g := s.gens[i]; !g.empty() {
			return g.Head
		}
	}
	if len(s.gens) > 0 {
		return s.gens[0].Prev
	}
	return uplink.Head{Hash: s.id.Genesis()}
}

// begin makes what this life needs on the card: a file to write to and the new boot counter.
func (s *Spool) begin() {
	s.limit, s.dirty = s.next.Seq, true
	if n := len(s.gens); n > 1 {
		s.checked = s.gens[n-2].first
	}
	if err := s.prepare(s.last(), s.next.Seq+1); err != nil {
		s.fault = err
		s.stats.Faults++
		s.cfg.Log.Error("spool takes no writes", "error", err)
	}
}

// declare appends a gap record for what is lost in front of the place where the chain goes on, whose hash is over the last
// record before the loss, and one for each hole between files that has no receipt and was not declared before.
func (s *Spool) declare(lost *uplink.Gap) error {
	var gaps []*uplink.Gap
	if lost != nil {
		gaps = append(gaps, lost)
		s.stats.Lost += uint64(lost.Count)
	}
	holes := s.findHoles()
	for _, h := range holes {
		if !slices.Contains(s.holes, h) {
			n := h.To - h.From + 1
			if slices.ContainsFunc(s.gens, func(g *generation) bool { return g.Fork && g.Prev.Seq == h.To }) {
				n = 0 // most of them were passed over at the fork
			}
			s.stats.Lost += n
			gaps = append(gaps, &uplink.Gap{From: uplink.Int(h.From), To: uplink.Int(h.To), Count: uplink.Int(n), Why: "corrupt"})
		}
	}
	for _, g := range gaps {
		g.Stamp = s.now()
		if err := s.say(g); err != nil {
			return err
		}
	}
	if len(s.wait) == 0 {
		return nil
	}
	if err := s.Commit(); err != nil {
		s.cfg.Log.Error("spool does not commit", "error", err)
		return nil
	}
	s.holes = holes
	s.dirty = s.dirty || len(gaps) > 0
	if err := s.prepare(s.last(), s.head().Seq); err != nil { // else they are declared once more
		s.cfg.Log.Error("spool state not written", "error", err)
	}
	return nil
}

// findHoles returns the numbers in front of and between files that no file has and no gap record in its place stands for.
func (s *Spool) findHoles() (holes []span) {
	last := s.rcpt.Seq // nothing without a receipt was ever deleted
	for _, g := range s.gens {
		h := span{last + 1, g.Prev.Seq}
		last = g.Head.Seq
		if g.leaps() {
			continue
		}
		if h.From <= h.To && h.To > s.rcpt.Seq {
			holes = append(holes, h)
		}
	}
	return holes
}
