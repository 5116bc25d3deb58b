package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"cafeprobe/firmware/init/data"
	"cafeprobe/firmware/init/kernel"
	"cafeprobe/firmware/init/ports"
	"cafeprobe/firmware/init/run"
	"cafeprobe/firmware/silence"

	"golang.org/x/sys/unix"
)

// Where things are on a box.
const (
	boardFile  = "/etc/board.json"
	moduleList = "/etc/modules"
	moduleDir  = "/lib/modules"
	daemonPath = "/bin/cafeprobed"
	configFile = "/data/cafeprobe/config.json"
	netFile    = "/data/cafeprobe/net.json"
	resolvFile = "/etc/resolv.conf"
	stateDir   = "/data/cafeprobe/state"
)

// The daemon's user, and how much memory it may have with all that the kernel keeps for it, in octets. (Measured: 17 MiB resident with a
// hundred computers, beside a ring of 16.)
const (
	daemonUser   = 900
	daemonMemory = 160 << 20
)

// namespace is the network namespace of the capture port, as the daemon's configuration has it by default.
const namespace = "capture"

// board is what board.json says that PID 1 needs.
type board struct {
	Name  string      `json:"name"`
	Ports ports.Place `json:"ports"`
}

// box is the machine, and what PID 1 knows of it.
type box struct {
	log   *slog.Logger
	board board
	args  kernel.Arguments

	kick   chan struct{} // the uplink's cable came back
	daemon atomic.Int64  // process number, 0 for none
	tasks  sync.WaitGroup
	end    chan kernel.End

	silenced bool // the capture port
	up       bool // the uplink
}

func newBox(log *slog.Logger) *box {
	return &box{log: log, kick: make(chan struct{}, 1), end: make(chan kernel.End, 1)}
}

// start does in order what has to be, and starts what goes on beside it.
func (b *box) start(ctx context.Context) {
	b.identify()
	b.modules()
	b.task(func() { b.watchPorts(ctx) })
	d := data.Up(data.Config{})
	if d.Why != "" || d.Mode != data.Kept {
		b.log.Warn("data", "mode", d.Mode, "why", d.Why)
	}
	b.task(func() { b.uplink(ctx) })
	b.task(func() { b.keepDaemon(ctx) })
	b.console(fmt.Sprintf("cafeprobe: %s runs after %.1f s; slot %s, trial %s, data %s %d MiB", b.board.Name, since().Seconds(),
		b.args["cafeprobe.slot"], b.args["cafeprobe.try"], d.Mode, d.Size>>20))
}

// task runs f beside the rest. A bug in one task ends that one, and is said; PID 1 goes on.
func (b *box) task(f func()) {
	b.tasks.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				b.log.Error("BUG", "panic", r)
			}
		}()
		f()
	})
}

// serve waits until the box is to end, and says how.
func (b *box) serve(signals <-chan os.Signal) kernel.End {
	for {
		select {
		case end := <-b.end:
			return end
		case s := <-signals:
			switch s {
			case syscall.SIGCHLD:
				run.Reap(func(pid int) bool { return int64(pid) == b.daemon.Load() })
			case syscall.SIGUSR2:
				return kernel.PowerOff
			default:
				return kernel.Reboot
			}
		}
	}
}

// stopTime is how long all that runs may take to end: the daemon's grace and a little.
const stopTime = 20 * time.Second

// stop waits until what was started has ended, and puts the data away.
func (b *box) stop() {
	done := make(chan struct{})
	go func() { b.tasks.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(stopTime):
		b.log.Warn("something does not end")
	}
	if err := unix.Unmount("/data", 0); err != nil {
		b.log.Warn("data not unmounted", "error", err)
		_ = unix.Mount("", "/data", "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
}

// identify reads which board this is, and which slot runs.
func (b *box) identify() {
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		b.log.Error("no command line", "error", err)
	}
	b.args = kernel.ParseArguments(string(line))
	text, err := os.ReadFile(boardFile)
	if err == nil {
		err = json.Unmarshal(text, &b.board)
	}
	if err != nil {
		b.log.Error("no board", "error", err)
	}
}

func (b *box) modules() {
	n, err := kernel.Load(moduleList, moduleDir)
	if err != nil {
		b.log.Warn("modules", "loaded", n, "error", err)
	}
}

// watchPorts names and silences ports as they come: those that are there, and those that are plugged in later.
func (b *box) watchPorts(ctx context.Context) {
	b.namePorts()
	err := ports.Watch(ctx.Done(), func(name string, carrier bool) {
		b.namePorts()
		if name == ports.Uplink && carrier {
			select {
			case b.kick <- struct{}{}:
			default:
			}
		}
	})
	if err != nil {
		b.log.Error("ports", "error", err)
	}
}

func (b *box) namePorts() {
	sys := os.DirFS("/sys")
	list, err := ports.Find(sys, func(p string) (string, error) { return filepath.EvalSymlinks(filepath.Join("/sys", p)) })
	if err != nil {
		b.log.Error("ports", "error", err)
		return
	}
	have, err := ports.Assign(b.board.Ports, list, ports.Rename)
	if err != nil {
		b.log.Warn("ports", "error", err)
	}
	if have[ports.Capture] {
		b.silence()
	}
	if have[ports.Uplink] && !b.up {
		if err := ports.Up(ports.Uplink); err != nil {
			b.log.Warn("uplink", "error", err)
			return
		}
		b.up = true
	}
}

// silence puts the capture port where nothing can send from it, before it comes up for the first time. The daemon does the same
// again, and so needs to find the namespace only.
func (b *box) silence() {
	p, err := silence.Make(namespace, ports.Capture, func() error { return nil })
	if err != nil {
		b.log.Error("the capture port is not silenced: it stays down", "error", err)
		return
	}
	b.silenced = true
	if err := p.Close(); err != nil {
		b.log.Warn("capture port", "error", err)
	}
}

// uplink keeps the uplink's address.
func (b *box) uplink(ctx context.Context) {
	var s ports.Settings
	text, err := os.ReadFile(netFile)
	if err == nil {
		s, err = ports.ParseSettings(text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.log.Warn("uplink: by DHCP, since its settings cannot be used", "error", err)
	}
	if !s.Address.IsValid() {
		ports.DHCP(ctx, ports.Uplink, "cafeprobe", resolvFile, b.kick, b.log, func(ports.Lease) {})
		return
	}
	for ctx.Err() == nil {
		if err := ports.Apply(ports.Uplink, ports.Lease{Settings: s}, resolvFile); err != nil {
			b.log.Warn("uplink", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-b.kick:
		case <-time.After(time.Minute):
		}
	}
}

// keepDaemon runs the daemon once the box is provisioned.
func (b *box) keepDaemon(ctx context.Context) {
	for waiting := false; ; waiting = true {
		if _, err := os.Stat(configFile); err == nil {
			break
		}
		if !waiting {
			b.console("cafeprobe: not provisioned")
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
	if err := own("/data/cafeprobe", stateDir); err != nil {
		b.log.Error("data", "error", err)
	}
	group, err := run.NewGroup("/sys/fs/cgroup", "cafeprobed", daemonMemory)
	if err != nil {
		b.log.Error("the daemon runs without limits", "error", err)
	}
	run.Keep(ctx, run.Program{
		Path: daemonPath, Args: []string{"-config", configFile}, User: daemonUser, Group: group, Stderr: os.Stderr,
		Caps: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_SYS_ADMIN},
		Env:  []string{"GOMEMLIMIT=96MiB"},
	}, b.log, func(pid int) { b.daemon.Store(int64(pid)) }, func(run.Exit) {})
}

// own makes folders where they are missing, and gives them and what is in them to the daemon.
func own(dirs ...string) error {
	var errs []error
	for _, d := range dirs {
		errs = append(errs, os.MkdirAll(d, 0o700))
	}
	errs = append(errs, filepath.WalkDir(dirs[0], func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(p, daemonUser, daemonUser)
	}))
	return errors.Join(errs...)
}

// console says a line to who is at the serial console.
func (b *box) console(line string) {
	f, err := os.OpenFile("/dev/console", os.O_WRONLY, 0)
	if err != nil {
		b.log.Info(line)
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "%s\r\n", line)
}

// since returns how long the kernel has run.
func since() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
