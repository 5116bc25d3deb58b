// Package judge decides what PID 1 does about a daemon that is well or not: whether a firmware on trial stays, when the daemon is started
// anew, when the box is. It is pure: what reports mean is firmware/health's; here it is put together with how often the daemon ended.
// Times are steady: since the box's boot.
package judge

import (
	"time"

	"cafeprobe/firmware/health"
)

// A box on trial whose daemon ends Crashes times within Window reboots: the boot loader then has one try less.
const (
	Crashes = 5
	Window  = 5 * time.Minute
)

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
	report  health.Report
	waits   bool          // a daemon was started at all
	first   time.Duration // when
	runs    bool          // one was started, and did not end
	started time.Duration // when that was
	spoke   bool          // it has reported
	crashes []time.Duration

	patience time.Duration
}

// New returns a Judge of a box whose firmware is on trial, or not. vain is how often in a row the box was rebooted for its daemon in
// vain: each doubles the time until the next. A reboot that does not help is no reason to wear the card out, and a technician is to find a
// console that stays.
func New(trial bool, vain int) *Judge {
	return &Judge{trial: trial, patience: health.Patience << min(vain, maxDoubled)}
}

// maxDoubled bounds that: five hours and twenty minutes.
const maxDoubled = 5

// Started says that the daemon begins.
func (j *Judge) Started(now time.Duration) {
	j.runs, j.started, j.spoke = true, now, false
	if !j.waits {
		j.waits, j.first = true, now
	}
}

// Ended says that the daemon ended though nobody asked it to.
func (j *Judge) Ended(now time.Duration) {
	j.runs = false
	j.report.Well = 0 // a minute of being well is one without an end
	j.crashes = append(j.crashes, now)
	if len(j.crashes) > Crashes {
		j.crashes = j.crashes[1:]
	}
}

// Heard says what the daemon reported, at a time that is not before Started's.
func (j *Judge) Heard(r health.Report) { j.report, j.spoke = r, true }

// Report returns the last report.
func (j *Judge) Report() health.Report { return j.report }

// OnTrial reports whether the firmware is still on trial.
func (j *Judge) OnTrial() bool { return j.trial }

// Confirmed says that the firmware is not on trial any more.
func (j *Judge) Confirmed() { j.trial = false }

// Next returns what is to be done at now, and why.
func (j *Judge) Next(now time.Duration) (Verdict, string) {
	if j.trial {
		if len(j.crashes) == Crashes && now-j.crashes[0] <= Window {
			return Reboot, "the daemon of a firmware on trial ends again and again"
		}
		switch d, why := health.Trial(j.report, 0, now); d {
		case health.Confirm:
			if j.runs {
				return Confirm, why
			}
		case health.RollBack:
			return Reboot, why
		}
	}
	// A daemon that has not spoken since the boot has something that a reboot does not mend, as its configuration: a firmware that stays
	// has shown that it speaks.
	if j.report.Seq > 0 && now-j.first >= j.patience {
		if feed, why := health.Feed(j.report, j.first, now); !feed {
			return Reboot, why
		}
	}
	// Before its first word a daemon reads what is on the card, which may take minutes.
	if hung, why := health.Hung(j.report, j.started, now); j.runs && j.spoke && hung {
		return Restart, why
	}
	return Nothing, ""
}
