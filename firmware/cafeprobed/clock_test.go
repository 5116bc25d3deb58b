package main

import (
	"runtime/debug"
	"testing"
	"time"

	"cafeprobe/uplink"
)

func TestBuildTime(t *testing.T) {
	vcs := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.time", Value: "2026-11-24T10:00:00+07:00"}}
	f := func(name, built string, settings []debug.BuildSetting, want time.Time) {
		t.Helper()
		if got := buildTime(built, settings); !got.Equal(want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	commit := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	f("linked", "1795000000", vcs, time.Unix(1795000000, 0))
	f("from a git tree", "", vcs, commit)
	f("linked with nonsense", "today", vcs, commit)
	f("neither", "", nil, time.Time{})
	f("a commit without a time", "", []debug.BuildSetting{{Key: "vcs.time", Value: "?"}}, time.Time{})
}

// TestReplayClock: a replay's own records have the machine's time, and say that nobody confirmed it. The steady scale and
// the machine's clock are read one after the other, so the two are a moment apart.
func TestReplayClock(t *testing.T) {
	say := stamps(newClock(nobody))
	before, a, b, after := time.Now(), say(), say(), time.Now()
	if a.Quality != uplink.QualityCoarse || a.Time < uplink.TimeOf(before) || a.Time > uplink.TimeOf(after.Add(time.Second)) || b.Mono < a.Mono || a.Mono == 0 {
		t.Errorf("got %+v, then %+v, want coarse, from %v to %v", a, b, before, after)
	}
}
