package owner

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"cafeprobe/uplink"
)

// SetupTime is how long setup stays open: long enough to walk from the box to a computer and type two lines.
const SetupTime = 10 * time.Minute

// Config says what a Server serves. Dir, Box, Code, Book, Sayer and Export are required.
type Config struct {
	Dir  string       // folder of PINFile and CertificateFile
	Box  uplink.BoxID // whose page it is
	Code string       // the label's, XXXXX-XXXXX in Crockford's base32 (spool.Identity)

	Book   Book
	Sayer  Sayer
	Proof  Proof // nil: the box writes none, and the page offers none
	Export Export

	Listen  func() (net.Listener, error) // opens the port; nil: TCP 443, all addresses
	Refused func(Refusal)                // called for what is refused, from several goroutines; nil: nobody counts
	Now     func() time.Time             // nil: time.Now
	Log     *slog.Logger                 // nil for none
}

// Export writes what the box holds of its chain (uplink/export) to w. What it returns after its first octet only ends the download.
type Export func(ctx context.Context, w io.Writer) error

// Refusal says what was refused.
type Refusal string

// The refusals.
const (
	RefusedPIN   Refusal = "pin"   // a wrong PIN, or one given while its address has to wait
	RefusedCode  Refusal = "code"  // a wrong code of the label
	RefusedHost  Refusal = "host"  // a name that is not the box's address: DNS rebinding
	RefusedCross Refusal = "cross" // a form that another site's page sent
	RefusedFlood Refusal = "flood" // more connections than are taken
)

// Server is the page. Use New, then Run.
type Server struct {
	cfg      Config
	log      *slog.Logger
	lock     *lock
	sessions *sessions
	codes    *tries
	handler  http.Handler
	pages    map[string]*template.Template // by language
	busy     chan struct{}                 // holds one value while a long answer is being written

	limits   limits
	setupFor time.Duration
	retry    time.Duration // after a port that cannot be opened; doubles up to a minute
	wake     chan struct{}

	said struct { // what this run has passed on
		sync.Mutex
		list []objection
	}

	mu    sync.Mutex
	until time.Time // setup is open until then
	addr  net.Addr  // of the open port
}

// New returns a Server, closed until Run. A PIN file that cannot be read is as none: it is logged, and setup makes a new one.
func New(cfg Config) (*Server, error) {
	if cfg.Dir == "" || !cfg.Box.Valid() || cfg.Code == "" || cfg.Book == nil || cfg.Sayer == nil || cfg.Export == nil {
		return nil, errors.New("owner: a folder, box, code, book, sayer or export is missing")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Refused == nil {
		cfg.Refused = func(Refusal) {}
	}
	if cfg.Listen == nil {
		cfg.Listen = func() (net.Listener, error) { return net.Listen("tcp", ":443") }
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, sessions: newSessions(cfg.Now), codes: newTries(), setupFor: SetupTime, retry: time.Second, limits: limits{headerTime, readTime},
		wake: make(chan struct{}, 1), busy: make(chan struct{}, 1),
	}
	var err error
	if s.lock, err = openLock(filepath.Join(cfg.Dir, PINFile), defaultRounds, cfg.Now); err != nil {
		s.log.Error("the owner's page stays off until a PIN is set anew", "error", err)
	}
	if s.pages, err = parsePages(); err != nil {
		return nil, fmt.Errorf("owner: %w", err)
	}
	s.handler = s.routes()
	return s, nil
}

// HasPIN reports whether a PIN is set, so that the page is open.
func (s *Server) HasPIN() bool { return s.lock.isSet() }

// OpenSetup opens setup for SetupTime: whoever has the label's code may set a PIN, also in the place of one that was forgotten. To be called
// when the button was held, or, on a board without one that has no PIN yet, after a start by power.
func (s *Server) OpenSetup() { s.OpenSetupFor(s.setupFor) }

// OpenSetupFor opens setup as OpenSetup does, for what is left of its time: the box's first process may have opened it a while ago.
func (s *Server) OpenSetupFor(left time.Duration) {
	left = min(left, s.setupFor)
	s.mu.Lock()
	s.until = time.Now().Add(left)
	s.mu.Unlock()
	s.codes.reset()
	s.log.Info("setup of the owner's page is open", "for", left)
	s.changed()
}

func (s *Server) closeSetup() {
	s.mu.Lock()
	s.until = time.Time{}
	s.mu.Unlock()
	s.changed()
}

// setup returns for how long setup is still open, 0 if it is not.
func (s *Server) setup() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, time.Until(s.until))
}

func (s *Server) changed() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Addr returns the address of the open port, nil while it is closed.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

func (s *Server) setAddr(a net.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addr = a
}

// Run opens the port while a PIN is set or setup is open, and closes it when neither is so, until ctx is done. A port that cannot be opened
// is logged and tried again.
func (s *Server) Run(ctx context.Context) {
	defer s.sessions.endAll()
	delay := s.retry
	for ctx.Err() == nil {
		if !s.wanted() {
			select {
			case <-ctx.Done():
			case <-s.wake:
			}
			continue
		}
		if err := s.serve(ctx); err != nil {
			s.log.Error("the owner's page cannot be opened", "error", err, "again in", delay)
			select {
			case <-ctx.Done():
			case <-s.wake:
			case <-time.After(delay):
			}
			delay = min(2*delay, time.Minute)
			continue
		}
		delay = s.retry
	}
}

func (s *Server) wanted() bool { return s.lock.isSet() || s.setup() > 0 }

// serve opens the port and returns when it is no longer wanted.
func (s *Server) serve(ctx context.Context) error {
	cert, err := Certificate(s.cfg.Dir, s.cfg.Box, s.cfg.Now())
	if err != nil {
		return err
	}
	l, err := s.cfg.Listen()
	if err != nil {
		return err
	}
	g := newGate(l, func() { s.cfg.Refused(RefusedFlood) })
	srv := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: s.limits.header, ReadTimeout: s.limits.read, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, ErrorLog: log.New(io.Discard, "", 0), // what strangers send is counted, not logged
		TLSConfig:    &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 does for two requests a page
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.ServeTLS(g, "", "") }()
	s.setAddr(l.Addr())
	s.log.Info("the owner's page is open", "address", l.Addr().String())
	err = s.watch(ctx, ended)
	s.setAddr(nil)
	_ = srv.Close() // also what is being answered: nobody who was let in stays
	s.log.Info("the owner's page is closed")
	return err
}

// watch waits until the page is no longer wanted, or its port has ended by itself.
func (s *Server) watch(ctx context.Context, ended <-chan error) error {
	for s.wanted() {
		var over <-chan time.Time
		if d := s.setup(); d > 0 {
			over = time.After(d)
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case <-s.wake:
		case <-over:
		}
	}
	return nil
}
