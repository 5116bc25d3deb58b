package wire

import (
	"errors"
	"io"

	"cafeprobe/capture"
	"cafeprobe/tools/sim"
)

// Together hands out the frames of several rooms that one box hears, as of a café with more stations than one network has
// addresses for. Each room is on a network of its own if their seeds have drawn different ones.
func Together(rooms ...*sim.Room) capture.Source {
	s := &together{}
	for _, r := range rooms {
		s.rooms = append(s.rooms, ahead{src: New(r)})
	}
	return s
}

// together has of each room the frame that comes next.
type together struct{ rooms []ahead }

type ahead struct {
	src   *Source
	frame capture.Frame
	there bool
}

// Next fills f with the next frame of all, of the first room where two have the same time, or returns io.EOF.
func (s *together) Next(f *capture.Frame) error {
	next := -1
	for i := 0; i < len(s.rooms); i++ {
		a := &s.rooms[i]
		if !a.there {
			switch err := a.src.Next(&a.frame); {
			case errors.Is(err, io.EOF):
				s.rooms = append(s.rooms[:i], s.rooms[i+1:]...)
				i--
				continue
			case err != nil:
				return err
			}
			a.there = true
		}
		if next < 0 || a.frame.Time < s.rooms[next].frame.Time {
			next = i
		}
	}
	if next < 0 {
		return io.EOF
	}
	a := &s.rooms[next]
	*f, a.there = a.frame, false
	return nil
}
