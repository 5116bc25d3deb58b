package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cafeprobe/capture/capturetest"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { capturetest.InNamespace(m, syscall.CLONE_NEWNS) }

func TestParseArguments(t *testing.T) {
	a := ParseArguments("console=ttyAMA0,115200 quiet cafeprobe.slot=a cafeprobe.try=0 cafeprobe.slot=b ramoops.mem_size=0x10000 ramoops.ecc=1 x= =y\n")
	for name, want := range map[string]string{"console": "ttyAMA0,115200", "cafeprobe.slot": "b", "cafeprobe.try": "0", "quiet": "", "x": ""} {
		if a[name] != want {
			t.Errorf("%s: got %q, want %q", name, a[name], want)
		}
	}
	if got := a.of("ramoops.ko"); got != "ecc=1 mem_size=0x10000" {
		t.Errorf("parameters %q", got)
	}
	if got := (Arguments{"usb_storage.quirks": "1", "usb-storage.delay": "2"}).of("usb-storage.ko"); got != "delay=2 quirks=1" {
		t.Errorf("parameters %q", got)
	}
	if got := a.of("ext4.ko"); got != "" {
		t.Errorf("parameters %q of a module that has none", got)
	}
}

func TestParseModules(t *testing.T) {
	f := func(text, want string, ok bool) {
		t.Helper()
		list, err := ParseModules(strings.NewReader(text))
		if strings.Join(list, " ") != want || (err == nil) != ok || err != nil && !errors.Is(err, ErrModules) {
			t.Errorf("%.40q: %v, %v; want %q, ok %v", text, list, err, want, ok)
		}
	}
	f("a.ko\n# first\n\n b-c.ko \n", "a.ko b-c.ko", true)
	f("", "", true)
	f("../a.ko\n", "", false)
	f("/lib/a.ko\n", "", false)
	f("a.ko.xz\n", "", false)
	f(strings.Repeat("a.ko\n", maxModules+1), "", false)
}

func FuzzParseModules(f *testing.F) {
	f.Add("a.ko\n# b\nc.ko")
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ParseModules(strings.NewReader(s))
		if err != nil {
			return
		}
		for _, m := range list {
			if filepath.Base(m) != m || !strings.HasSuffix(m, ".ko") || len(list) > maxModules {
				t.Errorf("module %q of %d", m, len(list))
			}
		}
	})
}

func FuzzParseArguments(f *testing.F) {
	f.Add("a=b c.d=e", "c.ko")
	f.Fuzz(func(t *testing.T, s, file string) {
		for name := range ParseArguments(s) {
			if strings.ContainsAny(name, " \n=") {
				t.Errorf("argument %q", name)
			}
		}
		_ = ParseArguments(s).of(file)
	})
}

// TestLoad: a list that is not there, and modules that are none, are said and stop nothing.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	list := filepath.Join(dir, "modules")
	if _, err := Load(list, dir, nil); err == nil {
		t.Error("no error without a list")
	}
	err := errors.Join(os.WriteFile(list, []byte("none.ko\nnoise.ko\n"), 0o644), os.WriteFile(filepath.Join(dir, "noise.ko"), []byte("noise"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Load(list, dir, nil)
	if n != 0 || err == nil || !strings.Contains(err.Error(), "none.ko") || !strings.Contains(err.Error(), "noise.ko") {
		t.Errorf("%d loaded, %v; want both named", n, err)
	}
}

// TestMount: what can be mounted is, and one that cannot stops none behind it.
func TestMount(t *testing.T) {
	capturetest.Namespace(t)
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "dev"), nil, 0o644); err != nil { // no folder: its mount fails
		t.Fatal(err)
	}
	err := Mount(root)
	t.Cleanup(func() {
		for i := len(mounts) - 1; i >= 0; i-- {
			_ = unix.Unmount(filepath.Join(root, mounts[i].target), unix.MNT_DETACH)
		}
	})
	if err == nil || !strings.Contains(err.Error(), "/dev") {
		t.Errorf("%v, want /dev named", err)
	}
	for _, f := range []string{"proc/self/status", "sys/class"} {
		if _, err := os.Stat(filepath.Join(root, f)); err != nil {
			t.Error(err)
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Join(root, "run"), &st); err != nil || int64(st.Blocks)*st.Bsize != 8<<20 {
		t.Errorf("/run has %d octets, %v; want 8 MiB", int64(st.Blocks)*st.Bsize, err)
	}
}

// TestLog: a message is one line with its level, whatever is in it, and no longer than the kernel takes.
func TestLog(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(&handler{w: &b})
	log.Debug("unsaid")
	log.With("port", "up0").Warn("name", "from", "a\nb\x1b[2J", "n", 3)
	log.Error(strings.Repeat("x", 2*maxLine))
	lines := strings.Split(b.String(), "\n")
	if len(lines) != 3 || lines[0] != `<4>init: name port="up0" from="a\nb\x1b[2J" n="3"` || len(lines[1]) != maxLine || lines[1][:4] != "<3>i" {
		t.Errorf("%q", lines)
	}
}

// TestLines: what a program says is logged by lines, at most so many in a while; how many were left out is said.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		l := &Lines{Log: slog.New(&handler{w: &b}), Name: "p"}
		say := func(s string) {
			t.Helper()
			if n, err := io.WriteString(l, s); n != len(s) || err != nil {
				t.Fatal(n, err)
			}
		}
		say("be")
		say("gin\nnext\nunended")
		if got := b.String(); got != "<5>init: p: begin\n<5>init: p: next\n" {
			t.Errorf("got %q", got)
		}
		for i := range 2 * maxLines {
			say(fmt.Sprintln("line", i))
		}
		if got := strings.Count(b.String(), "\n"); got != maxLines {
			t.Errorf("%d lines, want %d", got, maxLines)
		}
		b.Reset()
		time.Sleep(linesPeriod + time.Second)
		say(strings.Repeat("y", 5*maxLine) + "\n")
		if got := strings.Split(b.String(), "\n"); len(got) != 3 || !strings.Contains(got[0], `lines_left_out="52"`) || len(got[1]) > maxLine {
			t.Errorf("%d lines, %.60q", len(got), got)
		}
	})
}
