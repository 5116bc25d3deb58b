// Package slot puts a firmware into the slot that does not run, and agrees with the boot loader on what is booted next: Raw slots
// are partitions that U-Boot's selector reads (firmware/bootstate), ESP slots are files that systemd-boot counts the tries of.
//
// What is there after a power cut, at any point: the slot that runs, whole and bootable, and of the other either all or nothing
// that boots. A slot on trial that is not confirmed is left after its tries.
package slot

import (
	"errors"
	"io"

	"cafeprobe/firmware/bootstate"
)

// State is what the boot loader and the firmware have agreed on.
type State struct {
	Running bootstate.Slot // what runs now
	Active  bootstate.Slot // the one that has proved itself
	Trial   bootstate.Slot // the one to be tried, or that is tried; None for none
	Tries   int            // how often Trial may be booted yet
	Failed  bootstate.Slot // the one that was tried in vain last, until Forget; None for none
}

// OnTrial reports whether what runs is on trial.
func (s State) OnTrial() bool { return s.Trial != bootstate.None && s.Trial == s.Running }

// Errors of Raw and ESP.
var (
	ErrNoTrial = errors.New("slot: what runs is not on trial")
	ErrOnTrial = errors.New("slot: what runs is on trial: the other slot is the way back")
	ErrUnknown = errors.New("slot: the boot loader did not say which slot runs")
)

// Place is where a firmware's octets go: a partition or a file. *os.File is one.
type Place interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}
