package collector

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// hello notes what the box has and answers with what the province has. The first hello of a chain creates it, with the
// key that the box enrolled with. Where boxes do not enrol, key is nil: the key that the hello names is taken on trust
// and held to from then on, and no chain is said to follow another.
func (c *Collector) hello(now time.Time, a uplink.Address, key ed25519.PublicKey, payload []byte) ([]Message, error) {
	h, err := uplink.Parse[uplink.Hello](payload)
	if err != nil {
		return nil, fmt.Errorf("%w: box %s: %w", ErrRefused, a.Box, err)
	}
	enrolled := key != nil
	if !enrolled {
		key = h.Key[:]
	}
	var ch store.Chain
	var refused error
	err = c.store.Update(func(tx *store.Tx) (err error) {
		if err := c.heard(tx, a, now); err != nil {
			return err
		}
		var ok bool
		if ch, ok, err = tx.Chain(string(a.Box), string(h.Chain)); err != nil {
			return err
		}
		if !ok {
			ch, refused, err = begin(tx, a, h.Chain, key, now)
			if err != nil || refused != nil {
				return err
			}
		}
		refused, err = c.greet(tx, &ch, h, key, now)
		if err != nil || refused != nil {
			return err // who has not the box's key does not become its present connection
		}
		if enrolled {
			if err := c.succeed(tx, ch, now); err != nil {
				return err
			}
		}
		return tx.Conn(string(a.Box), store.Connection{Boot: uint64(h.Boot), Conn: uint64(h.Conn)})
	})
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, refused
	}
	receipt, err := c.receipt(now, a, ch)
	if err != nil {
		return nil, err
	}
	orders, err := c.orders(now, ch)
	return append(receipt, orders...), err
}

func begin(tx *store.Tx, a uplink.Address, chain uplink.ChainID, key ed25519.PublicKey, now time.Time) (
	ch store.Chain, refused, err error,
) {
	n, err := tx.Chains(string(a.Box))
	if err != nil {
		return ch, nil, err
	}
	if n >= maxChains {
		return ch, fmt.Errorf("%w: box %s has %d chains", ErrRefused, a.Box, n), nil
	}
	g := uplink.Genesis(chain, key)
	ch, err = tx.NewChain(string(a.Box), string(chain), g[:], key, now)
	return ch, nil, err
}

// greet compares the hello with the chain: a key that is not the chain's or not the box's, or another hash, is another
// box; a first record behind our head is a loss that nobody can mend.
func (c *Collector) greet(tx *store.Tx, ch *store.Chain, h uplink.Hello, key ed25519.PublicKey, now time.Time) (refused, err error) {
	if !bytes.Equal(ch.Key, h.Key[:]) || !bytes.Equal(key, h.Key[:]) {
		c.cfg.Log.Warn("box says hello with another key", "box", ch.Box, "chain", ch.Name)
		return fmt.Errorf("%w: box %s: not the key of chain %s", ErrRefused, ch.Box, ch.Name),
			tx.Alarm(*ch, "key", 0, 0, now)
	}
	known, err := tx.Hashes(*ch, uint64(h.Head), uint64(h.Head))
	if err != nil {
		return nil, err
	}
	if k, ok := known[uint64(h.Head)]; ok && !bytes.Equal(k, h.Hash[:]) {
		c.cfg.Log.Warn("box has another branch", "box", ch.Box, "chain", ch.Name, "seq", uint64(h.Head))
		if err := tx.Alarm(*ch, "fork", uint64(h.Head), uint64(h.Head), now); err != nil {
			return nil, err
		}
	}
	if first := uint64(h.First); first > ch.Head+1 && first-1 > ch.LostTo {
		ch.LostTo = first - 1
		if err := settle(tx, ch, nil, now); err != nil {
			return nil, err
		}
	}
	return nil, tx.SetChain(*ch)
}

// state keeps the box's latest state. The will of a connection that is not the present one came late and says nothing.
func (c *Collector) state(now time.Time, a uplink.Address, m Message) error {
	s, err := uplink.Parse[uplink.State](m.Payload)
	if err != nil {
		return fmt.Errorf("%w: box %s: %w", ErrRefused, a.Box, err)
	}
	return c.store.Update(func(tx *store.Tx) error {
		offline := s.State == uplink.StateOffline
		at := now
		if offline || m.Retain {
			at = time.UnixMilli(0) // known, but not alive
		}
		if err := c.heard(tx, a, at); err != nil {
			return err
		}
		present, err := tx.Presence(string(a.Box))
		if err != nil {
			return err
		}
		conn := store.Connection{Boot: uint64(s.Boot), Conn: uint64(s.Conn)}
		if conn.Before(present) {
			return nil
		}
		if !offline {
			if err := tx.Conn(string(a.Box), conn); err != nil {
				return err
			}
		}
		if err := tx.State(string(a.Box), m.Payload, offline, now); err != nil || offline || m.Retain {
			return err
		}
		ch, ok, err := tx.Chain(string(a.Box), string(s.Chain))
		if err != nil || !ok {
			return err
		}
		return complaints(tx, ch, &s, now)
	})
}

// complaints raises the alarms for what a box says is wrong with itself.
func complaints(tx *store.Tx, ch store.Chain, s *uplink.State, now time.Time) error {
	if s.Lag > 0 {
		if err := tx.AlarmDaily(ch, "late", uint64(s.Rcpt)+1, max(uint64(s.Head), uint64(s.Rcpt)+1), now); err != nil {
			return err
		}
	}
	return ill(tx, ch, &s.Card, uint64(s.Head), now)
}

// ill raises the alarm for a card that should be replaced soon, as the box says at record seq.
func ill(tx *store.Tx, ch store.Chain, c *uplink.Card, seq uint64, now time.Time) error {
	if !c.Ill() {
		return nil
	}
	return tx.AlarmDaily(ch, "card", seq, seq, now)
}

// occ keeps the box's latest occupancy.
func (c *Collector) occ(now time.Time, a uplink.Address, m Message) error {
	if _, err := uplink.Parse[uplink.Occ](m.Payload); err != nil {
		return fmt.Errorf("%w: box %s: %w", ErrRefused, a.Box, err)
	}
	return c.store.Update(func(tx *store.Tx) error {
		at := now
		if m.Retain {
			at = time.UnixMilli(0)
		}
		if err := c.heard(tx, a, at); err != nil {
			return err
		}
		return tx.Occ(string(a.Box), m.Payload, at)
	})
}

func (c *Collector) heard(tx *store.Tx, a uplink.Address, at time.Time) error {
	return tx.Heard(string(a.Box), a.Box.Shard(), at)
}
