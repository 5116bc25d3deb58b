package supply

import (
	"errors"
	"testing"
	"testing/fstest"

	"cafeprobe/board"
)

func TestLow(t *testing.T) {
	file := "class/hwmon/hwmon2/in0_lcrit_alarm"
	sys := fstest.MapFS{
		"class/hwmon/hwmon0/temp1_input": {Data: []byte("48000\n")},
		file:                             {Data: []byte("0\n")},
	}
	a, err := Open(sys)
	if err != nil {
		t.Fatal(err)
	}
	f := func(says string, want, ok bool) {
		t.Helper()
		sys[file] = &fstest.MapFile{Data: []byte(says)}
		if got, err := a.Low(); got != want || (err == nil) != ok {
			t.Errorf("%q: %v, %v, want %v", says, got, err, want)
		}
	}
	f("1\n", true, true)
	f("0\n", false, true)
	f("2\n", false, false)
	f("", false, false)
	delete(sys, file)
	if _, err := a.Low(); err == nil {
		t.Error("a sensor that is gone says something")
	}
	if _, err := Open(sys); !errors.Is(err, board.ErrNone) {
		t.Errorf("a board without one: %v, want ErrNone", err)
	}
}
