package judge

import (
	"fmt"
	"io"

	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/timeline"
)

// cause is why a true session was not found.
type cause uint8

const (
	untold   cause = iota // nothing was said of it
	joined4               // it was told as one with another guest's, less than four minutes apart, and nothing parts them
	joined7               // likewise four to seven minutes apart
	joined10              // likewise seven to ten minutes apart
	joinedOn              // likewise longer
	booted                // it was told as one with another guest's, though the station booted or was off between them
	cut                   // it was told in parts
	lateStart
	earlyStart
	lateEnd
	earlyEnd
	causes
)

var causeWords = [causes]string{
	untold:     "nothing is said of it",
	joined4:    "one with another guest, < 4 min between",
	joined7:    "one with another guest, 4 to 7 min",
	joined10:   "one with another guest, 7 to 10 min",
	joinedOn:   "one with another guest, > 10 min",
	booted:     "one with another guest, off or a boot between",
	cut:        "told in parts",
	lateStart:  "its start is late",
	earlyStart: "its start is early",
	lateEnd:    "its end is late",
	earlyEnd:   "its end is early",
}

// causeOf returns why x, which is one of all the true sessions, was not found in what was said of t.
func causeOf(t *timeline.Timeline, x sim.Interval, all []sim.Interval, said []state.Session) cause {
	var s *state.Session
	n := 0
	for i := range said {
		if common(&said[i], x) > minute {
			s, n = &said[i], n+1
		}
	}
	switch {
	case n == 0:
		return untold
	case n > 1:
		return cut
	}
	for _, y := range all {
		if y == x || common(s, y) <= minute {
			continue
		}
		from, to := min(x.To, y.To), max(x.From, y.From)
		switch {
		case parted(t, from, to):
			return booted
		case to-from < 4*minute:
			return joined4
		case to-from < 7*minute:
			return joined7
		case to-from < 10*minute:
			return joined10
		}
		return joinedOn
	}
	start, end := s.Start-x.From, s.End-x.To
	switch {
	case start > int64(Slack+s.StartErr):
		return lateStart
	case -start > int64(Slack+s.StartErr):
		return earlyStart
	case end > 0:
		return lateEnd
	}
	return earlyEnd
}

// common returns for how long s and x are at the same time.
func common(s *state.Session, x sim.Interval) int64 { return min(s.End, x.To) - max(s.Start, x.From) }

// printMissed writes the true sessions that are not found, by cause.
func (u *Uses) printMissed(w io.Writer) {
	fmt.Fprintf(w, "\t\nsessions that are not found\t%d\t\n", u.True-u.Found)
	for c, n := range u.Missed {
		if n > 0 {
			fmt.Fprintf(w, "%s\t%d\t\n", causeWords[c], n)
		}
	}
}
