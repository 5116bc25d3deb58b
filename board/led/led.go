// Package led lights the box's LED through Linux' LED class (Documentation/leds/leds-class.rst).
package led

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cafeprobe/board"
)

// LED is a LED of the kernel's. Use Open.
type LED struct {
	file string
	full string // brightness when it is on
}

var _ board.LED = (*LED)(nil)

// Open returns the LED whose folder in sysfs is dir (/sys/class/leds/NAME), and takes it from the kernel's trigger, which would
// go on lighting it. The error wraps board.ErrNone where there is none.
func Open(dir string) (*LED, error) {
	fail := func(err error) (*LED, error) { return nil, fmt.Errorf("LED %s: %w", filepath.Base(dir), err) }
	most, err := os.ReadFile(filepath.Join(dir, "max_brightness"))
	if errors.Is(err, fs.ErrNotExist) {
		return fail(board.ErrNone)
	}
	if err != nil {
		return fail(err)
	}
	l := &LED{filepath.Join(dir, "brightness"), strings.TrimSpace(string(most))}
	if l.full == "" || strings.Trim(l.full, "0123456789") != "" || len(l.full) > 10 {
		return fail(fmt.Errorf("max_brightness %.20q", most))
	}
	if err := put(filepath.Join(dir, "trigger"), "none"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err) // a kernel without triggers has no such file
	}
	return l, nil
}

// put writes a file of sysfs, which is there or not.
func put(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// Set is board.LED's.
func (l *LED) Set(on bool) error {
	value := "0"
	if on {
		value = l.full
	}
	if err := put(l.file, value); err != nil {
		return fmt.Errorf("LED: %w", err)
	}
	return nil
}

// Play shows on l what comes from show, from its beginning, and the last of it over and over, until ctx ends; before the first,
// and of what has no pattern, it shows nothing. A LED that fails is tried again with the next change. It returns ctx's error, and
// leaves the LED as it is: a box that ends does so in the middle of a pattern, and one that hangs too.
func Play(ctx context.Context, l board.LED, show <-chan board.Light) error {
	var pattern []time.Duration
	step := 0
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case light := <-show:
			pattern, step = light.Pattern(), 0
			if len(pattern) == 0 {
				timer.Stop()
				_ = l.Set(false)
				continue
			}
		case <-timer.C:
			step = (step + 1) % len(pattern)
		}
		_ = l.Set(step%2 == 0) // there is nobody to tell but who looks at the LED
		timer.Reset(pattern[step])
	}
}
