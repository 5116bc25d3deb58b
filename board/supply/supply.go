// Package supply hears whether the box's supply is too weak, on boards that measure it: the Raspberry Pi's firmware raises an
// alarm below 4.63 V (drivers/hwmon/raspberrypi-hwmon.c).
package supply

import (
	"fmt"
	"io/fs"
	"strings"

	"cafeprobe/board"
)

const alarms = "class/hwmon/hwmon*/in0_lcrit_alarm"

// Alarm is the alarm of a voltage that is critically low. Use Open.
type Alarm struct {
	sys  fs.FS
	file string
}

var _ board.Supply = (*Alarm)(nil)

// Open returns the alarm of the machine whose sysfs is sys (os.DirFS("/sys") for this one). The error wraps board.ErrNone where
// it has none, as all boards but the Raspberry Pi.
func Open(sys fs.FS) (*Alarm, error) {
	files, err := fs.Glob(sys, alarms)
	if err == nil && len(files) == 0 {
		err = board.ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("supply: %w", err)
	}
	a := &Alarm{sys, files[0]}
	if _, err := a.Low(); err != nil {
		return nil, err
	}
	return a, nil
}

// Low is board.Supply's.
func (a *Alarm) Low() (bool, error) {
	b, err := fs.ReadFile(a.sys, a.file)
	if err != nil {
		return false, fmt.Errorf("supply: %w", err)
	}
	switch strings.TrimSpace(string(b[:min(len(b), 8)])) {
	case "0":
		return false, nil
	case "1":
		return true, nil
	}
	return false, fmt.Errorf("supply: %s: %.20q", a.file, b)
}
