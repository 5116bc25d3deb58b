// Package part finds the box's partitions by the names that its image gave them, on the disks of its own: not on a stick that somebody
// put in, whatever that calls its partitions.
package part

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names of partitions.
const (
	State = "state" // boot state and, until it is unpacked, what the technician wrote for this box
	Data  = "data"
	ESP   = "esp" // of a PC
)

// Disks says where a box's own disks are. The zero Disks is any disk of the machine.
type Disks struct {
	Globs []string `json:"globs"` // of their folders in sysfs, the likeliest first; default /sys/block/*
	Dev   string   `json:"dev"`   // default /dev
}

// Partition is one that was found.
type Partition struct {
	Device string // /dev/vda4
	Disk   string // /dev/vda
	Sys    string // its folder in sysfs
}

// ErrAbsent is wrapped by the error of Find where no disk has the partition.
var ErrAbsent = errors.New("no such partition")

// Find returns the partition of a name. Of several the first counts, in the order of Globs and of the disks' names.
func (d Disks) Find(name string) (Partition, error) {
	globs, dev := d.Globs, d.Dev
	if len(globs) == 0 {
		globs = []string{"/sys/block/*"}
	}
	if dev == "" {
		dev = "/dev"
	}
	for _, g := range globs {
		disks, err := filepath.Glob(g)
		if err != nil {
			return Partition{}, fmt.Errorf("look for partition %s at %s: %w", name, g, err)
		}
		for _, disk := range disks {
			if p, ok := search(disk, dev, name); ok {
				return p, nil
			}
		}
	}
	return Partition{}, fmt.Errorf("%w: %s at %s: is the card in, and flashed?", ErrAbsent, name, strings.Join(globs, ", "))
}

// search looks through the partitions of the disk at a folder of sysfs.
func search(disk, dev, name string) (Partition, bool) {
	where, err := filepath.EvalSymlinks(disk)
	if err != nil || Plugged(where) {
		return Partition{}, false
	}
	list, err := filepath.Glob(filepath.Join(where, filepath.Base(where)+"*", "uevent"))
	if err != nil {
		return Partition{}, false
	}
	for _, file := range list {
		b, err := os.ReadFile(file)
		if err != nil || !strings.Contains("\n"+string(b)+"\n", "\nPARTNAME="+name+"\n") {
			continue
		}
		sys := filepath.Dir(file)
		return Partition{filepath.Join(dev, filepath.Base(sys)), filepath.Join(dev, filepath.Base(where)), sys}, true
	}
	return Partition{}, false
}

// Plugged reports whether the device at a path of sysfs is behind USB.
func Plugged(path string) bool {
	for e := range strings.SplitSeq(path, "/") {
		if n, ok := strings.CutPrefix(e, "usb"); ok && n != "" && strings.Trim(n, "0123456789") == "" {
			return true
		}
	}
	return false
}

// Await is Find that waits up to patience for a disk that the kernel has not found yet: it looks for cards beside starting PID 1.
func (d Disks) Await(name string, patience time.Duration) (Partition, error) {
	const step = 50 * time.Millisecond
	for left := patience; ; left -= step {
		p, err := d.Find(name)
		if err == nil || !errors.Is(err, ErrAbsent) || left <= 0 {
			return p, err
		}
		time.Sleep(step)
	}
}
