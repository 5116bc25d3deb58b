package main

import (
	"runtime/debug"
	"strconv"
	"time"

	"cafeprobe/firmware/clock"
	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/uplink"
)

// stamped is when this program was built, Unix seconds: -ldflags "-X main.stamped=…". A build from a git tree needs none,
// its commit's time does.
var stamped string

// built returns when this program was built, the zero time if nothing says so.
func built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return buildTime(stamped, nil)
	}
	return buildTime(stamped, info.Settings)
}

// buildTime returns when a program with that link-time value and those settings was built, the zero time if nothing says so.
func buildTime(stamped string, settings []debug.BuildSetting) time.Time {
	if s, err := strconv.ParseInt(stamped, 10, 64); err == nil && s > 0 {
		return time.Unix(s, 0).UTC()
	}
	for _, s := range settings {
		if s.Key != "vcs.time" {
			continue
		}
		if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// newClock returns a clock that asks nobody and remembers nothing: what the machine takes for UTC is all it knows. refused
// hears if that cannot be right.
func newClock(refused func(what, from string)) *clock.Clock {
	now := boottime.Now()
	c := clock.New(clock.Config{Build: built()}, now)
	c.TakeRTC(now, time.Now())
	c.Stats().Refused(clock.Stats{}, refused)
	return c
}

// stamps returns a function that says what time it is by c.
func stamps(c *clock.Clock) func() uplink.Stamp {
	return func() uplink.Stamp {
		t := boottime.Now()
		return c.At(t).Stamp(t)
	}
}

// certain returns a function that says by what time certificates are judged.
func certain(c *clock.Clock) func() time.Time {
	return func() time.Time { return c.Certain(boottime.Now()) }
}
