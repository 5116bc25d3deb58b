// Package data brings up the partition on which a box keeps what it knows: grown to the card's end, checked, mounted; made anew where
// nothing can be saved of it; and where not even that works, a file system in memory takes its place. A box starts whatever its card
// is like, and says what it found.
package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"cafeprobe/firmware/init/part"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

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

// Lasting reports whether what is written outlasts the power.
func (r Result) Lasting() bool { return r.Mode == Kept || r.Mode == Anew }

// Config says where everything is. The zero Config is a box's.
type Config struct {
	Disks    part.Disks    `json:"disks"`
	Await    time.Duration `json:"await"`    // how long the card is waited for; default 10 s
	Patience time.Duration `json:"patience"` // how long the child is; default 7 min: the checker's times and a little
	Target   string        `json:"target"`   // where it is mounted; default /data
	Run      string        `json:"run"`      // a folder in memory, for what is made on the way; default /run
	Check    string        `json:"check"`    // e2fsck; default /bin/e2fsck
	Template string        `json:"template"` // an empty file system, zstd; default /lib/data.img.zst
}

func (c *Config) fill() {
	or := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	or(&c.Target, "/data")
	or(&c.Run, "/run")
	or(&c.Check, "/bin/e2fsck")
	or(&c.Template, "/lib/data.img.zst")
	if c.Await == 0 {
		c.Await = 10 * time.Second
	}
	if c.Patience == 0 {
		c.Patience = checkTime + mendTime + time.Minute
	}
}

// memorySize bounds the file system in memory: a day's records and more, and an eighth of the smallest board's memory.
const memorySize = "size=64m,mode=0755"

const flags = unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NOATIME

// disk tries the card: it mounts the partition at Target.
func (c *Config) disk() (r Result, err error) {
	p, err := c.Disks.Await(part.Data, c.Await)
	if err != nil {
		return Result{Mode: Memory}, err
	}
	var notes []error
	if r.Grown, err = grow(p); err != nil {
		notes = append(notes, err) // too small is better than none
	}
	r.Mode = Kept
	r.Fixed, err = Check(c.Check, p.Device)
	if err != nil {
		notes = append(notes, err)
	}
	if err == nil || r.Fixed || errors.Is(err, errNoChecker) {
		if err = c.mount(p.Device); err != nil {
			notes = append(notes, err)
		}
	}
	if err != nil {
		if r.Mode, err = c.anew(p.Device); err != nil {
			return r, errors.Join(append(notes, err)...)
		}
	}
	if err := c.stretch(p); err != nil {
		notes = append(notes, err)
	}
	if err := sweep(c.Target); err != nil {
		notes = append(notes, err)
	}
	if err := errors.Join(notes...); err != nil {
		r.Why = err.Error()
	}
	return r, nil
}

func (c *Config) mount(dev string) error {
	if err := unix.Mount(dev, c.Target, "ext4", flags, "errors=remount-ro"); err != nil {
		return fmt.Errorf("mount %s: %w", dev, err)
	}
	return nil
}

// anew makes the file system anew and mounts it, with what can still be read of the old one's small files: settings, keys, what the
// boot before left. Where the device takes no writes, those files are in memory then.
func (c *Config) anew(dev string) (Mode, error) {
	saved, err := c.rescue(dev)
	if err != nil {
		saved = ""
	}
	if err := c.restore(dev); err != nil {
		return c.instead(saved, err)
	}
	if err := c.mount(dev); err != nil {
		return c.instead(saved, err)
	}
	if saved == "" {
		return Anew, nil
	}
	if err := copyTree(saved, c.Target); err != nil {
		return Anew, fmt.Errorf("what was saved of the data: %w", err)
	}
	return Anew, unix.Unmount(saved, unix.MNT_DETACH)
}

// instead mounts what was saved, if anything, in the place of the disk. err is why.
func (c *Config) instead(saved string, err error) (Mode, error) {
	if saved == "" {
		return Memory, err
	}
	if e := move(saved, c.Target); e != nil {
		return Memory, errors.Join(err, e)
	}
	return ReadOnly, err
}

// rescue copies the small files of the device to a file system in memory, and returns where that is mounted.
func (c *Config) rescue(dev string) (string, error) {
	if err := unix.Mount(dev, c.Target, "ext4", flags|unix.MS_RDONLY, "noload"); err != nil {
		return "", fmt.Errorf("read the old data: %w", err)
	}
	defer func() { _ = unix.Unmount(c.Target, 0) }()
	saved := filepath.Join(c.Run, "data-saved")
	if err := os.MkdirAll(saved, 0o700); err != nil {
		return "", fmt.Errorf("read the old data: %w", err)
	}
	if err := unix.Mount("tmpfs", saved, "tmpfs", flags&^unix.MS_NOATIME, memorySize); err != nil {
		return "", fmt.Errorf("read the old data: %w", err)
	}
	_ = copyTree(c.Target, saved) // as far as there is room: a part is better than nothing
	return saved, nil
}

// maxCopied bounds what is taken over of an old file system, in octets a file: settings and keys, and no old records.
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

// grow makes the partition as long as its disk.
func grow(at part.Partition) (bool, error) {
	d, err := os.OpenFile(at.Disk, os.O_RDWR, 0)
	if err != nil {
		return false, fmt.Errorf("grow the data partition: %w", err)
	}
	defer d.Close()
	n, err := d.Seek(0, io.SeekEnd)
	if err != nil {
		return false, fmt.Errorf("grow the data partition: %w", err)
	}
	p, grown, err := Grow(d, n, part.Data)
	if err != nil {
		return false, fmt.Errorf("grow the data partition: %w", err)
	}
	if now, err := sectors(at); err == nil && now*sector >= p.Size {
		return grown, nil
	}
	return true, resize(d, p)
}

// sectors returns how long the kernel takes the partition to be.
func sectors(p part.Partition) (int64, error) {
	b, err := os.ReadFile(filepath.Join(p.Sys, "size"))
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

// Exit statuses of e2fsck(8): what was mended is mended, also where the machine should start anew; the rest is not.
const (
	checkFixed  = 1
	checkReboot = 2
)

// How long the checker may take: to go over what is not closed, and to mend what is broken.
const (
	checkTime = 2 * time.Minute
	mendTime  = 4 * time.Minute
)

// checkMemory is how much address space the checker may have, in octets: a broken file system must not take the box's memory.
const checkMemory = 256 << 20

// errNoChecker is wrapped by check's error where there is no checker: what is on the card may be as sound as ever.
var errNoChecker = errors.New("no checker")

// looks is how often the checker is run until it finds nothing more to mend. What it mends may show what else is broken; and where a
// power cut tore the first superblock, which is two sectors, it takes the second, which has not been written since the file system was
// grown, replays the journal, stops, and mends the rest when it is started again.
const looks = 4

// Check has program, e2fsck, check the file system on dev, a device or an image, and mend it where it is not sound. fixed is whether that
// took more than what every power cut asks for; err then says what was wrong, else why it is of no use.
func Check(program, dev string) (fixed bool, err error) {
	words, code, err := checkers(program, "-p", dev, checkTime)
	if err == nil && code == 0 || errors.Is(err, errNoChecker) {
		return false, err
	}
	if err != nil {
		words = err.Error() // it was too slow, or died: it may get further when it need not stop and ask
	}
	more, code, err := checkers(program, "-y", dev, mendTime)
	switch {
	case err != nil:
		return false, err
	case code != 0:
		return false, fmt.Errorf("check the data partition: status %d: %s", code, more)
	}
	return true, fmt.Errorf("the data partition was mended: %s", words)
}

// checkers runs the checker until it finds nothing more to mend or, with -p, wants to be told yes, within most all together. It returns
// the last status, 0 for a file system that is sound, and what was said first.
func checkers(program, how, dev string, most time.Duration) (words string, code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	for i := range looks {
		said, status, err := checker(ctx, program, how, dev)
		if i == 0 {
			words = said
		}
		if code = status &^ checkReboot; err != nil || code == 0 || how == "-p" && code != checkFixed {
			return words, code, err
		}
	}
	return words, code, nil
}

// checker runs the checker once, and returns the last of what it said, and its status. It looks at everything though the file system was
// closed in order: a card forgets by itself. (An empty one of 120 GiB takes 0.8 s.)
func checker(ctx context.Context, program, how, dev string) (words string, code int, err error) {
	cmd := exec.CommandContext(ctx, program, "-f", how, dev)
	cmd.WaitDelay = time.Second
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return "", 0, fmt.Errorf("check the data partition: %w: %w", errNoChecker, err)
	}
	_ = unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: checkMemory, Max: checkMemory}, nil) // gone already: Wait says so
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Exited() {
		return last(out), exit.ExitCode(), nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("check the data partition: %w: %s", err, last(out))
	}
	return last(out), 0, nil
}

// tail keeps the last of what is written to it.
type tail []byte

func (t *tail) Write(b []byte) (int, error) {
	*t = append(*t, b...)
	*t = (*t)[max(0, len(*t)-1000):]
	return len(b), nil
}

// last returns the last words of what a program said.
func last(out []byte) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(out), "?")), " ")
	return s[max(0, len(s)-400):]
}

// stretch grows the mounted file system to its partition's length.
func (c *Config) stretch(p part.Partition) error {
	n, err := sectors(p)
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
