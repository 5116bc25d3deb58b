package e2e

import (
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"cafeprobe/tools/province/ca"
	"cafeprobe/uplink"
	"cafeprobe/uplink/mqtt"
	"cafeprobe/uplink/spool"
)

// payloads returns batches of 64 records each, as a forwarder sends them, of a new chain of id.
func payloads(b *testing.B, id spool.Identity, n int) (out [][]byte, records []uplink.Record) {
	b.Helper()
	h := uplink.Head{Hash: id.Genesis()}
	for len(records) < n {
		batch := uplink.Batch{Box: id.Box, Chain: id.Chain, Boot: 1, From: h.Seq + 1, Prev: h.Hash}
		for range uplink.MaxRecords {
			r, err := health(len(records))
			if err != nil {
				b.Fatal(err)
			}
			h = h.Next(1, r)
			batch.Recs, records = append(batch.Recs, r), append(records, r)
		}
		batch.Head = h.Hash
		payload, err := batch.Append(nil)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, payload)
	}
	return out, records
}

// publisher is who publishes in benchRawMQTT. Its name is no box id, since a box's certificate comes by enrolment only.
var publisher = uplink.Address{Province: bytesBox.Province, Box: "publisher"}

// benchRawMQTT measures mosquitto alone: a box and a collector that keep nothing and answer nothing, over the same TLS, with
// the same payloads and the same window.
func benchRawMQTT(b *testing.B, t *table) {
	a := openAuthority(b, filepath.Join(b.TempDir(), "province"))
	url, _ := a.mosquitto(b)
	id, err := spool.NewIdentity(bytesBox, make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	var came atomic.Int64
	tick := make(chan struct{}, 1)
	sub := a.connect(b, url, "collector", func(m mqtt.Message) {
		came.Add(1)
		select {
		case tick <- struct{}{}:
		default:
		}
	})
	if err := sub.Subscribe(b.Context(), uplink.UpFilter(bytesBox.Province, "")); err != nil {
		b.Fatal(err)
	}
	pub := a.connect(b, url, string(publisher.Box), func(mqtt.Message) {})
	list, records := payloads(b, id, backlog)
	publish := func(payload []byte) {
		if err := pub.Publish(b.Context(), mqtt.Up(publisher, uplink.UpRecords, payload)); err != nil {
			b.Fatal(err)
		}
	}
	for range 500 { // one at a time
		began := time.Now()
		publish(list[0][:1024])
		<-tick
		t.rawTrip = append(t.rawTrip, milliseconds(time.Since(began)))
	}
	came.Store(0)
	began := time.Now()
	for _, p := range list {
		publish(p)
	}
	until(b, time.Minute, "all came", func() bool { return came.Load() >= int64(len(list)) })
	took := time.Since(began).Seconds()
	t.rawMQTT = rate{float64(len(records)) / took, float64(octetsOf(records)) / took}
	t.add("raw publish/subscribe through mosquitto, TLS, QoS 1, 64 records a message", "records/s", t.rawMQTT.records, 0, "")
	t.spread("  one message of 1 KiB from publisher to subscriber", t.rawTrip, nil, "")
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func octetsOf(rs []uplink.Record) (n int) {
	for _, r := range rs {
		n += len(r.Raw)
	}
	return n
}

// connect connects with a certificate of name.
func (a authority) connect(b *testing.B, url, name string, handle func(mqtt.Message)) *mqtt.Conn {
	b.Helper()
	pair, err := a.Client(name, ca.Life)
	if err != nil {
		b.Fatal(err)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: a.Pool(), Certificates: []tls.Certificate{*pair}}
	c, err := mqtt.Dial(b.Context(), mqtt.Config{Broker: url, Client: name, TLS: cfg}, handle)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c
}

// benchCommit measures a commit of the spool beside one of bbolt with the same settings, which puts the same record under
// its number and keeps neither chain nor marks.
func benchCommit(b *testing.B, t *table) {
	const commits = 1000
	id, err := spool.NewIdentity(bytesBox, make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	sp, err := spool.Open(b.TempDir(), id, spool.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer sp.Close()
	db, err := bolt.Open(filepath.Join(b.TempDir(), "raw.db"), 0o600, &bolt.Options{
		NoFreelistSync: true, FreelistType: bolt.FreelistMapType, InitialMmapSize: 8 << 20,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	name := []byte("records")
	if err := db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket(name); return err }); err != nil {
		b.Fatal(err)
	}
	var spools, raws []float64
	for i := range commits {
		r, err := health(i)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if _, err = sp.Append(r); err == nil {
			err = sp.Commit()
		}
		spools = append(spools, milliseconds(time.Since(began)))
		if err != nil {
			b.Fatal(err)
		}
		key := fmt.Appendf(nil, "%08d", i)
		began = time.Now()
		err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket(name).Put(key, r.Raw) })
		raws = append(raws, milliseconds(time.Since(began)))
		if err != nil {
			b.Fatal(err)
		}
	}
	t.spread("spool: append and commit one record", spools, raws, "raw bbolt")
}

// rawSQLite inserts the records of all boxes into a table without columns to be looked up by, a transaction for a batch of
// each of them, and returns records a second.
func rawSQLite(b *testing.B, boxes int, records []uplink.Record) float64 {
	b.Helper()
	ctx := context.Background()
	db, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "raw.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	const schema = `CREATE TABLE records (id INTEGER PRIMARY KEY, cid INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL,
		body TEXT NOT NULL, UNIQUE (cid, seq)) STRICT`
	if _, err := db.ExecContext(ctx, schema); err != nil {
		b.Fatal(err)
	}
	hash := make([]byte, 32)
	began := time.Now()
	for from := 0; from < len(records); from += uplink.MaxRecords {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			b.Fatal(err)
		}
		insert, err := tx.PrepareContext(ctx, `INSERT INTO records (cid, seq, hash, body) VALUES (?, ?, ?, ?)`)
		if err != nil {
			b.Fatal(err)
		}
		for box := range boxes {
			for i, r := range records[from:min(from+uplink.MaxRecords, len(records))] {
				if _, err := insert.ExecContext(ctx, box, from+i, hash, string(r.Raw)); err != nil {
					b.Fatal(err)
				}
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	return float64(boxes*len(records)) / time.Since(began).Seconds()
}
