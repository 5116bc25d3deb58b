package main

import (
	"context"
	"testing"
	"time"
)

// TestPace: what was told goes by at once, what comes behind it takes its time.
func TestPace(t *testing.T) {
	const hour = int64(time.Hour)
	wait := pace(context.Background(), 3600, 5*hour) // an hour in a second
	began := time.Now()
	for at := hour; at <= 5*hour; at += hour / 100 {
		wait(at)
	}
	if d := time.Since(began); d > 500*time.Millisecond {
		t.Errorf("what was told took %v, want no wait", d)
	}
	wait(5*hour + hour/5)
	if d := time.Since(began); d < 180*time.Millisecond {
		t.Errorf("a fifth of an hour behind it came after %v, want 200ms", d)
	}
}
