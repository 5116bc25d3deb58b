package update

import (
	"errors"
	"io"
	"time"

	"cafeprobe/firmware/slot"
)

// Words for why a firmware was rolled back that could not say so itself.
const (
	whyDamaged  = "damaged"  // the boot loader found it to be another than was written
	whyWatchdog = "watchdog" // it hung in its last try
	whyReset    = "reset"    // its first process ended, or the power was cut in each of its tries
)

// compareTime bounds how long the card may take to give a slot back: a box that starts does not wait for it.
const compareTime = 30 * time.Second

// why returns why a firmware was rolled back. What it said itself, before it gave up, counts.
func (u *Updater) why(m *memo) string {
	switch {
	case m.Why != "":
		return m.Why
	case m.Trial != nil && u.damaged(m.Trial):
		return whyDamaged
	case u.cfg.Hung:
		return whyWatchdog
	}
	return whyReset
}

// damaged reports whether what the card has is not the firmware that was written. systemd-boot does not look, so files of a PC are not
// compared either; and to open one would make it.
func (u *Updater) damaged(t *trial) bool {
	if u.cfg.Open == nil || u.cfg.Image != nil || t.Length <= 0 {
		return false
	}
	result := make(chan error, 1)
	go func() {
		place, _, err := u.cfg.Open()
		if err == nil {
			err = slot.Verify(place, t.Length, t.SHA256)
		}
		if c, ok := place.(io.Closer); ok {
			err = errors.Join(err, c.Close())
		}
		result <- err
	}()
	select {
	case err := <-result:
		return errors.Is(err, slot.ErrCard)
	case <-time.After(compareTime):
		return false
	}
}
