package board

import (
	"context"
	"errors"
	"time"
)

// ErrNone is wrapped by errors of a part that the box does not have, or does not have any more.
var ErrNone = errors.New("board: no such part")

// LED is one light. Set may be called by one goroutine at a time.
type LED interface {
	Set(on bool) error
}

// Watchdog resets the box unless it is fed. It runs from the time it was opened.
type Watchdog interface {
	// Feed puts off the reset by Timeout from now.
	Feed() error
	// Timeout is for how long the box lives after Feed, more than 0.
	Timeout() time.Duration
	// Close stops the watchdog where it can be stopped: the error says that it could not, and that the box will be reset. After
	// Close, Feed returns an error.
	Close() error
}

// Press is how long a button was held.
type Press int

// The presses. What a technician feels apart: a touch, a hold, and one that nobody does by mistake.
const (
	Short    Press = iota + 1 // less than HoldTime
	Hold                      // HoldTime or more
	LongHold                  // LongHoldTime or more
)

// How long a button is held for a Hold and a LongHold.
const (
	HoldTime     = 3 * time.Second
	LongHoldTime = 10 * time.Second
)

// String returns the press in words.
func (p Press) String() string {
	switch p {
	case Short:
		return "short"
	case Hold:
		return "hold"
	case LongHold:
		return "long hold"
	}
	return "none"
}

// PressOf returns what it is to hold a button for d.
func PressOf(d time.Duration) Press {
	switch {
	case d >= LongHoldTime:
		return LongHold
	case d >= HoldTime:
		return Hold
	}
	return Short
}

// Button is one button.
type Button interface {
	// Press waits for the button to be released, and says how long it was held. It returns ctx's error when ctx ends first, and
	// one that wraps ErrNone when the button is gone.
	Press(ctx context.Context) (Press, error)
}

// Temperature is a thermometer inside of the box.
type Temperature interface {
	// Celsius is the highest that any of its sensors says, in degrees.
	Celsius() (float64, error)
}

// Supply is what feeds the box.
type Supply interface {
	// Low reports whether the supply's voltage is too low now, or was since the last call.
	Low() (bool, error)
}

// Wear is how worn a storage is.
type Wear struct {
	Used    int    // percent of its life, 0 to 110 in steps of ten, above 100: over; -1: it does not say
	Reserve string // of its spare blocks: ReserveNormal …; empty: it does not say
	Written uint64 // octets written to it since the machine's boot
}

// What Wear.Reserve says (JEDEC JESD84-B51 §7.4.29: normal, 80 % used, 90 % used).
const (
	ReserveNormal  = "normal"
	ReserveWarning = "warning"
	ReserveUrgent  = "urgent"
)

// Storage is what the box's data are on.
type Storage interface {
	Wear() (Wear, error)
}

// Slot is one of the two places for a firmware, "a" or "b"; "" is none.
type Slot string

// SlotState is what the boot loader and the firmware have agreed on.
type SlotState struct {
	Running Slot // what runs now
	Active  Slot // the one that has proved itself
	Trial   Slot // the one to be tried, or that is tried
	Tries   int  // how often Trial may be booted yet
	Failed  Slot // the one that was tried in vain last
}

// OnTrial reports whether what runs is on trial.
func (s SlotState) OnTrial() bool { return s.Trial != "" && s.Trial == s.Running }

// Errors of Slots.
var (
	ErrNoTrial = errors.New("board: what runs is not on trial")
	ErrOnTrial = errors.New("board: what runs is on trial: the other slot is the way back")
)

// Slots are the two places for a firmware. What they change outlives a power cut at any point: there is the state before or the
// one after.
type Slots interface {
	State() (SlotState, error)
	// Try lets the next boot be of the slot that does not run, and the boots after it until Confirm or until the tries are used
	// up. It returns ErrOnTrial where what runs is on trial itself.
	Try() error
	// Confirm makes what runs the active slot. It returns ErrNoTrial where that is not on trial.
	Confirm() error
}

// Parts are what a box has. A part that it has not is nil.
type Parts struct {
	LED         LED
	Watchdog    Watchdog
	Button      Button
	Temperature Temperature
	Supply      Supply
	Storage     Storage
}
