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

	"cafeprobe/firmware/init/kernel"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "init: this is a box's first process, and does nothing else")
		os.Exit(2)
	}
	_ = os.Setenv("PATH", "/bin")
	debug.SetMemoryLimit(24 << 20)
	err := kernel.Mount("/")
	log := kernel.Log()
	if err != nil {
		log.Error("not mounted", "error", err)
	}
	end := live(log)
	log.Info("the box ends", "how", end)
	for {
		if err := end.Do(); err != nil {
			log.Error("the kernel does not end", "error", err)
		}
		time.Sleep(time.Second)
	}
}

// live is the box's life. A bug in it restarts the box: with a new firmware on trial the old one comes back that way.
func live(log *slog.Logger) (end kernel.End) {
	defer func() {
		if r := recover(); r != nil {
			log.Error("BUG", "panic", r, "stack", string(debug.Stack()))
			end = kernel.Reboot
		}
	}()
	b := newBox(log)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.start(ctx)
	signals := make(chan os.Signal, 8)
	// The kernel sends SIGINT for Ctrl-Alt-Del; SIGTERM and SIGUSR2 are asked for by the box itself.
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR2, syscall.SIGCHLD)
	end = b.serve(signals)
	cancel()
	b.stop()
	return end
}
