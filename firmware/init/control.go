package main

import (
	"context"
	"time"

	"cafeprobe/firmware/health"
	"cafeprobe/firmware/init/judge"
	"cafeprobe/firmware/init/kernel"
	"cafeprobe/firmware/initctl"
)

// control listens to the daemon, and tells it what happened.
func (b *box) control(ctx context.Context) {
	server := initctl.NewServer(initctl.Config{
		Box: initctl.Box{
			Board: b.board.Name, Version: b.release.Version, Number: b.release.Number, Slot: b.slot(), Trial: b.onTrial(),
		},
		Update: b.offer,
		Now:    since, Log: b.log, Pending: b.pending, Acknowledge: b.acknowledge,
		Health: func(r health.Report) { b.judged(func(j *judge.Judge) { j.Heard(r) }) },
	})
	b.mu.Lock()
	b.wake, b.tell, b.setup = server.Wake, server.Damaged, server.Setup
	server.Setup(b.setupUntil)
	b.mu.Unlock()
	for ctx.Err() == nil {
		l, err := initctl.Listen(initctl.Path, daemonUser)
		if err == nil {
			err = server.Serve(ctx, l)
		}
		if err != nil {
			b.try("the daemon's socket", err)
		}
		pause(ctx, time.Second)
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// pending returns the events that the daemon is to make records of.
func (b *box) pending() (list []initctl.Event) {
	b.mu.Lock()
	s := b.events
	b.mu.Unlock()
	if s == nil {
		return nil
	}
	for _, e := range s.Pending() {
		list = append(list, initctl.Event{ID: e.ID, Kind: e.Kind, Uptime: e.Uptime, Lost: e.Lost, Detail: e.Detail})
	}
	return list
}

func (b *box) acknowledge(id string) error {
	b.mu.Lock()
	s := b.events
	b.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.Acknowledge(id)
}

// judged calls f with the judge.
func (b *box) judged(f func(*judge.Judge)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b.judge)
}

// decide does what is to be done about daemon and firmware until ctx ends, and feeds the watchdog: what holds it up resets the box.
func (b *box) decide(ctx context.Context) {
	for ctx.Err() == nil {
		var v judge.Verdict
		var why string
		b.judged(func(j *judge.Judge) { v, why = j.Next(since()) })
		switch v {
		case judge.Confirm:
			if err := b.confirm(why); err != nil {
				b.try("confirm the firmware", err)
				b.feed()
				pause(ctx, 10*time.Second)
			}
		case judge.Restart:
			b.log.Error("the daemon is started anew", "why", why)
			b.killDaemon()
			pause(ctx, quitTime+time.Second)
		case judge.Reboot:
			b.reboot(why)
			return
		}
		b.feed()
		b.light(ctx)
		pause(ctx, time.Second)
	}
}

// reboot starts the box anew, and notes why.
func (b *box) reboot(why string) {
	b.log.Error("the box reboots", "why", why)
	b.failing(why)
	b.event(eventReboot, map[string]any{"why": why, "slot": b.slot(), "trial": b.onTrial()})
	b.finish(kernel.Reboot)
}
