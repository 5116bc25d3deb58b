package update

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"cafeprobe/firmware/slot"
)

// User is the user as which the child runs on a box, and the group.
const User = 901

// ProcessConfig says how the child is run.
type ProcessConfig struct {
	Command []string              // what calls fetch.Main
	User    uint32                // and group; 0: as this process
	Run     func(*exec.Cmd) error // runs it, as exec.Cmd.Run does; nil: that
}

// SlotFD is the number of the slot's file in the child, where there is one.
const SlotFD = 3

// ErrChild is wrapped by errors of a child that did not end as it should.
var ErrChild = errors.New("update: the child")

// maxReports bounds how many lines a child may say: one for each 8 MiB that it has written, and some.
const maxReports = 4096

// Process returns Config.Child: a process of its own, as a user without any right, that gets nothing but the job and the slot's file.
// The place is to be an *os.File, or to have one as its method Handle.
func Process(cfg ProcessConfig) func(context.Context, Job, slot.Place, func(Report)) error {
	run := cfg.Run
	if run == nil {
		run = (*exec.Cmd).Run
	}
	return func(ctx context.Context, job Job, place slot.Place, report func(Report)) error {
		text, err := json.Marshal(job)
		if err != nil {
			return err
		}
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		defer r.Close()
		cmd := exec.CommandContext(ctx, cfg.Command[0], cfg.Command[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = bytes.NewReader(text), w, os.Stderr, []string{"GOMEMLIMIT=48MiB"}
		if cfg.User != 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: cfg.User, Gid: cfg.User}}
		}
		if place != nil {
			cmd.ExtraFiles = []*os.File{file(place)}
		}
		ended := make(chan error, 1)
		go func() {
			err := run(cmd)
			ended <- errors.Join(err, w.Close())
		}()
		said := reports(r, report)
		err = <-ended
		if said != nil || err != nil {
			return fmt.Errorf("%w: %w", ErrChild, errors.Join(said, err))
		}
		return nil
	}
}

func file(place slot.Place) *os.File {
	switch p := place.(type) {
	case *os.File:
		return p
	case interface{ Handle() *os.File }:
		return p.Handle()
	}
	panic("BUG: a slot that is no file")
}

// reports passes on what a child says, as long as it says anything sensible.
func reports(r io.Reader, report func(Report)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, MaxReport), MaxReport)
	var err error
	for n := 0; lines.Scan(); n++ {
		if err != nil {
			continue // it is not to wait for a reader
		}
		var said Report
		if said, err = ParseReport(lines.Bytes()); err == nil && n >= maxReports {
			err = ErrReport
		}
		if err == nil {
			report(said)
		}
	}
	if lines.Err() != nil {
		_, drain := io.Copy(io.Discard, r)
		err = errors.Join(err, lines.Err(), drain)
	}
	return err
}
