package run

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Reaper takes the exit statuses of children that nobody waits for: of programs whose parent ended first, which become PID 1's. Those
// that were started through it are waited for by whoever did. Its zero value is ready; it is safe for concurrent use.
type Reaper struct {
	mu   sync.Mutex
	mine map[int]bool
}

// Run runs cmd to its end.
func (r *Reaper) Run(cmd *exec.Cmd) error {
	if err := r.start(cmd); err != nil {
		return err
	}
	return r.wait(cmd)
}

func (r *Reaper) start(cmd *exec.Cmd) error {
	r.mu.Lock() // no Reap between its start and its being known
	defer r.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	if r.mine == nil {
		r.mine = map[int]bool{}
	}
	r.mine[cmd.Process.Pid] = true
	return nil
}

func (r *Reaper) wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mine, cmd.Process.Pid)
	return err
}

// Reap takes the statuses that are there. It is to be called at each SIGCHLD.
func (r *Reaper) Reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	lists, _ := filepath.Glob("/proc/self/task/*/children") // by thread: an orphan becomes any one's
	for _, l := range lists {
		b, err := os.ReadFile(l)
		if err != nil {
			continue // that thread has ended
		}
		for word := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(word); err == nil && !r.mine[pid] {
				_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // one that runs yet is left alone
			}
		}
	}
}
