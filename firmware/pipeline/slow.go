package pipeline

import (
	"sync/atomic"

	"cafeprobe/capture"
	"cafeprobe/capture/handoff"
	"cafeprobe/firmware/account"
	"cafeprobe/firmware/cafe"
)

// slow turns observations into the café's state, and its events into records. It owns the café.
type slow struct {
	cafe  *cafe.Cafe
	book  *account.Account // nil where nobody is told
	tap   func(*capture.Observation)
	turns atomic.Uint64
	cut   atomic.Bool // the frames were cut off: no conclusion is drawn from there being no more
}

// run takes all that comes over the crossing until its other end is closed.
func (s *slow) run(in *handoff.Ring) error {
	defer in.Leave()
	buf := make([]capture.Observation, 256)
	for {
		n, ok := in.Take(buf)
		s.turns.Add(1)
		for i := range n {
			if s.tap != nil {
				s.tap(&buf[i])
			}
			if err := s.take(s.cafe.Observe(&buf[i])); err != nil {
				return err
			}
		}
		switch {
		case ok:
		case s.cut.Load():
			return nil
		default:
			return s.take(s.cafe.Finish())
		}
	}
}

func (s *slow) take(events []cafe.Event) error {
	if s.book == nil {
		return nil
	}
	for i := range events {
		if err := s.book.Take(&events[i]); err != nil {
			return err
		}
	}
	return nil
}
