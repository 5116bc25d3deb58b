package inspect

import (
	"testing"
	"time"
)

func TestTogether(t *testing.T) {
	f := func(name string, want time.Duration, spans ...flowSpan) {
		t.Helper()
		if got := together(spans); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	s := int64(time.Second)
	f("one", 5*time.Second, flowSpan{0, 5 * s})
	f("a moment", 0, flowSpan{3 * s, 3 * s})
	f("overlap, out of order", 9*time.Second, flowSpan{4 * s, 9 * s}, flowSpan{0, 5 * s})
	f("one within another", 9*time.Second, flowSpan{0, 9 * s}, flowSpan{2 * s, 3 * s}, flowSpan{4 * s, 5 * s})
	f("apart", 3*time.Second, flowSpan{0, s}, flowSpan{10 * s, 12 * s})
}
