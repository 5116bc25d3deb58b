package main

import (
	"log/slog"
	"time"

	"cafeprobe/capture/remote"
	"cafeprobe/firmware/config"
	"cafeprobe/uplink"
)

// feed is the mirrors that routers send over the uplink port, and what was said of them. A nil one is of a box to which none are
// sent.
type feed struct {
	*remote.Source
	told   remote.Report // when refused was last called; of the goroutine that does
	logged time.Time
}

// feedBuffer is how many octets each of the sockets may hold unread; the kernel takes it twice. A sixth of a second of a
// gigabit.
const feedBuffer = 4 << 20

// openFeed opens the sockets that mirrors come to. They send nothing: a process that has called silence.Forbid cannot write
// to them either.
func openFeed(cfg *config.Remote, now func() int64) (*feed, error) {
	allow, c, err := cfg.Source()
	if err != nil {
		return nil, err
	}
	c.Buffer, c.Now = feedBuffer, now
	src, err := remote.Open(allow, c)
	if err != nil {
		return nil, err
	}
	return &feed{Source: src}, nil
}

// FDs returns the sockets' descriptors.
func (f *feed) FDs() []int {
	if f == nil {
		return nil
	}
	return f.Source.FDs()
}

// Close closes the sockets.
func (f *feed) Close() error {
	if f == nil {
		return nil
	}
	return f.Source.Close()
}

// heard is what health records tell of mirrors that are sent.
type heard struct {
	dropped uint64 // datagrams that found no room in the sockets
	missed  uint64 // frames that got lost before they came to the box, by their numbers
	refused uint64 // datagrams of a sender that is not in the list, or that are no mirror
}

// heard counts since the sockets were opened.
func (f *feed) heard() heard {
	if f == nil {
		return heard{}
	}
	r := f.Report()
	return heard{r.Queue, r.Dropped - r.Queue, r.Refused + r.Damaged}
}

// logPeriod is how often the log says what is refused.
const logPeriod = time.Minute

// refused tells add of what was refused since it was last called, and the log, for the technician, of whom. Addresses stay on
// the box.
func (f *feed) refused(add func(what, from string, n uint64), log *slog.Logger) {
	if f == nil {
		return
	}
	r, was := f.Report(), f.told
	f.told = r
	add(uplink.SecurityStranger, "mirror", r.Refused-was.Refused)
	add(uplink.SecurityMalformed, "mirror", r.Damaged-was.Damaged)
	if time.Since(f.logged) < logPeriod {
		return
	}
	switch {
	case r.Refused > was.Refused:
		log.Warn("a mirror was refused: its sender is not in capture.remote.senders", "sender", r.Stranger, "datagrams", r.Refused)
	case r.Damaged > was.Damaged:
		log.Warn("datagrams of a sender in capture.remote.senders are no mirrors", "datagrams", r.Damaged)
	case r.Other > was.Other:
		log.Warn("mirrors are of a format or VNI that capture.remote does not name", "datagrams", r.Other)
	default:
		return
	}
	f.logged = time.Now()
}
