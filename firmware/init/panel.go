package main

import (
	"context"

	"cafeprobe/board"
	"cafeprobe/board/detect"
	"cafeprobe/board/led"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/init/judge"
)

// openPanel opens the board's watchdog and LED. The watchdog runs from then on, and is fed by decide: whatever holds that up resets
// the box.
func (b *box) openPanel(ctx context.Context) {
	parts, err := detect.Controls("/", b.board)
	b.try("board", err)
	b.watchdog = parts.Watchdog
	if parts.LED != nil {
		b.lights = make(chan board.Light)
		b.task(func() { b.try("LED", led.Play(ctx, parts.LED, b.lights)) })
	}
	if parts.Button != nil {
		b.button = true
		b.task(func() { b.hear(ctx, parts.Button) })
	}
}

// feed puts the watchdog's reset off.
func (b *box) feed() {
	if b.watchdog == nil {
		return
	}
	if err := b.watchdog.Feed(); err != nil {
		b.log.Error("watchdog", "error", err)
	}
}

// light shows how the box is.
func (b *box) light(ctx context.Context) {
	if b.lights == nil {
		return
	}
	l := board.Booting
	b.judged(func(j *judge.Judge) {
		if l = health.Light(j.Report(), since()); since() < b.locateUntil {
			l = board.Here
		}
	})
	if l == b.shown {
		return
	}
	select {
	case b.lights <- l:
		b.shown = l
	case <-ctx.Done():
	default: // the LED is on its way to show the one before
	}
}
