// Package forward brings the spool's records to the province: spool → broker, until the province's receipt says that it
// holds them. A PUBACK proves nothing of the kind: brokers acknowledge from memory, to nobody, and when they refuse.
//
// On every connection: subscribe down → publish hello → wait for the receipt → go on behind it.
package forward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cafeprobe/uplink"
	"cafeprobe/uplink/mqtt"
	"cafeprobe/uplink/spool"
)

// Config configures a Forwarder. Broker is required; the zero of the rest is valid.
type Config struct {
	Broker string
	TLS    *tls.Config
	Retry  time.Duration       // the first retry comes after at most this; 0 means 60 s. Later ones after up to 5 times as long
	Delay  time.Duration       // for which records wait for more of their kind before they are sent; 0: not at all. See send
	Beat   time.Duration       // a state message is sent when nothing else was for so long, as a sign of life; 0 means 10 min
	Lag    time.Duration       // without a receipt while records are unproven: say hello again; 0 means 30 s
	Alarm  time.Duration       // without a receipt that is owed while connected: state and log say so; 0 means 15 min
	Keep   time.Duration       // MQTT keep-alive, whole seconds; 0 means 4 min
	Now    func() uplink.Stamp // for states and checkpoints; nil: unknown
	Log    *slog.Logger        // nil: none

	// Command takes a command that the province has signed for this box; desired says that the broker keeps it and sends it
	// with every connection. It is called by the goroutine of the connection and must not block; the result comes back
	// through Result. nil: this box takes no commands.
	Command func(c uplink.Command, desired bool)
	// Receipt hears of each receipt that verified and that the spool's chain leads to. It must not block. nil: nobody keeps them.
	Receipt func(uplink.Receipt)
	// Refused hears of everything from below that was not believed: what is one of uplink's Security words, from the leaf
	// it came to. It must not block. nil: nobody wants to know.
	Refused func(what, from string)
}

const (
	defaultRetry = time.Minute
	defaultBeat  = 10 * time.Minute
	maxUnproven  = 8192 // records sent without a receipt
	batchOctets  = uplink.MaxMessage - uplink.BatchOverhead - uplink.MaxRecords
	defaultLag   = 30 * time.Second
	defaultAlarm = 15 * time.Minute
	answer       = 5 * time.Second // within which hello is answered by a province that is there
	inbox        = 64
	maxResults   = 16        // results of commands that wait for a connection
	ckptPeriod   = time.Hour // between checkpoints of a chain that grows

	// quiet is for how long an occupancy that says what the last one said need not be told again, by its own time: it is two
	// thirds of the silence after which a province takes a box for gone (rule R11).
	quiet = 10 * time.Minute
)

// Forwarder forwards one spool. Use New, then Run.
type Forwarder struct {
	cfg   Config
	spool *spool.Spool
	id    spool.Identity
	in    chan mqtt.Message
	conn  uplink.Int // rises with every connection

	ckpt   atomic.Uint64 // the head at the last checkpoint, 0 for none in this boot
	ckptAt time.Time     // when that was
	told   alarms        // of the connection's goroutine

	mu    sync.Mutex
	occ   *uplink.Occ
	out   []uplink.Result // oldest first
	stats Stats
	owed  owed
	occIn chan struct{}
	outIn chan struct{}
	moved chan struct{} // a receipt was taken
	again chan struct{} // Reconnect was called
	sent  atomic.Uint64
	drain atomic.Bool // somebody waits: no delay
}

// Stats counts what a Forwarder has done.
type Stats struct {
	Connected   bool
	Connections uint64
	Sent        uint64 // records published, repeats included
	Acked       uint64 // messages acknowledged by the broker, which proves little
	Receipts    uint64 // receipts that verified
	Refused     uint64 // messages from below that were malformed, forged, stale or for another
	Forks       uint64 // receipts whose hash is not our own
	Err         error  // why the last connection ended or failed

	Lag  time.Duration // for how long the box has been connected without a receipt that is owed
	Late bool          // that is Config.Alarm or more
}

// New returns a Forwarder of s.
func New(s *spool.Spool, cfg Config) *Forwarder {
	if cfg.Retry == 0 {
		cfg.Retry = defaultRetry
	}
	if cfg.Beat == 0 {
		cfg.Beat = defaultBeat
	}
	if cfg.Lag == 0 {
		cfg.Lag = defaultLag
	}
	if cfg.Alarm == 0 {
		cfg.Alarm = defaultAlarm
	}
	if cfg.Now == nil {
		cfg.Now = func() uplink.Stamp { return uplink.Stamp{Quality: uplink.QualityNone} }
	}
	if cfg.Refused == nil {
		cfg.Refused = func(_, _ string) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Forwarder{
		cfg: cfg, spool: s, id: s.Identity(), in: make(chan mqtt.Message, inbox),
		occIn: make(chan struct{}, 1), outIn: make(chan struct{}, 1), moved: make(chan struct{}, 1),
		again: make(chan struct{}, 1),
	}
}

// Reconnect ends the connection that stands, or the wait for the next, and connects at once: the certificate is new.
func (f *Forwarder) Reconnect() { signal(f.again) }

// errAgain ends a connection for Reconnect.
var errAgain = errors.New("asked to connect anew")

// Occ takes the newest occupancy; one that was not sent yet is replaced.
func (f *Forwarder) Occ(o uplink.Occ) {
	f.mu.Lock()
	f.occ = &o
	f.mu.Unlock()
	signal(f.occIn)
}

// Result takes what came of a command, to be told at once or with the next connection. Of more than 16 that wait the
// oldest are left out: what counts is the record.
func (f *Forwarder) Result(r uplink.Result) {
	r.V, r.Chain = uplink.Version, f.id.Chain
	f.mu.Lock()
	f.out = append(f.out, r)
	f.out = f.out[max(0, len(f.out)-maxResults):]
	f.mu.Unlock()
	signal(f.outIn)
}

// Stats returns what was done so far.
func (f *Forwarder) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := f.stats
	st.Sent, st.Lag = f.sent.Load(), f.owed.lag(time.Now())
	st.Late = st.Lag >= f.cfg.Alarm
	return st
}

func (f *Forwarder) update(change func(*Stats)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.stats)
}

// Run connects, forwards, and connects again until ctx is done.
func (f *Forwarder) Run(ctx context.Context) {
	fails := 0
	for ctx.Err() == nil {
		progress, err := f.connection(ctx)
		f.update(func(s *Stats) { s.Connected, s.Err = false, err })
		if ctx.Err() != nil {
			return
		}
		if progress {
			fails = 0
		}
		if errors.Is(err, errAgain) {
			continue
		}
		d := mqtt.Backoff(f.cfg.Retry, fails)
		fails++
		f.cfg.Log.Warn("uplink down", "error", err, "retry", d)
		select {
		case <-ctx.Done():
		case <-f.again:
		case <-time.After(d):
		}
	}
}

// look is how often a session looks whether something is due: a second, or as often as short periods want it.
func (f *Forwarder) look() time.Duration {
	d := min(time.Second, f.cfg.Lag/2)
	if f.cfg.Delay > 0 {
		d = min(d, max(f.cfg.Delay/4, time.Millisecond))
	}
	return d
}

// connection runs one connection to its end. progress is true if the province was reached.
func (f *Forwarder) connection(ctx context.Context) (progress bool, err error) {
	f.conn++
	for len(f.in) > 0 {
		<-f.in // of an earlier connection
	}
	select {
	case <-f.again: // which is what happens now
	default:
	}
	will, err := f.state(uplink.StateOffline)
	if err != nil {
		return false, err
	}
	conn, err := mqtt.Dial(ctx, mqtt.Config{Broker: f.cfg.Broker, Client: string(f.id.Box), TLS: f.cfg.TLS, Keep: f.cfg.Keep, Will: will}, f.receive)
	if err != nil {
		return false, err
	}
	defer func() {
		f.mu.Lock()
		f.stats.Acked += conn.Acked()
		f.owed.down(time.Now())
		f.mu.Unlock()
		conn.Close()
	}()
	f.update(func(s *Stats) { s.Connected = true; s.Connections++ })
	if err := conn.Subscribe(ctx, f.id.DownFilter()); err != nil {
		return false, err
	}
	s := &session{f: f, conn: conn}
	err = s.run(ctx)
	return s.proven, err
}

// receive puts a message into the inbox. A flood from below is cut off there.
func (f *Forwarder) receive(m mqtt.Message) {
	if len(m.Payload) > uplink.MaxMessage {
		f.refuse(uplink.SecurityMalformed, m.Topic)
		return
	}
	m.Payload = append([]byte(nil), m.Payload...)
	select {
	case f.in <- m:
	default:
		f.refuse(uplink.SecurityFlood, m.Topic)
	}
}

// refuse counts a message from below that was not believed.
func (f *Forwarder) refuse(what, topic string) {
	f.update(func(s *Stats) { s.Refused++ })
	from := "other"
	if _, leaf, _, err := uplink.ParseTopic(topic); err == nil {
		_, from, _ = strings.Cut(string(leaf), "/")
	}
	f.cfg.Refused(what, from)
}

func (f *Forwarder) state(word string) (mqtt.Message, error) {
	lag := f.late()
	s := uplink.State{
		V: uplink.Version, State: word, Conn: f.conn, Boot: uplink.Int(f.spool.Boot()), Chain: f.id.Chain,
		Head: uplink.Int(f.spool.Head().Seq), Rcpt: uplink.Int(f.spool.Receipted().Seq), Time: f.cfg.Now().Time,
		Lag: uplink.Int(lag / time.Second), Card: f.spool.Card(),
	}
	if word == uplink.StateOnline {
		f.tell(lag, s.Card)
	}
	b, err := uplink.Marshal(s)
	return mqtt.Up(f.id.Address, uplink.UpState, b), err
}

// Drain sends all that is committed, and a checkpoint of it, without delay and waits until the province has receipted it.
func (f *Forwarder) Drain(ctx context.Context) error {
	f.drain.Store(true)
	defer f.drain.Store(false)
	signal(f.outIn)
	for f.spool.Receipted().Seq < f.spool.Head().Seq || f.ckpt.Load() < f.spool.Head().Seq {
		select {
		case <-f.moved:
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d of %d records receipted: %w", f.spool.Receipted().Seq, f.spool.Head().Seq,
				errors.Join(ctx.Err(), f.Stats().Err))
		}
	}
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
