package slot

import (
	"errors"
	"fmt"

	"cafeprobe/firmware/bootstate"
)

// Raw is a box whose slots are partitions. Use NewRaw. Its methods are not safe for concurrent use.
type Raw struct {
	state   bootstate.File
	running bootstate.Slot
}

// NewRaw returns the slots of a box that runs slot running, as its kernel's command line says. state is partition state.
func NewRaw(state bootstate.File, running bootstate.Slot) (*Raw, error) {
	if running != bootstate.A && running != bootstate.B {
		return nil, ErrUnknown
	}
	return &Raw{state, running}, nil
}

// load returns the state, which is that of a new card where none is valid: so does the boot loader take it.
func (r *Raw) load() (bootstate.State, error) {
	s, _, err := bootstate.Load(r.state)
	if errors.Is(err, bootstate.ErrState) {
		return bootstate.Factory, nil
	}
	return s, err
}

// save makes next the state, unless it is.
func (r *Raw) save(was, next bootstate.State) error {
	if next == was {
		return nil
	}
	_, err := bootstate.Save(r.state, next)
	return err
}

// State returns what was agreed on.
func (r *Raw) State() (State, error) {
	s, err := r.load()
	return State{Running: r.running, Active: s.Active, Trial: s.Try, Tries: s.Tries, Failed: s.Failed}, err
}

// Clear ends a trial that has not begun, and makes sure that the slot that runs is the one that is booted. What is in the other
// may change then. It returns ErrOnTrial where what runs is on trial.
func (r *Raw) Clear() error {
	was, err := r.load()
	if err != nil {
		return err
	}
	if was.Try == r.running {
		return ErrOnTrial
	}
	next := was.Clear()
	if next.Active != r.running { // the boot loader found the active slot damaged, and this one whole
		next.Active, next.Failed = r.running, next.Active
	}
	return r.save(was, next)
}

// Try lets the next boot be of the slot that does not run, and those after it until Confirm or until the tries are used up. It
// returns ErrOnTrial where what runs is on trial.
func (r *Raw) Try() error {
	was, err := r.load()
	if err != nil {
		return err
	}
	if was.Try == r.running {
		return ErrOnTrial
	}
	if was.Active != r.running {
		return fmt.Errorf("try slot %s: it is the active one: clear first", r.running.Other())
	}
	return r.save(was, was.Trial())
}

// Confirm makes what runs the active slot. It returns ErrNoTrial where that is not on trial.
func (r *Raw) Confirm() error {
	was, err := r.load()
	if err != nil {
		return err
	}
	if was.Try != r.running {
		return ErrNoTrial
	}
	return r.save(was, was.Confirm())
}

// Forget lets State.Failed be none: that it failed was told.
func (r *Raw) Forget() error {
	was, err := r.load()
	if err != nil {
		return err
	}
	next := was
	next.Failed = bootstate.None
	return r.save(was, next)
}
