package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"cafeprobe/board"
	"cafeprobe/board/detect"
	"cafeprobe/capture/afpacket"
	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/initctl"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
	"cafeprobe/uplink/mqtt"
)

const (
	reportPeriod = 10 * time.Second
	startTime    = 10 * time.Minute // a card that is read for longer hangs: it is checked whole at worst, 256 MiB at 2 MB/s and more
	initTime     = 5 * time.Second  // within which PID 1 answers
)

// monitor says how the box is, to PID 1 where there is one and to the health records, and makes records of what PID 1 tells. It
// outlives the daemon's lives.
type monitor struct {
	log    *slog.Logger
	client *initctl.Client // nil: PID 1 is not ours
	parts  board.Parts
	now    func() time.Duration
	began  time.Duration
	box    chan initctl.Box // what PID 1 said of the box first

	taking sync.Mutex // while an event is taken
	mu     sync.Mutex
	lives  chan struct{} // closed while there is a life
	life   *vitals       // nil between lives
	pulse  pulse
	last   health.Report
	low    bool // the supply, as the last record of it says

	damaged bool          // the firmware on the card, as PID 1 says
	setup   initctl.Setup // of the owner's page, likewise
	offered bool          // a life was told of it
}

// vitals are what a life of the daemon lets a monitor look at and do.
type vitals struct {
	look   func(*health.Inputs) (hot, slow uint64)
	event  func(initctl.Event) error
	record func(uplink.Body) error
	stamp  func() uplink.Stamp
	setup  func(s initctl.Setup, fresh bool) // fresh: no life was told of it before; must not block
}

// newMonitor returns a monitor of the box whose spool is in dir.
func newMonitor(dir string, log *slog.Logger) *monitor {
	m := &monitor{log: log, now: boottime.Now, began: boottime.Now(), box: make(chan initctl.Box, 1), lives: make(chan struct{})}
	var err error
	if m.parts, err = detect.Sensors("/", dir); err != nil {
		log.Warn("a sensor does not work", "error", err)
	}
	m.pulse.start(m.began)
	return m
}

// connect gets the connection to PID 1 that listens at path, and what it says of the box. It is to be called before the process
// gives up making sockets (silence.Forbid), behind which there is no other.
func (m *monitor) connect(ctx context.Context, path string) error {
	first, stop := context.WithTimeout(ctx, initTime)
	defer stop()
	conn, err := initctl.Dial(first, path)
	for err != nil && first.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		conn, err = initctl.Dial(first, path)
	}
	if err != nil {
		return err
	}
	m.client = initctl.NewClient(initctl.ClientConfig{
		Log: m.log,
		Dial: func(ctx context.Context) (net.Conn, error) {
			if c := conn; c != nil {
				conn = nil
				return c, nil
			}
			return initctl.Dial(ctx, path)
		},
		Box: func(b initctl.Box) {
			m.heard(b)
			select {
			case m.box <- b:
			default: // it was told before
			}
		},
		Event: m.take,
	})
	return nil
}

// heard takes what PID 1 says of the box.
func (m *monitor) heard(b initctl.Box) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.damaged = b.Damaged
	if m.setup == b.Setup {
		return
	}
	if m.setup, m.offered = b.Setup, m.life != nil; m.offered {
		m.life.setup(m.setup, true)
	}
}

// errParted ends a daemon that has lost PID 1 and cannot come back to it: it is started anew.
var errParted = errors.New("the connection to PID 1 is lost")

// run reports until ctx ends, or until PID 1 is lost for good.
func (m *monitor) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var talks sync.WaitGroup
	defer talks.Wait()
	defer cancel()
	lost := make(chan error, 1)
	if m.client != nil {
		talks.Go(func() { lost <- m.client.Run(ctx) })
	}
	tick := time.NewTicker(reportPeriod)
	defer tick.Stop()
	for {
		m.report()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-lost:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%w: %w", errParted, err)
		case <-tick.C:
		}
	}
}

// announce passes an update.Offer on to PID 1.
func (m *monitor) announce(offer json.RawMessage) error {
	if m == nil || m.client == nil {
		return errNoUpdates
	}
	return m.client.Announce(offer)
}

// release returns what PID 1 said of the box, the zero Box where there is none or it has not answered in time.
func (m *monitor) release(ctx context.Context) (b initctl.Box) {
	if m.client == nil {
		return b
	}
	late := time.NewTimer(initTime)
	defer late.Stop()
	select {
	case b = <-m.box:
	case <-late.C:
	case <-ctx.Done():
	}
	return b
}

// attach lets m look at a life until the returned function has been called.
func (m *monitor) attach(v vitals) (detach func()) {
	if m == nil {
		return func() {}
	}
	m.mu.Lock()
	m.life = &v
	if m.setup != (initctl.Setup{}) {
		v.setup(m.setup, !m.offered)
		m.offered = true
	}
	close(m.lives)
	m.pulse.start(m.now())
	m.mu.Unlock()
	m.report()
	return func() {
		m.taking.Lock()
		defer m.taking.Unlock()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.life, m.began, m.lives = nil, m.now(), make(chan struct{})
		m.pulse.start(m.began)
	}
}

// report looks at everything once.
func (m *monitor) report() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	in := health.Inputs{Beat: min(now, m.began+startTime), Up: m.began, Starting: m.life == nil, Damaged: m.damaged}
	m.sense(&in)
	in.Uplink, in.Address = uplinkNow()
	if m.life != nil {
		in.Beat = m.pulse.beat(now)(m.life.look(&in))
	}
	m.last = health.Evaluate(in, m.last, now)
	if m.client != nil {
		m.client.Report(m.last)
	}
	m.supply(in.Supply)
}

// sense asks the sensors. One that fails says nothing.
func (m *monitor) sense(in *health.Inputs) {
	if m.parts.Temperature != nil {
		if c, err := m.parts.Temperature.Celsius(); err == nil {
			in.Celsius = c
		}
	}
	if m.parts.Supply != nil {
		if low, err := m.parts.Supply.Low(); err == nil {
			in.Supply = health.SupplyGood
			if low {
				in.Supply = health.SupplyLow
			}
		}
	}
	if m.parts.Storage != nil {
		if w, err := m.parts.Storage.Wear(); err == nil {
			in.Wear = &w
		}
	}
}

// supply records that the supply became weak, and that it is good again.
func (m *monitor) supply(s health.Supply) {
	low := s == health.SupplyLow
	if m.life == nil || s == health.SupplyUnknown || low == m.low {
		return
	}
	what := "good"
	if low {
		what = "low"
	}
	if err := m.life.record(&uplink.Power{Stamp: m.life.stamp(), What: what}); err != nil {
		m.log.Error("record not written", "error", err)
		return
	}
	m.low = low
}

// latest returns the last report.
func (m *monitor) latest() health.Report {
	if m == nil {
		return health.Report{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// take makes a record of an event, which between two lives waits for the next.
func (m *monitor) take(ctx context.Context, e initctl.Event) error {
	for {
		m.mu.Lock()
		lives := m.lives
		m.mu.Unlock()
		select {
		case <-lives:
		case <-ctx.Done():
			return ctx.Err()
		}
		if took, err := m.try(e); took {
			return err
		}
	}
}

// try makes a record of an event if there is a life now, which then does not end before that is done.
func (m *monitor) try(e initctl.Event) (took bool, err error) {
	m.taking.Lock()
	defer m.taking.Unlock()
	m.mu.Lock()
	life := m.life
	m.mu.Unlock()
	if life == nil {
		return false, nil
	}
	return true, life.event(e)
}

// pulse knows when both of the pipeline's goroutines were last seen to have come round.
type pulse struct {
	hot, slow     uint64
	hotAt, slowAt time.Duration
}

func (p *pulse) start(now time.Duration) { *p = pulse{hotAt: now, slowAt: now} }

// beat returns what takes their counts at now and returns when the one that stands still moved last.
func (p *pulse) beat(now time.Duration) func(hot, slow uint64) time.Duration {
	return func(hot, slow uint64) time.Duration {
		if hot != p.hot {
			p.hot, p.hotAt = hot, now
		}
		if slow != p.slow {
			p.slow, p.slowAt = slow, now
		}
		return min(p.hotAt, p.slowAt)
	}
}

// uplinkNow looks at the interfaces that are not the capture port, which is in a namespace of its own: the best counts.
func uplinkNow() (link health.Link, address bool) {
	link = health.LinkGone
	list, err := net.Interfaces()
	if err != nil {
		return health.LinkUnknown, false
	}
	for _, i := range list {
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		switch has := routable(&i); {
		case i.Flags&net.FlagRunning != 0 && has:
			return health.LinkUp, true
		case i.Flags&net.FlagRunning != 0:
			link = health.LinkUp
		case link == health.LinkGone:
			link = health.LinkNoCarrier
		}
	}
	return link, false
}

// routable reports whether i has an address with which one gets further than the next cable.
func routable(i *net.Interface) bool {
	list, err := i.Addrs()
	if err != nil {
		return false
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return true
		}
	}
	return false
}

// link returns how it stands with the capture port.
func (p *port) link() health.Link {
	if p.cfg.Interface == "" {
		return health.LinkNone
	}
	switch p.state() {
	case afpacket.Up:
		return health.LinkUp
	case afpacket.NoCarrier:
		return health.LinkNoCarrier
	case afpacket.Down:
		return health.LinkDown
	}
	return health.LinkGone
}

// unreached says why there is no connection to the broker.
func unreached(err error) string {
	var name *net.DNSError
	var cert *tls.CertificateVerificationError
	var remote *net.OpError
	var plain tls.RecordHeaderError
	switch {
	case err == nil:
		return ""
	case mqtt.Refused(err):
		return health.RefusalLogin
	case errors.Is(err, credential.ErrRefused), errors.Is(err, credential.ErrNotEnrolled):
		return health.RefusalClaim
	case errors.As(err, &remote) && remote.Op == "remote error": // an alert, whose type crypto/tls does not tell
		return health.RefusalCertificate
	case errors.As(err, &cert):
		return unbelieved(cert)
	case errors.As(err, &plain), errors.Is(err, http.ErrSchemeMismatch):
		return health.RefusalPlain
	case errors.As(err, &name):
		return health.RefusalName
	case errors.Is(err, syscall.ECONNREFUSED):
		return health.RefusalRefused
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, syscall.EHOSTUNREACH),
		errors.Is(err, syscall.ENETUNREACH):
		return health.RefusalTimeout
	}
	return health.RefusalOther
}

// unbelieved says what is wrong with a server's certificate.
func unbelieved(err error) string {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		return health.RefusalServer
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired: // also one that is not valid yet
		return health.RefusalDates
	}
	return health.RefusalAuthority
}
