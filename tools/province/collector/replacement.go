package collector

import (
	"crypto/ed25519"
	"fmt"
	"sync"
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
	"cafeprobe/uplink/replacement"
)

// succeed links ch, of an enrolled box, to the chain that it follows, if it follows one: the box was replaced, or its card.
// The statement of it is signed with the key of receipts. It asks nothing of a chain from which records are stored.
func (c *Collector) succeed(tx *store.Tx, ch store.Chain, now time.Time) error {
	if ch.Stored > 0 {
		return nil
	}
	r, ok, err := tx.Succession(ch, now)
	if err != nil || !ok {
		return err
	}
	note := ""
	if r.OldChain.ID != 0 {
		if note, err = c.attest(r, ch, now); err != nil {
			return err
		}
	}
	c.cfg.Log.Info("chain linked", "old box", r.Old, "old chain", r.OldChain.Name, "box", ch.Box, "chain", ch.Name)
	return tx.Succeed(r, ch, note, now)
}

// attest signs that ch follows the old chain of r.
func (c *Collector) attest(r store.Replacement, ch store.Chain, now time.Time) (string, error) {
	end := func(ch store.Chain) (e replacement.End, err error) {
		e = replacement.End{Box: uplink.BoxID(ch.Box), Chain: uplink.ChainID(ch.Name), Head: uplink.Head{Seq: ch.Head}}
		if copy(e.Head.Hash[:], ch.Hash) != len(e.Head.Hash) {
			return e, fmt.Errorf("the head of %s/%s has a hash of %d octets", ch.Box, ch.Name, len(ch.Hash))
		}
		return e, nil
	}
	old, err := end(r.OldChain)
	if err != nil {
		return "", err
	}
	fresh, err := end(ch)
	if err != nil {
		return "", err
	}
	return replacement.Sign(replacement.Statement{
		Province: c.cfg.Province, Old: old, New: fresh, Replaced: uplink.TimeOf(r.At), Linked: uplink.TimeOf(now), By: r.By, Why: r.Why,
	}, c.cfg.Key)
}

// Limits of what is noted of boxes that come back.
const (
	returnPause = time.Hour // between two looks at the store for one box
	maxReturns  = 4096      // boxes that are remembered for that
)

// returns remembers which boxes were asked about, so that one that tries every second costs no more than one that does not.
type returns struct {
	mu sync.Mutex
	at map[uplink.BoxID]time.Time
}

// due reports whether it is time to ask about box again, and notes that it was asked.
func (r *returns) due(box uplink.BoxID, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, ok := r.at[box]; ok && now.Sub(last) < returnPause {
		return false
	}
	if r.at == nil || len(r.at) >= maxReturns {
		r.at = map[uplink.BoxID]time.Time{}
	}
	r.at[box] = now
	return true
}

// Returned is to be called when box was refused at now, because its certificate, issued at issued, was revoked. If what it was
// issued to was replaced, that is noted for the page: somebody has the old box in use.
func (c *Collector) Returned(now time.Time, box uplink.BoxID, issued time.Time) {
	if !c.returns.due(box, now) {
		return
	}
	var replaced bool
	err := c.store.Update(func(tx *store.Tx) (err error) {
		replaced, err = tx.Returned(string(box), issued, now)
		return err
	})
	switch {
	case err != nil:
		c.cfg.Log.Error("return of a replaced box not noted", "box", box, "err", err)
	case replaced:
		c.cfg.Log.Warn("a box that was replaced comes back and is refused", "box", box)
		c.cfg.Changed()
	}
}

// enrolled returns the chain key of the box at a, nil where boxes do not enrol. What a box says that is not enrolled is refused;
// its will, and what the broker had kept of it, say nothing of whether it is back.
func (c *Collector) enrolled(now time.Time, a uplink.Address, leaf uplink.Leaf, retained bool) (ed25519.PublicKey, error) {
	if c.cfg.Enrolled == nil {
		return nil, nil
	}
	key, ok := c.cfg.Enrolled(a.Box)
	if !ok {
		if leaf != uplink.UpState && !retained {
			c.Returned(now, a.Box, now)
		}
		return nil, fmt.Errorf("%w: box %s is not enrolled, or revoked", ErrRefused, a.Box)
	}
	return key, nil
}
