package e2e

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cafeprobe/uplink"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/mqtt"
	"cafeprobe/uplink/spool"
)

// TestCollectorGoesAndComesBack: the province is down while a box stays connected to the broker, which acknowledges all
// and hands it to nobody. When the province is back the box notices by the receipts it is owed, and goes on.
func TestCollectorGoesAndComesBack(t *testing.T) {
	b := mosquitto(t)
	dir := t.TempDir()
	p := newSite(t, dir, b.url())
	sp, fw := forwarder(t, p)
	fill(t, sp, 100)
	drain(t, sp)

	p.stop()
	fill(t, sp, 700)
	until(t, 10*time.Second, "the broker has acknowledged what nobody got", func() bool { return fw.Stats().Sent >= 800 })
	if got := sp.Receipted().Seq; got != 100 {
		t.Errorf("%d receipted while the province is down, want 100", got)
	}
	p = newSite(t, dir, b.url())
	drain(t, sp)
	if st := fw.Stats(); st.Connections != 1 || st.Refused != 0 {
		t.Errorf("%+v, want the one connection, nothing refused", st)
	}
	compare(t, p, sp)
}

// TestBrokerGoesAndComesBack: box and collector each find the broker again; what it had acknowledged is not lost.
func TestBrokerGoesAndComesBack(t *testing.T) {
	b := mosquitto(t)
	p := newSite(t, t.TempDir(), b.url())
	sp, _ := forwarder(t, p)
	for range 4 {
		fill(t, sp, 300)
		b.Kill()
		fill(t, sp, 100)
		b.Start()
	}
	drain(t, sp)
	compare(t, p, sp)
}

// TestSentToNobody: what a box sent while no province listened is asked for by the province itself when it is back, not
// noticed half a minute later, and nothing crosses the wire that had come. A box that waits with its hello need not wait on.
func TestSentToNobody(t *testing.T) {
	b := mosquitto(t)
	dir := t.TempDir()
	p := newSite(t, dir, b.url())
	sp, fw := forwarding(t, p, time.Hour)
	fill(t, sp, 100)
	drain(t, sp)
	p.stop()
	fill(t, sp, 300)
	until(t, 10*time.Second, "all is sent", func() bool { return fw.Stats().Sent == 400 })
	p = newSite(t, dir, b.url())
	until(t, 10*time.Second, "all is receipted", func() bool {
		fill(t, sp, 1)
		return sp.Receipted().Seq > 400
	})
	drain(t, sp)
	p.stop()
	totals := p.Stats()
	if head := sp.Head().Seq; totals.Duplicates != 0 || totals.Records != head-100 || totals.Wants == 0 {
		t.Errorf("%+v, want %d records, none twice, asked for", totals, head-100)
	}

	b.Kill()
	b.Start()
	until(t, 10*time.Second, "the box is back", func() bool { return fw.Stats().Connections == 2 })
	fill(t, sp, 100)
	time.Sleep(200 * time.Millisecond) // its hello has gone to nobody; the next is due after 5 s
	p = newSite(t, dir, b.url())
	until(t, 3*time.Second, "hello is said again", func() bool { return sp.Receipted() == sp.Head() })
	compare(t, p, sp)
}

func forwarder(t *testing.T, p *site) (*spool.Spool, *forward.Forwarder) {
	t.Helper()
	return forwarding(t, p, 500*time.Millisecond)
}

// forwarding returns a spool that is forwarded to p, and what forwards it. lag is after how long a missing receipt is noticed.
func forwarding(t *testing.T, p *site, lag time.Duration) (*spool.Spool, *forward.Forwarder) {
	t.Helper()
	id, err := spool.NewIdentity(uplink.Address{Province: p.name, Box: "b-0000e2e2"}, p.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(t.TempDir(), id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	fw := forward.New(sp, forward.Config{
		Broker: "tcp://" + p.MQTTAddr(), Retry: 50 * time.Millisecond, Lag: lag,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { fw.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		sp.Close()
	})
	return sp, fw
}

func fill(t *testing.T, sp *spool.Spool, n int) {
	t.Helper()
	for i := range n {
		v := &uplink.Vantage{Class: "A", Confidence: uplink.Int(i % 100)}
		v.Quality = uplink.QualityNone
		r, err := uplink.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sp.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := sp.Commit(); err != nil {
		t.Fatal(err)
	}
}

func drain(t *testing.T, sp *spool.Spool) {
	t.Helper()
	until(t, 45*time.Second, "all is receipted", func() bool { return sp.Receipted() == sp.Head() })
}

// compare ends the province and compares its database with the spool.
func compare(t *testing.T, p *site, sp *spool.Spool) {
	t.Helper()
	p.stop()
	rs, err := sp.Read(1, 1<<20, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	sameInStore(t, p.dir, rs)
}

// TestFloodBeforeAnswers: the broker's PUBACKs for what the collector answers come behind what boxes sent meanwhile. A
// collector that waits for room to answer before it takes more waits for ever.
func TestFloodBeforeAnswers(t *testing.T) {
	b := mosquitto(t)
	p := newSite(t, t.TempDir(), b.url())
	id, err := spool.NewIdentity(uplink.Address{Province: p.name, Box: "b-0000e2e3"}, p.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	const last = uplink.ChainID("behindit")
	var answered atomic.Bool
	conn, err := mqtt.Dial(t.Context(), mqtt.Config{Broker: b.url(), Client: string(id.Box)}, func(m mqtt.Message) {
		if r, err := uplink.Parse[uplink.Receipt](m.Payload); err == nil && r.Verify(p.PublicKey(), id.Address) == nil && r.Chain == last {
			answered.Store(true)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Subscribe(t.Context(), id.DownFilter()); err != nil {
		t.Fatal(err)
	}
	hello := uplink.Hello{V: uplink.Version, Chain: id.Chain, First: 1, Hash: id.Genesis(), Boot: 1, Conn: 1}
	copy(hello.Key[:], id.Public())
	h, err1 := uplink.Marshal(hello)
	hello.Chain, hello.Hash = last, uplink.Genesis(last, id.Public())
	behind, err3 := uplink.Marshal(hello)
	o, err2 := uplink.Marshal(uplink.Occ{V: uplink.Version, Quality: uplink.QualityNone, Window: 60, Vantage: "A"})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	send := func(l uplink.Leaf, payload []byte) {
		if err := conn.Publish(t.Context(), mqtt.Up(id.Address, l, payload)); err != nil {
			t.Fatal(err)
		}
	}
	for range 200 {
		send(uplink.UpHello, h)
		for range 20 {
			send(uplink.UpOcc, o)
		}
	}
	send(uplink.UpHello, behind)
	until(t, 30*time.Second, "the hello behind the flood is answered", answered.Load)
}
