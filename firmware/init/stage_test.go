package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"cafeprobe/firmware/init/data"
	"cafeprobe/firmware/init/events"
	"cafeprobe/firmware/init/ports"

	"golang.org/x/sys/unix"
)

// Variables that make this program play PID 1 of a box, as far as that may be done on a machine that is used for something else: see
// stage. The first names the folder that is to be the box's root, the second the terminal that is its serial port.
const (
	stageVariable   = "CAFEPROBE_STAGE"
	consoleVariable = "CAFEPROBE_STAGE_CONSOLE"
)

// stageConsole is the serial port's name in /dev.
const stageConsole = "ttyS2"

func TestMain(m *testing.M) {
	root := os.Getenv(stageVariable)
	if root == "" {
		os.Exit(m.Run())
	}
	if err := stage(root, os.Getenv(consoleVariable)); err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
		os.Exit(1)
	}
}

// stage is PID 1 of a box for tests of whole programs (tools/cafeprobe/checktest), in namespaces for processes, mounts and the network
// that whoever starts it has made: console, socket, uplink, silence and the daemon's life are as on a box. What is the whole machine's is
// left out: its devices, modules, settings, disks, watchdog and end.
func stage(root, console string) error {
	if os.Getpid() != 1 {
		return errors.New("a stage is the first process of a namespace for processes of its own")
	}
	if err := enter(root, console); err != nil {
		return err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGTERM)
	b := newBox(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	b.task(func() { b.play(context.Background()) })
	end := b.serve(signals)
	b.log.Info("the stage is left", "how", end) // and with it ends all that runs on it
	return nil
}

// play is what box.start does of what may be played.
func (b *box) play(ctx context.Context) {
	b.identify()
	b.try("loopback", ports.Up("lo"))
	b.silence() // the port is named cap0 already
	b.task(func() { b.watchPorts(ctx) })
	b.task(func() { b.answer(ctx) })
	b.task(func() { b.decide(ctx) })
	store, err := events.Open(eventsDir, b.boot)
	b.try("events", err)
	var st unix.Statfs_t
	b.try("data", unix.Statfs("/data", &st))
	b.mu.Lock()
	b.data, b.events = data.Result{Mode: data.Kept, Size: int64(st.Blocks) * st.Bsize}, store
	b.mu.Unlock()
	b.task(func() { b.control(ctx) })
	b.task(func() { b.keepUplink(ctx) })
	b.task(func() { b.keepDaemon(ctx) })
}

// enter makes dir the root of this process and of all that it starts, with the kernel's file systems as on a box.
func enter(dir, console string) error {
	mount := func(from, to, kind string, flags uintptr, options string) func() error {
		return func() error { return unix.Mount(from, filepath.Join(dir, to), kind, flags, options) }
	}
	steps := []struct {
		what string
		do   func() error
	}{
		{"a view of its own", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		{"the root", mount(dir, "", "", unix.MS_BIND|unix.MS_REC, "")},
		{"folders", func() error { return makeAll(dir, "old", "proc", "sys", "dev", "run", "data", "tmp") }},
		{"/dev", mount("dev", "dev", "tmpfs", 0, "mode=755")},
		{"devices", func() error { return devices(dir, console) }},
		{"/run", mount("run", "run", "tmpfs", 0, "mode=755")},
		{"the new root", func() error { return unix.PivotRoot(dir, filepath.Join(dir, "old")) }},
		{"the new root", func() error { return os.Chdir("/") }},
		{"/proc", func() error { return unix.Mount("proc", "/proc", "proc", 0, "") }},
		{"/sys", func() error { return unix.Mount("sys", "/sys", "sysfs", 0, "") }},
		{"the old root", func() error { return unix.Unmount("/old", unix.MNT_DETACH) }},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("enter the stage: %s: %w", s.what, err)
		}
	}
	return nil
}

// devices gives the box below dir the devices that it needs, and a terminal for its serial port.
func devices(dir, console string) error {
	dev := filepath.Join(dir, "dev")
	for _, name := range []string{"null", "zero", "urandom"} {
		to := filepath.Join(dev, name)
		if err := errors.Join(os.WriteFile(to, nil, 0o666), unix.Mount("/dev/"+name, to, "", unix.MS_BIND, "")); err != nil {
			return err
		}
	}
	err := errors.Join(makeAll(dev, "pts"), unix.Mount("/dev/pts", filepath.Join(dev, "pts"), "", unix.MS_BIND, ""))
	return errors.Join(err, os.Symlink(console, filepath.Join(dev, stageConsole)))
}

func makeAll(dir string, names ...string) error {
	for _, n := range names {
		if err := os.MkdirAll(filepath.Join(dir, n), 0o755); err != nil {
			return err
		}
	}
	return nil
}
