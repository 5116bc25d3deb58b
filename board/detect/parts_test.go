package detect

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cafeprobe/board"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestSensors: what is there is found, what is not is nil and no error.
func TestSensors(t *testing.T) {
	root := t.TempDir()
	p, err := Sensors(root, root)
	if err != nil || p != (board.Parts{}) {
		t.Errorf("an empty machine: %+v, %v, want nothing and no error", p, err)
	}
	write(t, filepath.Join(root, "sys/class/thermal/thermal_zone0/temp"), "48000\n")
	write(t, filepath.Join(root, "sys/class/hwmon/hwmon1/in0_lcrit_alarm"), "1\n")
	p, err = Sensors(root, root)
	if err != nil || p.Temperature == nil || p.Supply == nil || p.Storage != nil {
		t.Errorf("%+v, %v, want a thermometer and a supply", p, err)
	}
	write(t, filepath.Join(root, "sys/class/hwmon/hwmon1/in0_lcrit_alarm"), "?\n")
	if p, err = Sensors(root, root); err == nil || p.Temperature == nil || p.Supply != nil {
		t.Errorf("%+v, %v, want the broken sensor told, and the other one", p, err)
	}
}

// TestControls: a part that board.json names and that is not there is an error, and the others work.
func TestControls(t *testing.T) {
	root := t.TempDir()
	var d board.Description
	if p, err := Controls(root, d); err != nil || p != (board.Parts{}) {
		t.Errorf("a board without parts: %+v, %v", p, err)
	}
	d.LEDs = map[string]string{StatusLED: "red:sys"}
	d.Watchdog, d.Button.Name = "/dev/watchdog0", "gpio-keys"
	write(t, filepath.Join(root, "sys/class/leds/red:sys/max_brightness"), "1\n")
	write(t, filepath.Join(root, "sys/class/leds/red:sys/brightness"), "0\n")
	p, err := Controls(root, d)
	if !errors.Is(err, board.ErrNone) || p.LED == nil || p.Button != nil || p.Watchdog != nil {
		t.Errorf("%+v, %v, want a LED, and that the others are missing", p, err)
	}
	if err := p.LED.Set(true); err != nil {
		t.Error(err)
	}
}
