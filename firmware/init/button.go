package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cafeprobe/board"
	"cafeprobe/firmware/init/kernel"
)

// hear does what somebody at the box's button asks for, until ctx ends.
func (b *box) hear(ctx context.Context, button board.Button) {
	for ctx.Err() == nil {
		p, err := button.Press(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			b.try("button", err)
			return
		case p == board.Short:
			b.locate()
		case p == board.Hold:
			b.hold()
		case p == board.LongHold:
			b.event(eventReset, nil)
			b.try("reset", b.reset())
			b.finish(kernel.Reboot)
		}
	}
}

// locateTime is how long the LED says which box it is, to who looks for it among others.
const locateTime = 30 * time.Second

func (b *box) locate() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.locateUntil = since() + locateTime
}

// openTime is how long the console stays open after somebody held the button.
const openTime = 10 * time.Minute

// hold opens the console.
func (b *box) hold() {
	b.mu.Lock()
	b.openUntil = since() + openTime
	b.mu.Unlock()
	b.log.Info("the console is open", "for", openTime)
	b.console("cafeprobe: the console is open for ten minutes")
}

// settingsFiles are what a reset takes away, below the box's data: who the box works for, and how it reaches him. Its keys, its chain and
// what it has recorded stay: they are evidence, and the next province can see where they end.
var settingsFiles = []string{"config.json", "net.json", "state/tls", "state/settings.json"}

// reset makes the box one that nobody has commissioned.
func (b *box) reset() error { return errors.Join(b.forgetSpare(), removeSettings(dataDir)) } // the spare would bring them back

func removeSettings(dir string) error {
	var errs []error
	for _, f := range settingsFiles { // config.json first: without it the box is no café's
		if err := os.RemoveAll(filepath.Join(dir, f)); err != nil {
			errs = append(errs, fmt.Errorf("reset: %w", err))
		}
	}
	return errors.Join(errs...)
}
