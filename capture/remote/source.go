package remote

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"cafeprobe/capture"
)

// Source is open sockets. Next and Batch are for one goroutine; Stats and Report for any.
type Source struct {
	cfg    Config
	allow  []netip.Prefix
	wanted [formats]bool
	socks  []*socket
	polls  []unix.PollFd
	last   time.Time // when Next last returned something, or there were frames
	clock  int64     // time of the latest frame that was handed out

	mu       sync.Mutex // guards what follows and the sockets' counters; taken once for a batch
	senders  senders
	stats    capture.Stats
	refused  uint64
	stranger netip.Addr // the last that was refused
	other    uint64
}

// Open opens the sockets for mirrors that senders within allow send, in the network namespace of the calling thread. GRE
// takes CAP_NET_RAW, and without it Open returns an error that wraps os.ErrPermission. Nobody allowed is an error too.
func Open(allow []netip.Prefix, cfg Config) (*Source, error) {
	if len(allow) == 0 {
		return nil, errors.New("mirrors: no sender is allowed: name the addresses of the routers that send them")
	}
	for _, f := range cfg.Formats {
		if f >= formats {
			return nil, fmt.Errorf("mirrors: format %d is none that is known", f)
		}
	}
	s := newSource(allow, cfg)
	for _, k := range s.socks {
		if err := k.open(s.cfg.Listen, s.cfg.Buffer); err != nil {
			return nil, errors.Join(fmt.Errorf("mirrors: %w", err), s.Close())
		}
		s.polls = append(s.polls, unix.PollFd{Fd: int32(k.fd), Events: unix.POLLIN})
	}
	return s, nil
}

// newSource returns a Source whose sockets are not open yet.
func newSource(allow []netip.Prefix, cfg Config) *Source {
	cfg.fill()
	s := &Source{cfg: cfg, last: time.Now()}
	for _, p := range allow {
		s.allow = append(s.allow, p.Masked())
	}
	for _, f := range cfg.Formats {
		s.wanted[f] = true
	}
	listen := func(f Format, ports ...uint16) {
		for _, port := range ports {
			s.socks = append(s.socks, newSocket(f, port))
		}
	}
	if s.wanted[TZSP] {
		listen(TZSP, s.cfg.TZSP...)
	}
	if s.wanted[VXLAN] {
		listen(VXLAN, s.cfg.VXLAN...)
	}
	if s.wanted[GRETAP] || s.wanted[ERSPAN1] || s.wanted[ERSPAN2] || s.wanted[ERSPAN3] {
		listen(GRETAP, 0)
	}
	return s
}

// FDs returns the sockets' descriptors, for a program that waits for several sources, or forbids itself to write to them.
func (s *Source) FDs() (fds []int) {
	for _, k := range s.socks {
		fds = append(fds, k.fd)
	}
	return fds
}

// Close closes the sockets. Nothing else of the Source may run. From then on the kernel answers mirrors with ICMP.
func (s *Source) Close() error {
	var errs []error
	for _, k := range s.socks {
		if k.fd >= 0 {
			errs = append(errs, os.NewSyscallError("close", unix.Close(k.fd)))
			k.fd = -1
		}
	}
	return errors.Join(errs...)
}

// Buffer returns how many octets the socket with the least room may hold, as the kernel counts, which is twice what was asked
// for where the program has CAP_NET_ADMIN or net.core.rmem_max allows it.
func (s *Source) Buffer() (octets int, err error) {
	octets = -1
	for _, k := range s.socks {
		n, err := unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		if err != nil {
			return 0, os.NewSyscallError("getsockopt", err)
		}
		if octets < 0 || n < octets {
			octets = n
		}
	}
	return octets, nil
}

// Next fills f with the next frame; f.Data is the Source's own memory and valid until the next call. When none comes for
// Config.Quiet, it sets f.Time and returns capture.ErrQuiet. Any other error ends the Source. Frames of several sockets come
// in the order of their times.
func (s *Source) Next(f *capture.Frame) error {
	for {
		if s.head(f) {
			return nil
		}
		if err := s.fill(); err != nil {
			f.Time = s.clock
			return err
		}
	}
}

// Batch fills fs with the frames that one look at the sockets brought, and returns how many: one call where Next would take
// many. What holds for Next holds for Batch. It returns no frames only with an error.
func (s *Source) Batch(fs []capture.Frame) (n int, err error) {
	for {
		if n := s.batch(fs); n > 0 {
			return n, nil
		}
		if err := s.fill(); err != nil {
			fs[0].Time = s.clock
			return 0, err
		}
	}
}

// Ready is Batch without the waiting: it returns no frames and no error where none have come. It is for one who waits for
// several sources at once, for one of FDs to be readable.
func (s *Source) Ready(fs []capture.Frame) (n int, err error) {
	if n := s.batch(fs); n > 0 {
		return n, nil
	}
	_, err = s.receive(0)
	return s.batch(fs), err
}

// batch takes frames that were read.
func (s *Source) batch(fs []capture.Frame) (n int) {
	for n < len(fs) && s.head(&fs[n]) {
		n++
	}
	return n
}

// head takes the earliest frame of those that were read.
func (s *Source) head(f *capture.Frame) bool {
	var first *socket
	for _, k := range s.socks {
		if k.at < k.n && (first == nil || k.frames[k.at].Time < first.frames[first.at].Time) {
			first = k
		}
	}
	if first == nil {
		return false
	}
	*f = first.frames[first.at]
	first.at++
	s.clock = f.Time
	return true
}

// fill waits for datagrams and reads what is there. It may bring no frame: then it is called again, or it was quiet for long
// enough whatever was refused meanwhile.
func (s *Source) fill() error {
	frames, err := s.receive(s.cfg.Quiet)
	switch {
	case err != nil:
		return err
	case frames > 0:
		s.last = time.Now()
	case time.Since(s.last) >= s.cfg.Quiet:
		s.last = time.Now()
		s.clock = s.cfg.Now()
		return capture.ErrQuiet
	}
	return nil
}

// receive waits for datagrams, for d at most, reads what is there, and returns how many frames it brought.
func (s *Source) receive(d time.Duration) (frames int, err error) {
	n, err := unix.Poll(s.polls, int(d.Milliseconds()))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return 0, os.NewSyscallError("poll", err)
	}
	for i := 0; i < len(s.socks) && n > 0; i++ {
		if s.polls[i].Revents == 0 {
			continue
		}
		k := s.socks[i]
		datagrams, err := k.read()
		if err != nil {
			return frames, fmt.Errorf("mirrors at %s: %w", k.name(s.cfg.Listen), err)
		}
		s.parse(k, datagrams)
		frames += k.n
	}
	return frames, nil
}

// Stats counts since Open. Dropped is what is known to be lost: by the sockets' own count or by the frames' numbers, which
// tell of a part of the same loss; of each socket the larger counts. Damaged are datagrams of allowed senders that are no
// mirrors. Once Next has said ErrQuiet all that came is in it.
func (s *Source) Stats() capture.Stats { return s.Report().Stats }

// Report is what a Source has seen since Open.
type Report struct {
	capture.Stats
	Refused  uint64     // datagrams of senders that are not allowed
	Stranger netip.Addr // the last sender that was not allowed
	Other    uint64     // sound ones that were not asked for: a format or VNI not configured, other GRE, TZSP without a frame
	Queue    uint64     // datagrams that found no room in a socket, whoever sent them
	Lost     uint64     // frames that never came, by their numbers
	Senders  []Sender   // the last 64 sessions that frames came of
}

// Report counts since Open: see Stats.
func (s *Source) Report() Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Report{Stats: s.stats, Refused: s.refused, Stranger: s.stranger, Other: s.other, Senders: s.senders.snapshot()}
	for _, k := range s.socks {
		r.Queue += k.dropped()
		r.Lost += k.lost
		r.Dropped += max(k.queue, k.lost)
	}
	return r
}

// realtime returns the kernel's UTC, which is what it stamps datagrams with.
func realtime() int64 { return time.Now().UnixNano() }
