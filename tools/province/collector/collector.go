// Package collector turns what boxes say into rows and receipts. It is the same behind the embedded broker and behind any
// other: a message goes in, messages to be published come out, and when Handle returns without an error the records are
// on disk. It has no goroutine and no clock of its own.
package collector

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// ErrRefused is wrapped by errors of Handle for a message that will never be accepted: malformed, of another province,
// breaking its own chain, beyond a limit. It is counted, and nothing of it is kept. Any other error of Handle means that
// the store did not take the message, which is then not to be acknowledged.
var ErrRefused = errors.New("collector: refused")

// Message is an MQTT message, in either direction.
type Message struct {
	Topic   string
	Payload []byte
	Retain  bool // of a message that came in: the broker had kept it, so it is no sign of life
}

// Config configures a Collector.
type Config struct {
	Province  uplink.Province
	Key       ed25519.PrivateKey // signs receipts
	WantAfter time.Duration      // how long a gap may stay open before the box is asked for it; 0 means 30 s
	Log       *slog.Logger       // nil means none
	Enrolled  Enrolled           // nil: boxes are believed who they are and what their first hello names as their key
	Changed   func()             // called after a message changed the store; nil means nobody wants to know
}

// Enrolled returns the chain key that box is bound to, ok only while it has a certificate that is not revoked.
type Enrolled func(box uplink.BoxID) (key ed25519.PublicKey, ok bool)

// Limits that keep a hostile or broken box from costing more than itself. An honest one does not reach them: it has at
// most uplink.MaxWant records under way, and a new chain only when it is reflashed.
const (
	maxAhead  = 8 * uplink.MaxWant // how far a batch may be in front of the chain's head
	maxPassed = 1 << 40            // and one that goes on behind it: as far as a box believes of a receipt (uplink/spool)
	maxSpans  = 256                // runs waiting in front of the head
	maxChains = 64                 // chains of one box
	maxForks  = 8192               // records kept of a chain's other branches
	maxWants  = 256                // gaps asked for in one Tick
)

// Stats counts what a Collector did since it was made.
type Stats struct {
	Messages   uint64 // handled, refused ones too
	Refused    uint64 // messages refused
	Records    uint64 // records stored
	Duplicates uint64 // records that were there already
	Forks      uint64 // records kept as another branch
	Receipts   uint64 // receipts signed
	Wants      uint64 // gaps asked for
}

// Collector accepts the messages of one province. Its methods are safe for concurrent use.
type Collector struct {
	cfg   Config
	store *store.Store

	resumed atomic.Pointer[time.Time] // when Resume was last called
	returns returns

	messages, refused, records, duplicates, forks, receipts, wants atomic.Uint64
}

// New returns a Collector that keeps its records in s.
func New(s *store.Store, cfg Config) (*Collector, error) {
	if !cfg.Province.Valid() {
		return nil, fmt.Errorf("collector: %.40q is not a province's name", cfg.Province)
	}
	if len(cfg.Key) != ed25519.PrivateKeySize {
		return nil, errors.New("collector: no key to sign receipts with")
	}
	if cfg.WantAfter == 0 {
		cfg.WantAfter = 30 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	return &Collector{cfg: cfg, store: s}, nil
}

// Handle takes one message that arrived at now and returns what is to be published in answer. It returns after the
// message's records are on disk. An error wraps ErrRefused unless the store failed.
func (c *Collector) Handle(now time.Time, m Message) (replies []Message, err error) {
	c.messages.Add(1)
	replies, err = c.handle(now, m)
	switch {
	case errors.Is(err, ErrRefused):
		c.refused.Add(1)
		c.cfg.Log.Debug("message refused", "err", err)
	case err != nil:
		c.cfg.Log.Error("message not stored", "err", err)
	default:
		c.cfg.Changed()
	}
	return replies, err
}

func (c *Collector) handle(now time.Time, m Message) ([]Message, error) {
	a, leaf, _, err := uplink.ParseTopic(m.Topic)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if a.Province != c.cfg.Province {
		return nil, fmt.Errorf("%w: box %s says that it is of %s", ErrRefused, a.Box, a.Province)
	}
	key, err := c.enrolled(now, a, leaf, m.Retain)
	if err != nil {
		return nil, err
	}
	switch leaf {
	case uplink.UpRecords:
		return c.batch(now, a, m.Payload)
	case uplink.UpHello:
		return c.hello(now, a, key, m.Payload)
	case uplink.UpState:
		return nil, c.state(now, a, m)
	case uplink.UpOcc:
		return nil, c.occ(now, a, m)
	case uplink.UpCheckpoint:
		return nil, c.checkpoint(now, a, m.Payload)
	case uplink.UpResult:
		return nil, c.result(now, a, m.Payload)
	}
	return nil, fmt.Errorf("%w: box %s: nothing is known of %s in this version", ErrRefused, a.Box, leaf)
}

// Tick returns requests for the gaps that have been open for too long at now, and the commands that were given since the
// last. It is to be called about once a second.
func (c *Collector) Tick(now time.Time) ([]Message, error) {
	var due []store.Due
	var orders []store.Unsent
	err := c.store.Update(func(tx *store.Tx) (err error) {
		before := now.Add(-c.cfg.WantAfter)
		if due, err = tx.Want(before, before, now, maxWants); err != nil {
			return err
		}
		orders, err = tx.Unsent(now, maxWants)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Message, 0, len(due)+len(orders))
	for _, d := range due {
		m, err := c.want(d)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	c.wants.Add(uint64(len(out)))
	for _, o := range orders {
		m, err := c.order(o.Chain, o.Command)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// Resume asks every box for what comes behind what is stored: one that waits for an answer to its hello says it again. It
// is to be called at now, when a connection to a broker begins to bring messages. What boxes sent to nobody before shows as
// a gap in what comes first, which is no message on its way: it is asked for at once.
func (c *Collector) Resume(ctx context.Context, now time.Time) ([]Message, error) {
	c.resumed.Store(&now)
	ends, err := c.store.Ends(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Message, len(ends))
	for i, d := range ends {
		d.Last = math.MaxInt64 // as much as may be asked for
		if out[i], err = c.want(d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *Collector) want(d store.Due) (Message, error) {
	w := uplink.Want{
		V: uplink.Version, Chain: uplink.ChainID(d.Chain),
		From: uplink.Int(d.First), To: uplink.Int(min(d.Last, d.First+uplink.MaxWant-1)),
	}
	p, err := uplink.Marshal(w)
	if err != nil {
		return Message{}, fmt.Errorf("ask %s for %d to %d: %w", d.Box, d.First, d.Last, err)
	}
	a := uplink.Address{Province: c.cfg.Province, Box: uplink.BoxID(d.Box)}
	return Message{Topic: a.Topic(uplink.DownWant), Payload: p}, nil
}

// receipt signs that everything of ch up to its head is on disk. It is to be called after the commit, never before.
func (c *Collector) receipt(now time.Time, a uplink.Address, ch store.Chain) ([]Message, error) {
	r := uplink.Receipt{
		Chain: uplink.ChainID(ch.Name), Seq: uplink.Int(ch.Head), Hash: uplink.Hash(ch.Hash), Time: uplink.TimeOf(now),
	}.Sign(c.cfg.Key, a)
	p, err := uplink.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("receipt of %s for %d: %w", a.Box, ch.Head, err)
	}
	c.receipts.Add(1)
	return []Message{{Topic: a.Topic(uplink.DownReceipt), Payload: p, Retain: true}}, nil
}

// Stats returns the counters.
func (c *Collector) Stats() Stats {
	return Stats{
		c.messages.Load(), c.refused.Load(), c.records.Load(), c.duplicates.Load(), c.forks.Load(), c.receipts.Load(),
		c.wants.Load(),
	}
}
