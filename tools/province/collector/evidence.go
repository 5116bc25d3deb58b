package collector

import (
	"bytes"
	"fmt"
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
)

// checkpoint keeps a note that the box signed, and compares it with what is stored. One that disagrees is an alarm: the
// box signs two histories.
func (c *Collector) checkpoint(now time.Time, a uplink.Address, payload []byte) error {
	m, err := uplink.Parse[uplink.Checkpoint](payload)
	if err != nil {
		return fmt.Errorf("%w: box %s: %w", ErrRefused, a.Box, err)
	}
	var refused error
	err = c.store.Update(func(tx *store.Tx) error {
		if err := c.heard(tx, a, now); err != nil {
			return err
		}
		cp, ch, why, err := c.signed(tx, a, m.Note)
		if err != nil {
			return err
		}
		if refused = why; refused != nil {
			return nil
		}
		if err := tx.Checkpoint(ch, cp.Head.Seq, cp.Head.Hash[:], m.Note, now); err != nil {
			return err
		}
		known, err := tx.Hashes(ch, cp.Head.Seq, cp.Head.Seq)
		if err != nil {
			return err
		}
		if k, ok := known[cp.Head.Seq]; ok && !bytes.Equal(k, cp.Head.Hash[:]) {
			return c.disagree(tx, ch, cp.Head.Seq, now)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return refused
}

// signed finds the chain that a note is of, by the key of which it is verified.
func (c *Collector) signed(tx *store.Tx, a uplink.Address, note string) (cp checkpoint.Checkpoint, ch store.Chain, refused, err error) {
	chains, err := tx.ChainsOf(string(a.Box))
	if err != nil {
		return cp, ch, nil, err
	}
	refused = fmt.Errorf("%w: box %s: checkpoint of a chain without a hello", ErrRefused, a.Box)
	for _, ch := range chains {
		cp, err := checkpoint.Open(note, a, ch.Key)
		switch {
		case err != nil:
			refused = fmt.Errorf("%w: box %s: %w", ErrRefused, a.Box, err)
		case string(cp.Chain) == ch.Name && cp.Head.Seq <= max(ch.Head, ch.LostTo)+maxAhead:
			return cp, ch, nil, nil
		}
	}
	return cp, ch, refused, nil
}

// disagree raises the alarm for a record that is not what the box signed.
func (c *Collector) disagree(tx *store.Tx, ch store.Chain, seq uint64, now time.Time) error {
	c.cfg.Log.Warn("checkpoint disagrees", "box", ch.Box, "chain", ch.Name, "seq", seq)
	return tx.Alarm(ch, "checkpoint", seq, seq, now)
}
