package collector

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// order signs a command for the box whose chain ch is.
func (c *Collector) order(ch store.Chain, cmd store.Command) (Message, error) {
	a := uplink.Address{Province: c.cfg.Province, Box: uplink.BoxID(ch.Box)}
	m := uplink.Command{
		Chain: uplink.ChainID(ch.Name), Number: uplink.Int(cmd.Number), Time: uplink.TimeOf(cmd.Signed),
		Expiry: uplink.TimeOf(cmd.Expiry), Verb: uplink.Verb(cmd.Verb), Args: cmd.Args,
	}.Sign(c.cfg.Key, a)
	p, err := uplink.Marshal(m)
	if err != nil {
		return Message{}, fmt.Errorf("command %d for %s: %w", cmd.Number, ch.Box, err)
	}
	return Message{Topic: a.Topic(uplink.DownCommand) + "/" + strconv.FormatUint(cmd.Number, 10), Payload: p}, nil
}

// orders returns the commands that a box which has just said hello may have missed.
func (c *Collector) orders(now time.Time, ch store.Chain) (out []Message, err error) {
	var open []store.Command
	err = c.store.Update(func(tx *store.Tx) (err error) {
		open, err = tx.Open(ch, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, cmd := range open {
		m, err := c.order(ch, cmd)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// Order keeps a command for the newest chain of a box; it goes out with the next Tick, and again with every hello until
// there is a result or it is over. It returns the command's number.
func Order(s *store.Store, ch store.Chain, verb uplink.Verb, args []byte, now time.Time, valid time.Duration) (number uint64, err error) {
	if !verb.Valid() || valid <= 0 {
		return 0, errors.New("a command wants a verb, and a time in which it is to be done")
	}
	err = s.Update(func(tx *store.Tx) (err error) {
		number, err = tx.AddCommand(ch, store.Command{Verb: string(verb), Args: args, Signed: now, Expiry: now.Add(valid)})
		return err
	})
	return number, err
}

// result notes what a box says at once of a command. Its record says it again, and counts more.
func (c *Collector) result(now time.Time, a uplink.Address, payload []byte) error {
	r, err := uplink.Parse[uplink.Result](payload)
	if err != nil {
		return fmt.Errorf("%w: box %s: %w", ErrRefused, a.Box, err)
	}
	return c.store.Update(func(tx *store.Tx) error {
		if err := c.heard(tx, a, now); err != nil {
			return err
		}
		ch, ok, err := tx.Chain(string(a.Box), string(r.Chain))
		if err != nil || !ok {
			return err
		}
		return tx.CommandResult(ch, uint64(r.Number), r.Result, r.Why, false)
	})
}
