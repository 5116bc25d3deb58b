package kernel

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const maxModules = 256 // of an image; a box has about 60

// ErrModules is wrapped by ParseModules' error.
var ErrModules = errors.New("list of modules")

// ParseModules reads the list of modules in their order: the name of a file a line, in /lib/modules.
func ParseModules(r io.Reader) (list []string, err error) {
	lines := bufio.NewScanner(io.LimitReader(r, 1<<16))
	for lines.Scan() {
		name := strings.TrimSpace(lines.Text())
		switch {
		case name == "" || name[0] == '#':
			continue
		case name != filepath.Base(name) || !strings.HasSuffix(name, ".ko"):
			return nil, fmt.Errorf("%w: %.40q: want the name of a .ko file", ErrModules, name)
		case len(list) == maxModules:
			return nil, fmt.Errorf("%w: more than %d", ErrModules, maxModules)
		}
		list = append(list, name)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModules, err)
	}
	return list, nil
}

// Load loads the modules that the file at list names, from dir, in order. A module that the kernel refuses, as one for hardware that
// is not there, stops none that follow. Of args those of the form MODULE.NAME=VALUE are passed to their module, as modprobe(8) does.
func Load(list, dir string, args Arguments) (loaded int, err error) {
	f, err := os.Open(list)
	if err != nil {
		return 0, fmt.Errorf("load modules: %w", err)
	}
	defer f.Close()
	names, err := ParseModules(f)
	errs := []error{err}
	for _, name := range names {
		switch err := load(filepath.Join(dir, name), args.of(name)); {
		case err == nil, errors.Is(err, unix.EEXIST):
			loaded++
		case errors.Is(err, unix.ENODEV): // its hardware is not there
		default:
			errs = append(errs, fmt.Errorf("load module %s: %w", name, err))
		}
	}
	return loaded, errors.Join(errs...)
}

// of returns the parameters of the module in a file of that name. In both, - and _ are the same.
func (a Arguments) of(file string) string {
	module := strings.ReplaceAll(strings.TrimSuffix(file, ".ko"), "-", "_")
	var list []string
	for name, value := range a {
		if m, parameter, ok := strings.Cut(name, "."); ok && strings.ReplaceAll(m, "-", "_") == module {
			list = append(list, parameter+"="+value)
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func load(path, parameters string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), parameters, 0)
}
