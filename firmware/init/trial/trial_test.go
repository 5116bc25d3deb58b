package trial

import (
	"testing"
	"time"
)

// play runs a box second by second for as long as nothing decides; do is what its daemon does. A confirmation and a restart are carried out.
func play(j *Judge, until time.Duration, do func(j *Judge, now time.Duration)) (v Verdict, at time.Duration, restarts int) {
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

func TestVerdicts(t *testing.T) {
	const start = 15 * time.Second
	begin := func(j *Judge, now time.Duration) {
		if now == start {
			j.Started(now)
		}
	}
	reports := func(r func(now time.Duration) Report) func(*Judge, time.Duration) {
		return func(j *Judge, now time.Duration) {
			begin(j, now)
			if now > start && now%(10*time.Second) == 0 {
				j.Heard(now, r(now))
			}
		}
	}
	good := func(time.Duration) Report { return Report{true, true} }
	f := func(name string, trial bool, do func(*Judge, time.Duration), want Verdict, after, within time.Duration) {
		t.Helper()
		v, at, _ := play(New(trial), time.Hour, do)
		if v != want || at < after || at > within {
			t.Errorf("%s: verdict %d after %v, want %d after %v to %v", name, v, at, want, after, within)
		}
	}
	f("good", true, reports(good), Confirm, 75*time.Second, 85*time.Second)
	f("good, not on trial", false, reports(good), Nothing, 0, time.Hour)
	f("province late", true, reports(func(now time.Duration) Report { return Report{true, now > 5*time.Minute} }), Confirm, 5*time.Minute, 6*time.Minute)
	f("province never", true, reports(func(time.Duration) Report { return Report{Well: true} }), Reboot, Limit, Limit)
	f("reached once", true, reports(func(now time.Duration) Report { return Report{now > 3*time.Minute, now < time.Minute} }), Confirm, 4*time.Minute, 5*time.Minute)
	f("well and ill by turns", true, reports(func(now time.Duration) Report { return Report{now%(40*time.Second) != 0, true} }), Reboot, Limit, Limit)
	f("never well", true, reports(func(time.Duration) Report { return Report{Reached: true} }), Reboot, Limit, Limit)
	f("never well, not on trial", false, reports(func(time.Duration) Report { return Report{} }), Nothing, 0, time.Hour)
	f("never started", true, func(*Judge, time.Duration) {}, Reboot, Limit, Limit)
	f("not provisioned", false, func(*Judge, time.Duration) {}, Nothing, 0, time.Hour)
	f("silent from the start", false, begin, Reboot, start+Patience, start+Patience)
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
	f("crash loop, not on trial", false, crash(20*time.Second), Reboot, start+Patience, start+Patience)
	f("crashes now and then", true, func(j *Judge, now time.Duration) {
		crash(80*time.Second)(j, now)
		if now > start && now%(80*time.Second) > 20*time.Second && now%(10*time.Second) == 0 {
			j.Heard(now, Report{true, false})
		}
	}, Reboot, Limit, Limit)
}

// TestHang: a daemon that falls silent is started anew, and the box goes on when that helps.
func TestHang(t *testing.T) {
	v, at, restarts := play(New(false), 2*time.Hour, func(j *Judge, now time.Duration) {
		if now == 0 {
			j.Started(now)
		}
		if now%(10*time.Second) == 0 && (now < 20*time.Minute || now > 25*time.Minute) {
			j.Heard(now, Report{true, true})
		}
	})
	if v != Nothing || restarts != 2 {
		t.Errorf("verdict %d after %v, %d restarts; want none, 2 in five minutes", v, at, restarts)
	}
}
