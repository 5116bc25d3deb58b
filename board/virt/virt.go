// Package virt is a board that is not there: each of its parts is kept in memory, does what the part's interface promises, and
// can be looked at and broken. Tests of what drives a board run on it.
//
// QEMU's virt machine, which the board qemu-arm64 is, has of these a watchdog (i6300esb), a power button (gpio-keys on its PL061)
// and a disk that counts what is written. It has no LED, no thermometer and nothing that measures its supply: there the parts are
// nil, and no program pretends otherwise.
package virt

import (
	"context"
	"errors"
	"sync"
	"time"

	"cafeprobe/board"
)

// LED is a light that remembers. The zero LED is off and works.
type LED struct {
	mu      sync.Mutex
	on      bool
	changes int
	err     error
}

var _ board.LED = (*LED)(nil)

// Set is board.LED's.
func (l *LED) Set(on bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if l.on != on {
		l.on, l.changes = on, l.changes+1
	}
	return nil
}

// On returns whether it is lit, and how often that has changed.
func (l *LED) On() (on bool, changes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.on, l.changes
}

// Break lets Set return err from now on, nil for none.
func (l *LED) Break(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// errClosed is that of a watchdog that was closed.
var errClosed = errors.New("watchdog closed")

// Watchdog is a watchdog that resets nothing, and says when it would have.
type Watchdog struct {
	timeout time.Duration
	now     func() time.Time
	mu      sync.Mutex
	fed     time.Time
	closed  bool
}

var _ board.Watchdog = (*Watchdog)(nil)

// NewWatchdog returns a watchdog that runs. now is its clock.
func NewWatchdog(timeout time.Duration, now func() time.Time) *Watchdog {
	return &Watchdog{timeout: timeout, now: now, fed: now()}
}

// Feed is board.Watchdog's.
func (w *Watchdog) Feed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed
	}
	w.fed = w.now()
	return nil
}

// Timeout is board.Watchdog's.
func (w *Watchdog) Timeout() time.Duration { return w.timeout }

// Close is board.Watchdog's.
func (w *Watchdog) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return nil
}

// Bitten reports whether a real one would have reset the box by now.
func (w *Watchdog) Bitten() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.closed && w.now().Sub(w.fed) > w.timeout
}

// Button is a button that a test presses.
type Button struct{ presses chan board.Press }

var _ board.Button = (*Button)(nil)

// NewButton returns a button.
func NewButton() *Button { return &Button{make(chan board.Press, 16)} }

// Hold presses the button for d. At most sixteen presses wait to be taken; more are lost, as of a real one.
func (b *Button) Hold(d time.Duration) {
	select {
	case b.presses <- board.PressOf(d):
	default:
	}
}

// Press is board.Button's.
func (b *Button) Press(ctx context.Context) (board.Press, error) {
	select {
	case p := <-b.presses:
		return p, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Sensor is a thermometer, a supply and a storage that say what they are told to. The zero Sensor says 0 °C, a good supply and a
// new storage.
type Sensor struct {
	mu      sync.Mutex
	celsius float64
	low     bool
	wear    board.Wear
	err     error
}

var (
	_ board.Temperature = (*Sensor)(nil)
	_ board.Supply      = (*Sensor)(nil)
	_ board.Storage     = (*Sensor)(nil)
)

// Say sets what the sensors say.
func (s *Sensor) Say(celsius float64, low bool, wear board.Wear, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.celsius, s.low, s.wear, s.err = celsius, low, wear, err
}

// Celsius is board.Temperature's.
func (s *Sensor) Celsius() (float64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.celsius, s.err
}

// Low is board.Supply's.
func (s *Sensor) Low() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.low, s.err
}

// Wear is board.Storage's.
func (s *Sensor) Wear() (board.Wear, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wear, s.err
}

// maxTries is how often a slot is tried.
const maxTries = 3

// Slots are two slots in memory. Use NewSlots.
type Slots struct {
	mu sync.Mutex
	s  board.SlotState
}

var _ board.Slots = (*Slots)(nil)

// NewSlots returns slots of a box that runs slot a, which is active.
func NewSlots() *Slots { return &Slots{s: board.SlotState{Running: "a", Active: "a"}} }

// State is board.Slots'.
func (s *Slots) State() (board.SlotState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s, nil
}

// Try is board.Slots'.
func (s *Slots) Try() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s.OnTrial() {
		return board.ErrOnTrial
	}
	s.s.Trial, s.s.Tries, s.s.Failed = other(s.s.Running), maxTries, ""
	return nil
}

// Confirm is board.Slots'.
func (s *Slots) Confirm() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.s.OnTrial() {
		return board.ErrNoTrial
	}
	s.s.Active, s.s.Trial, s.s.Tries, s.s.Failed = s.s.Running, "", 0, ""
	return nil
}

// Boot starts the box anew, as the boot loader would.
func (s *Slots) Boot() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Running = s.s.Active
	switch {
	case s.s.Trial == "":
	case s.s.Tries > 0:
		s.s.Running, s.s.Tries = s.s.Trial, s.s.Tries-1
	default:
		s.s.Failed, s.s.Trial = s.s.Trial, ""
	}
}

func other(s board.Slot) board.Slot {
	if s == "a" {
		return "b"
	}
	return "a"
}
