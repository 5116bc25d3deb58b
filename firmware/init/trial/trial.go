// Package trial decides what PID 1 does about a daemon that is well or not: whether a firmware on trial stays, when the daemon is
// started anew, when the box is. It is pure: times are those since the box's boot.
package trial

import "time"

// Bounds. Those of a trial are the boot loader's counterpart: a box that reboots unconfirmed has one try less.
const (
	Steady  = 60 * time.Second // how long the daemon has to be well before its firmware is confirmed
	Limit   = 10 * time.Minute // by when that has to be, or the box reboots
	Crashes = 5                // as many within CrashTime reboot a box on trial
	Window  = 5 * time.Minute

	Silence  = 2 * time.Minute  // a daemon that says nothing for so long hangs, and is started anew
	Patience = 30 * time.Minute // a box whose daemon says nothing for so long, however often it is started, reboots
)

// Report is what the daemon says of itself, in short.
type Report struct {
	Well    bool // nothing that only a firmware can be blamed for is wrong
	Reached bool // the province was reached since the daemon began
}

// Verdict is what to do.
type Verdict int

// Verdicts.
const (
	Nothing Verdict = iota
	Confirm         // the firmware on trial is good
	Restart         // the daemon hangs: end it
	Reboot
)

// Judge is what is known. Use New.
type Judge struct {
	trial   bool
	since   time.Duration   // when the daemon last began, or spoke
	spoke   time.Duration   // when it last spoke, or when the box began to wait for that
	well    time.Duration   // since when it is well
	isWell  bool            //
	reached bool            //
	runs    bool            // it was started, and did not end
	waits   bool            // it was started at all
	crashes []time.Duration // the last ones
}

// New returns a Judge of a box whose firmware is on trial, or not.
func New(trial bool) *Judge { return &Judge{trial: trial} }

// Started says that the daemon begins.
func (j *Judge) Started(now time.Duration) {
	j.runs, j.since, j.isWell = true, now, false
	if !j.waits {
		j.waits, j.spoke = true, now
	}
}

// Ended says that the daemon ended though nobody asked it to.
func (j *Judge) Ended(now time.Duration) {
	j.runs, j.isWell = false, false
	j.crashes = append(j.crashes, now)
	if len(j.crashes) > Crashes {
		j.crashes = j.crashes[1:]
	}
}

// Heard says that the daemon reported.
func (j *Judge) Heard(now time.Duration, r Report) {
	j.since, j.spoke = now, now
	if r.Well && !j.isWell {
		j.well = now
	}
	j.isWell = r.Well
	j.reached = j.reached || r.Reached
}

// Trial reports whether the firmware is still on trial.
func (j *Judge) Trial() bool { return j.trial }

// Confirmed says that the firmware is not on trial any more.
func (j *Judge) Confirmed() { j.trial = false }

// Next returns what is to be done now, and why.
func (j *Judge) Next(now time.Duration) (Verdict, string) {
	looping := len(j.crashes) == Crashes && now-j.crashes[0] <= Window
	switch {
	case j.trial && looping:
		return Reboot, "the daemon of a firmware on trial ends again and again"
	case j.trial && j.runs && j.isWell && j.reached && now-j.since < Silence && now-j.well >= Steady:
		return Confirm, "the daemon is well, and the province was reached"
	case j.trial && now >= Limit:
		return Reboot, j.lacks()
	case j.waits && now-j.spoke >= Patience:
		return Reboot, "the daemon said nothing for half an hour"
	case j.runs && now-j.since >= Silence:
		return Restart, "the daemon says nothing"
	}
	return Nothing, ""
}

// lacks says what a firmware on trial has not shown.
func (j *Judge) lacks() string {
	switch {
	case !j.waits:
		return "the daemon of a firmware on trial was not started"
	case !j.isWell:
		return "the daemon of a firmware on trial is not well"
	case !j.reached:
		return "a firmware on trial has not reached the province"
	}
	return "the daemon of a firmware on trial was not well for long enough"
}
