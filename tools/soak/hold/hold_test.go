package hold

import (
	"encoding/json"
	"math"
	"testing"
)

// noted is a test that notes what becomes of it.
type noted struct {
	testing.TB
	figure Figure
	failed bool
}

func (n *noted) Helper()               {}
func (n *noted) Errorf(string, ...any) { n.failed = true }
func (n *noted) Attr(key, value string) {
	if key != Attribute {
		n.TB.Errorf("key %q, want %q", key, Attribute)
	}
	if err := json.Unmarshal([]byte(value), &n.figure); err != nil {
		n.TB.Errorf("%q: %v", value, err)
	}
}

// TestFigures: a figure beyond its limit fails the test, one at the limit does not, and both are told.
func TestFigures(t *testing.T) {
	f := func(name string, call func(testing.TB), ok bool, measured, must string) {
		t.Helper()
		n := &noted{TB: t}
		call(n)
		if n.failed == ok || n.figure.OK != ok || n.figure.Measured() != measured || n.figure.Must() != must {
			t.Errorf("%s: failed %v, %+v: %q, %q; want ok %v, %q, %q", name, n.failed, n.figure, n.figure.Measured(), n.figure.Must(),
				ok, measured, must)
		}
	}
	f("most, at it", func(t testing.TB) { AtMost(t, "x", 256, 256, "MB") }, true, "256 MB", "<= 256 MB")
	f("most, over", func(t testing.TB) { AtMost(t, "x", 256.5, 256, "MB") }, false, "256.5 MB", "<= 256 MB")
	f("least, at it", func(t testing.TB) { AtLeast(t, "x", 2.0, 2, "MB/s") }, true, "2 MB/s", ">= 2 MB/s")
	f("least, under", func(t testing.TB) { AtLeast(t, "x", 1.996, 2, "MB/s") }, false, "1.996 MB/s", ">= 2 MB/s")
	f("equal", func(t testing.TB) { Equal(t, "x", 0, 0, "lost") }, true, "0 lost", "= 0 lost")
	f("not equal", func(t testing.TB) { Equal(t, "x", uint64(1), 0, "lost") }, false, "1 lost", "= 0 lost")

	n := &noted{TB: t}
	AtMost(n, "x", math.NaN(), 1, "MB")
	if !n.failed {
		t.Error("not a number: passed")
	}
}
