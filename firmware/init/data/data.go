// Package data brings up the partition on which a box keeps what it knows: grown to the card's end, checked, mounted; made anew where
// nothing can be saved of it; and where not even that works, a file system in memory takes its place. A box starts whatever its card
// is like, and says what it found.
package data

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// Name is the partition's, in the table.
const Name = "data"

// Mode is how the data are kept.
type Mode string

// The modes.
const (
	Kept     Mode = "disk"     // on the card
	Anew     Mode = "anew"     // on the card, which nothing could be saved of: it is empty
	ReadOnly Mode = "readonly" // the card takes no more writes: what is written stays in memory, and is lost with the power
	Memory   Mode = "memory"   // no card, or none that can be used
)

// Result says how the data came up.
type Result struct {
	Mode  Mode   `json:"mode"`
	Why   string `json:"why,omitempty"` // what is wrong, in the kernel's and the checker's words; "" where nothing is
	Size  int64  `json:"size"`          // octets of the file system
	Grown bool   `json:"grown,omitempty"`
	Fixed bool   `json:"fixed,omitempty"` // the checker mended something
}

// Config says where everything is. The zero Config is a box's.
type Config struct {
	Sys, Dev string // default /sys, /dev
	Target   string // where it is mounted; default /data
	Check    string // e2fsck; default /bin/e2fsck
	Template string // an empty file system, zstd; default /lib/data.img.zst
}

func (c *Config) fill() {
	or := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	or(&c.Sys, "/sys")
	or(&c.Dev, "/dev")
	or(&c.Target, "/data")
	or(&c.Check, "/bin/e2fsck")
	or(&c.Template, "/lib/data.img.zst")
}

// memorySize bounds the file system in memory: a day's records and more, and an eighth of the smallest board's memory.
const memorySize = "size=64m,mode=0755"

const flags = unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NOATIME

// Up brings the data up. It has always mounted something when it returns, or says in Why that it could not.
func Up(c Config) Result {
	c.fill()
	if err := os.MkdirAll(c.Target, 0o755); err != nil {
		return Result{Mode: Memory, Why: err.Error()}
	}
	r, err := c.disk()
	if err == nil {
		return r
	}
	if r.Mode == ReadOnly {
		r.Why = err.Error()
		return r
	}
	why := err.Error()
	if err := unix.Mount("tmpfs", c.Target, "tmpfs", flags&^unix.MS_NOATIME, memorySize); err != nil {
		why += "; " + err.Error()
	}
	return Result{Mode: Memory, Why: why, Size: size(c.Target)}
}

// disk tries the card.
func (c *Config) disk() (r Result, err error) {
	dev, err := c.find()
	if err != nil {
		return r, err
	}
	var notes []error
	if r.Grown, err = c.grow(dev); err != nil {
		notes = append(notes, err) // too small is better than none
	}
	fixed, err := c.check(dev)
	r.Fixed = fixed
	if err == nil {
		err = unix.Mount(dev, c.Target, "ext4", flags, "errors=remount-ro")
	}
	r.Mode = Kept
	if err != nil {
		notes = append(notes, err)
		if r.Mode, err = c.anew(dev); err != nil {
			return r, errors.Join(append(notes, err)...)
		}
	}
	if err := c.stretch(dev); err != nil {
		notes = append(notes, err)
	}
	r.Size = size(c.Target)
	if err := errors.Join(notes...); err != nil {
		r.Why = err.Error()
	}
	return r, nil
}

// anew makes the file system anew, where the device takes it, and mounts it; else mounts what is there for reading, if it can be.
func (c *Config) anew(dev string) (Mode, error) {
	err := c.restore(dev)
	if err == nil {
		if err = unix.Mount(dev, c.Target, "ext4", flags, "errors=remount-ro"); err == nil {
			return Anew, nil
		}
	}
	if unix.Mount(dev, c.Target, "ext4", flags|unix.MS_RDONLY, "noload") == nil {
		return ReadOnly, c.cover(err)
	}
	return Memory, err
}

// cover lays a file system in memory over the one that can only be read: programs write as ever, and read what there was. err is why.
func (c *Config) cover(err error) error {
	const upper = "/run/data-upper"
	_, e1 := os.Stat(upper)
	if e1 != nil {
		e1 = os.MkdirAll(upper, 0o700)
	}
	e2 := unix.Mount("tmpfs", upper, "tmpfs", flags&^unix.MS_NOATIME, memorySize)
	e3 := copyTree(c.Target, upper)
	e4 := unix.Unmount(c.Target, unix.MNT_DETACH)
	e5 := unix.Mount(upper, c.Target, "", unix.MS_MOVE, "")
	return errors.Join(err, e1, e2, e3, e4, e5)
}

// maxCopied bounds what is taken over from a card that can only be read, in octets a file: settings and keys, and no old records.
const maxCopied = 1 << 20

// copyTree copies the small files of a tree.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read is not there
		}
		rel, _ := filepath.Rel(from, p)
		info, err := e.Info()
		switch {
		case err != nil:
			return nil
		case e.IsDir():
			if err := os.MkdirAll(filepath.Join(to, rel), info.Mode().Perm()); err != nil {
				return err
			}
		case e.Type().IsRegular() && info.Size() <= maxCopied:
			b, err := os.ReadFile(p)
			if err != nil {
				return nil
			}
			if err := os.WriteFile(filepath.Join(to, rel), b, info.Mode().Perm()); err != nil {
				return err
			}
		default:
			return nil
		}
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return nil
		}
		return os.Lchown(filepath.Join(to, rel), int(st.Uid), int(st.Gid))
	})
}

// maxTemplate bounds the file system that is made, in octets: it is grown afterwards.
const maxTemplate = 512 << 20

// restore writes an empty file system to dev. The first sectors come last, so that one that was cut short is none.
func (c *Config) restore(dev string) error {
	in, err := os.Open(c.Template)
	if err != nil {
		return fmt.Errorf("make the data partition anew: %w", err)
	}
	defer in.Close()
	z, err := zstd.NewReader(in, zstd.WithDecoderMaxMemory(32<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("make the data partition anew: %w", err)
	}
	defer z.Close()
	out, err := os.OpenFile(dev, os.O_RDWR|unix.O_EXCL, 0)
	if err != nil {
		return fmt.Errorf("make the data partition anew: %w", err)
	}
	defer out.Close()
	return write(out, io.LimitReader(z, maxTemplate))
}

func write(out *os.File, in io.Reader) error {
	const block = 64 << 10
	fail := func(err error) error { return fmt.Errorf("make the data partition anew: %w", err) }
	first, b := make([]byte, block), make([]byte, block)
	if _, err := io.ReadFull(in, first); err != nil {
		return fail(err)
	}
	if _, err := out.WriteAt(make([]byte, block), 0); err != nil {
		return fail(err)
	}
	for at := int64(block); ; at += block {
		n, err := io.ReadFull(in, b)
		if err == io.EOF {
			break
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			return fail(err)
		}
		if _, err := out.WriteAt(b[:n], at); err != nil {
			return fail(err)
		}
	}
	if err := out.Sync(); err != nil {
		return fail(err)
	}
	if _, err := out.WriteAt(first, 0); err != nil {
		return fail(err)
	}
	if err := out.Sync(); err != nil {
		return fail(err)
	}
	return nil
}

// find returns the partition's device.
func (c *Config) find() (string, error) {
	names, err := filepath.Glob(filepath.Join(c.Sys, "class/block/*/uevent"))
	if err != nil {
		return "", fmt.Errorf("look for the data partition: %w", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err == nil && strings.Contains("\n"+string(b)+"\n", "\nPARTNAME="+Name+"\n") {
			return filepath.Join(c.Dev, path.Base(path.Dir(name))), nil
		}
	}
	return "", errors.New("no partition named " + Name + ": is the card in, and flashed?")
}

// grow makes the partition as long as its disk.
func (c *Config) grow(dev string) (bool, error) {
	whole, err := filepath.EvalSymlinks(filepath.Join(c.Sys, "class/block", filepath.Base(dev), ".."))
	if link, e := filepath.EvalSymlinks(filepath.Join(c.Sys, "class/block", filepath.Base(dev))); e == nil {
		whole, err = filepath.Dir(link), nil
	}
	if err != nil {
		return false, fmt.Errorf("grow the data partition: %w", err)
	}
	d, err := os.OpenFile(filepath.Join(c.Dev, filepath.Base(whole)), os.O_RDWR, 0)
	if err != nil {
		return false, fmt.Errorf("grow the data partition: %w", err)
	}
	defer d.Close()
	n, err := d.Seek(0, io.SeekEnd)
	if err != nil {
		return false, fmt.Errorf("grow the data partition: %w", err)
	}
	p, grown, err := Grow(d, n, Name)
	if err != nil {
		return false, fmt.Errorf("grow the data partition: %w", err)
	}
	if now, err := sectors(c.Sys, dev); err == nil && now*sector >= p.Size {
		return grown, nil
	}
	return true, resize(d, p)
}

func sectors(sys, dev string) (int64, error) {
	b, err := os.ReadFile(filepath.Join(sys, "class/block", filepath.Base(dev), "size"))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}

// blkpg and blkpgPartition are linux/blkpg.h's.
type blkpg struct {
	op, flags, length int32
	data              *blkpgPartition
}

type blkpgPartition struct {
	start, length int64
	number        int32
	_             [2][64]byte // names, which this does not say
}

const (
	blkPG       = 0x1269 // BLKPG
	blkPGResize = 3      // BLKPG_RESIZE_PARTITION
)

// resize tells the kernel of a partition's new length.
func resize(d *os.File, p Part) error {
	part := blkpgPartition{start: p.Start, length: p.Size, number: int32(p.Number)}
	arg := blkpg{op: blkPGResize, length: int32(unsafe.Sizeof(part)), data: &part}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, d.Fd(), blkPG, uintptr(unsafe.Pointer(&arg))); errno != 0 {
		return fmt.Errorf("grow the data partition: %w", errno)
	}
	return nil
}

// Exit statuses of e2fsck(8).
const (
	checkFixed   = 1
	checkReboot  = 2
	checkUnfixed = 4
)

// check has the file system checked and, where it is not sound, mended.
func (c *Config) check(dev string) (fixed bool, err error) {
	for _, how := range []string{"-p", "-y"} {
		out, err := exec.Command(c.Check, how, dev).CombinedOutput()
		exit := (*exec.ExitError)(nil)
		switch {
		case err == nil:
			return fixed, nil
		case !errors.As(err, &exit):
			return false, fmt.Errorf("check the data partition: %w", err)
		case exit.ExitCode()&^(checkFixed|checkReboot) == 0:
			return true, nil
		case exit.ExitCode()&checkUnfixed == 0 || how == "-y":
			return false, fmt.Errorf("check the data partition: %w: %s", err, last(out))
		}
	}
	return fixed, nil
}

// last returns the last words of what a program said.
func last(out []byte) string {
	s := strings.Join(strings.Fields(string(out)), " ")
	return s[max(0, len(s)-200):]
}

// stretch grows the mounted file system to its partition's length.
func (c *Config) stretch(dev string) error {
	n, err := sectors(c.Sys, dev)
	if err != nil {
		return fmt.Errorf("grow the data's file system: %w", err)
	}
	d, err := os.Open(c.Target)
	if err != nil {
		return fmt.Errorf("grow the data's file system: %w", err)
	}
	defer d.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &st); err != nil {
		return fmt.Errorf("grow the data's file system: %w", err)
	}
	blocks := uint64(n) * sector / uint64(st.Bsize)
	const resizeFS = 0x40086610 // EXT4_IOC_RESIZE_FS, _IOW('f', 16, __u64)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, d.Fd(), resizeFS, uintptr(unsafe.Pointer(&blocks))); errno != 0 && errno != unix.EINVAL {
		return fmt.Errorf("grow the data's file system: %w", errno)
	}
	return nil
}

func size(path string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return 0
	}
	return int64(st.Blocks) * int64(st.Bsize)
}
