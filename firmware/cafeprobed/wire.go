package main

import (
	"context"
	"errors"
	"os"
	"time"

	"cafeprobe/board/watchdog"
	"cafeprobe/capture"
	"cafeprobe/capture/pcapfile"
	"cafeprobe/firmware/account"
	"cafeprobe/firmware/clock"
	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/firmware/life"
	"cafeprobe/uplink"
)

// wire is what one life of the daemon listens to, and what it tells the time by: a replay has the frames' own time, and
// beside it a clock that asks nobody; a box that listens has one clock for all, and a life before this one.
type wire struct {
	src   capture.Source
	close func() error
	clock *clock.Clock
	life  *life.Life // nil in a replay
	cut   bool       // the machine's run before ended by a power cut
}

// openWire opens what d listens to. boot is the life's number in the chain; refused is as forward.Config.Refused.
func (d *daemon) openWire(boot uint64, refused func(what, from string)) (*wire, error) {
	if d.port == nil {
		src, err := pcapfile.Open(d.cfg.Capture.File)
		if err != nil {
			return nil, err
		}
		return &wire{src: src, close: src.Close, clock: newClock(refused)}, nil
	}
	root := os.DirFS("/")
	machine, err := boottime.ID(root)
	if err != nil {
		return nil, err
	}
	l, err := life.Open(life.Config{
		Dir: d.cfg.Dir, Boot: boot, Machine: machine, Watchdog: watchdog.Reset(root), Steady: boottime.Now, RTC: time.Now(),
		Clock: clock.Config{Build: built(), Offset: d.port.offset}, Servers: d.cfg.Clock.Servers, Log: d.log,
		Refused: refused,
	})
	if err != nil {
		return nil, err
	}
	return &wire{src: d.port, close: func() error { return nil }, clock: l.Clock(), life: l}, nil
}

// dates returns what says when frames were: nil in a replay, whose frames say so themselves.
func (w *wire) dates() account.Clock {
	if w.life == nil {
		return nil
	}
	return w.clock
}

// begin records that a box that listens has started. In a replay that comes with the first record: its time is the frames'.
func (w *wire) begin(b uplink.Boot, record func(uplink.Body) error) error {
	if w.life == nil {
		return nil
	}
	for _, body := range w.life.Begin(b) {
		if boot, ok := body.(*uplink.Boot); ok {
			w.cut = boot.Why == uplink.BootPower
		}
		if err := record(body); err != nil {
			return err
		}
	}
	return nil
}

// keep keeps the clock of a box that listens until ctx is done.
func (w *wire) keep(ctx context.Context, record func(uplink.Body) error) {
	if w.life != nil {
		w.life.Run(ctx, func(a *uplink.Anchor) error { return record(a) })
	}
}

// end closes the wire. err is how the life ended: in order, it says goodbye.
func (w *wire) end(err error) error {
	err2 := w.close()
	if w.life != nil && (err == nil || errors.Is(err, errRestart) || errors.Is(err, context.Canceled)) {
		err2 = errors.Join(err2, w.life.Close())
	}
	return err2
}
