package spool

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cafeprobe/uplink"
)

// card is what the spool lies on.
type card struct {
	warnings []warning
	counter  func() (uint64, bool) // octets written since the machine started
	began    uint64
}

const sector = 512 // of /sys/block/*/stat, whatever the device's own is (Linux Documentation/block/stat.rst)

// cardOf looks up the file system that dir is on (proc_pid_mountinfo(5)).
func cardOf(dir string) card {
	c := card{counter: processOctets}
	m, ok := mountOf(dir)
	if !ok {
		c.warnings = []warning{{uplink.CardUnknown, "which file system the spool is on cannot be read from /proc/self/mountinfo"}}
	} else {
		c.warnings = m.warnings()
		stat := "/sys/dev/block/" + m.device + "/stat"
		if _, ok := deviceOctets(stat); ok {
			c.counter = func() (uint64, bool) { return deviceOctets(stat) }
		}
	}
	c.began, _ = c.counter()
	return c
}

// written returns the octets written since cardOf.
func (c *card) written() uint64 {
	if c.counter == nil {
		return 0
	}
	n, ok := c.counter()
	if !ok || n < c.began {
		return 0
	}
	return n - c.began
}

func deviceOctets(stat string) (uint64, bool) {
	b, err := os.ReadFile(stat)
	f := bytes.Fields(b)
	if err != nil || len(f) < 7 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(f[6]), 10, 64)
	return n * sector, err == nil
}

// processOctets returns what this process caused to be written (proc_pid_io(5), write_bytes).
func processOctets() (uint64, bool) {
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// mount is a line of mountinfo.
type mount struct {
	device  string // major:minor
	point   string
	kind    string
	options []string // of the mount and of the file system
}

func mountOf(dir string) (m mount, ok bool) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	b, err2 := os.ReadFile("/proc/self/mountinfo")
	if err != nil || err2 != nil {
		return m, false
	}
	for line := range strings.Lines(string(b)) {
		n, good := parseMount(line)
		inside := good && (n.point == "/" || abs == n.point || strings.HasPrefix(abs, n.point+"/"))
		if inside && (!ok || len(n.point) >= len(m.point)) { // of two at one place the later covers the earlier
			m, ok = n, true
		}
	}
	return m, ok
}

func parseMount(line string) (m mount, ok bool) {
	before, after, ok := strings.Cut(line, " - ")
	f, g := strings.Fields(before), strings.Fields(after)
	if !ok || len(f) < 6 || len(g) < 2 {
		return m, false
	}
	m = mount{f[2], strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(f[4]), g[0], strings.Split(f[5], ",")}
	if len(g) > 2 {
		m.options = append(m.options, strings.Split(g[2], ",")...)
	}
	return m, true
}

// warning says what is wrong with a file system: in a word of uplink.Card, and for a person.
type warning struct{ word, text string }

// warnings returns what keeps a commit on m from outliving a power cut.
func (m mount) warnings() (out []warning) {
	say := func(word, format string, a ...any) { out = append(out, warning{word, fmt.Sprintf(format, a...)}) }
	switch m.kind {
	case "tmpfs", "ramfs", "overlay", "squashfs", "rootfs":
		say(uplink.CardVolatile, "%s on %s does not outlive a power cut: put the spool on the card's own partition", m.kind, m.point)
	case "vfat", "exfat", "ntfs", "ntfs3", "fuseblk", "ext2":
		say(uplink.CardNoJournal, "%s on %s has no journal: use ext4", m.kind, m.point)
	}
	for _, o := range m.options {
		switch o {
		case "nobarrier", "barrier=0", "data=writeback", "journal_async_commit":
			say(uplink.CardNoBarrier, "%s is mounted with %s: what was flushed may be lost in a power cut", m.point, o)
		}
	}
	if slices.Contains(m.options, "ro") || slices.Contains(m.options, "emergency_ro") {
		say(uplink.CardReadOnly, "%s is mounted read-only: records wait in memory", m.point)
	}
	return out
}
