package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"cafeprobe/board/watchdog"
	"cafeprobe/firmware/initctl"
	"cafeprobe/uplink/durable"
)

// openSetup opens the setup of the owner's page for a while from now on.
func (b *box) openSetup(now time.Duration, button bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.setupUntil = initctl.Setup{Until: (now + openTime).Milliseconds(), Button: button}
	if b.setup != nil {
		b.setup(b.setupUntil)
	}
}

// switchedOn opens the setup on a board without a button if somebody has switched the box on: he stands beside it. A box that started
// itself anew, in order, after a panic or by its watchdog, opens nothing.
func (b *box) switchedOn(panicked bool) {
	restarted, err := takeRestart(restartFile)
	b.try("restart", err)
	if b.button || restarted || panicked || watchdog.Reset(os.DirFS("/")) {
		return
	}
	b.openSetup(since(), false)
}

// noteRestart notes that the box starts itself anew.
func noteRestart(path string) error { return durable.WriteFile(path, []byte("1\n")) }

// takeRestart reports whether the boot before noted that, and forgets it.
func takeRestart(path string) (bool, error) {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		err = fmt.Errorf("forget that the box started itself anew: %w", err) // it may be there still: nothing is opened
	}
	return true, err
}
