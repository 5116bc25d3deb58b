package judge

import (
	"testing"
	"time"

	"cafeprobe/firmware/health"
)

// box plays a box second by second until something is decided for good; do is what its daemon does. A restart is carried out.
func box(j *Judge, until time.Duration, do func(j *Judge, now time.Duration)) (v Verdict, at time.Duration, restarts int) {
	for now := time.Duration(0); now <= until; now += time.Second {
		do(j, now)
		switch v, _ := j.Next(now); v {
		case Restart:
			restarts++
			j.Ended(now)
			j.Started(now)
		case Confirm, Reboot:
			return v, now, restarts
		}
	}
	return Nothing, until, restarts
}

// reporter makes reports every ten seconds as firmware/health does.
func reporter(start time.Duration, says func(now time.Duration) (well, reached, hangs bool)) func(*Judge, time.Duration) {
	var last health.Report
	var well time.Duration
	return func(j *Judge, now time.Duration) {
		if now == start {
			j.Started(now)
		}
		if now <= start || now%(10*time.Second) != 0 {
			return
		}
		isWell, reached, hangs := says(now)
		if hangs {
			return
		}
		if !isWell {
			well = 0
		} else if well == 0 {
			well = now
		}
		last = health.Report{Seq: last.Seq + 1, At: now.Milliseconds(), Beat: now.Milliseconds(), Well: well.Milliseconds(), Reached: reached}
		j.Heard(last)
	}
}

func TestVerdicts(t *testing.T) {
	const start = 15 * time.Second
	f := func(name string, trial bool, do func(*Judge, time.Duration), want Verdict, after, within time.Duration) {
		t.Helper()
		v, at, _ := box(New(trial, 0), time.Hour, do)
		if v != want || at < after || at > within {
			t.Errorf("%s: verdict %d after %v, want %d after %v to %v", name, v, at, want, after, within)
		}
	}
	says := func(well, reached func(now time.Duration) bool) func(*Judge, time.Duration) {
		return reporter(start, func(now time.Duration) (bool, bool, bool) { return well(now), reached(now), false })
	}
	yes := func(time.Duration) bool { return true }
	no := func(time.Duration) bool { return false }
	f("good", true, says(yes, yes), Confirm, 75*time.Second, 85*time.Second)
	f("good, not on trial", false, says(yes, yes), Nothing, 0, time.Hour)
	f("province late", true, says(yes, func(now time.Duration) bool { return now > 5*time.Minute }), Confirm, 5*time.Minute, 6*time.Minute)
	f("province never", true, says(yes, no), Reboot, health.TrialTime, health.TrialTime)
	f("province never, not on trial", false, says(yes, no), Nothing, 0, time.Hour)
	f("well and ill by turns", true, says(func(now time.Duration) bool { return now%(40*time.Second) != 0 }, yes), Reboot, health.TrialTime, health.TrialTime)
	f("never well", true, says(no, yes), Reboot, health.TrialTime, health.TrialTime)
	f("never well, not on trial", false, says(no, yes), Nothing, 0, time.Hour)
	f("never started", true, func(*Judge, time.Duration) {}, Reboot, health.TrialTime, health.TrialTime)
	f("not provisioned", false, func(*Judge, time.Duration) {}, Nothing, 0, time.Hour)
	f("silent from the start", false, reporter(start, func(time.Duration) (bool, bool, bool) { return true, true, true }), Nothing, 0, time.Hour)
	f("silent later", false, reporter(start, func(now time.Duration) (bool, bool, bool) { return true, true, now > time.Minute }),
		Reboot, time.Minute+health.Patience, time.Minute+health.Patience)
	crash := func(every time.Duration) func(*Judge, time.Duration) {
		return func(j *Judge, now time.Duration) {
			if now >= start && (now-start)%every == 0 {
				j.Started(now)
			}
			if now > start && (now-start)%every == every-time.Second {
				j.Ended(now)
			}
		}
	}
	f("crash loop", true, crash(20*time.Second), Reboot, 100*time.Second, 2*time.Minute)
	f("crash loop, not on trial", false, crash(20*time.Second), Nothing, 0, time.Hour)
	// Each daemon is well and reaches the province, and none lives for a minute.
	f("ends before the minute", true, func(j *Judge, now time.Duration) {
		crash(90*time.Second)(j, now)
		if at := (now - start) % (90 * time.Second); now > start && at > 40*time.Second && at < 89*time.Second {
			j.Heard(health.Report{Seq: 1, At: now.Milliseconds(), Beat: now.Milliseconds(), Well: (now - at + 40*time.Second).Milliseconds(), Reached: true})
		}
	}, Reboot, 5*time.Minute, health.TrialTime)
}

// TestHang: a daemon that falls silent is started anew, and the box goes on when that helps.
func TestHang(t *testing.T) {
	v, at, restarts := box(New(false, 0), 2*time.Hour, reporter(0, func(now time.Duration) (bool, bool, bool) {
		return true, true, now > 20*time.Minute && now < 23*time.Minute
	}))
	if v != Nothing || restarts != 1 {
		t.Errorf("verdict %d after %v, %d restarts; want none, and one in three minutes of silence", v, at, restarts)
	}
}

func TestConfirmed(t *testing.T) {
	j := New(true, 0)
	j.Confirmed()
	if v, why := j.Next(time.Hour); v != Nothing || j.OnTrial() {
		t.Errorf("verdict %d, %s, of a firmware that was confirmed", v, why)
	}
}

// TestVain: reboots that do not help become rare, on trial they do not.
func TestVain(t *testing.T) {
	for vain, want := range map[int]time.Duration{0: 10 * time.Minute, 1: 20 * time.Minute, 5: 320 * time.Minute, 60: 320 * time.Minute} {
		silent := reporter(0, func(now time.Duration) (bool, bool, bool) { return true, true, now > 10*time.Second })
		if v, at, _ := box(New(false, vain), 12*time.Hour, silent); v != Reboot || at < want || at > want+10*time.Second {
			t.Errorf("after %d in vain: verdict %d after %v, want a reboot after %v", vain, v, at, want)
		}
	}
	if v, at, _ := box(New(true, 60), time.Hour, func(*Judge, time.Duration) {}); v != Reboot || at != health.TrialTime {
		t.Errorf("on trial: verdict %d after %v", v, at)
	}
}
