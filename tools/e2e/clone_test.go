package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cafeprobe/tools/province"
	"cafeprobe/uplink"
	"cafeprobe/uplink/export"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// card is a box's folder in use: spool and forwarder as the daemon runs them.
type card struct {
	t    *testing.T
	sp   *spool.Spool
	fw   *forward.Forwarder
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
}

func insert(t *testing.T, p *site, id spool.Identity, dir string) *card {
	t.Helper()
	c := &card{t: t}
	var err error
	if c.sp, err = spool.Open(dir, id, spool.Config{Interval: 50 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	c.fw = forward.New(c.sp, forward.Config{
		Broker: "tcp://" + p.MQTTAddr(), Retry: 50 * time.Millisecond, Lag: 500 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	c.ctx, c.stop = context.WithCancel(context.Background())
	t.Cleanup(c.remove)
	return c
}

// connect lets the box talk to the province.
func (c *card) connect() {
	c.wg.Go(func() { c.fw.Run(c.ctx) })
	c.wg.Go(func() {
		if err := c.sp.Run(c.ctx); err != nil {
			c.t.Error(err)
		}
	})
}

func (c *card) remove() {
	c.stop()
	c.wg.Wait()
	if err := c.sp.Close(); err != nil {
		c.t.Error(err)
	}
}

// write appends n records that tell of class, and returns the hash of each.
func (c *card) write(n int, class string) map[uint64]uplink.Hash {
	c.t.Helper()
	for range n {
		r, err := uplink.Encode(&uplink.Vantage{Stamp: uplink.Stamp{Quality: uplink.QualityNone}, Class: class, Confidence: 90})
		if err != nil {
			c.t.Fatal(err)
		}
		if _, err := c.sp.Append(r); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := c.sp.Commit(); err != nil {
		c.t.Fatal(err)
	}
	out := map[uint64]uplink.Hash{}
	head := c.sp.Head().Seq
	for seq := head - uint64(n) + 1; seq <= head; seq++ {
		h, ok := c.sp.At(seq)
		if !ok {
			c.t.Fatalf("no record %d", seq)
		}
		out[seq] = h.Hash
	}
	return out
}

// twin provisions a box whose first 100 records the province holds, and returns its folder and a copy of it.
func twin(t *testing.T, p *site) (id spool.Identity, dir, copied string) {
	t.Helper()
	id, err := spool.NewIdentity(uplink.Address{Province: p.name, Box: "b-0000e2e5"}, p.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	dir, copied = filepath.Join(t.TempDir(), "card"), filepath.Join(t.TempDir(), "copy")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c := insert(t, p, id, dir)
	c.write(100, "A")
	c.connect()
	drain(t, c.sp)
	c.remove()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return id, dir, copied
}

// TestRestoredCard: a box goes on to record 150, then its card is put back to what it was at record 100. What it writes then
// is the other branch, from exactly 101; where it wrote nothing yet, the place where the province knows better is 150.
func TestRestoredCard(t *testing.T) {
	f := func(name string, since int, alarm string) {
		t.Run(name, func(t *testing.T) {
			p := newSite(t, t.TempDir(), mosquitto(t).url())
			id, dir, copied := twin(t, p)
			c := insert(t, p, id, dir)
			was := c.write(50, "A")
			c.connect()
			drain(t, c.sp)
			c.remove()

			c = insert(t, p, id, copied)
			now := c.write(since, "C")
			c.connect()
			until(t, 30*time.Second, "the box goes on behind the province's place, with numbers that were never given", func() bool {
				return c.sp.Head().Seq > 150+1024 && c.sp.Receipted() == c.sp.Head()
			})
			c.remove()
			p.branches(t, id, was, now, alarm)
		})
	}
	f("with records since", 30, "fork:101-130")
	f("without", 0, "fork:150-150")
}

// TestClonedCard: two boxes run from copies of one folder, at the same time and under one name, and push each other off the
// broker. Whichever is first, the other is a branch from exactly 101.
func TestClonedCard(t *testing.T) {
	p := newSite(t, t.TempDir(), mosquitto(t).url())
	id, dir, copied := twin(t, p)
	a, b := insert(t, p, id, dir), insert(t, p, id, copied)
	first, second := a.write(50, "A"), b.write(50, "C")
	a.connect()
	b.connect()
	until(t, 40*time.Second, "both branches are in the store", func() bool {
		return len(p.column(t, `SELECT 1 FROM records WHERE seq BETWEEN 101 AND 150`)) == 50 &&
			len(p.column(t, `SELECT 1 FROM forks WHERE seq BETWEEN 101 AND 150`)) == 50
	})
	a.remove()
	b.remove()
	if kept := p.column(t, `SELECT hex(hash) FROM records WHERE seq = 101`); kept[0] != fmt.Sprintf("%X", [32]byte(first[101])) {
		first, second = second, first
	}
	p.branches(t, id, first, second, "fork:101-150")
}

// branches checks that the province's store has was as the chain and now as another branch, each hash, and that alarm, page
// and export say so.
func (p *site) branches(t *testing.T, id spool.Identity, was, now map[uint64]uplink.Hash, alarm string) {
	t.Helper()
	f := func(table string, want map[uint64]uplink.Hash) {
		t.Helper()
		got := p.column(t, `SELECT seq || ' ' || hex(hash) FROM `+table+` WHERE seq BETWEEN 101 AND 150 ORDER BY seq`)
		var all []string
		for seq := uint64(101); seq <= 150; seq++ {
			if h, ok := want[seq]; ok {
				all = append(all, fmt.Sprintf("%d %X", seq, [32]byte(h)))
			}
		}
		if !slices.Equal(got, all) {
			t.Errorf("%s: %d rows %.200q, want %d %.200q", table, len(got), got, len(all), all)
		}
	}
	f("records", was)
	f("forks", now)
	if alarms := p.column(t, `SELECT what || ':' || first || '-' || last FROM alarms ORDER BY id`); !slices.Contains(alarms, alarm) {
		t.Errorf("alarms %v, want %s", alarms, alarm)
	}
	page := p.page(t)
	if len(now) > 0 && !strings.Contains(page, fmt.Sprintf("a second branch (records: %d", len(now))) || !strings.Contains(page, "the box is to be checked") {
		t.Errorf("the page does not say that there is another branch of %d records", len(now))
	}
	if len(now) > 0 {
		r := p.exported(t, id)
		if !slices.ContainsFunc(r.Findings, func(f export.Finding) bool {
			return f.What == export.Forked && f.From == 101 && f.To == 100+uint64(len(now))
		}) {
			t.Errorf("export: %+v, want it forked from 101 to %d", r.Findings, 100+len(now))
		}
	}
}

// column reads the province's database beside it.
func (p *site) column(t *testing.T, query string) (out []string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(p.dir, "province.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func (p *site) page(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(p.WebURL() + "?lang=en")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// exported is what anybody can say of the chain of id without the province.
func (p *site) exported(t *testing.T, id spool.Identity) *export.Report {
	t.Helper()
	s, key, err := province.OpenBeside(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var text bytes.Buffer
	if _, err := province.Export(t.Context(), &text, s, id.Address, "", key); err != nil {
		t.Fatal(err)
	}
	r, err := export.Verify(&text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
