package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cafeprobe/firmware/init/stick"
	"cafeprobe/firmware/update"
)

// How often sticks are looked for, and for how long from the beginning those that come were in before the box started.
const (
	stickPeriod = 3 * time.Second
	stickStays  = 30 * time.Second
)

// plugged is a stick, and what became of it.
type plugged struct {
	stays bool // it was in when the box started
	taken bool
}

// watchSticks takes what somebody puts in, each stick once, until ctx ends.
func (b *box) watchSticks(ctx context.Context) {
	known := map[string]*plugged{}
	for began := since(); ctx.Err() == nil; pause(ctx, stickPeriod) {
		list, err := stick.Find("/sys", "/dev")
		if err != nil {
			b.try("sticks", err)
			continue
		}
		still := map[string]*plugged{}
		for _, s := range list {
			p := known[s.ID]
			if p == nil {
				p = &plugged{stays: since()-began < stickStays}
			}
			still[s.ID] = p
			if !p.taken && b.takesSticks() {
				p.taken = true
				b.takeStick(ctx, s, p.stays)
			}
		}
		known = still
	}
}

// takesSticks reports whether a firmware would be taken now: the image says whom to believe, there is a daemon that can show whether it is
// any good, and what runs is not on trial itself.
func (b *box) takesSticks() bool {
	for _, f := range []string{rootFile, configFile} {
		if _, err := os.Stat(f); err != nil {
			return false
		}
	}
	return !b.onTrial()
}

// takeStick has the updater take what is on a stick, and says at the console how it went.
func (b *box) takeStick(ctx context.Context, s stick.Stick, stays bool) {
	b.console("cafeprobe: stick: looking at it")
	dir := filepath.Join(runDir, "stick")
	unmount, err := s.Mount(dir, update.User, []string{"/proc/self/exe", stickVerb}, b.reaper.Run)
	if err == nil {
		err = b.updater.Stick(ctx, filepath.Join(dir, stick.Folder), stays)
		b.try("stick", unmount())
	}
	words := "taken: the box starts anew to try it; the stick may be pulled out"
	switch why := update.Refused(err); {
	case err == nil: // and the box is on its way down
	case ctx.Err() != nil:
		return
	case why == update.Current:
		words = "this firmware, or a newer one, runs already"
	case why != "":
		words = "refused: " + string(why)
	case errors.Is(err, update.ErrVain), errors.Is(err, stick.ErrNone), errors.Is(err, stick.ErrHang):
		words = err.Error()
	default:
		words = fmt.Sprintf("it could not be taken: %v", err)
	}
	b.log.Info("stick", "id", s.ID, "end", words)
	b.console("cafeprobe: stick: " + words)
}
