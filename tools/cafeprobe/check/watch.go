package check

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"cafeprobe/firmware/console"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/init/commission"
	"cafeprobe/tools/cafeprobe/diag"
	"cafeprobe/tools/lang"
	"cafeprobe/tools/port"
)

// Config says which box is asked, and for how long.
type Config struct {
	Open     func() (io.ReadWriteCloser, error) // the line to the box; again after it was unplugged
	Stations int                                // PCs that the owner says there are; 0: he was not asked
	For      time.Duration                      // at most; default 10 min, within which the vantage is judged
	Every    time.Duration                      // how often the box is asked; default 2 s
	Answer   time.Duration                      // how long to wait for an answer; default 3 s
	Silence  time.Duration                      // of the line before a box is asked for the first time; default port.Silence
	Patience time.Duration                      // with a box that has never answered; default 3 min, and For at most

	Tell func(Progress) // is called after each question; nil for nobody
}

// Progress is what Tell is told.
type Progress struct {
	Elapsed, Left time.Duration
	Result        *Result // nil: the box has not answered yet
	Err           error   // why it did not answer this time
}

// Result is what was found.
type Result struct {
	Box         string // empty: it has no name yet
	Board       string
	Release     string
	Key         []byte // public; empty: it has none yet
	Fingerprint string

	Declared int // PCs, 0 where the owner was not asked
	Seen     *health.Seen
	Points   []Point
	State    health.State // of all together; what is pending at the end is to be looked at

	Answer json.RawMessage // the box's last
}

type watcher struct {
	Config
	talk  port.Talk
	hello commission.Hello
	named bool
	last  *Result
}

// Watch asks until all is well, the time is over, or ctx is done: that is no error if the box has answered, and the result is of what it
// said last.
func Watch(ctx context.Context, cfg Config) (*Result, error) {
	defaults(&cfg)
	w := &watcher{Config: cfg, talk: port.Talk{Open: cfg.Open, Answer: cfg.Answer, Silence: cfg.Silence}}
	defer w.talk.Close()
	began := time.Now()
	end, stop := context.WithDeadline(ctx, began.Add(w.For))
	defer stop()
	for {
		r, err := w.ask(end)
		if errors.Is(err, console.ErrRefused) {
			return nil, err
		}
		if r != nil {
			if w.last != nil && w.last.Box != "" && w.last.Box != r.Box {
				return nil, errOther(w.last.Box, r.Box)
			}
			w.last = r
		}
		if end.Err() != nil {
			break
		}
		elapsed := time.Since(began)
		w.Tell(Progress{Elapsed: elapsed, Left: max(0, w.For-elapsed), Result: w.last, Err: err})
		if r != nil && r.State == health.OK {
			return r, nil
		}
		if w.last == nil && elapsed > w.Patience {
			return nil, err
		}
		select {
		case <-end.Done():
		case <-time.After(w.Every):
		}
	}
	if w.last == nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, port.ErrNoAnswer
	}
	if w.last.State == health.Unknown {
		w.last.State = health.Warn
	}
	return w.last, nil
}

// errOther says that the cable was put into another box.
func errOther(was, is string) error {
	return &lang.Fault{
		What: lang.Text{VI: "cáp đã chuyển từ thiết bị %s sang %q", EN: "the cable was moved from box %s to %q"}, Args: []any{was, is},
		Do: lang.Text{VI: "chạy lại cho từng thiết bị", EN: "run this for one box after the other"},
	}
}

func defaults(c *Config) {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.For, 10*time.Minute)
	set(&c.Every, 2*time.Second)
	set(&c.Patience, min(3*time.Minute, c.For))
	if c.Tell == nil {
		c.Tell = func(Progress) {}
	}
}

// ask asks once who the box is, until it has keys, and how it is.
func (w *watcher) ask(ctx context.Context) (*Result, error) {
	if !w.named {
		var h commission.Hello
		raw, err := w.speak(ctx, "hello")
		if err == nil {
			err = json.Unmarshal(raw, &h)
		}
		if err != nil {
			return nil, err
		}
		w.hello, w.named = h, len(h.Key) > 0
	}
	raw, err := w.speak(ctx, "diag")
	if err != nil {
		return nil, err
	}
	a, err := diag.Parse(raw)
	if err != nil {
		return nil, err
	}
	return w.result(a, raw), nil
}

func (w *watcher) result(a *diag.Answer, raw json.RawMessage) *Result {
	h := &w.hello
	r := &Result{
		Box: diag.Plain(h.Box), Key: h.Key, Fingerprint: diag.Plain(h.Fingerprint), Board: diag.Plain(a.Board), Release: diag.Plain(a.Release),
		Declared: w.Stations, Points: Judge(a, w.Stations, time.Now()), Answer: raw,
	}
	if a.Health != nil {
		r.Seen = a.Health.Seen
	}
	r.State = Sum(r.Points)
	return r
}

// speak asks for a verb. One that did not answer may have started anew, or be another.
func (w *watcher) speak(ctx context.Context, verb string) (json.RawMessage, error) {
	raw, err := w.talk.Ask(ctx, verb, struct{}{})
	w.named = w.named && err == nil
	return raw, err
}
