// Package wear says how worn the card is that a folder is on. An eMMC says it itself (JEDEC JESD84-B51 §7.4.29 and §7.4.30, which
// Linux shows as pre_eol_info and life_time); an SD card or a disk says nothing there, and is known by what was written to it
// alone.
package wear

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"cafeprobe/board"

	"golang.org/x/sys/unix"
)

// Disk is a block device. Use Open or Of.
type Disk struct{ dir string }

var _ board.Storage = (*Disk)(nil)

// Open returns the disk whose folder in sysfs is dir (/sys/block/NAME). The error wraps board.ErrNone where there is none.
func Open(dir string) (*Disk, error) {
	d := &Disk{dir}
	_, err := d.Wear()
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("disk %s: %w", filepath.Base(dir), board.ErrNone)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Of returns the disk that the file or folder path is on; sys is where sysfs is (/sys). The error wraps board.ErrNone where there
// is none below, as of a file system in memory.
func Of(sys, path string) (*Disk, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil, fmt.Errorf("the disk of %s: %w", path, err)
	}
	return device(sys, unix.Major(st.Dev), unix.Minor(st.Dev))
}

// device returns the disk that a block device is, or is a partition of.
func device(sys string, major, minor uint32) (*Disk, error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(sys, "dev", "block", fmt.Sprintf("%d:%d", major, minor)))
	if err != nil {
		return nil, fmt.Errorf("block device %d:%d: %w: %w", major, minor, board.ErrNone, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		dir = filepath.Dir(dir)
	}
	return Open(dir)
}

// sector is the unit of a block device's counters, whatever its own is (Documentation/block/stat.rst).
const sector = 512

// Wear is board.Storage's.
func (d *Disk) Wear() (board.Wear, error) {
	w := board.Wear{Used: -1}
	b, err := read(filepath.Join(d.dir, "stat"))
	if err != nil {
		return w, fmt.Errorf("wear: %w", err)
	}
	if w.Written, err = written(b); err != nil {
		return w, fmt.Errorf("wear of %s: %w", filepath.Base(d.dir), err)
	}
	if b, err := read(filepath.Join(d.dir, "device", "life_time")); err == nil {
		w.Used = used(b)
	}
	if b, err := read(filepath.Join(d.dir, "device", "pre_eol_info")); err == nil {
		w.Reserve = reserve(b)
	}
	return w, nil
}

// maxFile bounds a file of sysfs.
const maxFile = 4096

func read(path string) (string, error) {
	b, err := os.ReadFile(path)
	return string(b[:min(len(b), maxFile)]), err
}

// written reads the seventh field of stat: sectors written.
func written(stat string) (uint64, error) {
	fields := strings.Fields(stat)
	if len(fields) < 7 {
		return 0, fmt.Errorf("stat: %.40q", stat)
	}
	n, err := strconv.ParseUint(fields[6], 10, 54)
	if err != nil {
		return 0, fmt.Errorf("stat: %w", err)
	}
	return n * sector, nil
}

// used reads life_time: of the two kinds of memory in an eMMC what is used of its life, in tenths, each counted up; 11 is more
// than all, 0 is not said. The worse counts.
func used(life string) int {
	worst := -1
	for _, s := range strings.Fields(life) {
		n, err := strconv.ParseUint(s, 0, 8)
		if err == nil && n >= 1 && n <= 11 {
			worst = max(worst, int(n)*10)
		}
	}
	return worst
}

func reserve(eol string) string {
	n, err := strconv.ParseUint(strings.TrimSpace(eol), 0, 8)
	if err != nil {
		return ""
	}
	switch n {
	case 1:
		return board.ReserveNormal
	case 2:
		return board.ReserveWarning
	case 3:
		return board.ReserveUrgent
	}
	return ""
}
