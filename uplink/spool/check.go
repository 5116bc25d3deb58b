package spool

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"cafeprobe/uplink"
)

// bbolt can panic on a broken file in goroutines of its own, run in circles, or want memory without end. So a file is
// checked by a child process first: whatever happens to it, the file is corrupt and the daemon runs on.
const (
	checkEnv    = "CAFEPROBE_SPOOL_CHECK"
	checkTime   = 2 * time.Minute // 8 MiB take well below a second
	checkMemory = 512 << 20       // octets of data and stack, of which Go reserves most and uses little
	checkStack  = 64 << 20        // a page that is its own branch is a recursion without end
	checkOutput = 4 << 10
)

// Exit statuses of the child. All others, and a signal, are a child that died of the file.
const (
	checkFine = 0
	checkBad  = 40 // the file is corrupt: standard output says why
	checkFail = 41 // the file could not be tried: it is locked, or not to be read
)

var errCorrupt = errors.New("spool: corrupt")

// checks is set by CheckMain: this program checks files when it is started as a child.
var checks atomic.Bool

// CheckMain is to be called first in main of a program that opens a spool: started as the child that checks one file, the
// program does that and exits. In a program that does not call it Open checks files itself, and may die of a broken one.
func CheckMain() {
	path := os.Getenv(checkEnv)
	if path == "" {
		checks.Store(true)
		return
	}
	for what, n := range map[int]uint64{syscall.RLIMIT_DATA: checkMemory, syscall.RLIMIT_CPU: uint64(checkTime / time.Second)} {
		_ = syscall.Setrlimit(what, &syscall.Rlimit{Cur: n, Max: n}) // the parent's time limit holds in any case
	}
	debug.SetMaxStack(checkStack)
	debug.SetMemoryLimit(checkMemory / 8)
	f, err := inspect(path, true)
	switch {
	case errors.Is(err, errCorrupt):
		fmt.Println(err)
		os.Exit(checkBad)
	case err == nil:
		err = json.NewEncoder(os.Stdout).Encode(f)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(checkFail)
	}
	os.Exit(checkFine)
}

// check reads g's whole file, verifies its chain and sets what the file says. The error wraps errCorrupt if the file is
// broken.
func (g *generation) check() (err error) {
	if _, err := os.Stat(g.path); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	if checks.Load() {
		g.facts, err = checkChild(g.path)
	} else {
		g.facts, err = inspect(g.path, true)
	}
	return g.seat(err)
}

// glance sets what the file says by its ends, without reading all of it: for files that were checked after their last
// commit.
func (g *generation) glance() (err error) {
	g.facts, err = inspect(g.path, false)
	return g.seat(err)
}

// seat compares what the file says with its name.
func (g *generation) seat(err error) error {
	if err != nil {
		return err
	}
	if g.Head == g.Prev {
		g.Head.Seq = g.first - 1 // empty; what is missing before it will be its first record
	} else if g.Head.Seq < g.first {
		err = fmt.Errorf("%s: it ends with record %d: %w", g.path, g.Head.Seq, errCorrupt)
	}
	if g.Prev.Seq >= g.first {
		err = fmt.Errorf("%s: it starts behind record %d: %w", g.path, g.Prev.Seq, errCorrupt)
	}
	return err
}

func checkChild(path string) (f facts, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	out := &bounded{}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = []string{checkEnv + "=" + path}
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		if err := json.Unmarshal(out.Bytes(), &f); err != nil {
			return f, fmt.Errorf("%s: what its check says: %w: %w", path, err, errCorrupt)
		}
		return f, nil
	case !errors.As(err, &exit): // no child could be started: no memory, no /proc
		return inspect(path, true)
	case exit.ExitCode() == checkFail:
		return f, fmt.Errorf("check %s: %s", path, bytes.TrimSpace(out.Bytes()))
	}
	why, _, _ := bytes.Cut(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	return f, fmt.Errorf("%s: %w: %s: %w", path, err, why, errCorrupt)
}

// bounded keeps the first checkOutput octets that are written to it.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), checkOutput-b.Len())])
	return len(p), nil
}

// inspect reads the file at path, read-only: all of it and its chain if whole is set, else what its ends say.
func inspect(path string, whole bool) (f facts, err error) {
	err = guard(func() error {
		o := options(true)
		o.PreLoadFreelist = whole // walks all pages, as opening for writing will
		db, err := bolt.Open(path, 0o600, o)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, bolterrors.ErrTimeout) {
			return fmt.Errorf("open: %w", err)
		}
		if err != nil {
			return fmt.Errorf("open: %w: %w", err, errCorrupt)
		}
		defer db.Close()
		err = db.View(func(tx *bolt.Tx) error {
			if err := f.ends(tx); err != nil || !whole {
				return err
			}
			var bad error
			for err := range tx.Check() { // to the end, or its goroutine hangs
				bad = err
			}
			return errors.Join(bad, f.chain(tx))
		})
		if err != nil {
			return fmt.Errorf("%w: %w", err, errCorrupt)
		}
		return nil
	})
	if err != nil {
		return facts{}, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// ends sets what the meta bucket and the last record say.
func (f *facts) ends(tx *bolt.Tx) (err error) {
	rec, meta := tx.Bucket(bucketRec), tx.Bucket(bucketMeta)
	if rec == nil || meta == nil {
		return errors.New("a bucket is missing")
	}
	for _, name := range bucketMarks {
		if tx.Bucket(name) == nil {
			return errors.New("a bucket is missing")
		}
	}
	var ok bool
	if f.Prev, ok = getHead(meta.Get(keyFirst)); !ok {
		return errors.New("no start")
	}
	if v := meta.Get(keyReceipt); v != nil {
		if f.Rcpt, ok = getHead(v); !ok {
			return errors.New("receipt")
		}
	}
	if v := meta.Get(keyDay); len(v) == 16 {
		f.Day0, f.Day = int64(binary.BigEndian.Uint64(v)), int64(binary.BigEndian.Uint64(v[8:]))
	}
	f.Fork, f.Closed = meta.Get(keyFork) != nil, meta.Get(keyClosed) != nil
	f.Head, f.Used = f.Prev, tx.Size()
	if k, v := rec.Cursor().Last(); k != nil {
		r, err := getRecord(k, v)
		if err != nil {
			return err
		}
		f.Head, f.Boot = uplink.Head{Seq: r.Seq, Hash: r.Hash}, r.Boot
	}
	return nil
}

// chain verifies all records.
func (f *facts) chain(tx *bolt.Tx) error {
	h := f.Prev
	c := tx.Bucket(bucketRec).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		r, err := getRecord(k, v)
		if err != nil {
			return err
		}
		if h, err = uplink.VerifyStored(h, []uplink.Stored{r}); err != nil {
			return err
		}
	}
	if h.Seq != f.Head.Seq {
		return fmt.Errorf("the chain leads to record %d, the last is %d", h.Seq, f.Head.Seq)
	}
	return nil
}
