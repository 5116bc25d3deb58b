package e2e

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// pastime is how a part of an evening at 100 stations, from 18:00, is gone through in a part of its time. Even so only some
// records come in a second: the way is never busy.
type pastime struct {
	hours   int
	quicker int           // times as fast as a café
	delay   time.Duration // the forwarder's, as it is in this run
}

// glance is how often it is looked what is committed and what is receipted.
const glance = 250 * time.Microsecond

// benchLatency returns the milliseconds from a record's commit on the box's card to the receipt that verifies. The box's
// spool and forwarder are in this process.
func benchLatency(b *testing.B, p *peers, number int, pass pastime) (times []float64) {
	dir, id, cred := p.newBox(b, number)
	quick := time.Duration(pass.quicker)
	sp, err := spool.Open(dir, id, spool.Config{Interval: 5 * time.Second / quick})
	if err != nil {
		b.Fatal(err)
	}
	defer sp.Close()
	fw := forward.New(sp, forward.Config{Broker: p.broker, TLS: cred.TLS(), Retry: 20 * time.Millisecond, Delay: pass.delay})
	r := newRoom(1, 100, &uplinked{sp, fw})
	if err := errors.Join(r.live(18*time.Hour), sp.Commit()); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { fw.Run(ctx) })
	if err := fw.Drain(ctx); err != nil { // what came before the evening is not measured
		b.Fatal(err)
	}
	wg.Go(func() { _ = sp.Run(ctx) })
	over, end := context.WithCancel(ctx)
	watched := make(chan []float64, 1)
	first := sp.Head().Seq
	go func() { watched <- commitToReceipt(over, sp) }()
	for began, n := time.Now(), 0; n < pass.hours*3600; n += 10 {
		time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / quick)))
		if err := r.live(10 * time.Second); err != nil {
			b.Fatal(err)
		}
	}
	until(b, pass.delay+10*time.Second, "the evening is receipted", func() bool {
		return sp.Stats().Waiting == 0 && sp.Receipted() == sp.Head()
	})
	time.Sleep(100 * glance)
	end()
	times = <-watched
	if n := sp.Head().Seq - first; uint64(len(times)) != n {
		b.Errorf("times of %d records, want those of all %d", len(times), n)
	}
	return times
}

// commitToReceipt watches until ctx is done. It returns the milliseconds from the
// one to the other of each record that was committed meanwhile and is receipted.
func commitToReceipt(ctx context.Context, sp *spool.Spool) (times []float64) {
	first := sp.Head().Seq
	committed := map[uint64]time.Time{}
	known, proved := first, first
	for ctx.Err() == nil {
		now := time.Now()
		for head := sp.Head().Seq; known < head; {
			known++
			committed[known] = now
		}
		for rcpt := sp.Receipted().Seq; proved < rcpt; {
			proved++
			times = append(times, milliseconds(now.Sub(committed[proved])))
		}
		time.Sleep(glance)
	}
	return times
}
