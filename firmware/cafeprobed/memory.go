package main

import (
	"fmt"
	"os"
)

// resident returns the octets of memory that the process takes up, 0 if the kernel does not say (proc_pid_statm(5)).
func resident() (octets int) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}
