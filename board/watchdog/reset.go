package watchdog

import (
	"io/fs"
	"strconv"
	"strings"
)

// bootStatus is where Linux says why the first watchdog thinks that the machine started; wdCardReset is that it did it itself
// (WDIOF_CARDRESET, linux/watchdog.h).
const (
	bootStatus  = "sys/class/watchdog/watchdog0/bootstatus"
	wdCardReset = 0x20
)

// Reset reports whether the machine whose file system is root was reset by its watchdog.
func Reset(root fs.FS) bool {
	b, err := fs.ReadFile(root, bootStatus)
	if err != nil {
		return false // a machine without a watchdog, or without sysfs
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 0, 32)
	return err == nil && n&wdCardReset != 0
}
