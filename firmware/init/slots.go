package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/init/part"
	"cafeprobe/firmware/slot"
	"cafeprobe/firmware/update"

	"golang.org/x/sys/unix"
)

// slots is what PID 1 does with what it and the boot loader have agreed on.
type slots interface {
	State() (slot.State, error)
	Clear() error
	Try() error
	Confirm() error
	Forget() error // that a slot was tried in vain was told
}

// running returns the slot that runs, bootstate.None if the boot loader did not say.
func (b *box) running() bootstate.Slot {
	if s := b.args["cafeprobe.slot"]; s == "a" || s == "b" {
		return bootstate.Slot(s[0])
	}
	return bootstate.None
}

// withSlots calls f with the box's slots: files of systemd-boot where there is an ESP, else partitions.
func (b *box) withSlots(f func(slots) error) error {
	esp, err := b.disks.Find(part.ESP)
	if err == nil {
		return withESP(esp.Device, filepath.Join(runDir, "esp"), func(dir string) error {
			s, err := slot.NewESP(slot.Dir(filepath.Join(dir, slot.Folder)), b.running())
			if err != nil {
				return err
			}
			return f(s)
		})
	}
	if !errors.Is(err, part.ErrAbsent) {
		return err
	}
	state, err := b.disks.Find(part.State)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(state.Device, os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("boot state: %w", err)
	}
	defer file.Close()
	s, err := slot.NewRaw(file, b.running())
	if err != nil {
		return err
	}
	return f(s)
}

// withESP calls f while the ESP is mounted.
func withESP(device, dir string, f func(dir string) error) (err error) {
	unmount, err := mountESP(device, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unmount()) }()
	return f(dir)
}

// mountESP mounts the ESP.
func mountESP(device, dir string) (unmount func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	const flags = unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NOATIME
	if err := unix.Mount(device, dir, "vfat", flags, "errors=continue"); err != nil {
		return nil, fmt.Errorf("mount the ESP: %w", err)
	}
	return func() error { return unix.Unmount(dir, 0) }, nil
}

// learn takes up what the boot loader did: whether this firmware is on trial, and what became of one that was tried, of which an event is
// made. That is forgotten once the event is on the disk; without data that last, only that something failed is told.
func (b *box) learn() (trial bool) {
	trial = b.args["cafeprobe.try"] == "1"
	state, err := boxSlots{b}.State()
	b.try("boot state", err)
	if err == nil {
		trial = trial || state.OnTrial()
		switch {
		case b.dataNow().Lasting():
			b.try("boot state", b.updater.Begin())
		case state.Failed != bootstate.None && state.Failed != b.running():
			b.event(eventRolledBack, map[string]string{"slot": state.Failed.String()})
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trial = trial
	return trial
}

// confirm makes the firmware on trial the good one. One that the boot loader had no trial of needs no confirmation.
func (b *box) confirm(why string) error {
	err := b.updater.Confirm()
	if errors.Is(err, update.ErrDamaged) {
		b.leave()
	}
	if err != nil && !errors.Is(err, slot.ErrNoTrial) {
		return err
	}
	b.log.Warn("the firmware is confirmed", "why", why)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.judge.Confirmed()
	b.trial = false
	return nil
}
