package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machine says what this machine is.
func machine() string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, %d cores, Linux %s, %s", after("/proc/cpuinfo", "model name"), runtime.NumCPU(),
		strings.TrimSpace(string(kernel)), strings.Replace(runtime.Version(), "go", "Go ", 1))
}

// load is the load average of a minute.
func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	word, _, _ := strings.Cut(string(b), " ")
	return word
}

// own is the most memory that this process had resident, MB.
func own() float64 {
	kib, _ := strconv.ParseFloat(strings.TrimSuffix(after("/proc/self/status", "VmHWM"), " kB"), 64)
	return kib * 1024 / 1e6
}

// after returns what stands behind a key and a colon in a file of /proc.
func after(path, key string) string {
	b, _ := os.ReadFile(path)
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
