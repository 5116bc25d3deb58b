package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/afpacket"
	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/firmware/config"
	"cafeprobe/firmware/silence"
	"cafeprobe/uplink"
)

// port is the capture port. It is opened once and outlives the daemon's lives, since opening it takes a capability that
// the process then has no more. Until its interface is there the process keeps that, and looks for it: see wait.
type port struct {
	cfg    config.Capture
	ring   afpacket.Config
	offset time.Duration // what the frames' times are ahead of the steady scale
	own    capture.MAC   // where it is also the uplink: what is sent to the box proves no mirror
	tried  time.Time     // when it was last looked for
	reads  *afpacket.Ring
	opened atomic.Pointer[opened] // nil until the interface is there

	told   uint64    // of the frames sent since then, those that were recorded; of the goroutine that runs watch
	toldAt time.Time // when that was
}

// opened is a port whose interface was there.
type opened struct {
	ring   *afpacket.Ring
	silent *silence.Port // nil where the port is also the uplink
	before uint64        // frames that it had sent when it was silenced
}

var _ capture.Batcher = (*port)(nil) // the pipeline asks for it

// bulkKeep is how many octets are kept of a segment of disk traffic: Ethernet with a tag, IPv6, TCP with options.
const bulkKeep = 128

// openPort opens the capture port, nil where a capture is replayed. Frames' times are the steady scale's, shifted so that
// they read as UTC by what the machine takes for it now: periods then begin where the day's do, and no step of the
// machine's clock moves them. An interface that is not there is no error: Next waits for it.
func openPort(cfg config.Capture, log *slog.Logger) (*port, error) {
	if cfg.Interface == "" {
		return nil, nil
	}
	p := &port{cfg: cfg, offset: time.Duration(time.Now().UnixNano()) - boottime.Now()}
	p.ring = afpacket.Config{Blocks: cfg.Blocks, Now: p.now}
	if cfg.SkipBulk {
		p.ring.Filter = afpacket.Bulk(afpacket.BulkPorts, bulkKeep)
	}
	err := p.open()
	if errors.Is(err, silence.ErrAbsent) {
		log.Warn("the capture port is not there: nothing is seen until it is", "interface", cfg.Interface)
		err = nil
	}
	return p, err
}

func (p *port) now() int64 { return int64(boottime.Now() + p.offset) }

// open opens the port so that it cannot send, and takes from the process what it would need to let it. It returns an error that
// wraps silence.ErrAbsent, and leaves the process as it was, where there is no such interface.
func (p *port) open() error {
	p.tried = time.Now()
	o, err := p.silence()
	if err == nil {
		err = silence.Forbid(o.ring.FD())
	}
	if err != nil {
		return errors.Join(err, o.close())
	}
	p.reads = o.ring
	p.opened.Store(o)
	return nil
}

// silence opens the ring. A port that is also the uplink sends what the box says to the province: there only the ring
// cannot be written to.
func (p *port) silence() (o *opened, err error) {
	o = &opened{}
	open := func() (err error) {
		o.ring, err = afpacket.Open(p.cfg.Interface, p.ring)
		return err
	}
	if p.cfg.Shared {
		i, err := net.InterfaceByName(p.cfg.Interface)
		if err != nil {
			return o, fmt.Errorf("capture port %s: %w: %w", p.cfg.Interface, silence.ErrAbsent, err)
		}
		copy(p.own[:], i.HardwareAddr)
		return o, open()
	}
	if o.silent, err = silence.Make(p.cfg.Namespace, p.cfg.Interface, open); err != nil {
		return o, err
	}
	if o.before, err = o.silent.Sent(); err != nil {
		err = fmt.Errorf("%w: %w", silence.ErrAbsent, err) // just opened, and gone
	}
	return o, err
}

// How often a port that is not there is looked for, and how long Next waits meanwhile: as a ring does for frames.
const (
	awaitPeriod = time.Second
	quietPeriod = 250 * time.Millisecond
)

// Next is capture.Source's. While there is no interface the wire is a quiet one.
func (p *port) Next(f *capture.Frame) error {
	if p.reads != nil {
		return p.reads.Next(f)
	}
	return p.wait(f)
}

// Batch is capture.Batcher's.
func (p *port) Batch(fs []capture.Frame) (n int, err error) {
	if p.reads != nil {
		return p.reads.Batch(fs)
	}
	return 0, p.wait(&fs[0])
}

// wait looks for the interface. A life of the daemon that began without the one that is also its uplink is to be followed by
// another, which knows its address.
func (p *port) wait(f *capture.Frame) error {
	time.Sleep(quietPeriod)
	if time.Since(p.tried) >= awaitPeriod {
		err := p.open()
		switch {
		case err == nil && p.cfg.Shared:
			return errRestart
		case err != nil && !errors.Is(err, silence.ErrAbsent):
			return err
		}
	}
	f.Time = p.now()
	return capture.ErrQuiet
}

// state says how it stands with the interface.
func (p *port) state() afpacket.State {
	if o := p.opened.Load(); o != nil {
		return o.ring.State()
	}
	return afpacket.Gone
}

// name returns the interface's present name.
func (p *port) name() string {
	if o := p.opened.Load(); o != nil {
		return o.ring.Name()
	}
	return p.cfg.Interface
}

// sent returns how many frames the port has sent since it was silenced.
func (p *port) sent() (frames uint64, err error) {
	if p == nil {
		return 0, nil
	}
	o := p.opened.Load()
	if o == nil || o.silent == nil {
		return 0, nil
	}
	n, err := o.silent.Sent()
	return n - min(n, o.before), err
}

// dropped returns how many frames found no room in the ring.
func (p *port) dropped() uint64 {
	if p == nil {
		return 0
	}
	if o := p.opened.Load(); o != nil {
		return o.ring.Stats().Dropped
	}
	return 0
}

// close closes a port that there may not be.
func (p *port) close() error {
	if p == nil {
		return nil
	}
	return p.opened.Load().close()
}

func (o *opened) close() error {
	if o == nil {
		return nil
	}
	var errs []error
	if o.ring != nil {
		errs = append(errs, o.ring.Close())
	}
	if o.silent != nil {
		errs = append(errs, o.silent.Close())
	}
	return errors.Join(errs...)
}

// watchPeriod is how often the link and the counter of sent frames are looked at.
const watchPeriod = time.Second

// watch records what becomes of the port until ctx is done: how the link is at the start, then every change; and at once,
// then at most once a minute, that it sent frames, which it never should.
func (p *port) watch(ctx context.Context, log *slog.Logger, record func(uplink.Body) error, stamp func() uplink.Stamp) {
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	var w watched
	for {
		for _, b := range w.look(p, stamp(), log) {
			if err := record(b); err != nil {
				log.Error("record not written", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sentPeriod is the least time between two records of frames that were sent.
const sentPeriod = time.Minute

// watched is what a life of the daemon has last seen of the link.
type watched struct {
	begun bool
	state afpacket.State
}

// look returns the records that are due.
func (w *watched) look(p *port, stamp uplink.Stamp, log *slog.Logger) (due []uplink.Body) {
	now := p.state()
	if now != w.state || !w.begun {
		log.Info("capture port", "interface", p.name(), "link", now)
		if up := now == afpacket.Up; !w.begun || up != (w.state == afpacket.Up) {
			due = append(due, &uplink.Link{Stamp: stamp, Port: "capture", Up: up})
		}
	}
	w.begun, w.state = true, now
	sent, err := p.sent()
	if err != nil || sent <= p.told || time.Since(p.toldAt) < sentPeriod { // an interface that is gone has no counters
		return due
	}
	log.Error("the capture port has sent frames", "interface", p.name(), "frames", sent-p.told)
	due = append(due, &uplink.Security{Stamp: stamp, What: uplink.SecuritySent, Count: uplink.Int(sent - p.told), Topic: "capture"})
	p.told, p.toldAt = sent, time.Now()
	return due
}
