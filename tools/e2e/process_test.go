package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// memory is what /proc/PID/status says of a process, in octets. Resident holds mapped files too: of a spool those pages
// that were read lately, which the kernel takes back when it needs them.
type memory struct {
	Resident, Peak, Anonymous int // VmRSS, VmHWM, RssAnon
}

// memoryOf returns the memory of the process pid, "self" for this one.
func memoryOf(t testing.TB, pid string) (m memory) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		t.Fatal(err)
	}
	into := map[string]*int{"VmRSS:": &m.Resident, "VmHWM:": &m.Peak, "RssAnon:": &m.Anonymous}
	found := 0
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 || into[f[0]] == nil {
			continue
		}
		kib, err := strconv.Atoi(f[1])
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		*into[f[0]] = kib << 10
		found++
	}
	if found != len(into) {
		t.Fatalf("/proc/%s/status: %d of %d lines found in %s", pid, found, len(into), b)
	}
	return m
}

// clockTicks is USER_HZ, which is 100 on every Linux that Go runs on.
const clockTicks = 100

// worked returns the time for which the process pid has had a processor, of /proc/PID/stat (proc(5): utime, stime).
func worked(t testing.TB, pid string) time.Duration {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ") // the name before it may hold spaces
	f := strings.Fields(rest)
	if len(f) < 13 {
		t.Fatalf("/proc/%s/stat: %q", pid, b)
	}
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	if err1 != nil || err2 != nil {
		t.Fatalf("/proc/%s/stat: %q", pid, b)
	}
	return time.Duration(user+system) * time.Second / clockTicks
}
