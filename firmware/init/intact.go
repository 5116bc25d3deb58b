package main

import (
	"context"
	"errors"
	"runtime"
	"time"

	"cafeprobe/firmware/update"

	"golang.org/x/sys/unix"
)

// eventDamaged says that the firmware on the card is not what was written there.
const eventDamaged = "damaged"

// When the firmware that runs is compared with what was written: not before the box does its work, and then daily.
const (
	firstLook = 2 * time.Minute
	nextLook  = 24 * time.Hour
)

// keepIntact compares the firmware that runs with what was written until ctx ends, while nothing else has to be done. One that is on trial
// is compared at once: it is what the boot loader is to leave.
func (b *box) keepIntact(ctx context.Context) {
	// The goroutine keeps its thread, which ends with it, and no other runs there.
	runtime.LockOSThread()
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 19)
	wait := firstLook
	if b.onTrial() {
		wait = 0
	}
	for told := false; ; wait = nextLook {
		pause(ctx, wait)
		if ctx.Err() != nil {
			return
		}
		err := b.updater.Intact()
		damaged := errors.Is(err, update.ErrDamaged)
		if !damaged || !told {
			b.try("the firmware on the card", err)
		}
		switch {
		case damaged && b.onTrial():
			b.leave()
			return
		case damaged && !told:
			told = true
			b.event(eventDamaged, map[string]string{"of": "slot-" + b.slot()})
		}
		b.setDamaged(damaged)
	}
}

// leave starts the box anew for a firmware on trial that is damaged. Its tries run out, and the boot loader goes back.
func (b *box) leave() {
	if b.leaving.Swap(true) {
		return
	}
	b.reboot("damaged")
}

// setDamaged has the daemon told whether the firmware on the card is damaged.
func (b *box) setDamaged(damaged bool) {
	b.mu.Lock()
	tell := b.tell
	b.mu.Unlock()
	if tell != nil {
		tell(damaged)
	}
}
