package e2e

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// Boxes that come to the province at once, and how much each has to tell.
const (
	crowd = 50
	each  = 2048
)

// benchCrowd measures the province when all of a crowd come back at once. The boxes are forwarders with spools and
// certificates of their own in this process; they share the machine with what is measured.
func benchCrowd(b *testing.B, t *table, p *peers, raw float64) {
	var boxes []*forward.Forwarder
	for i := range crowd {
		dir, id, cred := p.newBox(b, 1000+i)
		sp, err := spool.Open(dir, id, spool.Config{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { sp.Close() })
		for k := range each {
			r, err := health(k)
			if err == nil {
				_, err = sp.Append(r)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		if err := sp.Commit(); err != nil {
			b.Fatal(err)
		}
		boxes = append(boxes, forward.New(sp, forward.Config{Broker: p.broker, TLS: cred.TLS(), Retry: 20 * time.Millisecond}))
	}
	ctx, stop := context.WithTimeout(b.Context(), 5*time.Minute)
	defer stop()
	var running, draining sync.WaitGroup
	before := worked(b, p.pid())
	began := time.Now()
	errs := make([]error, crowd)
	for i, f := range boxes {
		running.Go(func() { f.Run(ctx) })
		draining.Go(func() { errs[i] = f.Drain(ctx) })
	}
	draining.Wait()
	took, cpu := time.Since(began).Seconds(), worked(b, p.pid())-before
	t.memory(fmt.Sprintf("while %d boxes catch up", crowd), "province, "+p.name, memoryOf(b, p.pid()))
	stop()
	running.Wait()
	for i, err := range errs {
		if err != nil {
			b.Errorf("box %d: %v", i, err)
		}
	}
	t.add(fmt.Sprintf("%d boxes at once, %s: %d records each", crowd, p.name, each), "records/s", crowd*each/took, raw, "raw SQLite insert")
	t.add("  processor time of the province", "µs/record", float64(cpu.Microseconds())/(crowd*each), 0, "")
}

// benchStore measures the province without MQTT: batches of a crowd are handed to the collector, which verifies, stores and
// signs as it always does, and beside it the same records go into SQLite raw. It returns the latter's rate.
func benchStore(b *testing.B, t *table) (raw float64) {
	s, err := store.Open(filepath.Join(b.TempDir(), "province.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	c, err := collector.New(s, collector.Config{Province: bytesBox.Province, Key: key})
	if err != nil {
		b.Fatal(err)
	}
	var records []uplink.Record
	chains := make([][]collector.Message, crowd)
	for i := range chains {
		id, err := spool.NewIdentity(uplink.Address{Province: bytesBox.Province, Box: uplink.BoxID(fmt.Sprintf("b-%08x", i))}, public)
		if err != nil {
			b.Fatal(err)
		}
		hello := uplink.Hello{V: uplink.Version, Chain: id.Chain, First: 1, Hash: id.Genesis(), Boot: 1, Conn: 1}
		copy(hello.Key[:], id.Public())
		text, err := uplink.Marshal(hello)
		if err != nil {
			b.Fatal(err)
		}
		chains[i] = []collector.Message{{Topic: id.Topic(uplink.UpHello), Payload: text}}
		var list [][]byte
		list, records = payloads(b, id, each)
		for _, p := range list {
			chains[i] = append(chains[i], collector.Message{Topic: id.Topic(uplink.UpRecords), Payload: p})
		}
	}
	began := time.Now()
	var wg sync.WaitGroup
	for _, messages := range chains {
		wg.Go(func() {
			for _, m := range messages {
				if _, err := c.Handle(time.Now(), m); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began).Seconds()
	if got := c.Stats().Records; got != crowd*each {
		b.Errorf("%d records stored, want %d", got, crowd*each)
	}
	raw = rawSQLite(b, crowd, records)
	t.add(fmt.Sprintf("province without MQTT: %d boxes at once, verify, store, sign", crowd), "records/s", crowd*each/took, raw, "raw SQLite insert")
	return raw
}
