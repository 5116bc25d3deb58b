package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// process is a program that the lab started, in a process group of its own.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how, once done is closed
}

// starter starts programs from one thread that lives as long as the lab: the kernel then kills them when the lab dies,
// however it dies (PR_SET_PDEATHSIG looks at the thread that forked).
type starter chan func()

func newStarter() starter {
	s := make(starter)
	go func() {
		runtime.LockOSThread()
		for f := range s {
			f()
		}
	}()
	return s
}

// start starts a program in a namespace, in the host's where ns is empty. What it prints goes to a file of its name in the
// lab's folder of logs.
func (l *lab) start(ns, name string, argv ...string) (*process, error) {
	return l.launch(ns, name, nil, argv...)
}

// launch is start with a say in where the program reads and writes, which change has if it is not nil.
func (l *lab) launch(ns, name string, change func(*exec.Cmd), argv ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(l.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{name: name, done: make(chan struct{})}
	if ns != "" {
		argv = append([]string{"ip", "netns", "exec", ns}, argv...)
	}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if change != nil {
		change(p.cmd)
	}
	started := make(chan error)
	l.starter <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	l.mu.Lock()
	l.processes = append(l.processes, p)
	l.mu.Unlock()
	return p, nil
}

// self starts one of the lab's own parts in a namespace.
func (l *lab) self(ns, name, part string, args ...string) (*process, error) {
	return l.start(ns, name, append([]string{l.program, part}, args...)...)
}

// stop ends a process, by force when it does not end by itself.
func (p *process) stop() error {
	select {
	case <-p.done: // its number may be somebody else's by now
		return p.err
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(3 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
	return p.err
}

// endWithin tells a process to end and gives it some time for it.
func (p *process) endWithin(limit time.Duration) error {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	}
	return p.wait(limit)
}

// wait waits until a process ends, which is an error after the time limit.
func (p *process) wait(limit time.Duration) error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(limit):
		_ = p.stop()
		return fmt.Errorf("%s: not done after %v", p.name, limit)
	}
}
