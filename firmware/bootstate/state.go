// Package bootstate is what the boot loader and the firmware tell each other: which slot is good, which is on trial, and how often
// it may be tried yet. Two copies are kept in a partition of their own, each a sector that a disk writes whole or not; a copy is
// what U-Boot's `env import -c` reads and `env export -c` writes. Choose says what the boot loader does with it, and the selector
// script is held to it.
package bootstate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// Slot is one of the two places for a firmware.
type Slot byte

// The slots.
const (
	None Slot = '-'
	A    Slot = 'a'
	B    Slot = 'b'
)

// String returns "a", "b" or "-".
func (s Slot) String() string { return string(rune(s)) }

// Other returns the other slot.
func (s Slot) Other() Slot {
	switch s {
	case A:
		return B
	case B:
		return A
	}
	return None
}

// Slots of "a" and "b" are in images; anything else is an error.
func slotOf(s string, none bool) (Slot, error) {
	switch {
	case s == "a", s == "b", s == "-" && none:
		return Slot(s[0]), nil
	}
	return None, fmt.Errorf("slot %.8q", s)
}

// State is one copy's content. The zero State is not valid: see Factory.
type State struct {
	Seq    uint32 // the copy with the higher one is newer
	Active Slot   // A or B: the slot that has proved itself
	Try    Slot   // the slot on trial, or None
	Tries  int    // how often Try may be booted yet, 0 to 9
	Failed Slot   // the slot that was tried in vain last, or None
}

// Factory is the state of a box that has none: of a new card, and where both copies are lost.
var Factory = State{Active: A, Try: None, Failed: None}

const (
	// Size is that of a copy, in octets: one sector.
	Size = 512

	// MaxTries is the most that State.Tries can be.
	MaxTries = 9

	// Tries is how often a new firmware is tried.
	Tries = 3
)

// ErrState is wrapped by the errors of Decode.
var ErrState = errors.New("boot state")

func (s State) valid() error {
	switch {
	case s.Active != A && s.Active != B:
		return fmt.Errorf("%w: active slot %q", ErrState, byte(s.Active))
	case s.Try != None && s.Try != A && s.Try != B, s.Failed != None && s.Failed != A && s.Failed != B:
		return fmt.Errorf("%w: slots %q and %q", ErrState, byte(s.Try), byte(s.Failed))
	case s.Try == s.Active:
		return fmt.Errorf("%w: slot %s is on trial, and good", ErrState, s.Try)
	case s.Tries < 0 || s.Tries > MaxTries:
		return fmt.Errorf("%w: %d tries", ErrState, s.Tries)
	}
	return nil
}

// Encode returns the copy with s: a CRC-32 (IEEE, little endian) of what follows, and variables as NAME=VALUE, each ended by a zero, with
// zeros behind them. A number is hexadecimal, as U-Boot counts.
func (s State) Encode() ([Size]byte, error) {
	var b [Size]byte
	if err := s.valid(); err != nil {
		return b, err
	}
	copy(b[4:], fmt.Sprintf("active=%s\x00failed=%s\x00seq=%08x\x00tries=%d\x00try=%s\x00", s.Active, s.Failed, s.Seq, s.Tries, s.Try))
	binary.LittleEndian.PutUint32(b[:], crc32.ChecksumIEEE(b[4:]))
	return b, nil
}

// Decode reads a copy. Its errors wrap ErrState: of a copy that is torn, empty, or says what no firmware wrote.
func Decode(b []byte) (State, error) {
	if len(b) != Size || binary.LittleEndian.Uint32(b) != crc32.ChecksumIEEE(b[4:]) {
		return State{}, fmt.Errorf("%w: checksum", ErrState)
	}
	text, _, ok := bytes.Cut(b[4:], []byte{0, 0})
	if !ok {
		return State{}, fmt.Errorf("%w: has no end", ErrState)
	}
	s := State{Try: None, Failed: None}
	seen := 0
	for v := range strings.SplitSeq(string(text), "\x00") {
		name, value, _ := strings.Cut(v, "=")
		var err error
		var n uint64
		switch name {
		case "active":
			s.Active, err = slotOf(value, false)
		case "try":
			s.Try, err = slotOf(value, true)
		case "failed":
			s.Failed, err = slotOf(value, true)
		case "seq":
			n, err = strconv.ParseUint(value, 16, 32)
			s.Seq = uint32(n)
		case "tries":
			n, err = strconv.ParseUint(value, 16, 8)
			s.Tries = int(n)
		default:
			continue
		}
		if err != nil {
			return State{}, fmt.Errorf("%w: %s: %w", ErrState, name, err)
		}
		seen++
	}
	if seen != 5 {
		return State{}, fmt.Errorf("%w: has %d of 5 variables", ErrState, seen)
	}
	return s, s.valid()
}

// Choose returns the slot that the boot loader boots, and the state that it writes before: one that is not written equals s.
// A slot that damaged reports is not booted. Slot None: both are damaged, and the boot loader resets.
func (s State) Choose(damaged func(Slot) bool) (boot Slot, next State) {
	next = s
	if s.Try != None && s.Tries > 0 && !damaged(s.Try) {
		next.Tries--
		next.Seq++
		return s.Try, next
	}
	if s.Try != None {
		next.Failed, next.Try, next.Tries = s.Try, None, 0
		next.Seq++
	}
	switch {
	case !damaged(s.Active):
		return s.Active, next
	case !damaged(s.Active.Other()):
		return s.Active.Other(), next
	}
	return None, next
}

// Clear returns s without a trial: before a slot's content is changed.
func (s State) Clear() State {
	s.Try, s.Tries = None, 0
	return s
}

// Trial returns s with the slot that is not active on trial.
func (s State) Trial() State {
	s.Try, s.Tries, s.Failed = s.Active.Other(), Tries, None
	return s
}

// Confirm returns s with the slot on trial, which runs, as the active one.
func (s State) Confirm() State {
	if s.Try != None {
		s.Active, s.Try, s.Tries, s.Failed = s.Try, None, 0, None
	}
	return s
}
