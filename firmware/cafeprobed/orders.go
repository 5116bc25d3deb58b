package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"cafeprobe/firmware/command"
	"cafeprobe/firmware/config"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/refusal"
	"cafeprobe/uplink"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// errRestart is returned by a life of the daemon that is to be followed by another: the province asked for it, or the interface
// came that is both capture port and uplink.
var errRestart = errors.New("restart")

const (
	maxOrders    = 16        // commands that wait to be carried out; the province sends what is lost again
	maxRefused   = 256       // refusals that wait to be counted
	healthPeriod = time.Hour // between health records
)

// orders is what the province asks for and what the box refuses: it carries out commands one at a time, and writes the
// records that the box makes of itself. Its goroutine is run.
type orders struct {
	cfg   config.Config
	log   *slog.Logger
	sp    *spool.Spool
	fw    *forward.Forwarder
	cred  *keeper
	stamp func() uplink.Stamp // of the box's clock
	told  func() uplink.Stamp // of its records
	count func() counters

	firmware string               // version
	health   func() health.Report // how the box is

	feed   *feed                       // what is refused of mirrors that are sent; nil where none are
	titles uint64                      // number of the table of titles that is used
	nights *nights                     // nil in a replay
	offer  func(json.RawMessage) error // passes an update.Offer on to PID 1

	in      chan order
	refused chan refusedAs
	exec    *command.Executor
	refuse  *refusal.Counter
	restart bool     // after the result is out
	counted counters // by the last health record
}

type order struct {
	c       uplink.Command
	desired bool
}

type refusedAs struct{ what, from string }

// counters are what health records and diagnostics tell.
type counters struct {
	Frames, Dropped, Bad uint64
	Stations             int
	Sent                 uint64 // by the capture port
	Missed               uint64 // of mirrors that are sent, on the way; a frame that comes late is taken back
}

func newOrders(cfg config.Config, log *slog.Logger) *orders {
	return &orders{
		cfg: cfg, log: log, in: make(chan order, maxOrders), refused: make(chan refusedAs, maxRefused), refuse: refusal.New(),
		health: func() health.Report { return health.Report{} }, offer: func(json.RawMessage) error { return errNoUpdates },
	}
}

// take is forward.Config.Command.
func (o *orders) take(c uplink.Command, desired bool) {
	select {
	case o.in <- order{c, desired}:
	default:
		o.note(uplink.SecurityFlood, "cmd")
	}
}

// note is forward.Config.Refused.
func (o *orders) note(what, from string) {
	select {
	case o.refused <- refusedAs{what, from}:
	default: // a flood of floods: those that are counted say enough
	}
}

// open reads what is known of earlier commands, and records one that was cut off. What was counted before this life, it did not.
func (o *orders) open() error {
	o.counted = o.count()
	last := uplink.Int(0)
	err := each(o.sp, func(r uplink.Stored) {
		if body, err := r.Body(); err == nil && r.Kind == uplink.KindCommand {
			last = max(last, body.(*uplink.Done).Number)
		}
	})
	if err != nil {
		return err
	}
	verbs := map[uplink.Verb]command.Do{
		uplink.VerbSet: o.set, uplink.VerbMaintain: o.maintain, uplink.VerbDiag: o.diag, uplink.VerbReboot: o.reboot,
		uplink.VerbRotate: o.rotate, uplink.VerbUpdate: o.update,
	}
	exec, left, err := command.Open(o.cfg.Dir, o.sp.Identity().Chain, last, verbs)
	o.exec = exec
	if err == nil && left != nil {
		left.Stamp = o.told()
		err = o.record(left)
	}
	return err
}

// run carries out what comes until ctx is done, or a command asks for a restart: then it returns errRestart.
func (o *orders) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	hour := time.NewTicker(healthPeriod)
	defer hour.Stop()
	began := time.Now()
	for {
		var err error
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), o.rest())
		case r := <-o.refused:
			o.refuse.Note(r.what, r.from)
		case c := <-o.in:
			err = o.carryOut(&c.c, c.desired)
		case <-hour.C:
			err = o.healthRecord()
		case <-tick.C:
			o.feed.refused(o.refuse.Add, o.log)
			err = o.security(o.refuse.Due(time.Since(began)))
		}
		if err != nil {
			o.log.Error("record not written", "error", err)
		}
		if o.restart {
			return errors.Join(errRestart, o.rest())
		}
	}
}

// rest records all that was refused and not told yet.
func (o *orders) rest() error {
	for len(o.refused) > 0 {
		r := <-o.refused
		o.refuse.Note(r.what, r.from)
	}
	o.feed.refused(o.refuse.Add, o.log)
	return o.security(o.refuse.Rest())
}

func (o *orders) security(list []uplink.Security) (err error) {
	for _, s := range list {
		s.Stamp = o.told()
		err = errors.Join(err, o.record(&s))
	}
	return err
}

func (o *orders) record(b uplink.Body) error {
	r, err := uplink.Encode(b)
	if err != nil {
		return err
	}
	if _, err := o.sp.Append(r); !errors.Is(err, spool.ErrFull) { // the spool itself tells what it refused
		return err
	}
	return nil
}

// carryOut carries out one command, records what came of it, and says so at once.
func (o *orders) carryOut(c *uplink.Command, desired bool) error {
	now := o.stamp()
	done, data, err := o.exec.Take(c, command.Now{Time: now.Time, Quality: now.Quality})
	if done == nil {
		if !desired { // what the broker keeps comes with every connection, and is known after the first
			o.refuse.Note(word(err), "cmd")
		}
		return nil
	}
	if errors.Is(err, command.Expired) {
		o.refuse.Note(uplink.SecurityExpired, "cmd")
	}
	o.log.Info("command", "number", done.Number, "verb", done.Verb, "result", done.Result, "why", done.Why, "error", err)
	done.Stamp = o.told()
	if err := o.record(done); err != nil {
		return err
	}
	if err := o.sp.Commit(); err != nil {
		return err // Open will say that it was interrupted
	}
	o.fw.Result(uplink.Result{
		Number: done.Number, Verb: done.Verb, Result: done.Result, Why: done.Why, Time: now.Time, Data: data,
	})
	return o.exec.Recorded()
}

// word says why a command has no record.
func word(err error) string {
	var why command.Refusal
	if errors.As(err, &why) {
		return why.Error()
	}
	return uplink.SecurityMisled
}

// set changes the configuration and asks for a restart, with which it takes effect. In a replay the café's own settings
// stay: with others it would tell another evening than the one it has told a part of.
func (o *orders) set(c *uplink.Command) (json.RawMessage, error) {
	s, err := config.ParseSettings(c.Args)
	if err != nil {
		return nil, command.BadArgs
	}
	next, changed, err := o.cfg.With(s)
	if err != nil {
		return nil, command.BadArgs
	}
	if o.cfg.Capture.File != "" && slices.ContainsFunc(changed, func(f string) bool { return strings.HasPrefix(f, "cafe.") }) {
		return nil, command.Refusal("replay")
	}
	if len(changed) == 0 {
		return nil, nil
	}
	if err := next.Keep(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(next)
	if err != nil {
		return nil, err
	}
	rec := &uplink.Config{Stamp: o.told(), Hash: sha256.Sum256(text), Changed: changed, Command: c.Number}
	o.restart = true
	return nil, o.record(rec)
}

// maintain takes note of a maintenance window (rule R23), as the owner can: what is used in it after hours is told one stage lower. In a
// replay it is noted and lowers nothing.
func (o *orders) maintain(c *uplink.Command) (json.RawMessage, error) {
	var w struct{ From, To uplink.Int }
	if json.Unmarshal(c.Args, &w) != nil || w.From == 0 || w.To <= w.From ||
		w.To-w.From > uplink.Int(uplink.MaxMaintenance/time.Millisecond) {
		return nil, command.BadArgs
	}
	if o.nights == nil {
		return nil, nil
	}
	m := &uplink.Maintenance{Stamp: o.told(), From: uplink.Time(w.From), To: uplink.Time(w.To), By: uplink.ByProvince}
	err := o.nights.announce(m, o.record)
	if errors.Is(err, hours.ErrMaintenance) {
		return nil, command.Refusal("too-many")
	}
	return nil, err
}

func (o *orders) diag(*uplink.Command) (json.RawMessage, error) {
	sp, fw, n, now := o.sp.Stats(), o.fw.Stats(), o.count(), o.stamp()
	return json.Marshal(map[string]any{
		"firmware": o.firmware, "boot": o.sp.Boot(), "clock": now.Quality,
		"frames": n.Frames, "dropped": n.Dropped, "bad": n.Bad, "stations": n.Stations, "port_sent": n.Sent, "missed": n.Missed,
		"mirrors_refused": o.feed.heard().refused, "memory": resident(),
		"head": sp.Head, "receipted": sp.Receipted, "waiting": sp.Waiting, "files": sp.Files, "spool": sp.Bytes,
		"written": sp.Written, "refused": sp.Refused, "full": sp.Full,
		"card": o.sp.Card(), "titles": o.titles, "checks": o.health().Checks,
		"connections": fw.Connections, "sent": fw.Sent, "acked": fw.Acked, "receipts": fw.Receipts, "from_below_refused": fw.Refused,
		"forks": fw.Forks, "late": fw.Late,
	})
}

func (o *orders) reboot(*uplink.Command) (json.RawMessage, error) {
	o.restart = true
	return nil, nil
}

// rotate has a new TLS key certified and connects with it.
func (o *orders) rotate(*uplink.Command) (json.RawMessage, error) {
	if o.cred == nil {
		return nil, command.Refusal("no-tls")
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	if err := o.cred.renew(ctx); err != nil {
		return nil, err
	}
	o.fw.Reconnect()
	return nil, nil
}

// healthRecord tells what was counted since the last.
func (o *orders) healthRecord() error {
	n, sp, fw := o.count(), o.sp.Stats(), o.fw.Stats()
	was := o.counted
	n.Missed = max(n.Missed, was.Missed)
	o.counted = n
	box := o.health()
	return o.record(&uplink.Health{
		Stamp: o.told(), Window: uplink.Int(healthPeriod / time.Second), Frames: uplink.Int(n.Frames - was.Frames),
		Dropped: uplink.Int(n.Dropped - was.Dropped), Bad: uplink.Int(n.Bad - was.Bad), Stations: uplink.Int(n.Stations),
		Backlog: uplink.Int(sp.Owed), Spool: uplink.Int(sp.Bytes), Written: uplink.Int(sp.Written),
		Memory: uplink.Int(resident()), Connects: uplink.Int(fw.Connections), Sent: uplink.Int(n.Sent),
		Missed: uplink.Int(n.Missed - was.Missed), Card: o.sp.Card(), Wrong: wrong(&box), Celsius: uplink.Int(max(0, box.Celsius)),
		Worn: uplink.Int(box.Worn),
	})
}

// wrong returns the checks that are bad and that no other explains.
func wrong(r *health.Report) (names []string) {
	for _, c := range r.Ill(health.Bad) {
		names = append(names, string(c.Name))
	}
	return names
}
