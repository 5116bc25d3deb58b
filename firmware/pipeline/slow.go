package pipeline

import (
	"sync/atomic"
	"time"

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

	looks  bool // somebody looks at sight
	looked int64
	sight  atomic.Pointer[Sight]

	cut atomic.Bool // the frames were cut off: no conclusion is drawn from there being no more
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
			if s.looks && buf[i].Kind == capture.KindTick {
				s.look(buf[i].Time)
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

// Sight is what is seen of the café now, of a live run. It is not to be changed.
type Sight struct {
	Vantage cafe.Vantage
	PCs     int // stations that show themselves to be PCs
	Unknown int // stations that are reported, and of which it is not known what they are
}

const sightPeriod = 10 * time.Second

// look shows what is seen at t, now and then.
func (s *slow) look(t int64) {
	if t >= s.looked && t-s.looked < int64(sightPeriod) {
		return
	}
	s.looked = t
	now := &Sight{Vantage: s.cafe.Vantage()}
	for _, st := range s.cafe.Stations() {
		switch {
		case !st.Reported():
		case st.Role == cafe.RolePC:
			now.PCs++
		case st.Role == cafe.RoleUnknown:
			now.Unknown++
		}
	}
	s.sight.Store(now)
}
