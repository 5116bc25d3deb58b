// Package boottime reads the steady scale: the time since the machine booted. It is CLOCK_BOOTTIME (time_namespaces(7),
// clock_gettime(2)), which nobody can set and which goes on while the machine sleeps.
package boottime

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Now returns the time since the machine booted.
func Now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("BUG: CLOCK_BOOTTIME: " + err.Error()) // Linux has it since 2.6.39
	}
	return time.Duration(ts.Nano())
}

// idFile is where Linux names its boot: another random UUID each time (random(4)).
const idFile = "proc/sys/kernel/random/boot_id"

// ID returns the name of the machine's boot; root is its file system.
func ID(root fs.FS) (string, error) {
	b, err := fs.ReadFile(root, idFile)
	if err != nil {
		return "", fmt.Errorf("read the boot's name: %w", err)
	}
	id := strings.TrimSpace(string(b))
	if id == "" || len(id) > 64 {
		return "", fmt.Errorf("read the boot's name: %s holds %d octets", idFile, len(id))
	}
	return id, nil
}
