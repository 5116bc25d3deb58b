package data

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// minRoom is how much room the daemon is to find, in octets: a file of its spool at least.
const minRoom = 8 << 20

// own are the names of what a box keeps at the root of its data.
var own = []string{"cafeprobe", "init", "update"}

// found is where e2fsck puts what it finds no name for.
const found = "lost+found"

// sweep removes what is none of the box's where its data have no room: what the checker found, and what somebody else put there. What
// is the box's own stays: the spool sees to its own bound, and gives room when the province has what is in it. The error says what was
// removed, or that nothing helps.
func sweep(dir string) error {
	before := room(dir)
	if before >= minRoom {
		return nil
	}
	full := fmt.Errorf("the data partition is full: %d KiB are left", before>>10)
	list, err := os.ReadDir(dir)
	if err != nil {
		return errors.Join(full, err)
	}
	var errs []error
	for _, e := range list {
		switch {
		case slices.Contains(own, e.Name()):
		case e.Name() == found:
			inside, err := os.ReadDir(filepath.Join(dir, found))
			errs = append(errs, err)
			for _, e := range inside {
				errs = append(errs, os.RemoveAll(filepath.Join(dir, found, e.Name())))
			}
		default:
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if after := room(dir); after > before {
		full = fmt.Errorf("the data partition was full of what is none of the box's: %d KiB were removed", (after-before)>>10)
	}
	return errors.Join(append([]error{full}, errs...)...)
}

// room returns how many octets a program that is not root can still write.
func room(dir string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return minRoom // it is not known to be full
	}
	return int64(st.Bavail) * int64(st.Bsize)
}
