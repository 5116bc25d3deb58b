package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cafeprobe/firmware/init/crash"
	"cafeprobe/firmware/init/judge"
	"cafeprobe/firmware/init/kernel"
	"cafeprobe/firmware/init/run"
	"cafeprobe/firmware/initctl"

	"golang.org/x/sys/unix"
)

// The daemon's user, and how much memory it may have with all that the kernel keeps for it, in octets. (Measured: 36 MB
// with 560 stations, the ring of 6 MiB among it.)
const (
	daemonUser   = initctl.DaemonUser
	daemonMemory = 160 << 20
)

// keepDaemon runs the daemon once the box is provisioned.
func (b *box) keepDaemon(ctx context.Context) {
	if !b.awaitConfig(ctx) {
		return
	}
	b.try("data", own(dataDir, stateDir))
	group, err := run.NewGroup(cgroups, "cafeprobed", daemonMemory)
	b.try("the daemon runs without limits", err)
	var words crash.Tail
	reports := 0
	var reported time.Duration
	run.Keep(ctx, run.Program{
		Path: daemonPath, Args: []string{"-config", configFile}, User: daemonUser, Group: group, Reaper: &b.reaper,
		Stderr: io.MultiWriter(&words, &kernel.Lines{Log: b.log, Name: "cafeprobed"}),
		Caps:   []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_SYS_ADMIN},
		Env:    []string{"GOMEMLIMIT=96MiB", initctl.Env + "=" + initctl.Path},
	}, b.log, func(pid int) {
		b.daemon.Store(int64(pid))
		b.judged(func(j *judge.Judge) { j.Started(since()) })
	}, func(e run.Exit) {
		b.daemon.Store(0)
		now := since()
		b.count()
		// The first three are told, then one an hour: a report is 64 KiB, and a card wears out.
		if said := words.Take(); reports < 3 || now-reported >= time.Hour {
			reports, reported = reports+1, now
			b.report("daemon", e, said)
		}
		b.judged(func(j *judge.Judge) { j.Ended(now) })
	})
}

// report keeps what a program said last.
func (b *box) report(of string, e run.Exit, said string) {
	how := "status 0"
	if e.Err != nil {
		how = e.Err.Error()
	}
	name, err := b.crashes.Save(of, b.about(of+" ended by "+how+" after "+e.Ran.Round(time.Second).String()), crash.Kernel(), said)
	b.try("crash report", err)
	b.event(eventCrash, map[string]string{"of": of, "how": how, "report": name})
}

func (b *box) count() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exits++
}

// killDaemon ends a daemon that hangs. What it was doing is in the report of its end.
func (b *box) killDaemon() {
	if pid := b.daemon.Load(); pid > 0 {
		_ = unix.Kill(int(pid), unix.SIGQUIT) // the runtime says where each goroutine is
		time.AfterFunc(quitTime, func() {
			if b.daemon.Load() == pid {
				_ = unix.Kill(int(pid), unix.SIGKILL)
			}
		})
	}
}

// quitTime is how long a daemon that hangs may take to say where.
const quitTime = 5 * time.Second

// restartDaemon ends the daemon, which is then started anew.
func (b *box) restartDaemon() {
	if pid := b.daemon.Load(); pid > 0 {
		_ = unix.Kill(int(pid), unix.SIGTERM)
	}
}

// endDaemon ends the daemon of a box whose configuration was taken away, and waits for that: one that is started anew ends at once.
func (b *box) endDaemon() {
	b.restartDaemon()
	for end := since() + stopTime; b.daemon.Load() > 0 && since() < end; {
		time.Sleep(100 * time.Millisecond)
	}
}

// awaitConfig waits until the box is provisioned.
func (b *box) awaitConfig(ctx context.Context) bool {
	for waiting := false; ctx.Err() == nil; waiting = true {
		if _, err := os.Stat(configFile); err == nil {
			return true
		}
		if !waiting {
			b.console("cafeprobe: not provisioned")
		}
		pause(ctx, time.Second)
	}
	return false
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
