package e2e

import (
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

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

// resident returns the octets of this process in memory, of /proc/self/status.
func resident(t testing.TB) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			n, _ := strconv.Atoi(f[1])
			return n << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
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
	var heaps []uint64
	for range days {
		for range 24 { // the daemon commits every few seconds: an hour of records never waits in memory
			if err := errors.Join(r.live(time.Hour), s.Commit()); err != nil {
				t.Fatal(err)
			}
		}
		heaps = append(heaps, heap())
	}
	st := s.Stats()
	t.Logf("%d days without a broker: %d records, %d files of %d KiB; live heap after each day, KiB: %v", days, st.Head, st.Files,
		st.Bytes>>10, kib(heaps))
	if grown := int64(heaps[len(heaps)-1]) - int64(heaps[0]); grown > 1<<20 {
		t.Errorf("live memory grew by %d octets over the outage, want it flat", grown)
	}
	if st.Bytes > 256<<20 {
		t.Errorf("the spool takes %d octets, want at most 256 MiB", st.Bytes)
	}
	if st.Receipted != 0 || st.Deleted != 0 || st.Refused != 0 {
		t.Errorf("%+v: nothing may be receipted, deleted or refused while there is no broker", st)
	}
	catchUp(t, p, s)
}

func kib(list []uint64) (out []uint64) {
	for _, n := range list {
		out = append(out, n>>10)
	}
	return out
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
		rate, resident(t)>>20)
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
