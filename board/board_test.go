package board

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestLights: each light can be told from every other by an eye, and the LED is never still for long, as that of a hung box is.
func TestLights(t *testing.T) {
	seen := map[string]Light{}
	for _, l := range Lights() {
		p := l.Pattern()
		if len(p) == 0 || len(p)%2 != 0 || l.String() == "unknown" {
			t.Fatalf("%v: pattern %v, want pairs of on and off", l, p)
		}
		var cycle time.Duration
		for _, d := range p {
			if cycle += d; d < 150*time.Millisecond || d > 3*time.Second {
				t.Errorf("%v: %v is too short to see or too long to wait for", l, d)
			}
		}
		key, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if was, ok := seen[string(key)]; ok {
			t.Errorf("%v looks as %v", l, was)
		}
		seen[string(key)] = l
	}
	if Light(-1).Pattern() != nil || Light(99).String() != "unknown" {
		t.Error("what is no light has a pattern")
	}
}

func TestPressOf(t *testing.T) {
	f := func(d time.Duration, want Press) {
		t.Helper()
		if got := PressOf(d); got != want {
			t.Errorf("%v: %v, want %v", d, got, want)
		}
	}
	f(0, Short)
	f(-time.Second, Short) // a clock that went back
	f(HoldTime-1, Short)
	f(HoldTime, Hold)
	f(LongHoldTime-1, Hold)
	f(LongHoldTime, LongHold)
}

// TestDescriptions: each board's own board.json can be read, and is in the folder of its name.
func TestDescriptions(t *testing.T) {
	files, err := filepath.Glob("*/board.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		d, err := ParseDescription(b)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if want := filepath.Dir(f); d.Name != want || !slices.ContainsFunc(Boards(), func(b Board) bool { return b.Name == want }) {
			t.Errorf("%s describes %q, of the boards that there are", f, d.Name)
		}
	}
}

func TestParseDescription(t *testing.T) {
	f := func(text string, ok bool) {
		t.Helper()
		_, err := ParseDescription([]byte(text))
		if (err == nil) != ok || (err != nil && !errors.Is(err, ErrDescription)) {
			t.Errorf("%s: %v, want it read: %v", text, err, ok)
		}
	}
	f(`{"name":"pc"}`, true)
	f(`{"name":"pc","leds":{"status":"red:sys"},"watchdog":"/dev/watchdog0","button":{"name":"gpio-keys","code":408}}`, true)
	f(`{}`, false)
	f(`{"name":"../pc"}`, false)
	f(`{"name":"pc","leds":{"status":"../../devices/x"}}`, false)
	f(`{"name":"pc","watchdog":"/etc/shadow"}`, false)
	f(`{"name":"pc","watchdog":"/dev/../etc/shadow"}`, false)
	f(`{"name":"pc","console":{"device":"../mem"}}`, false)
	f(`{"name":"pc","disk":["/sys/block/../x"]}`, false)
	f(`{"name":`, false)
}

func FuzzParseDescription(f *testing.F) {
	f.Add([]byte(`{"name":"pc","leds":{"status":"red:sys"},"watchdog":"/dev/watchdog0","disk":["/sys/block/vd*"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseDescription(b)
		if err == nil && d.valid() != nil {
			t.Errorf("%q: was read, and is not valid", b)
		}
	})
}
