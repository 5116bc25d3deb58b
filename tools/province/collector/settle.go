package collector

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// spans returns the runs of consecutive numbers in rs, which are records of b.
func spans(rs []uplink.Stored, b *uplink.Batch) (out []store.Span) {
	for i, r := range rs {
		if i > 0 && rs[i-1].Seq+1 == r.Seq {
			s := &out[len(out)-1]
			s.Last, s.Hash = r.Seq, r.Hash[:]
			continue
		}
		prev := b.Prev[:]
		if r.Seq > b.From { // the record before it is in b too, but was stored earlier
			prev = before(b, r.Seq)
		}
		out = append(out, store.Span{First: r.Seq, Last: r.Seq, Prev: prev, Hash: r.Hash[:]})
	}
	return out
}

// before returns the hash in front of record seq of b.
func before(b *uplink.Batch, seq uint64) []byte {
	h := b.Start()
	for _, r := range b.Recs[:seq-b.From] {
		h = h.Next(b.Boot, r)
	}
	return h.Hash[:]
}

// settle adds runs to those that wait in front of ch's head, links what can be linked, moves the head, and brings the
// list of gaps up to date. It changes ch but leaves writing it to the caller.
func settle(tx *store.Tx, ch *store.Chain, runs []store.Span, now time.Time) error {
	waiting, err := tx.Ahead(*ch)
	if err != nil {
		return err
	}
	runs = slices.DeleteFunc(runs, func(s store.Span) bool { return s.Last <= ch.Head }) // long given up as lost
	if len(waiting)+len(runs) == 0 && ch.LostTo <= ch.Head {
		return nil
	}
	waiting = join(append(waiting, runs...))
	old, err := tx.Gaps(*ch)
	if err != nil {
		return err
	}
	lost := slices.DeleteFunc(slices.Clone(old), func(g store.Gap) bool { return !g.Lost })
	for i := next(*ch, waiting); i >= 0; i = next(*ch, waiting) {
		s := waiting[i]
		if i > 0 { // the box itself has left these behind: a branch, kept and not waited for
			if err := tx.Alarm(*ch, "fork", waiting[0].First, waiting[i-1].Last, now); err != nil {
				return err
			}
		}
		over, err := passed(tx, *ch, s)
		if err != nil {
			return err
		}
		if s.First > ch.Head+1 && !over {
			lost = append(lost, store.Gap{First: ch.Head + 1, Last: s.First - 1, Lost: true})
		}
		ch.Head, ch.Hash = s.Last, s.Hash
		ch.Verified += s.Last - s.First + 1
		waiting = waiting[i+1:]
	}
	if err := conflicts(tx, *ch, waiting, now); err != nil {
		return err
	}
	if err := tx.SetAhead(*ch, waiting); err != nil {
		return err
	}
	return gaps(tx, *ch, old, append(holes(*ch, waiting), lost...), now)
}

// join sorts runs and makes one of two that touch and link.
func join(runs []store.Span) []store.Span {
	slices.SortFunc(runs, func(a, b store.Span) int { return cmp.Compare(a.First, b.First) })
	out := runs[:0]
	for _, s := range runs {
		if n := len(out) - 1; n >= 0 && out[n].Last+1 == s.First && bytes.Equal(out[n].Hash, s.Prev) {
			out[n].Last, out[n].Hash = s.Last, s.Hash
			continue
		}
		out = append(out, s)
	}
	return out
}

// next returns which of the runs that wait goes on where ch ends, -1 for none. A run does if it names the head's hash, over
// skipped numbers too: that is how a box goes on behind records that its card lost, or behind a branch of its own. And the
// first does, unproven, if the box has said that all in between is lost; then the gap stays on show.
func next(ch store.Chain, waiting []store.Span) int {
	for i, s := range waiting {
		if bytes.Equal(s.Prev, ch.Hash) {
			return i
		}
	}
	if len(waiting) > 0 && waiting[0].First > ch.Head+1 && waiting[0].First-1 <= ch.LostTo {
		return 0
	}
	return -1
}

// passed reports whether s follows ch over numbers that the box passed over after a power cut, as its first record says. Of
// those nothing is known to be missing: the record itself is what there is to show.
func passed(tx *store.Tx, ch store.Chain, s store.Span) (bool, error) {
	if s.First <= ch.Head+1 || !bytes.Equal(s.Prev, ch.Hash) {
		return false, nil
	}
	raw, err := tx.Body(ch, s.First)
	if err != nil {
		return false, err
	}
	r, err := uplink.ParseRecord(raw)
	if err != nil {
		return false, nil // of a kind that says nothing to us
	}
	b, err := r.Body()
	g, ok := b.(*uplink.Gap)
	return err == nil && ok && g.Passed() && uint64(g.From) == ch.Head+1 && uint64(g.To) == s.First-1, nil
}

// conflicts raises an alarm for a run that touches what is before it and does not link: one of the two is of another
// branch, and which one cannot be known. The head stays in front of it.
func conflicts(tx *store.Tx, ch store.Chain, waiting []store.Span, now time.Time) error {
	last := ch.Head
	for _, s := range waiting {
		if s.First == last+1 {
			if err := tx.Alarm(ch, "fork", s.First, s.Last, now); err != nil {
				return err
			}
		}
		last = s.Last
	}
	return nil
}

// holes returns what is missing between the head and the runs that wait.
func holes(ch store.Chain, waiting []store.Span) (out []store.Gap) {
	last := ch.Head
	for _, s := range waiting {
		if s.First > last+1 {
			out = append(out, store.Gap{First: last + 1, Last: s.First - 1})
		}
		last = s.Last
	}
	return out
}

// gaps writes the gaps of ch: those that were known keep their times. A gap that is new, filled or lost makes an alarm.
func gaps(tx *store.Tx, ch store.Chain, old, now []store.Gap, at time.Time) error {
	for i := range now {
		g := &now[i]
		o, ok := within(old, *g)
		switch {
		case ok:
			g.Opened, g.Wanted = o.Opened, o.Wanted
		default:
			g.Opened = at
		}
		what := "gap"
		if g.Lost {
			what = "lost"
		}
		if !ok || o.Lost != g.Lost {
			if err := tx.Alarm(ch, what, g.First, g.Last, at); err != nil {
				return err
			}
		}
	}
	for _, o := range old {
		if !slices.ContainsFunc(now, func(g store.Gap) bool { return g.First <= o.Last && g.Last >= o.First }) {
			if err := tx.Alarm(ch, "filled", o.First, o.Last, at); err != nil {
				return err
			}
		}
	}
	return tx.SetGaps(ch, now)
}

// within returns the gap of gs that g is a part of.
func within(gs []store.Gap, g store.Gap) (store.Gap, bool) {
	for _, o := range gs {
		if o.First <= g.First && g.Last <= o.Last {
			return o, true
		}
	}
	return store.Gap{}, false
}
