package data

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cafeprobe/capture/capturetest"
	"cafeprobe/firmware/init/part"
	"cafeprobe/tools/soak/hold"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// childVerb makes of the test's program the child that touches the card.
const childVerb = "data-child"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == childVerb {
		if err := Child(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	capturetest.InNamespace(m, syscall.CLONE_NEWNS)
}

// card is a disk in a file, with partitions state and data, behind a loop device.
type card struct {
	t    *testing.T
	file string
	loop string
	cfg  Config
}

func (c *card) sh(script string) string {
	c.t.Helper()
	out, err := exec.Command("/bin/sh", "-ec", script).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s: %v: %s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// newCard makes a card of 40 MiB whose data partition has a file system of 16 MiB with a configuration in it.
func newCard(t *testing.T) *card {
	t.Helper()
	capturetest.Namespace(t)
	for _, p := range []string{"sfdisk", "mkfs.ext4", "e2fsck", "losetup", "partx"} {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	c := &card{t: t, file: filepath.Join(dir, "card")}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	c.cfg = Config{
		Disks: part.Disks{Globs: []string{filepath.Join(dir, "sys", "loop*")}}, Await: time.Nanosecond,
		Target: filepath.Join(dir, "data"), Run: filepath.Join(dir, "run"), Check: "/sbin/e2fsck", Template: filepath.Join(dir, "data.img.zst"),
	}
	t.Cleanup(c.remove)
	if pristine.card != nil {
		if err := errors.Join(os.WriteFile(c.file, pristine.card, 0o644), os.WriteFile(c.cfg.Template, pristine.template, 0o644)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	c.format()
	c.insert("")
	if r := c.up(); r.Mode != Kept || r.Why != "" {
		t.Fatalf("a new card: %+v", r)
	}
	c.write("cafeprobe/config.json", "{}")
	c.remove()
	var err1, err2 error
	pristine.card, err1 = os.ReadFile(c.file)
	pristine.template, err2 = os.ReadFile(c.cfg.Template)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return c
}

// pristine are a new card's files: made once, as each takes seconds.
var pristine struct{ card, template []byte }

// format makes the card's file, and the template.
func (c *card) format() {
	c.t.Helper()
	fs := c.file + ".fs"
	c.sh("truncate -s 40M " + c.file + " && printf 'label: gpt\\nfirst-lba: 2048\\nstart=2048,size=2048,name=state\\nsize=32768,name=data\\n' | sfdisk -q " + c.file)
	c.sh("truncate -s 16M " + fs + " && mkfs.ext4 -q -b 1024 " + fs)
	c.sh(fmt.Sprintf("dd if=%s of=%s bs=1M seek=2 conv=notrunc,sparse status=none", fs, c.file))
	empty, err := os.ReadFile(fs)
	if err != nil {
		c.t.Fatal(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(c.cfg.Template, z.EncodeAll(empty, nil), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// insert makes the card's devices.
func (c *card) insert(options string) {
	c.t.Helper()
	c.loop = c.sh("losetup " + options + " -f --show " + c.file)
	c.sh("partx -a " + c.loop + " 2>/dev/null || true")
	name := filepath.Base(c.loop)
	dir := filepath.Join(filepath.Dir(c.cfg.Disks.Globs[0]), name, name+"p2")
	// As sysfs has it, but for the name: this kernel need not read partition tables of loop devices.
	c.sh(fmt.Sprintf("mkdir -p %s && echo PARTNAME=data >%s/uevent && ln -sf /sys/block/%s/%sp2/size %s/size", dir, dir, name, name, dir))
}

// remove takes the card out.
func (c *card) remove() {
	for unix.Unmount(c.cfg.Target, 0) == nil {
	}
	if c.loop != "" {
		c.sh("partx -d " + c.loop + " 2>/dev/null || true; losetup -d " + c.loop + "; rm -rf " + filepath.Dir(c.cfg.Disks.Globs[0]))
		c.loop = ""
	}
}

func (c *card) up() Result {
	c.t.Helper()
	r := Up(c.cfg, []string{"/proc/self/exe", childVerb}, (*exec.Cmd).Run)
	if !mayGrow() {
		r.Why = strings.TrimSpace(strings.ReplaceAll(r.Why, "grow the data's file system: operation not permitted", ""))
	}
	return r
}

// mayGrow reports whether root may here make a file system larger: not in every container.
func mayGrow() bool {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	var caps uint64
	_, after, _ := strings.Cut(string(b), "CapEff:")
	_, err = fmt.Sscanf(strings.TrimSpace(after), "%x", &caps)
	return err == nil && caps>>unix.CAP_SYS_RESOURCE&1 == 1
}

func (c *card) write(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.cfg.Target, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *card) read(name string) string {
	b, err := os.ReadFile(filepath.Join(c.cfg.Target, name))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// usable ends the test unless what is mounted takes and gives files.
func (c *card) usable() {
	c.t.Helper()
	c.write("probe", "x")
	if got := c.read("probe"); got != "x" {
		c.t.Fatalf("written x, read %q", got)
	}
}

// damage changes octets of the data partition.
func (c *card) damage(f func(b []byte)) {
	c.t.Helper()
	b, err := os.ReadFile(c.file)
	if err != nil {
		c.t.Fatal(err)
	}
	f(b[2<<20 : 18<<20])
	if err := os.WriteFile(c.file, b, 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// TestGrown: on a larger card the data are grown once, with all that is in them.
func TestGrown(t *testing.T) {
	c := newCard(t)
	c.sh("truncate -s 90M " + c.file)
	for i, grown := range []bool{true, false} {
		c.insert("")
		r := c.up()
		if r.Mode != Kept || r.Grown != grown || r.Why != "" || mayGrow() && r.Size < 70<<20 || c.read("cafeprobe/config.json") != "{}" {
			t.Errorf("start %d: %+v, want grown %v beyond 70 MiB, with the configuration", i, r, grown)
		}
		c.usable()
		c.remove()
	}
	c.sh("sfdisk -V " + c.file) // both copies of the table are sound
}

// TestBroken: whatever the card is like, something is mounted that takes files, and what can be saved is.
func TestBroken(t *testing.T) {
	f := func(name, options string, damage func(c *card), mode Mode, config, why string) {
		t.Helper()
		c := newCard(t)
		damage(c)
		if options != "none" {
			c.insert(options)
		}
		r := c.up()
		if r.Mode != mode || (c.read("cafeprobe/config.json") == "{}") != (config != "") || !strings.Contains(r.Why, why) || (r.Why == "") != (why == "") {
			t.Errorf("%s: %+v, configuration %q; want %s, %q, why %q", name, r, c.read("cafeprobe/config.json"), mode, config, why)
		}
		c.usable()
		c.remove()
	}
	zero := func(from, to int) func(c *card) {
		return func(c *card) { c.damage(func(b []byte) { clear(b[from:to]) }) }
	}
	f("sound", "", func(*card) {}, Kept, "{}", "")
	f("first superblock", "", zero(0, 4096), Kept, "{}", "mended")
	f("all", "", zero(0, 16<<20), Anew, "", "check the data partition")
	f("noise", "", func(c *card) {
		c.damage(func(b []byte) { rand.NewChaCha8([32]byte{1}).Read(b) })
	}, Anew, "", "check the data partition")
	f("no checker", "", func(c *card) { c.cfg.Check = "/none" }, Kept, "{}", "no checker")
	f("no checker, and noise", "", func(c *card) {
		c.cfg.Check = "/none"
		zero(0, 16<<20)(c)
	}, Anew, "", "no checker")
	f("a checker that gives up", "", func(c *card) { c.checker("exit 4") }, Anew, "{}", "status 4")
	f("a checker that is killed", "", func(c *card) { c.checker("kill -9 $$") }, Anew, "{}", "killed")
	f("read-only", "-r", func(*card) {}, ReadOnly, "{}", "not permitted")
	f("read-only, and noise", "-r", zero(0, 16<<20), Memory, "", "not permitted")
	f("no card", "none", func(*card) {}, Memory, "", "is the card in")
	f("no template", "", func(c *card) {
		c.cfg.Template = "/none"
		zero(0, 16<<20)(c)
	}, Memory, "", "no such file")
	f("no table", "", func(c *card) {
		c.sh("dd if=/dev/zero of=" + c.file + " bs=512 seek=1 count=1 conv=notrunc status=none")
	}, Kept, "{}", "")
}

// checker makes a program that stands in for the checker.
func (c *card) checker(script string) {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), "e2fsck")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		c.t.Fatal(err)
	}
	c.cfg.Check = path
}

// TestNoise: file systems with wrong octets in their metadata come up, one way or another, and take files. What is on the card is sound
// afterwards. Every second one has its noise where the file system begins, from one octet to thousands.
func TestNoise(t *testing.T) {
	c := newCard(t)
	whole, err := os.ReadFile(c.file)
	if err != nil {
		t.Fatal(err)
	}
	modes := map[Mode]int{}
	rounds := 8
	switch {
	case testing.Short():
		rounds = 2
	case os.Getenv("SOAK") != "":
		rounds = 240
	}
	unsound, kept := 0, 0
	for seed := range rounds {
		r := rand.New(rand.NewPCG(6, uint64(seed)))
		b := bytes.Clone(whole)
		for range 1 << r.IntN(13) {
			b[2<<20+r.IntN(max(48<<10, seed%2*3<<20))] = byte(r.Uint32())
		}
		if err := os.WriteFile(c.file, b, 0o644); err != nil {
			t.Fatal(err)
		}
		c.insert("")
		res := c.up()
		c.usable()
		modes[res.Mode]++
		if c.read("cafeprobe/config.json") == "{}" {
			kept++
		}
		c.remove()
		if out, err := exec.Command("sh", "-c", "dd if="+c.file+" of="+c.file+".fs bs=1M skip=2 status=none; e2fsck -fn "+c.file+".fs").CombinedOutput(); err != nil && res.Mode != Memory {
			unsound++
			t.Errorf("seed %d: %+v, then: %v: %s", seed, res, err, out)
		}
	}
	t.Logf("%v; the configuration was saved of %d", modes, kept)
	hold.AtLeast(t, fmt.Sprintf("of %d file systems with noise, that came up with their small files", rounds), kept, rounds*3/4, "images")
	hold.Equal(t, "of those on the card unsound afterwards", unsound, 0, "images")
}

// TestSilent: a card that does not answer, and a child that dies, cost the data and nothing more.
func TestSilent(t *testing.T) {
	c := newCard(t)
	f := func(name, want string, run func(*exec.Cmd) error) {
		t.Helper()
		r := Up(c.cfg, []string{"/bin/sh", "-c", "exit 3"}, run)
		if r.Mode != Memory || !strings.Contains(r.Why, want) || r.Size == 0 {
			t.Errorf("%s: %+v, want memory, %q", name, r, want)
		}
		c.usable()
		c.remove()
	}
	f("dies", "exit status 3", (*exec.Cmd).Run)
	c.cfg.Patience = 50 * time.Millisecond
	never := make(chan struct{})
	defer close(never)
	f("never answers", "does not answer", func(*exec.Cmd) error { <-never; return nil })
}

// TestFull: of a card without room what is none of the box's goes; what is its own stays, and is said to leave no room.
func TestFull(t *testing.T) {
	c := newCard(t)
	f := func(name, why string, more string) {
		t.Helper()
		c.insert("")
		if r := c.up(); r.Mode != Kept {
			t.Fatalf("%s: %+v", name, r)
		}
		c.write("lost+found/#12", strings.Repeat("x", 2<<20))
		_ = exec.Command("dd", "if=/dev/zero", "of="+filepath.Join(c.cfg.Target, more), "bs=64k").Run() // until there is no room
		if n := room(c.cfg.Target); n > 64<<10 {
			t.Fatalf("%s: %d octets of room are left", name, n)
		}
		c.remove()
		c.insert("")
		r := c.up()
		if r.Mode != Kept || !strings.Contains(r.Why, why) || c.read("cafeprobe/config.json") != "{}" {
			t.Errorf("%s: %+v, want %q", name, r, why)
		}
		if _, err := os.Stat(filepath.Join(c.cfg.Target, "lost+found/#12")); !os.IsNotExist(err) {
			t.Errorf("%s: what the checker found is still there: %v", name, err)
		}
		c.remove()
	}
	f("another's", "KiB were removed", "film.mkv")
	f("its own", "KiB were removed", "cafeprobe/spool")
	c.insert("")
	if r := c.up(); !strings.Contains(r.Why, "full: ") || r.Mode != Kept {
		t.Errorf("the box's own: %+v, want that it is full", r)
	}
	c.remove()
}
