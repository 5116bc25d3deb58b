package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"cafeprobe/firmware/init/part"
)

// memory is what the box takes up, as the kernel counts it (proc_meminfo(5), proc_pid_statm(5), proc_pid_fd(5)). What cannot be read is 0.
type memory struct {
	Total      uint64 `json:"total"`     // octets
	Available  uint64 `json:"available"` // octets that programs can still have
	Init       uint64 `json:"init"`      // octets of PID 1 that are in memory
	Daemon     uint64 `json:"daemon"`    // octets of the daemon that are in memory
	InitOpen   int    `json:"init_open"` // files that PID 1 has open
	DaemonOpen int    `json:"daemon_open"`
}

// measure reads what is below proc, "/proc" but in tests.
func (b *box) measure(proc string) (m memory) {
	if info, err := readText(filepath.Join(proc, "meminfo")); err == nil {
		m.Total, m.Available = kibibytes(info, "MemTotal:"), kibibytes(info, "MemAvailable:")
	}
	process := func(pid string) (resident uint64, open int) {
		var size, pages uint64
		if b, err := readText(filepath.Join(proc, pid, "statm")); err == nil {
			_, _ = fmt.Sscan(string(b), &size, &pages)
		}
		if list, err := os.ReadDir(filepath.Join(proc, pid, "fd")); err == nil {
			open = len(list)
		}
		return pages * uint64(os.Getpagesize()), open
	}
	m.Init, m.InitOpen = process("1")
	if pid := b.daemon.Load(); pid > 0 {
		m.Daemon, m.DaemonOpen = process(strconv.FormatInt(pid, 10))
	}
	return m
}

// kibibytes returns in octets what meminfo says of name.
func kibibytes(info []byte, name string) uint64 {
	for line := range bytes.Lines(info) {
		f := bytes.Fields(line)
		if len(f) == 3 && string(f[0]) == name && string(f[2]) == "kB" {
			n, _ := strconv.ParseUint(string(f[1]), 10, 44)
			return n << 10
		}
	}
	return 0
}

// written returns how many octets were written to the partition of the data since the box started (Documentation/block/stat.rst: the
// seventh number, in sectors of 512 octets), 0 where there is none.
func (b *box) written() uint64 {
	p, err := b.disks.Find(part.Data)
	if err != nil {
		return 0
	}
	stat, err := readText(filepath.Join(p.Sys, "stat"))
	f := bytes.Fields(stat)
	if err != nil || len(f) < 7 {
		return 0
	}
	n, _ := strconv.ParseUint(string(f[6]), 10, 54)
	return n * 512
}
