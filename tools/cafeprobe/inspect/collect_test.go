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
	span := func(first, last int64) flowSpan { return flowSpan{first: first, last: last} }
	f("one", 5*time.Second, span(0, 5*s))
	f("a moment", 0, span(3*s, 3*s))
	f("overlap, out of order", 9*time.Second, span(4*s, 9*s), span(0, 5*s))
	f("one within another", 9*time.Second, span(0, 9*s), span(2*s, 3*s), span(4*s, 5*s))
	f("apart", 3*time.Second, span(0, s), span(10*s, 12*s))
}
