package collector

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// counts is what became of a batch's records. A transaction may fail after they were counted, so they are added to the
// collector's only after its commit.
type counts struct{ records, duplicates, forks uint64 }

// batch stores the records of a batch and answers with a receipt for as much of the chain as is now complete.
func (c *Collector) batch(now time.Time, a uplink.Address, payload []byte) ([]Message, error) {
	b, err := uplink.ParseBatch(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: box %s: %w", ErrRefused, a.Box, err)
	}
	if b.Box != a.Box {
		return nil, fmt.Errorf("%w: box %s sends records of %s", ErrRefused, a.Box, b.Box)
	}
	rs, err := b.Verify()
	if err != nil {
		return nil, fmt.Errorf("%w: box %s: %w", ErrRefused, a.Box, err)
	}
	var ch store.Chain
	var n counts
	var missed []store.Due
	var refused error
	err = c.store.Update(func(tx *store.Tx) (err error) {
		var ok bool
		if ch, ok, err = tx.Chain(string(a.Box), string(b.Chain)); err != nil {
			return err
		}
		if !ok {
			refused = fmt.Errorf("%w: box %s: chain %s without a hello", ErrRefused, a.Box, b.Chain)
			return nil
		}
		if err := c.heard(tx, a, now); err != nil {
			return err
		}
		if n, refused, err = c.take(tx, &ch, b, rs, now); err != nil || refused != nil {
			return err
		}
		missed, err = c.missed(tx, ch, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, refused
	}
	c.records.Add(n.records)
	c.duplicates.Add(n.duplicates)
	c.forks.Add(n.forks)
	out, err := c.receipt(now, a, ch)
	for _, d := range missed {
		m, err := c.want(d)
		if err != nil {
			return nil, err
		}
		c.wants.Add(1)
		out = append(out, m)
	}
	return out, err
}

// missed returns the first gap of ch if it was not asked for and is to be asked for at once: see Resume.
func (c *Collector) missed(tx *store.Tx, ch store.Chain, now time.Time) ([]store.Due, error) {
	since := c.resumed.Load()
	if ch.Stored == ch.Verified || since == nil || now.Sub(*since) > c.cfg.WantAfter {
		return nil, nil
	}
	list, err := tx.Gaps(ch)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(g store.Gap) bool { return !g.Lost })
	if i < 0 || !list[i].Wanted.Before(*since) {
		return nil, nil
	}
	list[i].Wanted = now
	return []store.Due{{Box: ch.Box, Chain: ch.Name, First: list[i].First, Last: list[i].Last}}, tx.SetGaps(ch, list)
}

// take files the records rs of b under ch: new ones are stored, known ones counted, others kept as a branch.
func (c *Collector) take(tx *store.Tx, ch *store.Chain, b *uplink.Batch, rs []uplink.Stored, now time.Time) (
	n counts, refused, err error,
) {
	// A batch that names the head's hash goes on there, however many numbers its box has passed over: power that comes and
	// goes at the start lets it pass over a block each time.
	goesOn := b.From > ch.Head && bytes.Equal(b.Prev[:], ch.Hash) && b.To() <= ch.Head+maxPassed
	if b.To() > max(ch.Head, ch.LostTo)+maxAhead && !goesOn {
		return n, fmt.Errorf("%w: box %s: records to %d, head is %d", ErrRefused, ch.Box, b.To(), ch.Head), nil
	}
	if b.From == ch.Head+1 && bytes.Equal(b.Prev[:], ch.Hash) && ch.Stored == ch.Verified {
		return c.follow(tx, ch, rs, now) // as nearly always: nothing missing, nothing waiting
	}
	return c.sort(tx, ch, b, rs, now)
}

// follow stores records that follow the head directly.
func (c *Collector) follow(tx *store.Tx, ch *store.Chain, rs []uplink.Stored, now time.Time) (n counts, refused, err error) {
	if err := insert(tx, *ch, rs, now); err != nil {
		return n, nil, err
	}
	n.records = uint64(len(rs))
	last := rs[len(rs)-1]
	ch.Head, ch.Hash = last.Seq, last.Hash[:]
	ch.Stored += n.records
	ch.Verified += n.records
	return n, nil, tx.SetChain(*ch)
}

// sort compares each record with what is stored under its number. As a hash stands for all records before it, the first
// one that differs makes all behind it differ: they are the other branch.
func (c *Collector) sort(tx *store.Tx, ch *store.Chain, b *uplink.Batch, rs []uplink.Stored, now time.Time) (
	n counts, refused, err error,
) {
	known, err := c.known(tx, *ch, b)
	if err != nil {
		return n, nil, err
	}
	before, have := known[b.From-1]
	branch := have && !bytes.Equal(before, b.Prev[:])
	var fresh, other []uplink.Stored
	for _, r := range rs {
		k, have := known[r.Seq]
		branch = branch || have && !bytes.Equal(k, r.Hash[:])
		switch {
		case branch:
			other = append(other, r)
		case have:
			n.duplicates++
		default:
			fresh = append(fresh, r)
		}
	}
	runs := spans(fresh, b)
	if len(runs) > 0 {
		ahead, err := tx.Ahead(*ch)
		if err != nil {
			return n, nil, err
		}
		if len(ahead)+len(runs) > maxSpans {
			return n, fmt.Errorf("%w: box %s: more than %d runs out of order", ErrRefused, ch.Box, maxSpans), nil
		}
	}
	if n.forks, err = c.fork(tx, ch, other, now); err != nil {
		return n, nil, err
	}
	if err := insert(tx, *ch, fresh, now); err != nil {
		return n, nil, err
	}
	n.records = uint64(len(fresh))
	ch.Stored += n.records
	ch.Duplicates += n.duplicates
	if err := settle(tx, ch, runs, now); err != nil {
		return n, nil, err
	}
	return n, nil, tx.SetChain(*ch)
}

// known returns the hashes that the store has for the batch's records and for the one before them.
func (c *Collector) known(tx *store.Tx, ch store.Chain, b *uplink.Batch) (map[uint64][]byte, error) {
	known, err := tx.Hashes(ch, b.From-1, b.To())
	if err != nil {
		return nil, err
	}
	g := uplink.Genesis(uplink.ChainID(ch.Name), ch.Key)
	known[0] = g[:]
	return known, nil
}

// fork keeps rs as another branch of ch and raises an alarm once for the record where it leaves the first.
func (c *Collector) fork(tx *store.Tx, ch *store.Chain, rs []uplink.Stored, now time.Time) (n uint64, err error) {
	for _, r := range rs {
		if ch.Forks >= maxForks {
			break
		}
		added, err := tx.Fork(*ch, record(r), now)
		if err != nil {
			return n, err
		}
		if added {
			n++
			ch.Forks++
		}
	}
	if n == 0 {
		return 0, nil
	}
	c.cfg.Log.Warn("chain forks", "box", ch.Box, "chain", ch.Name, "seq", rs[0].Seq)
	return n, tx.Alarm(*ch, "fork", rs[0].Seq, rs[len(rs)-1].Seq, now)
}

// insert stores rs and notes what they say about the box's sight.
func insert(tx *store.Tx, ch store.Chain, rs []uplink.Stored, now time.Time) error {
	out := make([]store.Record, len(rs))
	for i, r := range rs {
		out[i] = record(r)
	}
	if err := tx.Insert(ch, out, now); err != nil {
		return err
	}
	for _, r := range rs {
		if err := note(tx, ch, r, now); err != nil {
			return err
		}
	}
	if err := timeline(tx, ch, rs, now); err != nil {
		return err
	}
	return signedOtherwise(tx, ch, rs, now)
}

// note keeps what a record says beside the record itself. Facts out of range are stored, not believed.
func note(tx *store.Tx, ch store.Chain, r uplink.Stored, now time.Time) error {
	switch r.Kind {
	case uplink.KindBlind, uplink.KindBoot, uplink.KindCommand, uplink.KindHealth, uplink.KindFork,
		uplink.KindAfterHours, uplink.KindDispute:
	default:
		return nil
	}
	body, err := r.Body()
	if err != nil {
		return nil
	}
	switch b := body.(type) {
	case *uplink.Blind:
		if err := tx.Blind(ch, r.Seq, b.Blind); err != nil {
			return fmt.Errorf("note that %s is blind: %w", ch.Box, err)
		}
	case *uplink.Boot: // a daemon that died blind never says that it sees again, and one that is still blind says so anew
		if err := tx.Blind(ch, r.Seq, false); err != nil {
			return fmt.Errorf("note that %s has started: %w", ch.Box, err)
		}
	case *uplink.Health:
		return ill(tx, ch, &b.Card, r.Seq, now)
	case *uplink.Fork: // a card put back to an older state that made nothing since: there is no branch to be seen
		return tx.Alarm(ch, "fork", uint64(b.At), uint64(b.At), now)
	case *uplink.AfterHours:
		return tx.Night(ch, r.Seq, string(b.Night), b.Stage)
	case *uplink.Dispute:
		return tx.Dispute(ch, r.Seq, string(b.Night))
	case *uplink.Done:
		return tx.CommandResult(ch, uint64(b.Number), b.Result, b.Why, true)
	}
	return nil
}

// signedOtherwise raises the alarm for records that are not what the box has signed in a checkpoint that came before them.
func signedOtherwise(tx *store.Tx, ch store.Chain, rs []uplink.Stored, now time.Time) error {
	if len(rs) == 0 {
		return nil
	}
	notes, err := tx.Checkpoints(ch, rs[0].Seq, rs[len(rs)-1].Seq)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if hash, ok := notes[r.Seq]; ok && !bytes.Equal(hash, r.Hash[:]) {
			if err := tx.Alarm(ch, "checkpoint", r.Seq, r.Seq, now); err != nil {
				return err
			}
		}
	}
	return nil
}

func record(r uplink.Stored) store.Record {
	return store.Record{Seq: r.Seq, Hash: r.Hash[:], Boot: r.Boot, Body: r.Raw}
}
