// Package boardtest holds what every part of a board must do, of whatever it is made: implementations and those in memory pass
// the same tests.
package boardtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"cafeprobe/board"
)

// LED tests l. lit reads what a person would see.
func LED(t *testing.T, l board.LED, lit func() bool) {
	t.Helper()
	for i, on := range []bool{true, true, false, false, true, false} {
		if err := l.Set(on); err != nil {
			t.Fatalf("set %d, %v: %v", i, on, err)
		}
		if got := lit(); got != on {
			t.Errorf("set %d: lit is %v, want %v", i, got, on)
		}
	}
}

// Watchdog tests w, which it closes. Nothing is reset unless w cannot be stopped.
func Watchdog(t *testing.T, w board.Watchdog) {
	t.Helper()
	if d := w.Timeout(); d < time.Second || d > time.Hour {
		t.Errorf("timeout %v, want one that a box can be fed within", d)
	}
	for range 3 {
		if err := w.Feed(); err != nil {
			t.Fatalf("feed: %v", err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := w.Feed(); err == nil {
		t.Error("a watchdog that is closed was fed")
	}
}

// Button tests b. hold lets a finger hold it for some time, and may take no time itself.
func Button(t *testing.T, b board.Button, hold func(time.Duration)) {
	t.Helper()
	f := func(d time.Duration, want board.Press) {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		hold(d)
		if got, err := b.Press(ctx); got != want || err != nil {
			t.Errorf("held for %v: %v, %v, want %v", d, got, err, want)
		}
	}
	f(50*time.Millisecond, board.Short)
	f(board.HoldTime-time.Millisecond, board.Short)
	f(board.HoldTime, board.Hold)
	f(board.LongHoldTime-time.Millisecond, board.Hold)
	f(board.LongHoldTime, board.LongHold)
	f(time.Minute, board.LongHold)
	f(time.Millisecond, board.Short)
	over, stop := context.WithCancel(t.Context())
	stop()
	if p, err := b.Press(over); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is over: %v, %v, want its error", p, err)
	}
}

// Temperature tests s: what it says is within what electronics live in.
func Temperature(t *testing.T, s board.Temperature) {
	t.Helper()
	c, err := s.Celsius()
	if err != nil {
		t.Fatalf("temperature: %v", err)
	}
	if c < -60 || c > 150 {
		t.Errorf("%v °C", c)
	}
}

// Storage tests s: each value within its range, and octets written never fewer.
func Storage(t *testing.T, s board.Storage) {
	t.Helper()
	var last board.Wear
	for range 2 {
		w, err := s.Wear()
		if err != nil {
			t.Fatalf("wear: %v", err)
		}
		if w.Used < -1 || w.Used > 110 {
			t.Errorf("used %d %%, want -1 to 110", w.Used)
		}
		switch w.Reserve {
		case "", board.ReserveNormal, board.ReserveWarning, board.ReserveUrgent:
		default:
			t.Errorf("reserve %q", w.Reserve)
		}
		if w.Written < last.Written {
			t.Errorf("%d octets written, before %d", w.Written, last.Written)
		}
		last = w
	}
}

// Slots tests s, slots of a box that runs its active slot and tries none. boot starts the box anew, as its boot loader does.
func Slots(t *testing.T, s board.Slots, boot func()) {
	t.Helper()
	look := func() board.SlotState {
		t.Helper()
		st, err := s.State()
		if err != nil {
			t.Fatalf("state: %v", err)
		}
		return st
	}
	first := look()
	if first.Running == "" || first.Running != first.Active || first.Trial != "" {
		t.Fatalf("begins as %+v, want one that runs its active slot and tries none", first)
	}
	if err := s.Confirm(); !errors.Is(err, board.ErrNoTrial) {
		t.Errorf("confirm without a trial: %v, want ErrNoTrial", err)
	}
	failing(t, s, boot, first.Active, look)
	try(t, s, boot)
	second := look()
	if second.Running == first.Running || !second.OnTrial() || second.Active != first.Active {
		t.Fatalf("on trial: %+v", second)
	}
	if err := s.Try(); !errors.Is(err, board.ErrOnTrial) {
		t.Errorf("try on trial: %v, want ErrOnTrial", err)
	}
	if err := s.Confirm(); err != nil {
		t.Fatalf("confirm: %v", err)
	}
	boot()
	if st := look(); st.Running != second.Running || st.Active != second.Running || st.Trial != "" || st.Failed != "" {
		t.Errorf("confirmed: %+v", st)
	}
}

func try(t *testing.T, s board.Slots, boot func()) {
	t.Helper()
	if err := s.Try(); err != nil {
		t.Fatalf("try: %v", err)
	}
	boot()
}

// failing lets a trial fail: the box is back in its active slot after as many boots as there are tries.
func failing(t *testing.T, s board.Slots, boot func(), active board.Slot, look func() board.SlotState) {
	t.Helper()
	try(t, s, boot)
	boots := 1
	for ; look().Running != active && boots < 20; boots++ {
		if !look().OnTrial() {
			t.Fatalf("boot %d: %+v, want it on trial", boots, look())
		}
		boot()
	}
	st := look()
	if boots < 2 || boots > 10 || st.Active != active || st.Trial != "" || st.Failed == "" || st.Failed == active {
		t.Errorf("after %d boots without a confirmation: %+v, want the active slot again", boots, st)
	}
}
