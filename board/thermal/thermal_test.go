package thermal

import (
	"errors"
	"testing"
	"testing/fstest"

	"cafeprobe/board"
	"cafeprobe/board/boardtest"
)

func TestCelsius(t *testing.T) {
	f := func(name string, want float64, values ...string) {
		t.Helper()
		sys := fstest.MapFS{}
		for i, v := range values {
			sys["class/thermal/thermal_zone"+string(rune('0'+i))+"/temp"] = &fstest.MapFile{Data: []byte(v)}
		}
		z, err := Open(sys)
		if want == 0 {
			if !errors.Is(err, board.ErrNone) {
				t.Errorf("%s: %v, want ErrNone", name, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		boardtest.Temperature(t, z)
		if got, err := z.Celsius(); got != want || err != nil {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
	}
	f("one", 48.214, "48214\n")
	f("the hottest of two", 61, "48214\n", "61000\n")
	f("in a cold store", -4.5, "-4500\n")
	f("one that does not answer", 50, "\n", "50000\n")
	f("none", 0)
	f("none that answers", 0, "N/A\n")
	f("no temperature", 0, "99999999999999999999\n")
}
