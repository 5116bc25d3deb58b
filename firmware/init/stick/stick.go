// Package stick finds USB sticks that somebody puts in, and mounts one that has a release on it. Nothing on a stick is believed: it is
// mounted by a child, read-only and without devices or programs, since the kernel may trip over what it is; who reads its files is the
// updater, a user without any right.
package stick

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cafeprobe/firmware/init/part"

	"golang.org/x/sys/unix"
)

// Folder is where a stick has a release repository, as `cafeprobe release` makes it.
const Folder = "release"

// Mark is the file of Folder without which it is none.
const Mark = "timestamp.json"

// Bounds of what is looked at.
const (
	maxSticks = 8
	maxParts  = 16
)

// Stick is a disk behind USB that has a medium.
type Stick struct {
	ID      string   // no other of this boot has it, not the same one either when it is put in again
	Devices []string // its partitions in their order, or itself where it has none
}

// Find returns the sticks that are in, from sysfs at sys, with their devices at dev.
func Find(sys, dev string) ([]Stick, error) {
	disks, err := os.ReadDir(filepath.Join(sys, "block"))
	if err != nil {
		return nil, fmt.Errorf("look for sticks: %w", err)
	}
	var list []Stick
	for _, d := range disks {
		dir, err := filepath.EvalSymlinks(filepath.Join(sys, "block", d.Name()))
		if err != nil || !part.Plugged(dir) || number(dir, "size") == 0 { // gone meanwhile, not behind USB, or a reader without a card
			continue
		}
		s := Stick{ID: fmt.Sprintf("%s-%d", d.Name(), number(dir, "diskseq")), Devices: devices(dir, dev)}
		if list = append(list, s); len(list) == maxSticks {
			break
		}
	}
	return list, nil
}

// devices returns what of the disk at dir may have a file system.
func devices(dir, dev string) []string {
	parts, _ := filepath.Glob(filepath.Join(dir, filepath.Base(dir)+"*", "partition"))
	slices.SortFunc(parts, func(a, b string) int {
		return cmp.Compare(number(filepath.Dir(a), "partition"), number(filepath.Dir(b), "partition"))
	})
	var list []string
	for _, p := range parts[:min(len(parts), maxParts)] {
		list = append(list, filepath.Join(dev, filepath.Base(filepath.Dir(p))))
	}
	if list == nil {
		list = []string{filepath.Join(dev, filepath.Base(dir))}
	}
	return list
}

// number reads a number of sysfs, 0 for none.
func number(dir, name string) uint64 {
	b, _ := os.ReadFile(filepath.Join(dir, name))
	n, _ := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return n
}

// Errors of Mount.
var (
	ErrNone = errors.New("stick: no release on it: want the folder " + Folder + " on a FAT file system")
	ErrHang = errors.New("stick: it does not answer")
)

// job is what a child is asked to do.
type job struct {
	Devices []string `json:"devices,omitempty"` // to be mounted, the first that has a release
	Dir     string   `json:"dir"`
	User    uint32   `json:"user,omitempty"` // whose its files are shown as
}

// patience is how long a stick may take.
const patience = time.Minute

// Mount mounts at dir, for user alone to read, what has a release of s. A child does it: command, which calls Child, is run by run as
// exec.Cmd.Run does. The returned function unmounts it. The error wraps ErrNone where there is no release, ErrHang where the stick
// holds up whoever reads it.
func (s Stick) Mount(dir string, user uint32, command []string, run func(*exec.Cmd) error) (unmount func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("stick: %w", err)
	}
	if err := ask(job{s.Devices, dir, user}, command, run); err != nil {
		return nil, err
	}
	return func() error { return ask(job{Dir: dir}, command, run) }, nil
}

// none is a child's exit status where there is no release.
const none = 3

func ask(j job, command []string, run func(*exec.Cmd) error) error {
	in, err := json.Marshal(j)
	if err != nil {
		return err
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(in)), os.Stderr
	done := make(chan error, 1)
	go func() { done <- run(cmd) }()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case err = <-done:
	case <-late.C: // what it mounts late nobody looks at
		return ErrHang
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == none {
		return ErrNone
	}
	if err != nil {
		return fmt.Errorf("stick: %w", err)
	}
	return nil
}

// maxJob bounds what a child is asked, in octets.
const maxJob = 64 << 10

// Child does a child's part, and returns its exit status.
func Child(in io.Reader, complain io.Writer) int {
	var j job
	err := json.NewDecoder(io.LimitReader(in, maxJob)).Decode(&j)
	switch {
	case err != nil:
	case len(j.Devices) == 0:
		err = unmount(j.Dir)
	default:
		err = j.mount(complain)
	}
	if errors.Is(err, ErrNone) {
		return none
	}
	if err != nil {
		fmt.Fprintln(complain, "stick:", err)
		return 1
	}
	return 0
}

// mount mounts the first device that has a release.
func (j *job) mount(complain io.Writer) error {
	const flags = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME
	options := fmt.Sprintf("uid=%d,gid=%d,dmask=0277,fmask=0377", j.User, j.User)
	for _, d := range j.Devices {
		if err := unix.Mount(d, j.Dir, "vfat", flags, options); err != nil {
			fmt.Fprintf(complain, "stick: mount %s: %v\n", d, err)
			continue
		}
		if i, err := os.Lstat(filepath.Join(j.Dir, Folder, Mark)); err == nil && i.Mode().IsRegular() {
			return nil
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(complain, "stick: read %s: %v\n", d, err)
		}
		if err := unmount(j.Dir); err != nil {
			return err
		}
	}
	return ErrNone
}

// unmount unmounts dir. One that somebody reads yet, as of a stick that was pulled out, is hidden and goes when he ends.
func unmount(dir string) error {
	err := unix.Unmount(dir, 0)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(dir, unix.MNT_DETACH)
	}
	return err
}
