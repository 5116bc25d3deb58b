package health

import (
	"fmt"
	"time"

	"cafeprobe/board"
)

// Bounds of what PID 1 does with reports.
const (
	// Silence is after how long a daemon that says nothing, or whose loops stand still, hangs: PID 1 starts it anew.
	Silence = 2 * time.Minute
	// Patience is after how long of that, in spite of all restarts, the watchdog is fed no more and the box is reset.
	Patience = 10 * time.Minute

	// Steady is how long a firmware on trial has to be well before it is confirmed.
	Steady = time.Minute
	// TrialTime is by when that has to be, from the box's boot.
	TrialTime = 10 * time.Minute
)

func ms(t int64) time.Duration { return time.Duration(t) * time.Millisecond }

// idle returns for how long nothing has moved, as far as r says: since it was made, or since the loops behind it stand still.
func (r *Report) idle(now time.Duration) time.Duration { return now - min(ms(r.At), ms(r.Beat)) }

// Hung reports whether the daemon that said r last hangs at now, and why. started is when it began, steady.
func Hung(r Report, started, now time.Duration) (hung bool, why string) {
	switch {
	case now-max(started, ms(r.At)) >= Silence:
		return true, fmt.Sprintf("the daemon has said nothing for %v", (now - max(started, ms(r.At))).Round(time.Second))
	case now-max(started, ms(r.Beat)) >= Silence:
		return true, fmt.Sprintf("the daemon's loops have stood still for %v", (now - max(started, ms(r.Beat))).Round(time.Second))
	}
	return false, ""
}

// Feed reports whether PID 1 is to feed the hardware watchdog at now, and if not, why. r is the last report, of whichever daemon;
// since is from when there was to be one, steady: PID 1 feeds by itself before, as on a box that is not provisioned. A card that
// fails, a cable that is out or a province that is away reset nothing: a boot would mend none of them.
func Feed(r Report, since, now time.Duration) (feed bool, why string) {
	if idle := min(r.idle(now), now-since); idle >= Patience {
		return false, fmt.Sprintf("the daemon has not been well for %v, in spite of restarts", idle.Round(time.Second))
	}
	return true, ""
}

// Decision is what becomes of a firmware on trial.
type Decision int

// The decisions.
const (
	Wait     Decision = iota
	Confirm           // it stays
	RollBack          // the box reboots without a confirmation
)

// String returns the decision in words.
func (d Decision) String() string {
	return [...]string{"wait", "confirm", "roll back"}[min(max(d, Wait), RollBack)]
}

// Trial decides at now about a firmware that is on trial since since, steady (its boot), by the last report. why says what it
// waits for, or what it lacked.
func Trial(r Report, since, now time.Duration) (d Decision, why string) {
	lacks := r.lacks(now)
	switch {
	case lacks == "":
		return Confirm, "the daemon has been well for a minute, and the province was reached"
	case now-since >= TrialTime:
		return RollBack, lacks
	}
	return Wait, lacks
}

// lacks says what there is to be for a firmware to be confirmed, and is not.
func (r *Report) lacks(now time.Duration) string {
	switch {
	case r.Seq == 0:
		return "the daemon has said nothing yet"
	case r.idle(now) >= BeatTime:
		return "the daemon says nothing any more, or stands still"
	case r.Well == 0:
		return r.ails()
	case !r.Reached:
		return "the province was not reached"
	case now-ms(r.Well) < Steady:
		return "the daemon has not been well for a minute"
	}
	return ""
}

// ails says which of what a firmware is to blame for is wrong.
func (r *Report) ails() string {
	for _, n := range []Name{Storage, Capture} {
		if c := r.Check(n); c.State == Bad {
			return c.Sentence(English)
		}
	}
	return "the daemon is not well"
}

// Light returns what the LED shows at now. r is the last report; a box whose daemon has said nothing, or says nothing any more,
// boots.
func Light(r Report, now time.Duration) board.Light {
	bad := func(ns ...Name) bool {
		for _, n := range ns {
			if r.Check(n).State == Bad {
				return true
			}
		}
		return false
	}
	switch {
	case r.Seq == 0 || r.idle(now) >= Silence:
		return board.Booting
	case bad(Storage):
		return board.StorageFault
	case bad(Capture, Vantage):
		return board.Blind
	case bad(Uplink, Broker, Receipts):
		return board.UplinkLost
	}
	return board.Working
}
