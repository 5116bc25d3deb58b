// Package run keeps a program running: as a user of its own, with the rights and the memory that it needs, started anew when it ends,
// at growing intervals.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Program says what runs, and with what.
type Program struct {
	Path   string
	Args   []string
	Env    []string
	User   uint32    // and group
	Caps   []uintptr // the capabilities that it has, of the kernel's
	Stderr io.Writer
	Group  *Group // nil for none
	Reaper *Reaper
}

// Files and Processes bound what a program may have at a time.
const (
	Files     = 512
	Processes = 64 // threads too
)

// Group is a control group (cgroup v2) in which a program runs.
type Group struct{ dir *os.File }

// NewGroup makes the group of a name below root, in which programs together have at most memory octets and processes threads, and of
// the processor what others leave.
func NewGroup(root, name string, memory int64) (*Group, error) {
	fail := func(err error) (*Group, error) { return nil, fmt.Errorf("limits of %s: %w", name, err) }
	if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+memory +pids +cpu"), 0); err != nil {
		return fail(err)
	}
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fail(err)
	}
	for file, value := range map[string]string{
		"memory.max": strconv.FormatInt(memory, 10), "memory.oom.group": "1", "pids.max": strconv.Itoa(Processes), "cpu.weight": "50",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0); err != nil {
			return fail(err)
		}
	}
	f, err := os.Open(dir)
	if err != nil {
		return fail(err)
	}
	return &Group{f}, nil
}

// Add has cmd, which is yet to be started, run in the group. A nil Group is none.
func (g *Group) Add(cmd *exec.Cmd) {
	if g == nil {
		return
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(g.dir.Fd())
}

// kill ends all that is in the group: what a program started may outlive it.
func (g *Group) kill() {
	_ = os.WriteFile(filepath.Join(g.dir.Name(), "cgroup.kill"), []byte("1"), 0) // Linux 5.14
}

// Exit says how a program ended.
type Exit struct {
	Err error         // nil for status 0
	Ran time.Duration // how long it ran
}

// Intervals between an end and the next start: twice the one before, until it ran for steady.
const (
	shortest = time.Second
	longest  = time.Minute
	steady   = 5 * time.Minute
)

// next returns the interval behind an end after the program ran for ran, where the one before was last.
func next(last, ran time.Duration) time.Duration {
	if ran >= steady {
		return shortest
	}
	return min(max(2*last, shortest), longest)
}

// grace is how long a program may take to end when it is asked to: the daemon closes its records and its spool.
const grace = 15 * time.Second

// Keep runs p until ctx ends, and then ends it: by SIGTERM, and by force when it takes longer than it may. ended is told of each end
// before that. One start at a time is reported by started, with the process's number.
func Keep(ctx context.Context, p Program, log *slog.Logger, started func(pid int), ended func(Exit)) {
	wait := time.Duration(0)
	for ctx.Err() == nil {
		begin := time.Now()
		err := p.once(ctx, started)
		if ctx.Err() != nil {
			return
		}
		ran := time.Since(begin)
		wait = next(wait, ran)
		log.Warn("program ended", "program", filepath.Base(p.Path), "how", how(err), "ran", ran.Round(time.Second), "again_in", wait)
		ended(Exit{err, ran})
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func how(err error) string {
	if err == nil {
		return "status 0"
	}
	return err.Error()
}

// once runs p until it ends, and ends what it has started.
func (p *Program) once(ctx context.Context, started func(pid int)) error {
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env, cmd.Stderr = p.Env, p.Stderr
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second // of a child that holds the pipe of its messages
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, Credential: &syscall.Credential{Uid: p.User, Gid: p.User}, AmbientCaps: p.Caps,
	}
	if p.Group != nil {
		p.Group.Add(cmd)
		defer p.Group.kill()
	}
	if err := p.Reaper.start(cmd); err != nil {
		return fmt.Errorf("start %s: %w", filepath.Base(p.Path), err)
	}
	for what, most := range map[int]uint64{unix.RLIMIT_NOFILE: Files, unix.RLIMIT_CORE: 0} {
		_ = unix.Prlimit(cmd.Process.Pid, what, &unix.Rlimit{Cur: most, Max: most}, nil) // gone already: Wait says so
	}
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", cmd.Process.Pid), []byte(oomScore), 0)
	started(cmd.Process.Pid)
	done := make(chan error, 1)
	go func() { done <- p.Reaper.wait(cmd) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-done:
		return err
	case <-time.After(grace):
		_ = cmd.Process.Kill()
		return <-done
	}
}

// oomScore makes a program the first that goes when the whole box is out of memory.
const oomScore = "500"
