// Package flash writes a box's image to a card, so that what is on it afterwards is the image or nothing that starts: it refuses what
// is no card, writes the beginning last, and reads everything back.
package flash

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sector is what Linux counts disks in, whatever they are made of (block/genhd.c).
const sector = 512

// Disk is a whole disk, as the kernel lists it.
type Disk struct {
	Name      string // as sdb
	Path      string // as /dev/sdb
	Size      int64  // octets
	Model     string
	Bus       string // usb, mmc, nvme, sata, virtio, loop, or "" for another
	Removable bool   // meant to be taken out: a reader, a stick, a card
	ReadOnly  bool   // by the switch of a card, or the kernel
	System    bool   // this machine runs from it, or swaps to it
	Mounted   []string
	Held      []string // what has been built on it: dm-0, md0
}

// Machine is where a kernel tells of its disks. The zero Machine is the one that this runs on.
type Machine struct {
	Root string // in front of /sys, /proc and /dev
}

func (m Machine) path(parts ...string) string {
	return filepath.Join(append([]string{"/", m.Root}, parts...)...)
}

// Disks lists the disks, by name, without those that hold nothing: loop devices without a file, readers without a card.
func (m Machine) Disks() ([]Disk, error) {
	list, err := os.ReadDir(m.path("sys/block"))
	if err != nil {
		return nil, fmt.Errorf("list the disks: %w", err)
	}
	used, err := m.usage()
	if err != nil {
		return nil, err
	}
	var disks []Disk
	for _, e := range list {
		d, ok := m.disk(e.Name())
		if !ok {
			continue
		}
		u := used[d.Name]
		d.System, d.Mounted = u.system, u.mounted
		disks = append(disks, d)
	}
	return disks, nil
}

// Names that are no disks of anybody's: memory, optical drives, what is made of disks, and the boot areas of an eMMC.
var never = []string{"ram", "zram", "sr", "fd", "dm-", "md", "nbd", "mtdblock"}

func (m Machine) disk(name string) (Disk, bool) {
	dir := m.path("sys/block", name)
	for _, p := range never {
		if strings.HasPrefix(name, p) {
			return Disk{}, false
		}
	}
	if strings.HasPrefix(name, "mmcblk") && strings.ContainsAny(name[len("mmcblk"):], "br") {
		return Disk{}, false // mmcblk0boot0, mmcblk0rpmb
	}
	sectors, err := strconv.ParseInt(text(dir, "size"), 10, 64)
	if err != nil || sectors <= 0 {
		return Disk{}, false
	}
	d := Disk{
		Name: name, Path: m.path("dev", name), Size: sectors * sector, ReadOnly: text(dir, "ro") == "1",
		Model: text(dir, "device/model"),
	}
	if v := text(dir, "device/vendor"); !strings.HasPrefix(v, "0x") { // of a virtual disk: a number
		d.Model = strings.TrimSpace(v + " " + d.Model)
	}
	if d.Model == "" {
		d.Model = text(dir, "device/name") // of a card: what its maker has written into it
	}
	d.Bus = bus(name, dir)
	// A built-in slot says of itself that it is not removable, and what is in it is an SD card all the same.
	d.Removable = text(dir, "removable") == "1" || d.Bus == "usb" || text(dir, "device/type") == "SD"
	d.Held = held(dir)
	return d, true
}

// bus tells from a disk's place in the tree of devices what it is attached by.
func bus(name, dir string) string {
	place, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return ""
	}
	for _, b := range []struct{ part, bus string }{
		{"/usb", "usb"}, {"/mmc", "mmc"}, {"/nvme", "nvme"}, {"/ata", "sata"}, {"/virtio", "virtio"}, {"/loop", "loop"},
	} {
		if strings.Contains(place, b.part) {
			return b.bus
		}
	}
	return ""
}

// held lists what was built on a disk or one of its partitions.
func held(dir string) []string {
	var list []string
	for _, pattern := range []string{"holders/*", "*/holders/*"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern)) // the pattern is sound
		for _, f := range found {
			list = append(list, filepath.Base(f))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// text returns a file of sysfs without its end, "" if there is none.
func text(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b))
}

type use struct {
	system  bool
	mounted []string
}

// systemMounts are where what a machine cannot do without is mounted.
var systemMounts = []string{"/", "/boot", "/boot/efi", "/boot/firmware", "/efi", "/usr", "/var", "/home", "/nix"}

// usage says of each disk what of it is mounted, also by way of what was built on it.
func (m Machine) usage() (map[string]use, error) {
	used := map[string]use{}
	add := func(device, where string, system bool) {
		for _, d := range m.under(device) {
			u := used[d]
			u.system = u.system || system
			if where != "" && !slices.Contains(u.mounted, where) {
				u.mounted = append(u.mounted, where)
			}
			used[d] = u
		}
	}
	err := m.lines("proc/self/mountinfo", func(f []string) {
		// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue (proc_pid_mountinfo(5))
		if len(f) < 10 {
			return
		}
		device, where := f[2], unescape(f[4])
		if i := slices.Index(f, "-"); strings.HasPrefix(device, "0:") && i >= 0 && i+2 < len(f) {
			device = f[i+2] // a file system of several devices names one of them only here
		}
		add(device, where, slices.Contains(systemMounts, where))
	})
	if err != nil {
		return nil, err
	}
	err = m.lines("proc/swaps", func(f []string) { add(unescape(f[0]), "", true) })
	return used, err
}

// under returns the disks that a device is on: "8:1", or a path below /dev. Of what is none it returns nothing.
func (m Machine) under(device string) []string {
	link := m.path("sys/dev/block", device)
	if strings.HasPrefix(device, "/dev/") {
		node, err := filepath.EvalSymlinks(m.path(device))
		if err != nil {
			return nil
		}
		link = m.path("sys/class/block", filepath.Base(node))
	}
	dir, err := filepath.EvalSymlinks(link)
	if err != nil {
		return nil
	}
	if slaves, err := os.ReadDir(filepath.Join(dir, "slaves")); err == nil && len(slaves) > 0 {
		var list []string
		for _, s := range slaves {
			list = append(list, m.under("/dev/"+s.Name())...)
		}
		return list
	}
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		dir = filepath.Dir(dir)
	}
	return []string{filepath.Base(dir)}
}

// lines calls line with the fields of each line of a file of the kernel's.
func (m Machine) lines(name string, line func([]string)) error {
	f, err := os.Open(m.path(name))
	if err != nil {
		return fmt.Errorf("see what is in use: %w", err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if fields := strings.Fields(s.Text()); len(fields) > 0 {
			line(fields)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("see what is in use: %w", err)
	}
	return nil
}

// unescape undoes what the kernel does to blanks in paths: \040.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
