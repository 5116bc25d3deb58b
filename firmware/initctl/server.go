package initctl

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"cafeprobe/firmware/health"

	"golang.org/x/sys/unix"
)

// Bounds of a connection.
const (
	writeTime  = 10 * time.Second // a daemon that takes nothing for so long hangs
	againTime  = time.Minute      // an event that is not acknowledged is said again
	floodTime  = 10 * time.Second
	floodLines = 256 // as many within floodTime are a daemon that has gone mad: PID 1 has other things to do
)

// Config configures a Server. Now is required.
type Config struct {
	Box   Box
	Users []uint32             // who may connect; nil: root and DaemonUser
	Now   func() time.Duration // steady
	Log   *slog.Logger         // nil: none

	// Of these any may be nil. They are called by one goroutine at a time, that of the connection.
	Pending     func() []Event         // what is to be recorded, oldest first
	Acknowledge func(id string) error  // its record is on the card
	Health      func(health.Report)    // a report that is valid
	Update      func(json.RawMessage)  // an announcement, as it came
	Connected   func(pid int, on bool) // the daemon came, or went
}

// Server is PID 1's end. Use NewServer.
type Server struct {
	cfg  Config
	wake chan struct{}

	mu   sync.Mutex
	conn net.Conn // the daemon's; nil for none
	box  Box
}

// NewServer returns a Server.
func NewServer(cfg Config) *Server {
	if cfg.Users == nil {
		cfg.Users = []uint32{0, DaemonUser}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg: cfg, wake: make(chan struct{}, 1), box: cfg.Box}
}

// Damaged says whether the firmware that runs is damaged on the card.
func (s *Server) Damaged(is bool) {
	s.mu.Lock()
	s.box.Damaged = is
	s.mu.Unlock()
	s.Wake()
}

// Setup says until when a PIN can be set for the owner's page.
func (s *Server) Setup(until Setup) {
	s.mu.Lock()
	s.box.Setup = until
	s.mu.Unlock()
	s.Wake()
}

// sayBox says what box this is, unless that is what was said, and returns what is.
func (s *Server) sayBox(c net.Conn, said *Box) (*Box, error) {
	s.mu.Lock()
	b := s.box
	s.mu.Unlock()
	if said != nil && *said == b {
		return said, nil
	}
	return &b, send(c, Message{Box: &b})
}

// Listen makes the socket at path, in a folder that it makes where there is none, for its owner and for group; -1 is the group
// that it gets anyway.
func Listen(path string, group int) (*net.UnixListener, error) {
	fail := func(err error) (*net.UnixListener, error) { return nil, fmt.Errorf("listen to the daemon: %w", err) }
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fail(err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return fail(err)
	}
	if err := errors.Join(os.Chmod(path, 0o660), os.Chown(path, -1, group)); err != nil {
		l.Close()
		return fail(err)
	}
	return l, nil
}

// Wake says that there may be new events.
func (s *Server) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Serve serves the daemon until ctx ends, and closes l. A daemon that comes while another is served takes its place: the other is
// one that ended, or hangs.
func (s *Server) Serve(ctx context.Context, l *net.UnixListener) error {
	ctx, cancel := context.WithCancel(ctx)
	var served sync.WaitGroup
	defer served.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var turn sync.Mutex // one is served at a time, and has left before the next begins
	for {
		c, err := l.AcceptUnix()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("listen to the daemon: %w", err)
		}
		pid, err := s.admit(c)
		if err != nil {
			s.cfg.Log.Warn("refused at the daemon's socket", "error", err)
			c.Close()
			continue
		}
		s.replace(c)
		served.Go(func() {
			turn.Lock()
			defer turn.Unlock()
			if err := s.serve(ctx, c, pid); ctx.Err() == nil && !errors.Is(err, io.EOF) {
				s.cfg.Log.Warn("the daemon's connection ended", "error", err)
			}
		})
	}
}

// replace ends the connection before c.
func (s *Server) replace(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
	}
	s.conn = c
}

// ErrUser is wrapped by the errors of who may not connect.
var ErrUser = errors.New("initctl: another user")

// admit returns the process at the other end, if that may connect.
func (s *Server) admit(c *net.UnixConn) (pid int, err error) {
	who, err := peer(c)
	if err != nil {
		return 0, err
	}
	if !slices.Contains(s.cfg.Users, who.Uid) {
		return 0, fmt.Errorf("%w: %d", ErrUser, who.Uid)
	}
	return int(who.Pid), nil
}

// peer asks the kernel who is at the other end (SO_PEERCRED, unix(7)).
func peer(c *net.UnixConn) (who *unix.Ucred, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	ask := func(fd uintptr) { who, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }
	if cerr := raw.Control(ask); cerr != nil {
		return nil, cerr
	}
	return who, err
}

// serve talks to a daemon until it leaves.
func (s *Server) serve(ctx context.Context, c net.Conn, pid int) error {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	defer c.Close()
	if s.cfg.Connected != nil {
		s.cfg.Connected(pid, true)
		defer s.cfg.Connected(pid, false)
	}
	in := make(chan Message)
	ended := make(chan error, 1)
	done := make(chan struct{})
	defer close(done)
	go func() {
		r := bufio.NewReaderSize(c, MaxLine)
		for {
			m, err := Read(r)
			if err != nil {
				ended <- err
				return
			}
			select {
			case in <- m:
			case <-done:
				return
			}
		}
	}()
	return s.talk(c, in, ended)
}

// errFlood ends a connection.
var errFlood = errors.New("initctl: a flood of lines")

// talk says events as they come, and takes what the daemon says.
func (s *Server) talk(c net.Conn, in <-chan Message, ended <-chan error) error {
	again := time.NewTicker(againTime)
	defer again.Stop()
	told := map[string]bool{}
	lines, since := 0, s.cfg.Now()
	var box *Box
	for {
		var err error
		if box, err = s.sayBox(c, box); err != nil {
			return err
		}
		if err := s.tell(c, told); err != nil {
			return err
		}
		select {
		case err := <-ended:
			return err
		case <-s.wake:
		case <-again.C:
			clear(told)
		case m := <-in:
			if now := s.cfg.Now(); now-since > floodTime {
				lines, since = 0, now
			}
			if lines++; lines > floodLines {
				return errFlood
			}
			if err := s.take(m); err != nil {
				return err
			}
		}
	}
}

// tell says the events that were not told yet.
func (s *Server) tell(c net.Conn, told map[string]bool) error {
	if s.cfg.Pending == nil {
		return nil
	}
	for _, e := range s.cfg.Pending() {
		if told[e.ID] {
			continue
		}
		told[e.ID] = true
		err := send(c, Message{Event: &e})
		if errors.Is(err, ErrMessage) || errors.Is(err, ErrLine) { // of ours, and in nobody's way
			s.cfg.Log.Error("an event cannot be told", "id", e.ID, "error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) take(m Message) error {
	switch {
	case m.Health != nil:
		if err := m.Health.Valid(s.cfg.Now()); err != nil {
			return err
		}
		if s.cfg.Health != nil {
			s.cfg.Health(*m.Health)
		}
	case m.Update != nil:
		if s.cfg.Update != nil {
			s.cfg.Update(m.Update)
		}
	case m.Ack != "":
		if s.cfg.Acknowledge == nil {
			return nil
		}
		if err := s.cfg.Acknowledge(m.Ack); err != nil {
			s.cfg.Log.Warn("an event is not forgotten", "id", m.Ack, "error", err)
		}
	case m.Box != nil || m.Event != nil:
		return fmt.Errorf("%w: what PID 1 says, from a daemon", ErrMessage)
	}
	return nil
}

// send writes m within writeTime.
func send(c net.Conn, m Message) error {
	b, err := m.Line()
	if err != nil {
		return err
	}
	if err := c.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err = c.Write(b)
	return err
}
