package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cafeprobe/firmware/init/ports"
	"cafeprobe/firmware/silence"
)

// namespace is the network namespace of the capture port, as the daemon's configuration has it by default.
const namespace = "capture"

// watchPorts names and silences ports as they come: those that are there, and those that are plugged in later.
func (b *box) watchPorts(ctx context.Context) {
	b.try("loopback", ports.Up("lo"))
	for ctx.Err() == nil {
		b.namePorts()
		err := ports.Watch(ctx.Done(), func(name string, carrier bool) {
			b.namePorts()
			if name == ports.Uplink && carrier {
				select {
				case b.kick <- struct{}{}:
				default:
				}
			}
		})
		if err != nil {
			b.log.Error("ports", "error", err)
		}
		pause(ctx, time.Second)
	}
}

func (b *box) namePorts() {
	sys := os.DirFS("/sys")
	list, err := ports.Find(sys, func(p string) (string, error) { return filepath.EvalSymlinks(filepath.Join("/sys", p)) })
	if err != nil {
		b.log.Error("ports", "error", err)
		return
	}
	have, err := ports.Assign(b.board.Ports, list, ports.Rename)
	if err != nil {
		b.log.Warn("ports", "error", err)
	}
	if have[ports.Capture] {
		b.silence()
	}
	if b.up = b.up && have[ports.Uplink]; have[ports.Uplink] && !b.up {
		if err := ports.Up(ports.Uplink); err != nil {
			b.log.Warn("uplink", "error", err)
			return
		}
		b.up = true
	}
}

// silence puts the capture port where nothing can send from it, before it comes up for the first time. The daemon does the same
// again, and so needs to find the namespace only. One that comes anew, as a card that was pulled out, the daemon has no right to
// silence any more: it is started anew for it.
func (b *box) silence() {
	p, err := silence.Make(namespace, ports.Capture, func() error { return nil })
	if errors.Is(err, silence.ErrAbsent) {
		return // gone again, or the daemon was quicker
	}
	if err != nil {
		b.try("the capture port is not silenced, and stays down", err)
		return
	}
	b.try("capture port", p.Close())
	if b.silenced {
		b.log.Warn("the capture port came anew")
		b.restartDaemon()
	}
	b.silenced = true
}

// settings returns the uplink's: DHCP where none can be used.
func (b *box) settings() ports.Settings {
	text, err := readText(netFile)
	if errors.Is(err, fs.ErrNotExist) {
		return ports.Settings{}
	}
	var s ports.Settings
	if err == nil {
		s, err = ports.ParseSettings(text)
	}
	if err != nil {
		b.try("uplink: by DHCP, since its settings cannot be used", err)
		return ports.Settings{}
	}
	return s
}

// keepUplink keeps the uplink's address by what net.json says, and says anew when the technician has changed it.
func (b *box) keepUplink(ctx context.Context) {
	for ctx.Err() == nil {
		plan, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer stop()
			b.uplink(plan)
		}()
		select {
		case <-b.replan:
		case <-plan.Done():
		}
		stop()
		<-done
	}
}

// uplink keeps the uplink's address until ctx ends.
func (b *box) uplink(ctx context.Context) {
	s := b.settings()
	name := ports.Uplink
	for s.VLAN > 0 && ctx.Err() == nil {
		tagged, err := ports.Tagged(ports.Uplink, s.VLAN)
		if err == nil {
			name = tagged
			break
		}
		b.try("uplink", err)
		select {
		case <-ctx.Done():
		case <-b.kick:
		case <-time.After(10 * time.Second):
		}
	}
	if !s.Address.IsValid() {
		ports.DHCP(ctx, name, hostName, resolvFile, b.kick, b.log, func(l ports.Lease) { b.setAddress(l.Address.String()) })
		return
	}
	for ctx.Err() == nil {
		if err := ports.Apply(name, ports.Lease{Settings: s}, resolvFile); err != nil {
			b.log.Warn("uplink", "error", err)
		} else {
			b.setAddress(s.Address.String())
		}
		select {
		case <-ctx.Done():
		case <-b.kick:
		case <-time.After(time.Minute):
		}
	}
}

func (b *box) setAddress(a string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.net = a
}
