// Command hangs is a first process that hangs once it has started the watchdog, as one that waits for ever does.
package main

import (
	"fmt"
	"os"
	"time"

	"cafeprobe/board/detect"
	"cafeprobe/board/watchdog"
	"cafeprobe/firmware/init/kernel"
)

func main() {
	err := kernel.Mount("/")
	if err == nil {
		_, err = kernel.Load("/etc/modules", "/lib/modules", nil)
	}
	if err == nil {
		time.Sleep(time.Second) // its device comes a little after its module
		_, err = watchdog.Open("/dev/watchdog0", detect.WatchdogTime)
	}
	if console, failed := os.OpenFile("/dev/console", os.O_WRONLY, 0); failed == nil {
		fmt.Fprintf(console, "hangs: %v\r\n", err)
	}
	for {
		time.Sleep(time.Hour)
	}
}
