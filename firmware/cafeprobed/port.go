package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/afpacket"
	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/firmware/config"
	"cafeprobe/firmware/silence"
	"cafeprobe/uplink"
)

// port is the capture port. It is opened once and outlives the daemon's lives, since opening it takes a capability that
// the process then has no more.
type port struct {
	*afpacket.Ring
	offset time.Duration // what the frames' times are ahead of the steady scale
	silent *silence.Port // nil where the port is also the uplink
	before uint64        // frames that it had sent when it was silenced
	own    capture.MAC   // where it is also the uplink: what is sent to the box proves no mirror

	told   uint64    // of the frames sent since then, those that were recorded; of the goroutine that runs watch
	toldAt time.Time // when that was
}

// bulkKeep is how many octets are kept of a segment of disk traffic: Ethernet with a tag, IPv6, TCP with options.
const bulkKeep = 128

// openPort opens the capture port, nil where a capture is replayed. Frames' times are the steady scale's, shifted so that
// they read as UTC by what the machine takes for it now: periods then begin where the day's do, and no step of the
// machine's clock moves them.
func openPort(cfg config.Capture) (*port, error) {
	if cfg.Interface == "" {
		return nil, nil
	}
	p := &port{offset: time.Duration(time.Now().UnixNano()) - boottime.Now()}
	c := afpacket.Config{Blocks: cfg.Blocks, Now: func() int64 { return int64(boottime.Now() + p.offset) }}
	if cfg.SkipBulk {
		c.Filter = afpacket.Bulk(afpacket.BulkPorts, bulkKeep)
	}
	open := func() (err error) {
		p.Ring, err = afpacket.Open(cfg.Interface, c)
		return err
	}
	if err := p.silence(cfg, open); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// silence opens the port so that it cannot send, and takes from the process what it would need to let it. A port that is
// also the uplink sends what the box says to the province: there only the ring cannot be written to.
func (p *port) silence(cfg config.Capture, open func() error) (err error) {
	if cfg.Shared {
		if i, err := net.InterfaceByName(cfg.Interface); err == nil { // one that is not there is waited for
			copy(p.own[:], i.HardwareAddr)
		}
		err = open()
	} else {
		p.silent, err = silence.Make(cfg.Namespace, cfg.Interface, open)
		if err == nil {
			p.before, err = p.silent.Sent()
		}
	}
	if err != nil {
		return err
	}
	return silence.Forbid(p.FD())
}

// sent returns how many frames the port has sent since it was silenced.
func (p *port) sent() (frames uint64, err error) {
	if p == nil || p.silent == nil {
		return 0, nil
	}
	n, err := p.silent.Sent()
	return n - min(n, p.before), err
}

// dropped returns how many frames found no room in the ring.
func (p *port) dropped() uint64 {
	if p == nil {
		return 0
	}
	return p.Stats().Dropped
}

// close closes a port that there may not be.
func (p *port) close() error {
	if p == nil {
		return nil
	}
	var errs []error
	if p.Ring != nil {
		errs = append(errs, p.Close())
	}
	if p.silent != nil {
		errs = append(errs, p.silent.Close())
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
	now := p.State()
	if now != w.state || !w.begun {
		log.Info("capture port", "interface", p.Name(), "link", now)
		if up := now == afpacket.Up; !w.begun || up != (w.state == afpacket.Up) {
			due = append(due, &uplink.Link{Stamp: stamp, Port: "capture", Up: up})
		}
	}
	w.begun, w.state = true, now
	sent, err := p.sent()
	if err != nil || sent <= p.told || time.Since(p.toldAt) < sentPeriod { // an interface that is gone has no counters
		return due
	}
	log.Error("the capture port has sent frames", "interface", p.Name(), "frames", sent-p.told)
	due = append(due, &uplink.Security{Stamp: stamp, What: uplink.SecuritySent, Count: uplink.Int(sent - p.told), Topic: "capture"})
	p.told, p.toldAt = sent, time.Now()
	return due
}
