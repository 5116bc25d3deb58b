// Package life is one run of the daemon on a box that listens: its clock, from what the run before knew and what time servers
// say; the records it begins with, which say whether the machine was off or only the daemon, with or without a goodbye, and
// when it was last alive; and what it leaves to the next run, in one small file.
package life

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"cafeprobe/firmware/clock"
	"cafeprobe/firmware/clock/keeper"
	"cafeprobe/firmware/clock/sntp"
	"cafeprobe/uplink"
)

// Config configures a Life. Dir, Boot, Machine and Steady are required.
type Config struct {
	Dir      string               // where File is: the spool's
	Boot     uint64               // boot counter of the chain
	Machine  string               // name of the machine's boot: boottime.ID
	Watchdog bool                 // the machine's boot was its watchdog's doing (board/watchdog)
	Steady   func() time.Duration // boottime.Now
	RTC      time.Time            // what the machine takes for UTC now; zero: it has no idea
	Clock    clock.Config         // Floor is set from File
	Servers  []string             // time servers; none: nobody is asked
	Log      *slog.Logger         // nil: none

	// Refused hears of each answer about the time that was not believed, from any goroutine: what is one of uplink's Security
	// words. nil: nobody wants to know.
	Refused func(what, from string)
}

// Life is one run. Use Open.
type Life struct {
	cfg   Config
	clock *clock.Clock
	last  *Run // nil: there was none

	mu  sync.Mutex
	run Run
}

// Open begins a run: it reads what the last one left and says in its place, before anything else happens, that this one has
// said no goodbye yet.
func Open(cfg Config) (*Life, error) {
	if cfg.Refused == nil {
		cfg.Refused = func(_, _ string) {}
	}
	l := &Life{cfg: cfg, run: Run{Machine: cfg.Machine, Boot: cfg.Boot}}
	last, ok, err := Load(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if ok {
		l.last = &last
		cfg.Clock.Floor = last.Floor.Time()
	}
	now := cfg.Steady()
	l.clock = clock.New(cfg.Clock, now)
	if fix, ok := last.Resume(cfg.Machine, now); ok {
		l.clock.Resume(fix)
	}
	if !cfg.RTC.IsZero() {
		l.clock.TakeRTC(now, cfg.RTC)
		l.clock.Stats().Refused(clock.Stats{}, cfg.Refused)
	}
	return l, l.save()
}

// Clock returns the run's clock.
func (l *Life) Clock() *clock.Clock { return l.clock }

// Begin returns the records that the run begins with. b holds what else is known of the start: firmware and board.
func (l *Life) Begin(b uplink.Boot) []uplink.Body {
	now := l.cfg.Steady()
	b.Stamp = l.clock.At(now).Stamp(now)
	if l.last != nil {
		b.Why = l.last.Why(l.cfg.Machine, l.cfg.Watchdog)
	}
	return Begin(l.last, b)
}

// Run keeps the clock until ctx is done; anchor takes the anchors that are due.
func (l *Life) Run(ctx context.Context, anchor func(*uplink.Anchor) error) {
	cfg := keeper.Config{Clock: l.clock, Steady: l.cfg.Steady, Anchor: anchor, Save: l.save, Log: l.cfg.Log, Refused: l.cfg.Refused}
	if len(l.cfg.Servers) > 0 {
		cfg.Ask = sntp.New(l.cfg.Servers, l.cfg.Steady, sntp.Config{Log: l.cfg.Log, Refused: l.cfg.Refused}).Ask
	}
	keeper.Run(ctx, cfg)
}

// Close says goodbye: the next run will know that this one ended in order.
func (l *Life) Close() error {
	l.mu.Lock()
	l.run.Clean = true
	l.mu.Unlock()
	return l.save()
}

func (l *Life) save() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run.Note(l.clock, l.cfg.Steady())
	return l.run.Save(l.cfg.Dir)
}
