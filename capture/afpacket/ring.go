package afpacket

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"cafeprobe/capture"
)

// Config configures a Ring. The zero Config is valid.
type Config struct {
	Blocks int               // how many blocks of BlockSize octets the ring has; default Blocks
	Retire time.Duration     // a block that is not full is handed over after so long; default 60 ms, at least 1 ms
	Quiet  time.Duration     // Next waits so long for frames; default 250 ms
	Filter []bpf.Instruction // what it returns is how much of a frame is kept; default: all of every frame
	Now    func() int64      // the scale of the frames' times, nanoseconds; default: UTC as the kernel has it
}

// BlockSize is the size of a block in octets. A frame cannot be longer than a block: this holds the largest that the
// kernel makes, 64 KiB where it joined segments.
const BlockSize = 256 << 10

// Blocks is how many blocks a Ring has by default: 6 MiB, 50 ms of a full gigabit, 30 000 of the smallest frames. All of it is
// mapped from the start on, and so counts as the process's memory, used or not (packet_mmap inserts each page).
const Blocks = 24

// frameSize is only said because the kernel asks for one; a block is filled frame by frame, whatever their sizes.
const frameSize = 2048

func (c *Config) fill() {
	if c.Blocks <= 0 {
		c.Blocks = Blocks
	}
	if c.Retire < time.Millisecond {
		c.Retire = 60 * time.Millisecond
	}
	if c.Quiet <= 0 {
		c.Quiet = 250 * time.Millisecond
	}
	if c.Now == nil {
		c.Now = func() int64 { return realtime() }
	}
}

// Ring is an open capture port. Next is for one goroutine; Stats and State for any.
type Ring struct {
	cfg Config
	fd  int
	mem []byte

	at   int // the block that is read, or comes next
	cur  block
	held bool // cur is ours, and not given back yet

	watched time.Time // when the interface was last looked at
	state   atomic.Uint32
	seen    seen // by the goroutine that reads
	frames  atomic.Uint64
	octets  atomic.Uint64

	mu    sync.Mutex // guards what follows
	name  string
	index int
	kern  kernelStats
}

// Open opens the interface of that name in the network namespace of the calling thread. It takes CAP_NET_RAW, and returns
// an error that wraps os.ErrPermission without it. An interface that is not there, or down, is no error: see State.
func Open(name string, cfg Config) (*Ring, error) {
	cfg.fill()
	r := &Ring{cfg: cfg, name: name, fd: -1}
	if err := r.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("capture port %s: %w", name, err), r.Close())
	}
	r.watch()
	return r, nil
}

// Close gives the ring's memory back. Frames are not to be used any more, and nothing else of the Ring may run.
func (r *Ring) Close() error {
	var errs []error
	if r.mem != nil {
		errs = append(errs, unix.Munmap(r.mem))
		r.mem = nil
	}
	if r.fd >= 0 {
		errs = append(errs, os.NewSyscallError("close", unix.Close(r.fd)))
		r.fd = -1
	}
	return errors.Join(errs...)
}

// FDs returns the socket's descriptor, for a program that waits for several sources, or forbids itself to write to them.
func (r *Ring) FDs() []int { return []int{r.fd} }

// Next fills f with the next frame; f.Data is the ring's own memory and valid until the next call. When there is none for
// Config.Quiet, it sets f.Time and returns capture.ErrQuiet. Any other error ends the Ring.
func (r *Ring) Next(f *capture.Frame) error {
	for {
		if r.held {
			if r.cur.next(f) {
				r.seen.add(f)
				return nil
			}
			r.release()
		}
		if r.take() {
			continue
		}
		if err := r.wait(); err != nil {
			f.Time = r.cfg.Now()
			return err
		}
	}
}

// Batch fills fs with frames of one block, and returns how many: one call where Next would take many. What holds for Next
// holds for Batch: the frames are valid until the next call of either. It returns no frames only with an error.
func (r *Ring) Batch(fs []capture.Frame) (n int, err error) {
	for {
		if n := r.batch(fs); n > 0 {
			return n, nil
		}
		if err := r.wait(); err != nil {
			fs[0].Time = r.cfg.Now()
			return 0, err
		}
	}
}

// Ready is Batch without the waiting: it returns no frames and no error where none have come. It is for one who waits for
// several sources at once: for FDs to be readable or in error, and a second at most, since here the interface is followed too.
func (r *Ring) Ready(fs []capture.Frame) (n int, err error) {
	if n := r.batch(fs); n > 0 {
		return n, nil
	}
	_, err = r.poll(0)
	return 0, err
}

// batch takes the frames of one block that are there.
func (r *Ring) batch(fs []capture.Frame) (n int) {
	for {
		if r.held {
			for n < len(fs) && r.cur.next(&fs[n]) {
				r.seen.add(&fs[n])
				n++
			}
			if n > 0 {
				return n
			}
			r.release()
		}
		if !r.take() {
			return 0
		}
	}
}

// take makes the next block ours if the kernel has handed it over.
func (r *Ring) take() bool {
	b := r.mem[r.at*BlockSize : (r.at+1)*BlockSize : (r.at+1)*BlockSize]
	if atomic.LoadUint32(status(b))&unix.TP_STATUS_USER == 0 {
		return false
	}
	r.cur, r.held = newBlock(b, r.cfg.Now()-realtime()), true
	if r.cur.losing { // the mark stays on all frames until the counters are read
		r.Stats()
	}
	if time.Since(r.watched) > watchPeriod {
		r.watch()
	}
	return true
}

// release gives the block back to the kernel.
func (r *Ring) release() {
	r.frames.Store(r.seen.frames)
	r.octets.Store(r.seen.octets)
	atomic.StoreUint32(status(r.cur.b), unix.TP_STATUS_KERNEL)
	r.held = false
	r.at = (r.at + 1) % r.cfg.Blocks
}

// wait waits until the kernel has something to say, for Config.Quiet at most.
func (r *Ring) wait() error {
	said, err := r.poll(r.cfg.Quiet)
	if err == nil && !said {
		return capture.ErrQuiet
	}
	return err
}

// poll reports whether the kernel had something to say within d.
func (r *Ring) poll(d time.Duration) (said bool, err error) {
	fds := [1]unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds[:], int(d.Milliseconds()))
	switch {
	case errors.Is(err, unix.EINTR):
		return true, nil
	case err != nil:
		return false, os.NewSyscallError("poll", err)
	case n == 0:
		if d > 0 || time.Since(r.watched) > watchPeriod {
			r.watch()
		}
		return false, nil
	case fds[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) == 0:
		return true, nil
	}
	return true, r.failed()
}

// failed looks at an error that the socket has. Until the interface is back poll would return with it at once, each time:
// the error is taken, and the next wait is a quiet one.
func (r *Ring) failed() error {
	e, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	switch err := unix.Errno(e); err {
	case 0, unix.ENETDOWN, unix.ENXIO, unix.ENODEV: // it is down, or gone
		r.watch()
		return nil
	default:
		return fmt.Errorf("capture port %s: %w", r.Name(), err)
	}
}

// realtime returns the kernel's UTC, which is what it stamps frames with.
func realtime() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &ts); err != nil {
		panic("BUG: CLOCK_REALTIME: " + err.Error())
	}
	return ts.Nano()
}
