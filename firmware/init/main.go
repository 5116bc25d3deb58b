// Command init is PID 1 of a box, and with cafeprobed all that runs on it: it mounts, loads modules, names and silences the ports, brings
// up the uplink and the data, keeps the daemon running, and decides whether a new firmware stays. There is no shell, and nothing listens.
//
// No step that fails stops those that follow: a box that cannot do all does what it can, and says what it cannot.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"cafeprobe/firmware/init/data"
	"cafeprobe/firmware/init/kernel"
	"cafeprobe/firmware/init/stick"
)

// Arguments of children: of that which touches the card (data.Up), and of that which mounts what somebody put in (stick.Mount).
const (
	dataVerb  = "data"
	stickVerb = "stick"
)

func main() {
	if os.Getpid() != 1 {
		os.Exit(child(os.Args[1:]))
	}
	_ = os.Setenv("PATH", "/bin")
	debug.SetMemoryLimit(24 << 20)
	err := kernel.Mount("/")
	log := kernel.Log()
	if err != nil {
		log.Error("not mounted", "error", err)
	}
	// What the runtime says of a bug that nothing recovers from belongs where it survives the reboot that follows.
	if f, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0); err == nil {
		_ = debug.SetCrashOutput(f, debug.CrashOptions{})
		f.Close()
	}
	end := live(log)
	log.Warn("the box ends", "how", end)
	for {
		if err := end.Do(); err != nil {
			log.Error("the kernel does not end", "error", err)
		}
		time.Sleep(time.Second)
	}
}

func child(args []string) int {
	if len(args) == 1 && args[0] == stickVerb {
		return stick.Child(os.Stdin, os.Stderr)
	}
	if len(args) != 1 || args[0] != dataVerb {
		fmt.Fprintln(os.Stderr, "init: this is a box's first process, and does nothing else")
		return 2
	}
	if err := data.Child(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
		return 1
	}
	return 0
}

// live is the box's life. A bug in it restarts the box: with a new firmware on trial the old one comes back that way.
func live(log *slog.Logger) (end kernel.End) {
	b := newBox(log)
	defer func() {
		if r := recover(); r != nil {
			b.bug(r)
			end = kernel.Reboot
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 8)
	// The kernel sends SIGINT for Ctrl-Alt-Del; SIGTERM and SIGUSR2 are asked for by the box itself.
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR2, syscall.SIGCHLD)
	b.task(func() { b.start(ctx) })
	end = b.serve(signals)
	cancel()
	b.stop(end)
	return end
}
