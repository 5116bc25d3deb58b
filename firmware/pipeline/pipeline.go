// Package pipeline joins the stages between a source of frames and the province's records. It owns two goroutines: the
// hot one, once a frame (source, decoder, tables), and the slow one, once an observation (café, account). Between them is
// the handoff: when the wire is faster than the slow side, live capture drops observations and counts them, and a replay
// waits.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/handoff"
	"cafeprobe/capture/title"
	"cafeprobe/firmware/account"
	"cafeprobe/firmware/cafe"
)

// Config configures a Pipeline. The zero Config is valid: a replay without records.
type Config struct {
	Cafe    cafe.Config
	Account account.Config
	Sink    account.Sink               // nil: events are not booked
	Titles  *title.Table               // nil: the built-in table
	Tap     func(*capture.Observation) // called by the slow goroutine with every observation; not to be kept
	Pace    func(t int64)              // called by the hot goroutine with each frame's time before it is decoded
	Live    bool                       // drop observations rather than wait
	Report  time.Duration              // tell of flows that go on at least so often; 0: by their time-outs alone
	Seed    uint64                     // of the tables; the same seed gives the same order of exports
}

// ring is the number of observations between hot and slow: at 230 octets each, 2 MB.
const ring = 8192

// publish is how often, in frames, the hot goroutine lets others see its counters.
const publish = 1024

// Stats counts what went through. Times are nanoseconds since the Unix epoch.
type Stats struct {
	Frames, Octets uint64
	Group          uint64 // frames to groups, broadcasts among them
	Malformed      uint64 // frames in which a length or checksum lies
	Dropped        uint64 // observations that the slow side had no room for
	Evicted        uint64 // flows that ended early for want of room
	First, Last    int64
}

// Pipeline is one run. Use New; a Pipeline is run once.
type Pipeline struct {
	cfg   Config
	ring  *handoff.Ring
	hot   *hot
	slow  *slow
	stats atomic.Pointer[Stats]
	turns atomic.Uint64 // of the hot goroutine: batches read, those of a quiet wire too
}

// New returns a Pipeline with all the memory of its hot side.
func New(cfg Config) *Pipeline {
	if cfg.Titles == nil {
		cfg.Titles = title.Builtin()
	}
	cfg.Cafe.Titles = cfg.Titles
	mode := handoff.Replay
	if cfg.Live {
		mode = handoff.Live
	}
	p := &Pipeline{cfg: cfg, ring: handoff.New(ring, mode)}
	p.hot = newHot(p.ring, cfg.Titles, cfg.Seed)
	p.hot.report = int64(cfg.Report)
	p.slow = &slow{cafe: cafe.New(cfg.Cafe), tap: cfg.Tap, looks: cfg.Live}
	if cfg.Sink != nil {
		p.slow.book = account.New(cfg.Account, cfg.Sink)
	}
	p.stats.Store(&Stats{})
	return p
}

// Run reads src to its end, or until ctx is done, and returns when everything that was read has been booked. What it
// returns is src's error but io.EOF, or the Sink's. All that came before an error is booked. At the end of src what is open
// ends; when ctx is done nothing does: the box stops, and a replay that goes on later says of it what there is to say.
func (p *Pipeline) Run(ctx context.Context, src capture.Source) error {
	slow := make(chan error, 1)
	go func() { slow <- p.slow.run(p.ring) }()
	err := p.read(ctx, src)
	if p.slow.cut.Store(ctx.Err() != nil); ctx.Err() == nil {
		p.hot.finish()
	}
	p.ring.Close()
	slowErr := <-slow
	p.show()
	return errors.Join(err, slowErr)
}

// frames is how many the source hands out at a time at most.
const frames = 256

func (p *Pipeline) read(ctx context.Context, src capture.Source) error {
	many, ok := src.(capture.Batcher)
	if !ok {
		many = one{src}
	}
	fs := make([]capture.Frame, frames)
	for due := uint64(0); ; {
		if seen := p.hot.stats.Frames; seen >= due {
			due = seen + publish
			p.show()
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		n, err := many.Batch(fs)
		p.turns.Add(1)
		for i := range fs[:n] {
			if p.cfg.Pace != nil {
				p.ring.Flush() // who paces a replay wants to see what it says by now
				p.cfg.Pace(fs[i].Time)
			}
			p.hot.observe(&fs[i])
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, capture.ErrQuiet):
			p.hot.advance(fs[0].Time)
			p.ring.Flush()
			due = 0 // a quiet wire is a time to show the counters, and to look whether to go on
		default:
			return fmt.Errorf("read frame %d: %w", p.hot.stats.Frames+1, err)
		}
	}
}

// one makes batches of a Source that has none.
type one struct{ capture.Source }

func (o one) Batch(fs []capture.Frame) (int, error) {
	if err := o.Next(&fs[0]); err != nil {
		return 0, err
	}
	return 1, nil
}

func (p *Pipeline) show() {
	s := p.hot.stats
	s.Dropped = p.ring.Dropped()
	p.stats.Store(&s)
}

// Stats returns the counters, at most a thousand frames old while Run runs.
func (p *Pipeline) Stats() Stats { return *p.stats.Load() }

// Beats returns how often each of the two goroutines has come round. Of a live run both rise at least once a second, also while
// the wire is quiet; one that does not hangs.
func (p *Pipeline) Beats() (hot, slow uint64) { return p.turns.Load(), p.slow.turns.Load() }

// Sight returns what was seen of the café at most ten seconds ago, nil before the first time and of a run that is not live.
func (p *Pipeline) Sight() *Sight { return p.slow.sight.Load() }

// Cafe returns the café's state. It may be looked at only after Run has returned.
func (p *Pipeline) Cafe() *cafe.Cafe { return p.slow.cafe }
