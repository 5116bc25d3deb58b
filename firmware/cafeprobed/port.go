package main

import (
	"context"
	"log/slog"
	"time"

	"cafeprobe/capture/afpacket"
	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/firmware/config"
	"cafeprobe/uplink"
)

// port is the capture port. It is opened once and outlives the daemon's lives, since opening it takes a capability that
// the process then has no more.
type port struct {
	*afpacket.Ring
	offset time.Duration // what the frames' times are ahead of the steady scale
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
	var err error
	p.Ring, err = afpacket.Open(cfg.Interface, c)
	return p, err
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
	return p.Close()
}

// watchPeriod is how often the link is looked at.
const watchPeriod = time.Second

// watch records what becomes of the link until ctx is done: at the start how it is, then every change.
func (p *port) watch(ctx context.Context, log *slog.Logger, record func(uplink.Body) error, stamp func() uplink.Stamp) {
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	for was, begun := afpacket.Gone, false; ; begun = true {
		if now := p.State(); now != was || !begun {
			log.Info("capture port", "interface", p.Name(), "link", now)
			if up := now == afpacket.Up; !begun || up != (was == afpacket.Up) {
				if err := record(&uplink.Link{Stamp: stamp(), Port: "capture", Up: up}); err != nil {
					log.Error("record not written", "error", err)
				}
			}
			was = now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
