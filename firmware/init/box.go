package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"cafeprobe/board"
	"cafeprobe/firmware/init/crash"
	"cafeprobe/firmware/init/data"
	"cafeprobe/firmware/init/events"
	"cafeprobe/firmware/init/judge"
	"cafeprobe/firmware/init/kernel"
	"cafeprobe/firmware/init/part"
	"cafeprobe/firmware/init/power"
	"cafeprobe/firmware/init/run"
	"cafeprobe/firmware/initctl"
	"cafeprobe/firmware/update"

	"golang.org/x/sys/unix"
)

// Where things are on a box.
const (
	boardFile   = "/etc/board.json"
	releaseFile = "/etc/release.json"
	moduleList  = "/etc/modules"
	moduleDir   = "/lib/modules"
	daemonPath  = "/bin/cafeprobed"
	resolvFile  = "/etc/resolv.conf"
	pstoreDir   = "/sys/fs/pstore"
	inputDir    = "/dev/input"
	cgroups     = "/sys/fs/cgroup"

	runDir = "/run"

	dataDir    = "/data/cafeprobe"
	configFile = dataDir + "/config.json"
	netFile    = dataDir + "/net.json"
	stateDir   = dataDir + "/state"
	crashDir   = "/data/init/crash"
	eventsDir  = "/data/init/events"

	restartFile = "/data/init/restart" // the box starts itself anew
)

const hostName = "cafeprobe"

// Kinds of events.
const (
	eventCrash     = "crash"      // a report is in crashDir
	eventData      = "data"       // the data are not as they should be
	eventProvision = "provision"  // the technician's files were put in place, or refused
	eventSpare     = "spare"      // what makes the box what it is was lost, and put in place again
	eventPower     = "power-down" // somebody pressed the power button

	eventRolledBack = "rolled-back" // a firmware was tried in vain
	eventReboot     = "reboot"      // PID 1 starts the box anew
	eventReset      = "reset"       // somebody at the button made it a box that nobody has commissioned
)

// box is the machine, and what PID 1 knows of it.
type box struct {
	log     *slog.Logger
	board   board.Description
	release release
	args    kernel.Arguments
	boot    string // the kernel's name of this boot, in short
	disks   part.Disks
	reaper  run.Reaper
	crashes *crash.Store

	kick    chan struct{} // the uplink's cable came back
	daemon  atomic.Int64  // process number, 0 for none
	leaving atomic.Bool   // a damaged firmware on trial
	tasks   sync.WaitGroup
	end     chan kernel.End
	replan  chan struct{} // the uplink is to go by net.json anew

	updater  *update.Updater // from when the data are up
	watchdog board.Watchdog  // nil for none; of decide
	lights   chan board.Light
	shown    board.Light // of decide

	silenced bool // the capture port; of watchPorts
	up       bool // the uplink; of watchPorts

	mu     sync.Mutex
	events *events.Store       // nil until the data are up
	wake   func()              // says that there are new ones; nil before anybody listens
	tell   func(bool)          // says that the firmware on the card is damaged, or not; nil likewise
	setup  func(initctl.Setup) // opens the setup of the owner's page; nil likewise
	judge  *judge.Judge
	trial  bool // this firmware is on trial
	data   data.Result
	net    string // the uplink's address
	exits  int    // how often the daemon ended unasked
	faults []string

	locateUntil time.Duration // since the boot: until then the LED says which box this is
	openUntil   time.Duration // since the boot: until then somebody at the box has opened the console
	setupUntil  initctl.Setup // of the owner's page
	button      bool          // there is one
}

func newBox(log *slog.Logger) *box {
	return &box{
		log: log, crashes: crash.Open(crashDir), kick: make(chan struct{}, 1), end: make(chan kernel.End, 1), replan: make(chan struct{}, 1),
		judge: judge.New(false, 0),
	}
}

// start does in order what has to be, and starts what goes on beside it.
func (b *box) start(ctx context.Context) {
	b.identify()
	b.try("settings", kernel.Configure("/", hostName))
	n, err := kernel.Load(moduleList, moduleDir, b.args)
	b.try("modules", err)
	b.try("modules", kernel.Seal("/"))
	b.log.Info("modules", "loaded", n)
	b.task(func() { b.watchPorts(ctx) })
	b.task(func() { b.answer(ctx) })
	b.task(func() { power.Watch(ctx, inputDir, b.pressed) })
	b.openPanel(ctx)
	b.task(func() { b.decide(ctx) })
	b.bringData()
	b.task(func() { b.control(ctx) })
	b.task(func() { b.spare(ctx) })
	b.task(func() { b.update(ctx) })
	b.task(func() { b.keepIntact(ctx) })
	b.task(func() { b.watchSticks(ctx) })
	b.task(func() { b.keepUplink(ctx) })
	b.task(func() { b.keepDaemon(ctx) })
	d := b.dataNow()
	b.console(fmt.Sprintf("cafeprobe: %s %s runs after %.1f s; slot %s, trial %v, data %s %d MiB", b.board.Name, b.release.Version,
		since().Seconds(), b.slot(), b.onTrial(), d.Mode, d.Size>>20))
}

// try notes a fault that stops nothing.
func (b *box) try(what string, err error) {
	if err == nil {
		return
	}
	b.log.Warn(what, "error", err)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.faults) < 16 {
		words := what + ": " + err.Error()
		b.faults = append(b.faults, words[:min(len(words), 160)])
	}
}

// bringData mounts the data, and takes up what the boot before left there and elsewhere.
func (b *box) bringData() {
	d := data.Up(data.Config{Disks: b.disks}, []string{"/proc/self/exe", dataVerb}, b.reaper.Run)
	store, err := events.Open(eventsDir, b.boot)
	b.mu.Lock()
	b.data, b.events = d, store
	b.mu.Unlock()
	b.try("events", err)
	b.openUpdater(cgroups)
	trial := b.learn()
	b.mu.Lock()
	b.judge = judge.New(trial, vain(store)) // before there is a daemon
	b.mu.Unlock()
	if d.Why != "" || d.Mode != data.Kept {
		b.log.Warn("data", "mode", d.Mode, "why", d.Why)
		b.event(eventData, d)
	}
	name, err := b.crashes.Collect(pstoreDir, b.about("the kernel's last words, of an earlier boot; found by"))
	b.try("crash report", err)
	if name != "" {
		b.event(eventCrash, map[string]string{"of": "kernel", "report": name})
	}
	b.try("provisioning", b.withState(b.provision))
	b.switchedOn(name != "")
}

// vain returns how often the box was rebooted for its daemon since that spoke last: it would have taken up the events of it.
func vain(s *events.Store) (n int) {
	for _, e := range s.Pending() {
		if e.Kind == eventReboot {
			n++
		}
	}
	return n
}

func (b *box) dataNow() data.Result {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data
}

// event keeps an event until the daemon has made a record of it.
func (b *box) event(kind string, detail any) {
	b.mu.Lock()
	s, wake := b.events, b.wake
	b.mu.Unlock()
	if s == nil {
		b.log.Warn("event before there is a place for it", "kind", kind)
		return
	}
	if wake != nil {
		defer wake()
	}
	if _, err := s.Add(kind, since().Milliseconds(), detail); err != nil {
		b.log.Warn("event", "kind", kind, "error", err)
	}
}

// task runs f beside the rest. A bug in one task ends that one, and is said; PID 1 goes on.
func (b *box) task(f func()) {
	b.tasks.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				b.bug(r)
			}
		}()
		f()
	})
}

// bug keeps a report of PID 1's own.
func (b *box) bug(r any) {
	b.log.Error("BUG", "panic", r)
	name, err := b.crashes.Save("init", b.about("a bug of PID 1's"), crash.Kernel(), fmt.Sprintf("%v\n%s", r, debug.Stack()))
	b.try("crash report", err)
	b.event(eventCrash, map[string]string{"of": "init", "report": name})
}

// pressed ends the box as somebody at its power button wants it.
func (b *box) pressed() {
	b.event(eventPower, nil)
	b.finish(kernel.PowerOff)
}

// finish asks for the box's end. The first who asks says how.
func (b *box) finish(end kernel.End) {
	select {
	case b.end <- end:
	default:
	}
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
				b.reaper.Reap()
			case syscall.SIGUSR2:
				return kernel.PowerOff
			default:
				return kernel.Reboot
			}
		}
	}
}

// How long all that runs may take to end, the daemon's grace and a little; and the card, to take what is not written yet.
const (
	stopTime    = 20 * time.Second
	unmountTime = 10 * time.Second
)

// stop waits until what was started has ended, ends what is left, and puts the data away.
func (b *box) stop(end kernel.End) {
	within := func(what string, d time.Duration, f func()) {
		done := make(chan struct{})
		go func() { defer close(done); f() }()
		select {
		case <-done:
		case <-time.After(d):
			b.log.Warn(what + " does not end")
		}
	}
	within("something", stopTime, b.tasks.Wait)
	if end == kernel.Reboot {
		within("the card", unmountTime, func() { b.try("restart", noteRestart(restartFile)) })
	}
	_ = unix.Kill(-1, unix.SIGKILL) // all but PID 1
	within("the data partition", unmountTime, func() {
		if err := unix.Unmount("/data", 0); err != nil {
			b.log.Warn("data not unmounted", "error", err)
			_ = unix.Mount("", "/data", "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
		}
	})
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

// consolePath returns the serial port's device.
func (b *box) consolePath() string {
	if b.board.Console.Device == "" {
		return "/dev/console"
	}
	return filepath.Join("/dev", b.board.Console.Device)
}
