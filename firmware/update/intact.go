package update

import (
	"errors"
	"fmt"
	"io"
	"math"

	"cafeprobe/firmware/slot"
)

// ErrDamaged is wrapped by the error of Intact for a firmware that is not on the card as it was written.
var ErrDamaged = errors.New("update: the firmware on the card is not the one that was written")

// Intact compares the firmware that runs, on the card, with what was written: systemd-boot and a PC's firmware compare nothing unless
// Secure Boot is on, and what decompresses notices some faults only. What came with the card, or was confirmed before the data were
// lost, is compared with what it was when Intact read it first. Where the boot loader compares there is nothing to do.
//
// A program that judges whether it is damaged may err. It says so of a fault that happened to strike elsewhere.
func (u *Updater) Intact() error {
	if u.cfg.Image == nil {
		return nil
	}
	st, err := u.cfg.Slots.State()
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	running := st.Running.String()
	m := u.known()
	want := m.Runs
	if st.OnTrial() {
		want = m.Trial
	}
	if want != nil && (want.Slot != running || want.Version != u.cfg.Release.Version || want.Length == 0) {
		want = nil
	}
	place, err := u.cfg.Image()
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	if c, ok := place.(io.Closer); ok {
		defer c.Close()
	}
	n, sum, err := slot.Sum(io.NewSectionReader(place, 0, math.MaxInt64), place)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case want != nil && (n != want.Length || sum != want.SHA256):
		return fmt.Errorf("%w: %d octets of SHA-256 %x, want %d of %x", ErrDamaged, n, sum, want.Length, want.SHA256)
	case want == nil && !st.OnTrial():
		u.note(func(m *memo) { m.Runs = &trial{u.cfg.Release.Version, running, sum, n} })
	}
	return nil
}
