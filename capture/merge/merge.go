// Package merge makes one Source of several that are listened to: a box's capture port, and mirrors that are sent to it.
package merge

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"cafeprobe/capture"
)

// Part is one of several sources, as afpacket.Ring and remote.Source are: Ready fills fs with frames that have come, which are
// valid until its next call, and never waits; an error comes without frames; FDs are readable when it is worth calling.
type Part interface {
	Ready(fs []capture.Frame) (n int, err error)
	FDs() []int
}

// Config configures a Source. The zero Config is valid.
type Config struct {
	Quiet time.Duration // Next waits so long for frames; default 250 ms, at least 1 ms and at most a second
	Now   func() int64  // the scale of the parts' times, nanoseconds; default: UTC
}

// Source is the parts as one. Next and Batch are for one goroutine. The parts stay the caller's, who closes them.
type Source struct {
	cfg   Config
	parts []Part
	polls []unix.PollFd
	turn  int
	one   [1]capture.Frame // for Next
	clock int64            // the latest time that was told
	last  time.Time        // when there were frames, or it was said that there are none
}

// New returns the parts as one Source.
func New(cfg Config, parts ...Part) *Source {
	if cfg.Quiet < time.Millisecond {
		cfg.Quiet = 250 * time.Millisecond
	}
	cfg.Quiet = min(cfg.Quiet, time.Second)
	if cfg.Now == nil {
		cfg.Now = func() int64 { return time.Now().UnixNano() }
	}
	s := &Source{cfg: cfg, parts: parts, last: time.Now()}
	for _, p := range parts {
		for _, fd := range p.FDs() {
			s.polls = append(s.polls, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	return s
}

// Next fills f with the next frame, as Batch does with many.
func (s *Source) Next(f *capture.Frame) error {
	_, err := s.Batch(s.one[:])
	*f = s.one[0]
	return err
}

// Batch fills fs with frames that one part has, and returns how many. Their octets are the part's own memory and valid until the
// next call. The parts take turns, so that none is kept waiting by a busy one. A part hands its frames over some time after they
// came (a port, up to 60 ms); one that would come before what was told already gets the time of that, so that time never goes
// back. When none comes for Config.Quiet, Batch sets fs[0].Time and returns capture.ErrQuiet. An error of a part is returned as
// it is.
func (s *Source) Batch(fs []capture.Frame) (n int, err error) {
	for n == 0 && err == nil {
		if n, err = s.take(fs); n == 0 && err == nil {
			err = s.wait()
		}
	}
	if n == 0 {
		fs[0].Time = s.clock
		return 0, err
	}
	for i := range fs[:n] {
		s.clock = max(s.clock, fs[i].Time)
		fs[i].Time = s.clock
	}
	return n, nil
}

// take takes frames of the first part that has some, from the one whose turn it is.
func (s *Source) take(fs []capture.Frame) (n int, err error) {
	for range s.parts {
		p := s.parts[s.turn]
		s.turn = (s.turn + 1) % len(s.parts)
		n, err := p.Ready(fs)
		if n > 0 {
			s.last = time.Now()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

// wait waits for a part to have something. What a part refuses wakes it too: quiet is what brings no frame.
func (s *Source) wait() error {
	if time.Since(s.last) >= s.cfg.Quiet {
		s.last = time.Now()
		s.clock = max(s.clock, s.cfg.Now())
		return capture.ErrQuiet
	}
	if _, err := unix.Poll(s.polls, int(s.cfg.Quiet.Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
		return os.NewSyscallError("poll", err)
	}
	return nil
}
