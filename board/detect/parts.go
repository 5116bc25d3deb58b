package detect

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cafeprobe/board"
	"cafeprobe/board/button"
	"cafeprobe/board/led"
	"cafeprobe/board/supply"
	"cafeprobe/board/thermal"
	"cafeprobe/board/watchdog"
	"cafeprobe/board/wear"
)

// StatusLED is what board.Description.LEDs calls the LED that says how the box is.
const StatusLED = "status"

// Sensors returns the parts of the machine whose root folder is root ("/" for this one) that can be looked at without a right:
// thermometer, supply, and the storage below the folder data of this machine. Parts that are not there are nil; the error says
// which of those that are there do not work.
func Sensors(root, data string) (p board.Parts, err error) {
	sys := os.DirFS(filepath.Join(root, "sys"))
	t, err1 := thermal.Open(sys)
	if err1 == nil {
		p.Temperature = t
	}
	s, err2 := supply.Open(sys)
	if err2 == nil {
		p.Supply = s
	}
	w, err3 := wear.Of(filepath.Join(root, "sys"), data)
	if err3 == nil {
		p.Storage = w
	}
	return p, faults(err1, err2, err3)
}

// WatchdogTime is what a box's watchdog is set to: longer than the slowest flush of a worn card, and short enough for a box that
// hangs to be back before anybody calls.
const WatchdogTime = time.Minute

// Controls opens what d says that the board has to show, to be pressed and to reset it, on the machine whose root folder is root.
// The watchdog runs from then on. Parts that are not there are nil; the error says which of those that are there do not work.
func Controls(root string, d board.Description) (p board.Parts, err error) {
	var errs []error
	if name := d.LEDs[StatusLED]; name != "" {
		l, err := led.Open(filepath.Join(root, "sys", "class", "leds", name))
		if err == nil {
			p.LED = l
		}
		errs = append(errs, err)
	}
	if d.Button.Name != "" {
		b, err := button.Open(filepath.Join(root, "dev", "input"), d.Button.Name, d.Button.Code)
		if err == nil {
			p.Button = b
		}
		errs = append(errs, err)
	}
	if d.Watchdog != "" {
		w, err := watchdog.Open(filepath.Join(root, d.Watchdog), WatchdogTime)
		if err == nil {
			p.Watchdog = w
		}
		errs = append(errs, err)
	}
	return p, errors.Join(errs...) // a part that d names is to be there
}

// faults joins the errors that are not of a part that is not there.
func faults(errs ...error) error {
	var out []error
	for _, err := range errs {
		if err != nil && !errors.Is(err, board.ErrNone) && !errors.Is(err, fs.ErrNotExist) {
			out = append(out, err)
		}
	}
	return errors.Join(out...)
}
