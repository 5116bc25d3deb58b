// Package keeper keeps a clock.Clock right: it asks time servers, has anchors written, and saves what the next run needs.
package keeper

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"cafeprobe/firmware/clock"
	"cafeprobe/uplink"
)

const (
	firstPoll = 16 * time.Second // until in sync; doubles with each round
	syncPoll  = time.Hour        // in sync: 50 ppm are 180 ms by then. Four servers cost 15 KB a day
	maxPoll   = 1024 * time.Second

	// savePeriod is how often the state is saved, and so how well an outage is bracketed. Each time costs 20 KiB on the card
	// (20 531 octets on ext4: file, folder, journal); every minute would be 30 MB of the 50 MB a day, every ten are 3.
	savePeriod = 10 * time.Minute

	tick = 10 * time.Second
)

// Config configures a Keeper. Clock, Steady, Anchor and Save are required.
type Config struct {
	Clock  *clock.Clock
	Steady func() time.Duration
	Ask    func(context.Context) clock.Round // nil: there are no servers
	Anchor func(*uplink.Anchor) error        // takes an anchor that is due
	Save   func() error                      // keeps what the Clock knows
	Log    *slog.Logger                      // nil: none

	// Refused hears of each answer that was not believed: what is one of uplink's Security words. nil: nobody wants to know.
	Refused func(what, from string)
}

// Run keeps the clock until ctx is done.
func Run(ctx context.Context, cfg Config) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Refused == nil {
		cfg.Refused = func(_, _ string) {}
	}
	k := &keeper{Config: cfg, poll: firstPoll}
	rounds := make(chan clock.Round)
	asking := false
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		if k.Ask != nil && !asking && k.Steady() >= k.asked {
			asking = true
			go func() { // an answer may take its time; anchors and saving do not wait for it
				r := k.Ask(ctx)
				select {
				case rounds <- r:
				case <-ctx.Done():
				}
			}()
		}
		select {
		case <-ctx.Done():
			return
		case r := <-rounds:
			asking = false
			k.take(r)
		case <-t.C:
		}
		k.keep()
	}
}

type keeper struct {
	Config
	poll         time.Duration
	asked, saved time.Duration // when the next is due; steady
}

// take learns from r and sets the time for the next.
func (k *keeper) take(r clock.Round) {
	now := k.Steady()
	before := k.Clock.Stats()
	k.Clock.Take(now, r)
	k.Clock.Stats().Refused(before, k.Refused)
	if k.synced(now) {
		k.poll = firstPoll
		k.asked = now + syncPoll + jitter(syncPoll/8)
		k.saved = now // at each sync
		return
	}
	k.asked = now + k.poll + jitter(k.poll/4)
	k.poll = min(2*k.poll, maxPoll)
}

// synced reports whether the round just taken was believed.
func (k *keeper) synced(now time.Duration) bool {
	f, ok := k.Clock.Fix()
	return ok && f.Quality == uplink.QualitySync && now-f.At < time.Minute
}

// keep writes what is due.
func (k *keeper) keep() {
	now := k.Steady()
	if a, due := k.Clock.Anchor(now); due {
		if err := k.Anchor(&a); err != nil {
			k.Log.Error("anchor not written", "error", err)
		}
	}
	if now < k.saved {
		return
	}
	k.saved = now + savePeriod
	if err := k.Save(); err != nil {
		k.Log.Error("time not saved", "error", err)
	}
}

// jitter keeps boxes that start at the same time from asking at the same time.
func jitter(d time.Duration) time.Duration { return rand.N(d) }
