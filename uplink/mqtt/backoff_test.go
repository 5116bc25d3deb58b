package mqtt

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	f := func(fails int, random float64, want time.Duration) {
		t.Helper()
		if got := backoff(time.Minute, fails, random); got != want {
			t.Errorf("backoff(%d, %v) = %v, want %v", fails, random, got, want)
		}
	}
	f(0, 0, 0)
	f(0, 0.5, 30*time.Second)
	f(1, 1, 2*time.Minute)
	f(100, 1, 5*time.Minute)
}
