package e2e

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"cafeprobe/tools/soak/hold"
	"cafeprobe/uplink"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// long reports whether the long versions of the tests are to run: `make soak`.
func long() bool { return os.Getenv("SOAK") != "" }

// toSpool is a sink that appends to a spool, as the daemon does.
type toSpool struct{ *spool.Spool }

func (s toSpool) Record(r uplink.Record) error { _, err := s.Append(r); return err }
func (s toSpool) Occ(uplink.Occ) error         { return nil }

func newSpool(t testing.TB, key ed25519.PublicKey) *spool.Spool {
	t.Helper()
	id, err := spool.NewIdentity(uplink.Address{Province: "e2e", Box: "b-00000001"}, key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(t.TempDir(), id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// heap returns the octets that live objects take, after everything dead is gone.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestOutage: a café of 100 stations goes on for weeks while there is no broker. Memory stays flat, the spool within its
// bounds, and when the broker is back, all is receipted: over a link with a round trip of 100 ms at 2 MB/s or more.
func TestOutage(t *testing.T) {
	days := 3
	if long() {
		days = 30
	}
	p := newSite(t, t.TempDir(), "")
	s := newSpool(t, p.PublicKey())
	r := newRoom(2, 100, toSpool{s})
	var c course
	for hour := range days * 24 { // the daemon commits every few seconds: an hour of records never waits in memory
		if err := errors.Join(r.live(time.Hour), s.Commit()); err != nil {
			t.Fatal(err)
		}
		if (hour+1)%6 == 0 {
			c.note(t, s, hour+1)
		}
	}
	st := s.Stats()
	t.Logf("%d days without a broker: %d records, %d files of %d KiB; after each day, KiB: live heap %d, anonymous %d", days, st.Head,
		st.Files, st.Bytes>>10, c.daily(c.heap), c.daily(c.anonymous))
	c.draw(t, "outage", fmt.Sprintf("%d days without a broker, 100 stations", days))
	first, last := c.heap[3], c.heap[len(c.heap)-1]
	hold.AtMost(t, "live heap, growth after the first day", (float64(last)-float64(first))/(1<<20), 1, "MiB")
	hold.AtMost(t, "spool", float64(st.Bytes)/1e6, 256, "MB")
	if st.Receipted != 0 || st.Deleted != 0 || st.Refused != 0 {
		t.Errorf("%+v: nothing may be receipted, deleted or refused while there is no broker", st)
	}
	catchUp(t, p, s)
}

// catchUp forwards all of s over a slow link.
func catchUp(t *testing.T, p *site, s *spool.Spool) {
	t.Helper()
	link := newSlowLink(t, p.MQTTAddr(), 50*time.Millisecond)
	f := forward.New(s, forward.Config{Broker: "tcp://" + link.addr(), Retry: 10 * time.Millisecond})
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { f.Run(ctx) })
	began := time.Now()
	err := f.Drain(ctx)
	took := time.Since(began)
	stop()
	wg.Wait()
	if err != nil {
		t.Fatalf("%v; %+v", err, f.Stats())
	}
	totals, err := p.Totals(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	head := s.Head().Seq
	if totals.Verified != head || totals.Duplicates != 0 || totals.Forks != 0 {
		t.Errorf("the province holds %+v, want %d records, each once", totals, head)
	}
	octets := payload(t, s)
	rate := float64(octets) / took.Seconds() / 1e6
	t.Logf("caught up: %d records, %.1f MB in %v, %.2f MB/s; resident %d MB", head, float64(octets)/1e6, took.Round(time.Millisecond),
		rate, memoryOf(t, "self").Resident>>20)
	if long() { // with less than a month's backlog a slow start weighs too much
		hold.AtLeast(t, "catch-up over a round trip of 100 ms", rate, 2, "MB/s")
	}
}

// payload returns the octets of all records in s.
func payload(t *testing.T, s *spool.Spool) (n int) {
	t.Helper()
	for from := s.First(); from <= s.Head().Seq; {
		rs, err := s.Read(from, 4096, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rs {
			n += len(r.Raw)
		}
		from = rs[len(rs)-1].Seq + 1
	}
	return n
}
