package forward

import (
	"testing"
	"time"
)

// A province that is away is asked often at first, since most are only restarted, and then seldom.
func TestPatience(t *testing.T) {
	began := time.Unix(0, 0)
	p := newPatience(began)
	hellos := func(until time.Duration) (n int) {
		for at := time.Duration(0); at < until; at += answer {
			if p.over(began.Add(at)) {
				n++
			}
		}
		began = began.Add(until)
		return n
	}
	f := func(name string, d time.Duration, least, most int) {
		t.Helper()
		if got := hellos(d); got < least || got > most {
			t.Errorf("%s: %d hellos, want %d to %d", name, got, least, most)
		}
	}
	f("in the first half minute", 30*time.Second, 2, 3)
	f("in the first quarter of an hour", 15*time.Minute, 6, 9)
	f("in a day", 24*time.Hour, 280, 290)
}
