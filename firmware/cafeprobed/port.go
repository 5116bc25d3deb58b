package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/afpacket"
	"cafeprobe/capture/merge"
	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/firmware/config"
	"cafeprobe/firmware/silence"
	"cafeprobe/uplink"
)

// port is what a box listens to: its capture port, mirrors that are sent to it, or both. It is opened once and outlives the
// daemon's lives, since opening it takes capabilities that the process then has no more. Until the capture port's interface is
// there the process keeps them, and looks for it: see seek.
type port struct {
	cfg    config.Capture
	ring   afpacket.Config
	feed   *feed           // nil where no mirrors are sent
	offset time.Duration   // what the frames' times are ahead of the steady scale
	own    []capture.MAC   // of the box, where its own traffic can be heard: that proves no mirror
	tried  time.Time       // when the interface was last looked for
	absent bool            // it is still to be looked for; of the goroutine that reads
	reads  capture.Batcher // what there is to read, nil while that is nothing
	one    [1]capture.Frame
	opened atomic.Pointer[opened] // the capture port; nil until its interface is there, and where there is to be none

	told   uint64    // of the frames sent since then, those that were recorded; of the goroutine that runs watch
	toldAt time.Time // when that was
}

// opened is a capture port whose interface was there.
type opened struct {
	ring   *afpacket.Ring
	silent *silence.Port // nil where the port is also the uplink
	before uint64        // frames that it had sent when it was silenced
}

var _ capture.Batcher = (*port)(nil) // the pipeline asks for it

// bulkKeep is how many octets are kept of a segment of disk traffic: Ethernet with a tag, IPv6, TCP with options.
const bulkKeep = 128

// openPort opens what is listened to, nil where a capture is replayed. Frames' times are the steady scale's, shifted so that
// they read as UTC by what the machine takes for it now: periods then begin where the day's do, and no step of the
// machine's clock moves them. An interface that is not there is no error: Batch waits for it.
func openPort(cfg config.Capture, log *slog.Logger) (*port, error) {
	if cfg.File != "" {
		return nil, nil
	}
	p := &port{cfg: cfg, offset: time.Duration(time.Now().UnixNano()) - boottime.Now()}
	p.ring = afpacket.Config{Blocks: cfg.Blocks, Now: p.now}
	if cfg.SkipBulk {
		p.ring.Filter = afpacket.Bulk(afpacket.BulkPorts, bulkKeep)
	}
	if err := p.openFeed(); err != nil {
		return p, err
	}
	if cfg.Interface == "" {
		return p, silence.Forbid(p.feed.FDs()...)
	}
	err := p.open()
	if p.absent = errors.Is(err, silence.ErrAbsent); p.absent {
		log.Warn("the capture port is not there: nothing is seen of it until it is", "interface", cfg.Interface)
		err = nil
	}
	return p, err
}

func (p *port) now() int64 { return int64(boottime.Now() + p.offset) }

// openFeed opens the sockets for mirrors that are sent, among the uplink's interfaces. They show the box's own frames as well.
func (p *port) openFeed() (err error) {
	if p.cfg.Remote == nil {
		return nil
	}
	if p.feed, err = openFeed(p.cfg.Remote, p.now); err != nil {
		return err
	}
	p.own, p.reads = addresses(), p.feed
	return nil
}

// open opens the capture port so that it cannot send, and takes from the process what it would need to let it. It returns an
// error that wraps silence.ErrAbsent, and leaves the process as it was, where there is no such interface.
func (p *port) open() error {
	p.tried = time.Now()
	o, err := p.silence()
	if err == nil {
		err = silence.Forbid(append(o.ring.FDs(), p.feed.FDs()...)...)
	}
	if err != nil {
		return errors.Join(err, o.close())
	}
	if p.reads = o.ring; p.feed != nil {
		p.reads = merge.New(merge.Config{Now: p.now}, p.feed, o.ring)
	}
	p.opened.Store(o)
	return nil
}

// addresses returns the MAC addresses of all the box's interfaces.
func addresses() (list []capture.MAC) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil // it hears itself as a station then, no more
	}
	for _, i := range interfaces {
		list = appendMAC(list, i.HardwareAddr)
	}
	return list
}

// appendMAC appends a unless it is no address of Ethernet, or known.
func appendMAC(list []capture.MAC, a net.HardwareAddr) []capture.MAC {
	if len(a) != len(capture.MAC{}) || capture.MAC(a).IsZero() || slices.Contains(list, capture.MAC(a)) {
		return list
	}
	return append(list, capture.MAC(a))
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
		p.own = appendMAC(p.own, i.HardwareAddr)
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

// How often a port that is not there is looked for, and how long Batch waits meanwhile: as a ring does for frames.
const (
	awaitPeriod = time.Second
	quietPeriod = 250 * time.Millisecond
)

// Next is capture.Source's.
func (p *port) Next(f *capture.Frame) error {
	_, err := p.Batch(p.one[:])
	*f = p.one[0]
	return err
}

// Batch is capture.Batcher's. While there is no interface, and no mirror is sent either, the wire is a quiet one.
func (p *port) Batch(fs []capture.Frame) (n int, err error) {
	if p.absent {
		err = p.seek()
	}
	switch {
	case err != nil:
	case p.reads != nil:
		return p.reads.Batch(fs)
	default:
		time.Sleep(quietPeriod)
		err = capture.ErrQuiet
	}
	fs[0].Time = p.now()
	return 0, err
}

// seek looks for the interface. A life of the daemon that began without the one that is also its uplink is to be followed by
// another, which knows its address.
func (p *port) seek() error {
	if time.Since(p.tried) < awaitPeriod {
		return nil
	}
	err := p.open()
	switch {
	case errors.Is(err, silence.ErrAbsent):
		return nil
	case err != nil:
		return err
	}
	p.absent = false
	if p.cfg.Shared {
		return errRestart
	}
	return nil
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

// dropped returns how many frames found no room in the ring, and datagrams in the sockets.
func (p *port) dropped() (n uint64) {
	if p == nil {
		return 0
	}
	if o := p.opened.Load(); o != nil {
		n = o.ring.Stats().Dropped
	}
	return n + p.feed.heard().dropped
}

// close closes a port that there may not be.
func (p *port) close() error {
	if p == nil {
		return nil
	}
	return errors.Join(p.opened.Load().close(), p.feed.Close())
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
	if p.cfg.Interface == "" {
		return
	}
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
