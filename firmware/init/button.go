package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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

// hold opens the console, and the setup of the owner's page.
func (b *box) hold() {
	now := since()
	b.mu.Lock()
	b.openUntil = now + openTime
	b.mu.Unlock()
	b.openSetup(now, true)
	b.log.Info("the console is open", "for", openTime)
	b.console("cafeprobe: the console is open for ten minutes")
}

// ownerFiles are what the daemon keeps of the owner's page: his PIN, and the page's certificate.
var ownerFiles = []string{"state/owner.json", "state/owner.pem"}

// settingsFiles are what a reset takes away, below the box's data: who the box works for, how it reaches him, and its owner's PIN. Its keys,
// its chain and what it has recorded stay: they are evidence, and the next province can see where they end.
var settingsFiles = append([]string{"config.json", "net.json", "state/tls", "state/settings.json"}, ownerFiles...)

// reset makes the box one that nobody has commissioned. The daemon has ended before its files go, so that it writes none of them again.
func (b *box) reset() error {
	err := b.forgetSpare() // which would bring them back
	if e := os.Remove(configFile); e != nil && !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, fmt.Errorf("reset: %w", e))
	}
	b.endDaemon()
	return errors.Join(err, removeSettings(dataDir))
}

func removeSettings(dir string) error { return removeFiles(dir, settingsFiles) } // config.json first: without it the box is no café's

func removeFiles(dir string, names []string) error {
	var errs []error
	for _, f := range names {
		if err := os.RemoveAll(filepath.Join(dir, f)); err != nil {
			errs = append(errs, fmt.Errorf("reset: %w", err))
		}
	}
	return errors.Join(errs...)
}
