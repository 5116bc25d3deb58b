package collector_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// FuzzHandle: whatever comes, nothing panics and the store does not fail; and the chain's head moves only for a batch
// of the box itself whose records lead to it.
func FuzzHandle(f *testing.F) {
	s, err := store.Open(filepath.Join(f.TempDir(), "p.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	c, err := collector.New(s, collector.Config{Province: at.Province, Key: key(2)})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := c.Handle(time.Now(), greeting(f, nil)); err != nil {
		f.Fatal(err)
	}
	good, _ := batch(f, genesis, 50, 60)
	f.Add(good.Topic, good.Payload, false)
	late, _ := batch(f, uplink.Head{Seq: 70, Hash: uplink.Hash{3}}, 50)
	f.Add(late.Topic, late.Payload, false)
	f.Add(at.Topic(uplink.UpHello), greeting(f, func(h *uplink.Hello) { h.First, h.Head = 9, 8 }).Payload, true)
	f.Add(at.Topic(uplink.UpState), []byte(`{"v":1,"state":"offline","conn":1,"boot":41,"ch":"k3v9Qd2x","head":0,"rcpt":0,"t":null}`), true)
	f.Add(at.Topic(uplink.UpOcc), []byte(`{"v":1,"t":null,"tq":"none","win":300,"vantage":"A","roster":1,"on":1,"use":0,"unknown":0,"conf":0,"st":"S"}`), false)
	f.Add("cafeprobe/v1/ha-giang/all/down/update", []byte(`{}`), false)
	f.Add("$SYS/#", []byte{0xff, 0}, true)

	head := func(t *testing.T) (uplink.Head, uint64) {
		t.Helper()
		out, err := c.Handle(time.Now(), greeting(t, nil))
		if err != nil || len(out) != 1 {
			t.Fatalf("hello: %d answers, %v, want one receipt", len(out), err)
		}
		r, err := uplink.Parse[uplink.Receipt](out[0].Payload)
		if err != nil || r.Verify(key(2).Public().(ed25519.PublicKey), at) != nil {
			t.Fatalf("receipt %s: %v", out[0].Payload, err)
		}
		return r.Head(), c.Stats().Records
	}
	f.Fuzz(func(t *testing.T, topic string, payload []byte, retain bool) {
		before, records := head(t)
		out, err := c.Handle(time.Now(), collector.Message{Topic: topic, Payload: payload, Retain: retain})
		if err != nil && !errors.Is(err, collector.ErrRefused) {
			t.Fatalf("%q %q: the store failed: %v", topic, payload, err)
		}
		if err != nil && len(out) > 0 {
			t.Errorf("%q %q: refused, and answered", topic, payload)
		}
		after, stored := head(t)
		if after == before && stored == records {
			return
		}
		b, perr := uplink.ParseBatch(payload)
		if perr != nil {
			if h, herr := uplink.Parse[uplink.Hello](payload); herr == nil && uint64(h.First) > before.Seq+1 && stored == records {
				return // a hello may give up what waits behind a loss
			}
			t.Fatalf("%q moves the head from %d to %d: %v", payload, before.Seq, after.Seq, perr)
		}
		if _, verr := b.Verify(); verr != nil || b.Box != at.Box && after != before {
			t.Fatalf("%q moves the head from %d to %d: %v", payload, before.Seq, after.Seq, verr)
		}
	})
}

// FuzzOrder sends batches of two branches of one chain, which part at record 4, in an order that the octets choose. A
// receipt never goes back, never stands for a record that did not come, and never leaves the branch that it was on.
func FuzzOrder(f *testing.F) {
	const length = 10
	s, err := store.Open(filepath.Join(f.TempDir(), "p.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	c, err := collector.New(s, collector.Config{Province: at.Province, Key: key(2)})
	if err != nil {
		f.Fatal(err)
	}
	var records [2][]uplink.Record // record i+1 of each branch
	var heads [2][]uplink.Head     // the head behind record i
	for branch := range heads {
		h := genesis
		heads[branch] = append(heads[branch], h)
		for i := range length {
			o := &uplink.Open{Station: "u3mJq0yZcRE", Stamp: uplink.Stamp{Quality: uplink.QualityNone}, Confidence: uplink.Int(i)}
			if i >= 3 {
				o.Uncertain = uplink.Int(branch)
			}
			r, err := uplink.Encode(o)
			if err != nil {
				f.Fatal(err)
			}
			h = h.Next(41, r)
			records[branch], heads[branch] = append(records[branch], r), append(heads[branch], h)
		}
	}
	f.Add([]byte{0, 1, 2, 3, 4, 5})
	f.Add([]byte{9, 8, 7, 6, 5, 4, 3, 2, 1, 0})
	f.Add([]byte{0x01, 0x83, 0x84, 0x24, 0x22, 0x00, 0x20})
	var boxes uint32
	f.Fuzz(func(t *testing.T, order []byte) {
		boxes++
		a := uplink.Address{Province: at.Province, Box: uplink.BoxID(fmt.Sprintf("b-%08x", boxes))}
		m := greeting(t, nil)
		m.Topic = a.Topic(uplink.UpHello)
		if _, err := c.Handle(time.Now(), m); err != nil {
			t.Fatal(err)
		}
		var came [2][length + 1]bool
		last := genesis
		for _, o := range order[:min(len(order), 40)] {
			// bit 7: the branch; bits 4 to 6: how many records; the rest: behind which
			branch, n, from := int(o>>7), int(o>>4&7)+1, int(o&15)%length
			to := min(from+n, length)
			b := &uplink.Batch{
				Box: a.Box, Chain: chain, Boot: 41, From: uint64(from + 1), Prev: heads[branch][from].Hash,
				Head: heads[branch][to].Hash, Recs: records[branch][from:to],
			}
			p, err := b.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.Handle(time.Now(), collector.Message{Topic: a.Topic(uplink.UpRecords), Payload: p})
			if err != nil || len(out) != 1 {
				t.Fatalf("% x: %d answers, %v, want one receipt", order, len(out), err)
			}
			for i := from; i < to; i++ {
				came[branch][i+1] = true
			}
			r, err := uplink.Parse[uplink.Receipt](out[0].Payload)
			if err != nil {
				t.Fatal(err)
			}
			h := r.Head()
			on := slices.IndexFunc(heads[:], func(hs []uplink.Head) bool {
				return h.Seq <= length && hs[h.Seq] == h && h.Seq >= last.Seq && hs[last.Seq] == last
			})
			if on < 0 {
				t.Fatalf("% x: receipt for %d, %v after one for %d: back, or off its branch", order, h.Seq, h.Hash, last.Seq)
			}
			for i := 1; i <= int(h.Seq); i++ {
				if !came[on][i] && (i > 3 || !came[1-on][i]) {
					t.Fatalf("% x: receipt for %d, and record %d never came", order, h.Seq, i)
				}
			}
			last = h
		}
	})
}
