package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

// state is the file state.json: what must survive the loss of the newest generation. It is written at each start and
// orderly end, each new generation and each block of numbers, some ten times a day.
type state struct {
	Chain   uplink.ChainID `json:"chain"`
	Boot    uint64         `json:"boot"`
	First   uint64         `json:"first"`   // of the newest generation
	Prev    uplink.Head    `json:"prev"`    // the head before it
	Limit   uint64         `json:"limit"`   // no larger number was given to a record; written long before it is reached
	Rcpt    uplink.Head    `json:"rcpt"`    // the receipt known
	Checked uint64         `json:"checked"` // files up to this one were checked after their last commit
	Kernel  string         `json:"kernel"`  // which run of the kernel wrote this: while it lasts, no power was cut
	Holes   []span         `json:"holes"`   // what is lost and declared, as far as it has no receipt
	Forks   []base         `json:"forks"`   // of the generations that follow the province's word
	Clean   *uplink.Head   `json:"clean"`   // the head when the spool was closed in order; nil from the next start on
}

// base is what a forked generation follows: the place in the chain that the province told.
type base struct {
	First uint64      `json:"first"` // of the generation
	At    uplink.Head `json:"at"`
}

// fork returns the place that the generation first follows, if it is a forked one.
func (st *state) fork(first uint64) (at uplink.Head, ok bool) {
	for _, f := range st.Forks {
		if f.First == first {
			return f.At, true
		}
	}
	return at, false
}

// kept reports whether nothing can be missing behind head, the last record found: no power was cut since this was written,
// or the spool was closed in order there.
func (st *state) kept(kernel string, head uplink.Head) bool {
	return st.Kernel != "" && st.Kernel == kernel || st.Clean != nil && *st.Clean == head
}

// span is sequence numbers, both included.
type span struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

const stateFile = "state.json"

func readState(dir string) (st state, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, false, nil
	}
	if err != nil && !cardFault(err) {
		return state{}, false, fmt.Errorf("read state: %w", err)
	}
	if err != nil || json.Unmarshal(b, &st) != nil || st.First == 0 || st.Limit < st.First-1 {
		return state{}, false, nil // as good as lost; what the generations say is all there is
	}
	return st, true, nil
}

func (st state) write(dir string) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, stateFile), append(b, '\n'))
}

// kernelRun returns a name for this run of the kernel, empty if there is none.
func kernelRun() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// lock makes the spool in dir this process's. The kernel takes the lock away when the process ends, however it does.
func lock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	for range 20 { // one that was just killed may still be on its way out
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return f, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = f.Close()
	return nil, fmt.Errorf("lock spool %s, which another process has: %w", dir, err)
}

// noRoom reports whether err is that the card is full.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// cardFault reports whether err is the card's: full, read-only or failing.
func cardFault(err error) bool {
	for _, e := range []syscall.Errno{syscall.EROFS, syscall.EIO, syscall.ENXIO, syscall.ENODEV} {
		if errors.Is(err, e) {
			return true
		}
	}
	return noRoom(err)
}
