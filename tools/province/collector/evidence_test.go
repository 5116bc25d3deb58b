package collector_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/tools/province"
	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
	"cafeprobe/uplink/export"
)

func hello(t *testing.T, c *collector.Collector, h uplink.Head) []collector.Message {
	t.Helper()
	m := uplink.Hello{V: 1, Chain: chain, First: 1, Head: uplink.Int(h.Seq), Hash: h.Hash, Boot: 41, Conn: 1, Key: uplink.Key(public(1))}
	p, err := uplink.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Handle(time.Now(), collector.Message{Topic: at.Topic(uplink.UpHello), Payload: p})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func note(t *testing.T, key byte, h uplink.Head) collector.Message {
	t.Helper()
	signer := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{key}, ed25519.SeedSize))
	text, err := checkpoint.Sign(checkpoint.Checkpoint{
		Address: at, Chain: chain, Head: h, Boot: 41, Stamp: uplink.Stamp{Quality: uplink.QualityNone},
	}, signer)
	if err != nil {
		t.Fatal(err)
	}
	p, err := uplink.Marshal(uplink.Checkpoint{V: 1, Note: text})
	if err != nil {
		t.Fatal(err)
	}
	return collector.Message{Topic: at.Topic(uplink.UpCheckpoint), Payload: p}
}

// exported returns what an export of the chain verifies as.
func exported(t *testing.T, s *store.Store) *export.Report {
	t.Helper()
	var b bytes.Buffer
	if _, err := province.Export(context.Background(), &b, s, at, "", key(2)); err != nil {
		t.Fatal(err)
	}
	r, err := export.Verify(&b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCheckpointsAreKeptAndCompared(t *testing.T) {
	s, c := open(t, filepath.Join(t.TempDir(), "p.db"))
	defer s.Close()
	none := uplink.Head{Hash: uplink.Genesis(chain, public(1))}
	if _, err := c.Handle(time.Now(), note(t, 1, none)); !errors.Is(err, collector.ErrRefused) {
		t.Errorf("a checkpoint before the hello: %v, want %v", err, collector.ErrRefused)
	}
	hello(t, c, none)
	first, head := batch(t, none, 50, 60)
	receipt(t, c, first, head)
	if _, err := c.Handle(time.Now(), note(t, 1, head)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Handle(time.Now(), note(t, 3, head)); !errors.Is(err, collector.ErrRefused) {
		t.Errorf("a checkpoint under another key: %v, want %v", err, collector.ErrRefused)
	}
	if r := exported(t, s); !r.Sound() || r.Records != 2 || r.Signed != 2 || r.Receipted != 2 {
		t.Errorf("export: %+v, want 2 records, signed and receipted", r)
	}
	lie := uplink.Head{Seq: 2, Hash: uplink.Hash{7}} // the box signs another history
	if _, err := c.Handle(time.Now(), note(t, 1, lie)); err != nil {
		t.Fatal(err)
	}
	if r := exported(t, s); r.Sound() {
		t.Errorf("export of a box that signed two histories is sound: %+v", r)
	}
}

func TestCommandGoesOutUntilItHasAResult(t *testing.T) {
	s, c := open(t, filepath.Join(t.TempDir(), "p.db"))
	defer s.Close()
	none := uplink.Head{Hash: uplink.Genesis(chain, public(1))}
	hello(t, c, none)
	ctx := context.Background()
	ch, err := s.ChainOf(ctx, string(at.Box), "")
	if err != nil {
		t.Fatal(err)
	}
	args := json.RawMessage(`{"from": 1}`)
	n, err := collector.Order(s, ch, uplink.VerbMaintain, args, time.Now(), time.Hour)
	if err != nil || n != 1 {
		t.Fatalf("number %d, %v, want 1", n, err)
	}
	sent := func(ms []collector.Message) (count int) {
		for _, m := range ms {
			if !strings.HasPrefix(m.Topic, at.Topic(uplink.DownCommand)+"/") {
				continue
			}
			cmd, err := uplink.Parse[uplink.Command](m.Payload)
			if err != nil || cmd.Verify(public(2), at) != nil || cmd.Number != 1 || cmd.Verb != uplink.VerbMaintain {
				t.Errorf("%s: %v: not the command that was given, signed", m.Payload, err)
			}
			count++
		}
		return count
	}
	tick := func() []collector.Message {
		out, err := c.Tick(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := sent(tick()); got != 1 {
		t.Errorf("sent %d times by the first tick, want once", got)
	}
	if got := sent(tick()); got != 0 {
		t.Errorf("sent %d times by the second tick, want 0", got)
	}
	if got := sent(hello(t, c, none)); got != 1 {
		t.Errorf("sent %d times after a hello, want once", got)
	}
	p, err := uplink.Marshal(uplink.Result{V: 1, Chain: chain, Number: 1, Verb: uplink.VerbMaintain, Result: uplink.ResultDone})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Handle(time.Now(), collector.Message{Topic: at.Topic(uplink.UpResult), Payload: p}); err != nil {
		t.Fatal(err)
	}
	if got := sent(hello(t, c, none)); got != 0 {
		t.Errorf("sent %d times after its result, want 0", got)
	}
	// The chain says otherwise, and the chain counts.
	done := &uplink.Done{Number: 1, Verb: uplink.VerbMaintain, Result: uplink.ResultRefused, Why: "args"}
	done.Quality = uplink.QualityNone
	r, err := uplink.Encode(done)
	if err != nil {
		t.Fatal(err)
	}
	h := none.Next(41, r)
	b := &uplink.Batch{Box: at.Box, Chain: chain, Boot: 41, From: 1, Prev: none.Hash, Head: h.Hash, Recs: []uplink.Record{r}}
	p, err = b.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	receipt(t, c, collector.Message{Topic: at.Topic(uplink.UpRecords), Payload: p}, h)
	list, err := s.Commands(ctx, ch)
	if err != nil || len(list) != 1 || list[0].Result != uplink.ResultRefused || !list[0].Recorded {
		t.Errorf("commands %+v, %v, want one, refused by the chain", list, err)
	}
}

func TestCommandThatIsOverGoesNowhere(t *testing.T) {
	s, c := open(t, filepath.Join(t.TempDir(), "p.db"))
	defer s.Close()
	none := uplink.Head{Hash: uplink.Genesis(chain, public(1))}
	hello(t, c, none)
	ch, err := s.ChainOf(context.Background(), string(at.Box), "")
	if err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-2 * time.Hour)
	if _, err := collector.Order(s, ch, uplink.VerbReboot, nil, past, time.Hour); err != nil {
		t.Fatal(err)
	}
	if out, err := c.Tick(time.Now()); err != nil || len(out) != 0 {
		t.Errorf("tick sends %v, %v, want nothing", out, err)
	}
	if out := hello(t, c, none); len(out) != 1 {
		t.Errorf("hello is answered by %d messages, want the receipt alone", len(out))
	}
}
