package watchdog

import (
	"testing"
	"testing/fstest"
)

func TestReset(t *testing.T) {
	f := func(content string, want bool) {
		t.Helper()
		if got := Reset(fstest.MapFS{bootStatus: {Data: []byte(content)}}); got != want {
			t.Errorf("%q: got %v, want %v", content, got, want)
		}
	}
	f("0\n", false)
	f("32\n", true)
	f("33\n", true)
	f("1\n", false) // overheated
	f("?", false)
	if Reset(fstest.MapFS{}) {
		t.Error("no watchdog: got true")
	}
}
