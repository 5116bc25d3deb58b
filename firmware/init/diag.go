package main

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"cafeprobe/firmware/console"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/init/commission"
	"cafeprobe/firmware/init/data"
	"cafeprobe/firmware/init/kernel"
	"cafeprobe/firmware/init/tty"
)

// diag is what the console is told of the box. It fits into a line: what can be long is cut.
type diag struct {
	Board   string      `json:"board"`
	Release string      `json:"release"`
	Number  uint64      `json:"number"`
	Slot    string      `json:"slot"`
	Trial   bool        `json:"trial"`
	Uptime  int64       `json:"up"` // milliseconds
	Clock   time.Time   `json:"clock"`
	Data    data.Result `json:"data"`
	Uplink  string      `json:"uplink,omitempty"`
	Daemon  int64       `json:"daemon"` // process number, 0 for none
	Exits   int         `json:"exits"`
	Events  int         `json:"events"`
	Crashes []string    `json:"crashes,omitempty"`
	Faults  []string    `json:"faults,omitempty"`
	Memory  memory      `json:"memory"`
	Written uint64      `json:"written"` // octets, to the card since the box started

	Health *health.Report `json:"health,omitempty"` // the daemon's last, nil for none since the box started
}

// maxWords bounds what diag says of one thing, in octets.
const maxWords = 300

func (b *box) diagnose() diag {
	crashes := b.crashes.Names()
	b.mu.Lock()
	defer b.mu.Unlock()
	d := diag{
		Board: b.board.Name, Release: b.release.Version, Number: b.release.Number, Slot: b.slot(), Trial: b.trial,
		Uptime: since().Milliseconds(), Clock: time.Now().UTC().Truncate(time.Second), Data: b.data, Uplink: b.net,
		Daemon: b.daemon.Load(), Exits: b.exits, Crashes: crashes, Faults: b.faults[max(0, len(b.faults)-6):],
		Memory: b.measure("/proc"), Written: b.written(),
	}
	if b.events != nil {
		d.Events = len(b.events.Pending())
	}
	if r := b.judge.Report(); r.Seq > 0 {
		d.Health = &r
	}
	d.Data.Why = d.Data.Why[:min(len(d.Data.Why), maxWords)]
	return d
}

// answer answers the technician at the serial port until ctx ends.
func (b *box) answer(ctx context.Context) {
	verbs := commission.New(desk{b}, since).Verbs()
	maps.Copy(verbs, console.Verbs{
		"diag": func(json.RawMessage) (any, error) { return b.diagnose(), nil },
		"reboot": func(json.RawMessage) (any, error) {
			time.AfterFunc(100*time.Millisecond, func() { b.finish(kernel.Reboot) }) // the answer goes first
			return struct{}{}, nil
		},
	})
	for ctx.Err() == nil {
		port, err := tty.Open(b.consolePath())
		if err == nil {
			stop := context.AfterFunc(ctx, func() { port.Close() })
			err = console.Serve(port, verbs)
			stop()
			port.Close()
		}
		if ctx.Err() == nil {
			b.log.Warn("console", "error", err)
		}
		pause(ctx, 5*time.Second)
	}
}
