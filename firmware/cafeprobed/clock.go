package main

import (
	"runtime/debug"
	"strconv"
	"time"

	"cafeprobe/firmware/clock"
	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/uplink"
)

// built is when this program was built, Unix seconds: -ldflags "-X main.built=…". A build from a git tree needs none, its
// commit's time does.
var built string

// buildTime returns when a program with that link-time value and those settings was built, the zero time if nothing says so.
func buildTime(built string, settings []debug.BuildSetting) time.Time {
	if s, err := strconv.ParseInt(built, 10, 64); err == nil && s > 0 {
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

// newClock returns the clock of a replay: what the box says of itself, beside the frames' own time. It asks nobody and
// remembers nothing.
func newClock() *clock.Clock {
	var cfg clock.Config
	if info, ok := debug.ReadBuildInfo(); ok {
		cfg.Build = buildTime(built, info.Settings)
	}
	now := boottime.Now()
	c := clock.New(cfg, now)
	c.TakeRTC(now, time.Now())
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
