package update

import (
	"context"
	"errors"
	"fmt"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/slot"
)

// stick is a folder on a stick that is in, and who waits until it may be pulled out.
type stick struct {
	offer Offer
	stays bool // it was in when the box started
	done  chan error
}

// ErrVain is what Stick says of a firmware that was rolled back, on a stick that was in when the box started.
var ErrVain = errors.New("update: this firmware was tried in vain: pull the stick out and put it in again to have it tried once more")

// Stick takes the newest firmware for the board from a folder on a stick, and returns when the stick is needed no more: nil if the
// firmware waits for the box to start anew. It comes before what is fetched over the network, which goes on behind it unless the stick's
// waits to be tried then. What is refused is told, but that it runs already: a stick may stay in. Of one that was in when the box started
// (stays) it is not told either that it is old, and it does not bring back what was rolled back.
func (u *Updater) Stick(ctx context.Context, folder string, stays bool) error {
	s := stick{Offer{Folder: folder}, stays, make(chan error, 1)}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case u.sticks <- s:
	}
	return <-s.done // Run ends what it does when its own context ends
}

// forgetStick forgets an offer of a stick that was not done with when the box started: it may be another stick now.
func (u *Updater) forgetStick() {
	if o := u.known().Offer; o == nil || o.Folder == "" {
		return
	}
	st, err := u.cfg.Slots.State()
	u.note(func(m *memo) {
		m.Offer = nil
		if err == nil && st.Trial == bootstate.None { // it was not let be tried
			m.Trial = nil
		}
	})
}

// stick does what Stick asks for, and reports whether a firmware waits to be tried then.
func (u *Updater) stick(ctx context.Context, s stick) bool {
	was := u.known().Offer
	fw, err := u.try(ctx, s.offer, s.stays)
	why := Refused(err)
	if o := u.known().Offer; err != nil && why == "" && ctx.Err() == nil && o != nil && o.Folder != "" { // it was pulled out, as it seems
		why = Network
	}
	left := s.stays && (why == Older || why == Frozen) // in the box, and forgotten there
	if why != "" && why != Current && !left {
		u.step(fw, "refused", bootstate.None, string(why))
	}
	if err != nil && ctx.Err() == nil {
		u.cfg.Log.Warn("stick", "fw", fw, "error", err)
		u.note(func(m *memo) { m.Offer = was })
	}
	s.done <- err
	return err == nil
}

// wanted says why a firmware on a stick is not taken, or tells of it.
func (u *Updater) wanted(o Offer, found *Found, stays bool) error {
	if vain := u.known().Vain; stays && vain != nil && *vain == found.SHA256 {
		return ErrVain
	}
	o.Version = found.Version
	u.announce(&o)
	return nil
}

// tryUntilStick tries an offer until a stick is put in.
func (u *Updater) tryUntilStick(ctx context.Context, o Offer) (fw string, in *stick, err error) {
	ctx, stop := context.WithCancel(ctx)
	came := make(chan *stick, 1)
	go func() {
		select {
		case s := <-u.sticks:
			came <- &s
			stop()
		case <-ctx.Done():
			came <- nil
		}
	}()
	fw, err = u.try(ctx, o, false)
	stop()
	in = <-came
	if in != nil && err == nil {
		in.done <- fmt.Errorf("%w: a firmware from the province waits to be tried", slot.ErrOnTrial)
		in = nil
	}
	return fw, in, err
}
