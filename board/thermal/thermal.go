// Package thermal reads the thermometers of Linux' thermal zones (Documentation/driver-api/thermal/sysfs-api.rst).
package thermal

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"

	"cafeprobe/board"
)

const zones = "class/thermal/thermal_zone*/temp"

// Zones are all thermal zones of a machine. Use Open.
type Zones struct{ sys fs.FS }

var _ board.Temperature = (*Zones)(nil)

// Open returns the zones of the machine whose sysfs is sys (os.DirFS("/sys") for this one). The error wraps board.ErrNone where
// there are none.
func Open(sys fs.FS) (*Zones, error) {
	z := &Zones{sys}
	if _, err := z.Celsius(); err != nil {
		return nil, err
	}
	return z, nil
}

// Celsius is board.Temperature's. A zone that does not answer, as while its sensor sleeps, is left out unless none does.
func (z *Zones) Celsius() (float64, error) {
	files, err := fs.Glob(z.sys, zones)
	if err != nil {
		return 0, fmt.Errorf("temperature: %w", err)
	}
	errs := []error{board.ErrNone}
	highest := math.Inf(-1)
	for _, f := range files {
		b, err := fs.ReadFile(z.sys, f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		milli, err := strconv.ParseInt(strings.TrimSpace(string(b[:min(len(b), 32)])), 10, 32)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %.20q", f, b))
			continue
		}
		highest = max(highest, float64(milli)/1000)
	}
	if math.IsInf(highest, -1) {
		return 0, fmt.Errorf("temperature: %w", errors.Join(errs...))
	}
	return highest, nil
}
