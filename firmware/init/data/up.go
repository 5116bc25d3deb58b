package data

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// maxAnswer bounds what the child says, in octets.
const maxAnswer = 64 << 10

// Up brings the data up. It has always mounted something when it returns, or says in Why that it could not. All that touches the card is
// done by a child, command, which calls Child: if the kernel trips over a broken file system, or a card never answers, the child is what
// is lost. run runs it as exec.Cmd.Run does; no longer than Config.Patience is waited for.
func Up(c Config, command []string, run func(*exec.Cmd) error) Result {
	c.fill()
	why := errors.Join(os.MkdirAll(c.Target, 0o755))
	r, err := c.ask(command, run)
	if err == nil && r.Mode != Memory {
		if err = move(c.stage(), c.Target); err == nil {
			r.Size = size(c.Target)
			return r
		}
	}
	why = errors.Join(why, err)
	if r.Why != "" {
		why = errors.Join(why, errors.New(r.Why))
	}
	if err := unix.Mount("tmpfs", c.Target, "tmpfs", flags&^unix.MS_NOATIME, memorySize); err != nil {
		why = errors.Join(why, fmt.Errorf("data in memory: %w", err))
	}
	return Result{Mode: Memory, Why: why.Error(), Size: size(c.Target)}
}

// stage is where the child mounts: what it does too late is in nobody's way.
func (c *Config) stage() string { return filepath.Join(c.Run, "data-disk") }

// ask has the child do it.
func (c *Config) ask(command []string, run func(*exec.Cmd) error) (r Result, err error) {
	in, err := json.Marshal(c)
	if err != nil {
		return r, err
	}
	cmd := exec.Command(command[0], command[1:]...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, os.Stderr
	done := make(chan error, 1)
	go func() { done <- run(cmd) }()
	late := time.NewTimer(c.Patience) // a worn card can hold up whoever reads it for ever
	defer late.Stop()
	select {
	case err = <-done:
	case <-late.C: // it is left alone: what it mounts late is in nobody's way
		return r, fmt.Errorf("the card does not answer within %v", c.Patience)
	}
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &r)
	}
	if err != nil {
		return Result{}, fmt.Errorf("bring the data up: %w", err)
	}
	return r, nil
}

// Child does a child's part: it reads Up's Config from in, and writes the Result to out.
func Child(in io.Reader, out io.Writer) error {
	var c Config
	if err := json.NewDecoder(io.LimitReader(in, maxAnswer)).Decode(&c); err != nil {
		return fmt.Errorf("bring the data up: %w", err)
	}
	c.Target = c.stage()
	if err := os.MkdirAll(c.Target, 0o700); err != nil {
		return fmt.Errorf("bring the data up: %w", err)
	}
	r, err := c.disk()
	if err != nil {
		r.Why = err.Error()
		if r.Mode != ReadOnly {
			r.Mode = Memory
		}
	}
	if err := json.NewEncoder(out).Encode(r); err != nil {
		return fmt.Errorf("bring the data up: %w", err)
	}
	return nil
}

// move moves a mount.
func move(from, to string) error {
	if err := unix.Mount(from, to, "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move %s to %s: %w", from, to, err)
	}
	return nil
}
