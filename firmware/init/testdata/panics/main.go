// Command panics is a PID 1 for tests: it loads the modules as a box's does, and has the kernel panic.
package main

import (
	"fmt"
	"os"

	"cafeprobe/firmware/init/kernel"
)

// words are in the kernel's log when it ends.
const words = "a test's last words"

func main() {
	err := kernel.Mount("/")
	line, _ := os.ReadFile("/proc/cmdline")
	n, lerr := kernel.Load("/etc/modules", "/lib/modules", kernel.ParseArguments(string(line)))
	kernel.Log().Error(words, "mount", err, "modules", n, "error", lerr)
	// What /proc/sysrq-trigger takes does not ask kernel.sysrq (Documentation/admin-guide/sysrq.rst).
	fmt.Println(os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0))
}
