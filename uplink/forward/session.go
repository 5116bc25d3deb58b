package forward

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
	"cafeprobe/uplink/mqtt"
	"cafeprobe/uplink/spool"
)

// session is what happens on one connection.
type session struct {
	f      *Forwarder
	conn   *mqtt.Conn
	sent   uplink.Head // behind the last record sent
	proven bool        // the province has answered on this connection
	moved  time.Time   // when the last receipt came, or records were first sent after one
	spoke  time.Time   // when anything was last published
	held   time.Time   // since when records wait for more of their kind; zero: none does
	told   *uplink.Occ // the last occupancy sent on this connection
	missed span        // sent, and asked for again
	greets bool        // it waits for the answer to hello
	called bool        // the province has begun to listen, and may have missed that hello
}

// span is a run of records; from is 0 in one that is empty.
type span struct{ from, to uint64 }

func (s *session) run(ctx context.Context) error {
	if err := s.greet(ctx); err != nil {
		return err
	}
	beat := time.NewTicker(s.f.cfg.Beat)
	defer beat.Stop()
	check := time.NewTicker(s.f.look())
	defer check.Stop()
	s.moved = time.Now()
	for {
		if err := s.send(ctx); err != nil {
			return err
		}
		if err := s.checkpoint(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.conn.Done():
			return s.conn.Err()
		case <-s.f.again:
			return errAgain
		case m := <-s.f.in:
			s.take(m)
		case <-s.f.spool.Committed():
		case <-s.f.occIn:
			if err := s.occ(ctx); err != nil {
				return err
			}
		case <-s.f.outIn:
			if err := s.results(ctx); err != nil {
				return err
			}
		case <-beat.C:
			if time.Since(s.spoke) < s.f.cfg.Beat {
				continue // the province has heard from us
			}
			if err := s.state(ctx); err != nil {
				return err
			}
		case <-check.C:
			if err := errors.Join(s.news(ctx), s.lag(ctx)); err != nil {
				return err
			}
		}
	}
}

// greet says hello until the province's own answer has come. A receipt that the broker had retained may be older than
// what the province holds: it is believed, but waited behind for the answer, lest much is sent twice.
func (s *session) greet(ctx context.Context) error {
	s.greets, s.called = true, false
	defer func() { s.greets = false }()
	if err := errors.Join(s.hello(ctx), s.state(ctx)); err != nil {
		return err
	}
	again := time.NewTicker(answer)
	defer again.Stop()
	wait := newPatience(time.Now())
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.conn.Done():
			return s.conn.Err()
		case <-s.f.again:
			return errAgain
		case m := <-s.f.in:
			if s.take(m) && !m.Retain {
				s.proven = true
				s.sent, s.missed = s.f.spool.Receipted(), span{}
				return nil
			}
			if s.called {
				s.called = false
				if err := s.hello(ctx); err != nil {
					return err
				}
			}
		case <-again.C:
			err := s.news(ctx)
			if wait.over(time.Now()) {
				err = errors.Join(err, s.hello(ctx))
			}
			if err != nil {
				return err
			}
		}
	}
}

func (s *session) publish(ctx context.Context, l uplink.Leaf, payload []byte) error {
	s.spoke = time.Now()
	return s.conn.Publish(ctx, mqtt.Up(s.f.id.Address, l, payload))
}

func (s *session) hello(ctx context.Context) error {
	sp := s.f.spool
	rcpt, head := sp.Receipted().Seq, sp.Head()
	h := uplink.Hello{
		V: uplink.Version, Chain: s.f.id.Chain, First: uplink.Int(sp.Resume()), Head: uplink.Int(head.Seq),
		Hash: head.Hash, Rcpt: uplink.Int(rcpt), Boot: uplink.Int(sp.Boot()), Conn: s.f.conn,
	}
	copy(h.Key[:], s.f.id.Public())
	b, err := uplink.Marshal(h)
	if err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	s.f.ask(0)
	return s.publish(ctx, uplink.UpHello, b)
}

// news sends a state if there is something new to say.
func (s *session) news(ctx context.Context) error {
	if !s.f.changed() {
		return nil
	}
	return s.state(ctx)
}

func (s *session) state(ctx context.Context) error {
	m, err := s.f.state(uplink.StateOnline)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	s.spoke = time.Now()
	return s.conn.Publish(ctx, m)
}

func (s *session) occ(ctx context.Context) error {
	s.f.mu.Lock()
	o := s.f.occ
	s.f.occ = nil
	s.f.mu.Unlock()
	if o == nil || s.told != nil && sameOcc(o, s.told) {
		return nil
	}
	b, err := uplink.Marshal(*o)
	if err != nil {
		return fmt.Errorf("occ: %w", err)
	}
	s.told = o
	return s.publish(ctx, uplink.UpOcc, b)
}

// sameOcc reports whether o says what told said, not long after it.
func sameOcc(o, told *uplink.Occ) bool {
	again := *o
	again.Time = told.Time
	return again == *told && o.Time.Time().Sub(told.Time.Time()) < quiet
}

// results publishes what came of commands.
func (s *session) results(ctx context.Context) error {
	s.f.mu.Lock()
	list := s.f.out
	s.f.out = nil
	s.f.mu.Unlock()
	for _, r := range list {
		b, err := uplink.Marshal(r)
		if err != nil {
			return fmt.Errorf("result of command %d: %w", r.Number, err)
		}
		if err := s.publish(ctx, uplink.UpResult, b); err != nil {
			return err
		}
	}
	return nil
}

// checkpoint signs the chain's head when all of it is sent: the first time of a boot, then once an hour while the chain
// grows, and when somebody waits for the end.
func (s *session) checkpoint(ctx context.Context) error {
	head := s.f.spool.Head()
	due := s.f.ckpt.Load() == 0 || time.Since(s.f.ckptAt) >= ckptPeriod || s.f.drain.Load()
	if head.Seq == s.f.ckpt.Load() || head.Seq != s.sent.Seq || !due {
		return nil
	}
	note, err := checkpoint.Sign(checkpoint.Checkpoint{
		Address: s.f.id.Address, Chain: s.f.id.Chain, Head: head, Boot: s.f.spool.Boot(), Stamp: s.f.cfg.Now(),
	}, s.f.id.Key)
	if err != nil {
		return err
	}
	b, err := uplink.Marshal(uplink.Checkpoint{V: uplink.Version, Note: note})
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := s.publish(ctx, uplink.UpCheckpoint, b); err != nil {
		return err
	}
	s.f.ckpt.Store(head.Seq)
	s.f.ckptAt = time.Now()
	return nil
}

// send publishes what is committed and not sent, as far as may be sent without a receipt. A batch that is not full waits
// for Config.Delay: each costs the province a receipt, and both sides a kilobyte of headers.
func (s *session) send(ctx context.Context) error {
	for {
		if err := s.resend(ctx); err != nil {
			return err
		}
		rcpt := s.f.spool.Receipted()
		if s.sent.Seq < rcpt.Seq {
			s.sent = rcpt
		}
		if end, ok := s.f.spool.Branch(); s.sent.Seq-rcpt.Seq >= maxUnproven && !(ok && s.sent.Seq < end) {
			return nil // a branch that the province has left behind gets no receipts of its own
		}
		rs, err := s.f.spool.Read(s.sent.Seq+1, uplink.MaxRecords, batchOctets)
		if err != nil {
			return err
		}
		if len(rs) == 0 || s.hold(rs) {
			return nil
		}
		s.held = time.Time{}
		if s.sent == rcpt {
			s.moved = time.Now() // from here on a receipt is owed
		}
		if err := s.batch(ctx, rs); err != nil {
			return err
		}
		s.drainInbox()
	}
}

// hold reports whether rs, all that is to be sent, can wait for more. What the province wants to know at once does not
// wait, nor does a full batch, nor anything once somebody waits for it.
func (s *session) hold(rs []uplink.Stored) bool {
	if s.f.cfg.Delay == 0 || len(rs) == uplink.MaxRecords || s.f.drain.Load() || rs[len(rs)-1].Seq < s.f.spool.Head().Seq {
		return false
	}
	for _, r := range rs {
		if r.Kind.Prompt() {
			return false
		}
	}
	if s.held.IsZero() {
		s.held = time.Now()
	}
	return time.Since(s.held) < s.f.cfg.Delay
}

// resend publishes what the province has asked for, and no more: what was sent behind it has come.
func (s *session) resend(ctx context.Context) error {
	for s.missed.from != 0 {
		rs, err := s.f.spool.Read(s.missed.from, uplink.MaxRecords, batchOctets)
		if err != nil {
			return err
		}
		rs = slices.DeleteFunc(rs, func(r uplink.Stored) bool { return r.Seq > s.missed.to })
		prev, ok := s.f.spool.At(s.missed.from - 1)
		if len(rs) == 0 || !ok {
			s.missed = span{}
			return nil
		}
		n, err := s.publishBatch(ctx, prev.Hash, rs)
		if err != nil {
			return err
		}
		if s.missed.from = rs[n-1].Seq + 1; s.missed.from > s.missed.to {
			s.missed = span{}
		}
	}
	return nil
}

// batch publishes the first of rs, which come next.
func (s *session) batch(ctx context.Context, rs []uplink.Stored) error {
	prev := s.sent.Hash
	if h, ok := s.f.spool.At(rs[0].Seq - 1); ok {
		prev = h.Hash // behind a hole it is not the last one sent
	}
	n, err := s.publishBatch(ctx, prev, rs)
	if err != nil {
		return err
	}
	s.sent = uplink.Head{Seq: rs[n-1].Seq, Hash: rs[n-1].Hash}
	s.f.ask(s.sent.Seq)
	return nil
}

// publishBatch publishes the n records of rs that one batch can hold: consecutive ones of one boot. prev is the hash in
// front of them.
func (s *session) publishBatch(ctx context.Context, prev uplink.Hash, rs []uplink.Stored) (n int, err error) {
	n = 1
	for n < len(rs) && rs[n].Seq == rs[n-1].Seq+1 && rs[n].Boot == rs[0].Boot {
		n++
	}
	b := uplink.Batch{
		Box: s.f.id.Box, Chain: s.f.id.Chain, Boot: rs[0].Boot, From: rs[0].Seq, Prev: prev, Head: rs[n-1].Hash,
	}
	for i := range rs[:n] {
		b.Recs = append(b.Recs, rs[i].Record)
	}
	payload, err := b.Append(nil)
	if err != nil {
		return n, fmt.Errorf("batch: %w", err)
	}
	s.f.sent.Add(uint64(n))
	return n, s.publish(ctx, uplink.UpRecords, payload)
}

// drainInbox takes what has come, so that receipts are not behind what is being sent.
func (s *session) drainInbox() {
	for {
		select {
		case m := <-s.f.in:
			s.take(m)
		default:
			return
		}
	}
}

// lag looks for receipts that are owed. The province may have missed messages that the broker acknowledged: it is asked
// what it has, and what it has not is sent again.
func (s *session) lag(ctx context.Context) error {
	if s.f.spool.Receipted().Seq >= s.sent.Seq || time.Since(s.moved) < s.f.cfg.Lag {
		return nil
	}
	s.f.cfg.Log.Warn("no receipt", "sent", s.sent.Seq, "receipted", s.f.spool.Receipted().Seq, "for", time.Since(s.moved))
	return s.greet(ctx)
}

// take reads one message from below. It reports whether it was a receipt that verifies. All that is not believed changes
// nothing, and is counted and told of (Config.Refused).
func (s *session) take(m mqtt.Message) (receipt bool) {
	f := s.f
	a, leaf, _, err := uplink.ParseTopic(m.Topic)
	if err != nil || a != f.id.Address {
		f.refuse(uplink.SecurityMisled, m.Topic)
		return false
	}
	switch leaf {
	case uplink.DownReceipt:
		receipt, err = s.receipt(m)
	case uplink.DownWant:
		err = s.want(m.Payload)
	case uplink.DownCommand, uplink.DownDesired:
		err = s.command(leaf, m.Payload)
	default:
		err = fmt.Errorf("nothing comes down on topic %s", m.Topic)
	}
	if err != nil {
		f.refuse(word(err), m.Topic)
		f.cfg.Log.Warn("message refused", "topic", m.Topic, "error", err)
	}
	return receipt
}

// errMisled is wrapped by errors for messages that are in order but for another chain, or ask for what is not there.
var errMisled = errors.New("not for this chain")

// word says in a word why a message was refused.
func word(err error) string {
	switch {
	case errors.Is(err, uplink.ErrSignature):
		return uplink.SecurityForged
	case errors.Is(err, errMisled):
		return uplink.SecurityMisled
	}
	return uplink.SecurityMalformed
}

func (s *session) receipt(m mqtt.Message) (bool, error) {
	f := s.f
	r, err := uplink.Parse[uplink.Receipt](m.Payload)
	if err != nil {
		return false, err
	}
	if err := r.Verify(f.id.ProvinceKey, f.id.Address); err != nil {
		return false, err
	}
	if r.Chain != f.id.Chain {
		if m.Retain {
			return false, nil // the broker still has it from before this box was flashed anew
		}
		return false, fmt.Errorf("receipt for chain %s: %w", r.Chain, errMisled)
	}
	before := f.spool.Receipted().Seq
	if err := f.spool.SetReceipt(r.Head()); err != nil {
		if errors.Is(err, spool.ErrMismatch) {
			f.update(func(st *Stats) { st.Forks++ })
		}
		// It is the province's word all the same, of records that this card has lost or never had: the box tells what it has,
		// then goes on behind the province's place, and the province sees the gap, or the fork.
		if !m.Retain {
			f.spool.Fork(r.Head())
		}
		f.cfg.Log.Warn("receipt for another history", "error", err)
		return true, nil
	}
	f.update(func(st *Stats) { st.Receipts++ })
	if f.cfg.Receipt != nil {
		f.cfg.Receipt(r)
	}
	rcpt := f.spool.Receipted().Seq
	if rcpt > before || !m.Retain { // what the broker has kept may be old
		f.answer(rcpt, rcpt > before)
	}
	if rcpt > before {
		s.moved = time.Now()
		signal(f.moved)
	}
	return true, nil
}

// command passes a command on that the province has signed for this box. A desired configuration is a command like any
// other; the broker keeps it for boxes that are away, so it comes with every connection and its number says whether it is
// known.
func (s *session) command(leaf uplink.Leaf, payload []byte) error {
	c, err := uplink.Parse[uplink.Command](payload)
	if err != nil {
		return err
	}
	if err := c.Verify(s.f.id.ProvinceKey, s.f.id.Address); err != nil {
		return err
	}
	if s.f.cfg.Command == nil || leaf == uplink.DownDesired && c.Verb != uplink.VerbSet {
		return fmt.Errorf("command %s: %w", c.Verb, errMisled)
	}
	s.f.cfg.Command(c, leaf == uplink.DownDesired)
	return nil
}

// want notes what the province misses, to be sent again, if it was sent. A province that has begun to listen asks for all
// behind what it has: while hello waits for its answer, that is the moment to say it again. Else there is nothing to do:
// what was sent to nobody shows with the next batch, exactly, or by the missing receipt.
func (s *session) want(payload []byte) error {
	w, err := uplink.Parse[uplink.Want](payload)
	if err != nil {
		return err
	}
	from, to := max(uint64(w.From), s.f.spool.Receipted().Seq+1), uint64(w.To)
	switch {
	case w.Chain != s.f.id.Chain || !s.greets && from > s.sent.Seq+1:
		return fmt.Errorf("want %d of chain %s: %w", w.From, w.Chain, errMisled)
	case s.greets:
		s.called = true
		return nil
	case to > s.sent.Seq || from > to:
		return nil
	}
	if _, ok := s.f.spool.At(from - 1); !ok {
		return fmt.Errorf("want %d, which is not there: %w", w.From, errMisled)
	}
	s.missed, s.moved = span{from, to}, time.Now()
	return nil
}
