package main

import (
	"errors"
	"fmt"
	"os"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/init/part"

	"golang.org/x/sys/unix"
)

// slots is what PID 1 does with what it and the boot loader have agreed on.
type slots interface {
	// Confirm makes the firmware that runs, and is on trial, the good one.
	Confirm() error
	// Failed returns the slot that was tried in vain since Forget, bootstate.None for none.
	Failed() (bootstate.Slot, error)
	// Forget ends that.
	Forget() error
}

var errNoTrial = errors.New("what runs is not on trial")

// rawSlots are those of a boot loader that reads partition state.
type rawSlots struct {
	state   bootstate.File
	running bootstate.Slot
}

func (r rawSlots) load() (bootstate.State, error) {
	s, _, err := bootstate.Load(r.state)
	if errors.Is(err, bootstate.ErrState) {
		err = nil // a new card: the boot loader takes it as Factory too
	}
	return s, err
}

func (r rawSlots) Confirm() error {
	s, err := r.load()
	if err != nil {
		return err
	}
	if s.Try != r.running {
		return errNoTrial
	}
	_, err = bootstate.Save(r.state, s.Confirm())
	return err
}

func (r rawSlots) Failed() (bootstate.Slot, error) {
	s, err := r.load()
	return s.Failed, err
}

func (r rawSlots) Forget() error {
	s, err := r.load()
	if err != nil || s.Failed == bootstate.None {
		return err
	}
	s.Failed = bootstate.None
	_, err = bootstate.Save(r.state, s)
	return err
}

// withSlots calls f with the box's slots.
func (b *box) withSlots(f func(slots) error) error {
	running := bootstate.Slot(bootstate.None)
	if s := b.slot(); s == "a" || s == "b" {
		running = bootstate.Slot(s[0])
	}
	p, err := b.disks.Find(part.State)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(p.Device, os.O_RDWR|unix.O_SYNC|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("boot state: %w", err)
	}
	defer file.Close()
	return f(rawSlots{file, running})
}

// tellRollBack makes an event of a firmware that was tried in vain, and has that forgotten once the event is on the disk.
func (b *box) tellRollBack() {
	b.try("boot state", b.withSlots(func(s slots) error {
		failed, err := s.Failed()
		if err != nil || failed == bootstate.None {
			return err
		}
		b.log.Warn("a firmware was rolled back", "slot", failed)
		b.event(eventRolledBack, map[string]string{"slot": failed.String()})
		if !b.dataNow().Lasting() {
			return nil
		}
		return s.Forget()
	}))
}

// confirm makes the firmware on trial the good one.
func (b *box) confirm(why string) error {
	if err := b.withSlots(func(s slots) error { return s.Confirm() }); err != nil {
		return err
	}
	b.log.Warn("the firmware is confirmed", "why", why)
	b.event(eventCommitted, map[string]any{"slot": b.slot(), "version": b.release.Version, "number": b.release.Number})
	return nil
}
