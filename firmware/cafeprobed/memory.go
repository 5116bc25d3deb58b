package main

import (
	"fmt"
	"os"
	"runtime/debug"
)

// gcPercent is how much garbage may be made, of what is alive, before it is collected; Go's own is 100. Most that is alive are
// tables of one size with hardly a pointer, which cost the collector little to look at and would allow for as much garbage again.
// Processor time was no higher for it: see "What a box takes up" in firmware/doc/BENCH.md.
const gcPercent = 10

// thrift has the garbage collected early, unless GOGC says otherwise.
func thrift() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

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
