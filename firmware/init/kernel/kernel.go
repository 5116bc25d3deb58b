// Package kernel is what PID 1 says to the kernel before anything else runs: what to mount and which modules to load; and how the
// machine ends.
package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// mount is a file system of the kernel's own.
type mount struct {
	source, target, kind, options string
	flags                         uintptr
}

const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// mounts are those that a box has beside its data, in order. What may be written to is bounded: memory is all there is.
var mounts = []mount{
	{"proc", "/proc", "proc", "", safe},
	{"sysfs", "/sys", "sysfs", "", safe},
	{"devtmpfs", "/dev", "devtmpfs", "", unix.MS_NOSUID | unix.MS_NOEXEC},
	{"tmpfs", "/run", "tmpfs", "size=8m,mode=0755", safe},
	{"tmpfs", "/tmp", "tmpfs", "size=16m,mode=1777", safe},
	{"pstore", "/sys/fs/pstore", "pstore", "", safe},
	{"cgroup2", "/sys/fs/cgroup", "cgroup2", "", safe},
}

// Mount mounts what the kernel offers below root, "/" but in tests. It goes on behind what cannot be mounted, and says so at the end.
func Mount(root string) error {
	var errs []error
	for _, m := range mounts {
		target := filepath.Join(root, m.target)
		err := os.MkdirAll(target, 0o755)
		if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrPermission) {
			err = nil // below another mount, whose folders are the kernel's
		}
		if err == nil {
			err = unix.Mount(m.source, target, m.kind, m.flags, m.options)
		}
		if err != nil && !errors.Is(err, unix.EBUSY) { // devtmpfs may be there already (CONFIG_DEVTMPFS_MOUNT)
			errs = append(errs, fmt.Errorf("mount %s: %w", m.target, err))
		}
	}
	return errors.Join(errs...)
}

// Arguments are the words of the kernel's command line that are of the form NAME=VALUE; of one that stands twice, the last.
type Arguments map[string]string

// maxCommandLine is more than any kernel takes (COMMAND_LINE_SIZE: 2048 on arm64 and x86), in octets.
const maxCommandLine = 4096

// ParseArguments reads /proc/cmdline's content.
func ParseArguments(line string) Arguments {
	a := Arguments{}
	for word := range strings.FieldsSeq(line[:min(len(line), maxCommandLine)]) {
		if name, value, ok := strings.Cut(word, "="); ok {
			a[name] = value
		}
	}
	return a
}

// End says how the machine ends.
type End int

// The ways.
const (
	Reboot End = iota
	PowerOff
)

// syncTime is how long a card may take for what was not written yet: a worn one may take for ever.
const syncTime = 10 * time.Second

// Do ends the machine. It returns only if the kernel refuses.
func (e End) Do() error {
	done := make(chan struct{})
	go func() { unix.Sync(); close(done) }()
	select {
	case <-done:
	case <-time.After(syncTime):
	}
	how := unix.LINUX_REBOOT_CMD_RESTART
	if e == PowerOff {
		how = unix.LINUX_REBOOT_CMD_POWER_OFF
	}
	return unix.Reboot(how)
}

// String returns "reboot" or "power off".
func (e End) String() string {
	if e == PowerOff {
		return "power off"
	}
	return "reboot"
}
