package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"cafeprobe/board/detect"
	"cafeprobe/capture"
	"cafeprobe/firmware/account"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/config"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/ledger"
	"cafeprobe/firmware/pipeline"
	"cafeprobe/uplink"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// version is what boot records say of the firmware.
const version = "0.1"

// keepDays is how long receipted records stay on the box (rule R15): the owner's page shows them, and proofs are made of them.
const keepDays = ledger.MaxDays - 1

// progressPeriod is how often -progress tells.
const progressPeriod = 100 * time.Millisecond

// daemon is one life of the box's daemon.
type daemon struct {
	cfg      config.Config
	log      *slog.Logger
	progress bool
	port     *port    // what it listens to; nil in a replay
	watch    *monitor // nil in a replay
	firmware string   // its version, as boot records say it
}

// run lets the frames' story into the spool and forwards the spool. A replay ends when the province has receipted all of
// it, a box that listens when ctx is done.
func (d *daemon) run(ctx context.Context) (err error) {
	id, err := identityOf(&d.cfg)
	if err != nil {
		return err
	}
	told := func() uplink.Stamp { return uplink.Stamp{Quality: uplink.QualityNone} } // until there is a clock
	sp, err := spool.Open(d.cfg.Dir, id, spool.Config{
		Log: d.log, Wary: d.port != nil, KeepDays: keepDays, Now: func() uplink.Stamp { return told() },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	ord := newOrders(d.cfg, d.log)
	w, err := d.openWire(sp.Boot(), ord.note)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.end(err)) }()
	clk := w.clock
	cred, err := openCredential(&d.cfg, id, certain(clk), ord.note)
	if err != nil {
		return err
	}
	var page *ownerPage // from before fw runs
	fw := forward.New(sp, forward.Config{
		Broker: d.cfg.Uplink.Broker, TLS: cred.tls(), Retry: time.Duration(d.cfg.Uplink.Retry),
		Delay: time.Duration(d.cfg.Uplink.Delay), Log: d.log, Now: stamps(clk), Command: ord.take, Refused: ord.note,
		Receipt: func(r uplink.Receipt) { page.receipt(r) },
	})
	model, err := detect.Board(os.DirFS("/"))
	if err != nil {
		d.log.Warn("boot records will name no board", "error", err)
	}
	book, err := d.newBook(sp, fw, model.Name)
	if err != nil {
		return err
	}
	books, err := d.books(id.Secret, sp, w, ord)
	if err != nil {
		return err
	}
	defer ord.nights.end()
	names, number := loadTitles(&d.cfg, &id, d.log, ord.note)
	ord.titles = number
	p := pipeline.New(pipeline.Config{
		Cafe:    d.cafe(&id),
		Titles:  names,
		Account: books,
		Sink:    book,
		Pace:    pace(ctx, d.cfg.Capture.Speed, book.resume.until),
		Live:    d.port != nil,
		Seed:    d.seed(),
	})
	told = book.stamp
	if d.port != nil {
		told = stamps(clk)
	}
	ord.sp, ord.fw, ord.cred, ord.stamp, ord.told = sp, fw, cred, stamps(clk), told
	ord.count = func() counters {
		st := p.Stats()
		sent, _ := d.port.sent() // of an interface that is gone there is no counter
		return counters{
			Frames: st.Frames, Dropped: st.Dropped + d.port.dropped(), Bad: st.Malformed, Stations: int(book.stations.Load()),
			Sent: sent, Missed: d.feed().heard().missed,
		}
	}
	ord.feed = d.feed()
	ord.health, ord.firmware, ord.offer = d.watch.latest, d.firmware, d.watch.announce
	if err := w.begin(uplink.Boot{Firmware: d.firmware, Board: model.Name}, ord.record); err != nil {
		return err
	}
	if err := ord.open(); err != nil {
		return err
	}
	page = d.openPage(sp, ord, certain(clk))
	defer d.watch.attach(d.vitals(sp, fw, p, w, book, ord, page))()
	if err := d.serve(ctx, sp, fw, cred, ord, p, w, book, page); ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return nil // it was told to end, and what it had is in the spool
}

// vitals are what there is to see of this life.
func (d *daemon) vitals(sp *spool.Spool, fw *forward.Forwarder, p *pipeline.Pipeline, w *wire, book *book, ord *orders,
	page *ownerPage,
) vitals {
	ev := openEvents(d.cfg.Dir, sp, ord.told, d.log)
	return vitals{
		event: ev.take, record: ord.record, stamp: ord.told, setup: page.setup,
		look: func(in *health.Inputs) (hot, slow uint64) {
			st, up := sp.Stats(), fw.Stats()
			in.Card, in.Backlog = sp.Card(), st.Owed
			now := ord.stamp()
			in.Cut, in.Quality, in.UTC = w.cut, now.Quality, int64(now.Time)
			in.Capture, in.Commit = d.port.link(), st.Commit
			see(in, book.grade(), p)
			in.Sent, _ = d.port.sent()
			why := cmp.Or(ord.cred.trouble(), up.Err) // without a certificate nobody connects
			in.Connected, in.Tried, in.Refusal = up.Connected, why != nil, unreached(why)
			in.Lag, in.Late, in.Reached = up.Lag, up.Late, up.Receipts > 0
			return p.Beats()
		},
	}
}

// books returns what the account is made with. A replay tells its nights anew, as all that it tells; a box that listens goes on
// with them.
func (d *daemon) books(secret [32]byte, sp *spool.Spool, w *wire, ord *orders) (account.Config, error) {
	c := account.Config{
		Secret: secret, Clock: w.dates(), Quality: d.cfg.Capture.Quality, Window: time.Duration(d.cfg.Cafe.Summary),
		Profile: d.cfg.Cafe.Profile(),
	}
	if d.port == nil {
		return c, nil
	}
	var err error
	if ord.nights, err = openNights(d.cfg.Dir, sp, d.log); err != nil {
		return c, err
	}
	c.Nights, c.Keeper = ord.nights.known, ord.nights
	return c, nil
}

// newBook returns what takes the account's records.
func (d *daemon) newBook(sp *spool.Spool, fw *forward.Forwarder, board string) (*book, error) {
	if d.port != nil {
		id := sp.Identity()
		return newDiary(sp, fw, d.keepMirror(id.Chain), d.keepComputers(id)), nil
	}
	return newBook(sp, fw, board)
}

// cafe returns how the café is to be judged: on a box that listens also by what the life before has learned.
func (d *daemon) cafe(id *spool.Identity) cafe.Config {
	c := cafe.Config{
		Vantage: d.cfg.Cafe.Grade(), Own: d.own(), Silence: time.Duration(d.cfg.Cafe.Silence), Summary: time.Duration(d.cfg.Cafe.Summary),
	}
	if d.port != nil {
		c.Mirror = loadMirror(d.cfg.Dir, id.Chain, d.log)
		c.Keys, c.Computers = keys(id.Secret), loadComputers(d.cfg.Dir, id.Chain, d.log)
	}
	return c
}

// keepMirror returns what keeps what is learned of the mirror for the next life. A card that takes no writes stops nothing.
func (d *daemon) keepMirror(chain uplink.ChainID) func(cafe.Mirror) error {
	return func(m cafe.Mirror) error {
		if err := saveMirror(d.cfg.Dir, chain, m); err != nil {
			d.log.Error("what was learned of the mirror is not kept", "error", err)
		}
		return nil
	}
}

// seed returns what the tables are shuffled with: of a box that listens nobody outside is to know it, and a replay is always
// the same.
func (d *daemon) seed() uint64 {
	if d.port == nil {
		return 0
	}
	return rand.Uint64()
}

// own returns the MAC addresses of the box whose traffic can be heard.
func (d *daemon) own() []capture.MAC {
	if d.port == nil {
		return nil
	}
	return d.port.own
}

// feed returns the mirrors that are sent to the box, nil where none are.
func (d *daemon) feed() *feed {
	if d.port == nil {
		return nil
	}
	return d.port.feed
}

// serve runs what runs beside each other and ends it in order: first the frames, then the spool's last commit, then the
// uplink when all is receipted.
func (d *daemon) serve(ctx context.Context, sp *spool.Spool, fw *forward.Forwarder, cred *keeper, ord *orders,
	p *pipeline.Pipeline, w *wire, book *book, page *ownerPage,
) (err error) {
	var wg, reports sync.WaitGroup
	outer := ctx
	ctx, end := context.WithCancelCause(ctx)
	defer func() {
		end(nil)
		wg.Wait()
		reports.Wait()
		if outer.Err() == nil && context.Cause(ctx) == errRestart {
			err = errRestart
		}
	}()
	wg.Go(func() {
		if errors.Is(ord.run(ctx), errRestart) {
			d.depart(ctx, fw)
			end(errRestart)
		}
	})
	wg.Go(func() {
		if err := sp.Run(ctx); err != nil {
			d.log.Error("spool", "error", err)
		}
	})
	wg.Go(func() {
		if cred.await(ctx) {
			fw.Run(ctx)
		}
	})
	wg.Go(func() { cred.run(ctx, d.log, fw) })
	wg.Go(func() { w.keep(ctx, ord.record) })
	wg.Go(func() { page.run(ctx) })
	if d.port != nil {
		wg.Go(func() { ord.nights.run(ctx) })
		wg.Go(func() { d.port.watch(ctx, d.log, ord.record, ord.stamp) })
	}
	reporting, hush := context.WithCancel(ctx)
	defer hush()
	if d.progress {
		reports.Go(func() { d.report(reporting, sp, fw, p, book) })
	}
	began := time.Now()
	if err := p.Run(ctx, w.src); err != nil {
		return err
	}
	if err := book.end(); err != nil {
		return err
	}
	if err := sp.Commit(); err != nil {
		return err
	}
	replayed := time.Since(began)
	if err := fw.Drain(ctx); err != nil {
		return err
	}
	if d.progress {
		hush()
		reports.Wait() // the line that says so is the last
		pr := d.now(sp, fw, p, book)
		pr.Done, pr.ReplayMS, pr.DrainMS = true, replayed.Milliseconds(), (time.Since(began) - replayed).Milliseconds()
		return json.NewEncoder(os.Stdout).Encode(pr)
	}
	return nil
}

// farewell is how long a daemon that is to start anew waits until the province knows.
const farewell = 5 * time.Second

// depart lets the result of the command that asked for a restart go out first.
func (d *daemon) depart(ctx context.Context, fw *forward.Forwarder) {
	ctx, stop := context.WithTimeout(ctx, farewell)
	defer stop()
	if err := fw.Drain(ctx); err != nil {
		d.log.Info("restart before all is receipted", "error", err)
	}
}

// pace returns a function that lets a replay take as long as speed asks for, nil for no waiting. What is before told,
// nanoseconds since the Unix epoch, an earlier life has told: it goes by without waiting, and the replay goes on in time.
func pace(ctx context.Context, speed float64, told int64) func(int64) {
	if speed == 0 {
		return nil
	}
	var first int64
	var began time.Time
	return func(t int64) {
		if t < told {
			return
		}
		if first == 0 {
			first, began = t, time.Now()
		}
		due := time.Duration(float64(t-first) / speed)
		if ahead := due - time.Since(began); ahead > time.Millisecond {
			select {
			case <-ctx.Done():
			case <-time.After(ahead):
			}
		}
	}
}

// Progress is one line of -progress.
type Progress struct {
	Frames    uint64 `json:"frames"`
	Dropped   uint64 `json:"dropped"` // frames and observations for which there was no room
	Sent      uint64 `json:"sent"`    // frames that the capture port sent
	Missed    uint64 `json:"missed"`  // frames of a mirror that is sent that got lost on the way, by their numbers
	Refused   uint64 `json:"refused"` // datagrams that are no mirror of an allowed sender
	Stations  int    `json:"stations"`
	Records   uint64 `json:"records"`   // in the chain
	Receipted uint64 `json:"receipted"` // of them
	Spool     int64  `json:"spool"`     // octets
	Connected bool   `json:"connected"`
	Lag       int64  `json:"lag_s"` // seconds of connection without a receipt that is owed
	Late      bool   `json:"late"`  // that is too long: the broker takes what the province does not get
	Fault     string `json:"fault"` // why the card takes no writes, empty while it does
	Done      bool   `json:"done"`
	ReplayMS  int64  `json:"replay_ms"`
	DrainMS   int64  `json:"drain_ms"`
}

func (d *daemon) now(sp *spool.Spool, fw *forward.Forwarder, p *pipeline.Pipeline, b *book) Progress {
	st, up, seen := sp.Stats(), fw.Stats(), p.Stats()
	sent, _ := d.port.sent() // of an interface that is gone there is no counter
	mirrors := d.feed().heard()
	return Progress{
		Frames: seen.Frames, Dropped: seen.Dropped + d.port.dropped(), Sent: sent, Stations: int(b.stations.Load()),
		Missed: mirrors.missed, Refused: mirrors.refused,
		Records: st.Head, Receipted: st.Receipted, Spool: st.Bytes,
		Connected: up.Connected, Lag: int64(up.Lag / time.Second), Late: up.Late, Fault: sp.Card().Fault,
	}
}

func (d *daemon) report(ctx context.Context, sp *spool.Spool, fw *forward.Forwarder, p *pipeline.Pipeline, b *book) {
	tick := time.NewTicker(progressPeriod)
	defer tick.Stop()
	enc := json.NewEncoder(os.Stdout)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := enc.Encode(d.now(sp, fw, p, b)); err != nil {
				return // nobody listens any more
			}
		}
	}
}

// see fills in what is seen of the café now. told is the vantage as it was told last: before it was for the first time only one that
// proves itself is believed, since a mirror looks like a plain port until flows are told of.
func see(in *health.Inputs, told string, p *pipeline.Pipeline) {
	in.Grade = told
	s := p.Sight()
	if s == nil {
		return
	}
	if v := s.Vantage; told != "" || v.Grade == cafe.GradeA || v.Grade == cafe.GradeAPlus {
		in.Grade, in.Word = string(v.Grade), string(v.Word)
	}
	st := p.Stats()
	in.Seen = &health.Seen{
		PCs: s.PCs, Unknown: s.Unknown, Both: s.Vantage.Both, Hidden: len(s.Vantage.Hidden), Frames: st.Frames, Group: st.Group,
	}
	if share, ok := s.Vantage.Loss.Share(); ok {
		in.Seen.Loss = int(10_000 * share)
	}
}
