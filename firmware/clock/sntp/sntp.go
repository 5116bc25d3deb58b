// Package sntp asks time servers (SNTP, RFC 5905 §14). It measures on the steady scale, so that what the kernel takes for
// UTC, and who sets it meanwhile, make no difference.
package sntp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/beevik/ntp"

	"cafeprobe/firmware/clock"
	"cafeprobe/uplink"
)

const (
	defaultTimeout = 3 * time.Second
	alone          = 3               // how often the only server is asked in a round
	pause          = 2 * time.Second // between; RFC 5905 §7.3 asks for no closer
	rest           = time.Hour       // how long a server is left alone that said so
)

// Client asks the same servers again and again. Use New. Its methods are not safe for concurrent use.
type Client struct {
	servers []string
	steady  func() time.Duration
	cfg     Config
	rests   map[string]time.Duration // until when not to ask; steady
	stats   Stats
}

// Config configures a Client. The zero Config is valid.
type Config struct {
	Timeout time.Duration // for one answer; 0 means 3 s
	Pause   time.Duration // between questions to the only server; 0 means 2 s
	Log     *slog.Logger  // nil: none

	// Refused hears of each answer that no server in its right mind gives, as keeper.Config.Refused does. nil: nobody wants to know.
	Refused func(what, from string)
}

// Stats counts what a Client did.
type Stats struct {
	Asked   uint64
	Silent  uint64 // no answer, or no address for the name
	Invalid uint64 // answers that no server in its right mind gives (ntp.Response.Validate)
	Kissed  uint64 // kisses of death: the server does not want to be asked
}

// New returns a Client of servers, each host or host:port. steady tells the steady time.
func New(servers []string, steady func() time.Duration, cfg Config) *Client {
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Pause == 0 {
		cfg.Pause = pause
	}
	if cfg.Refused == nil {
		cfg.Refused = func(_, _ string) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{servers: servers, steady: steady, cfg: cfg, rests: map[string]time.Duration{}}
}

// Ask asks every server once, all at the same time; the only one there is three times. It returns when all have answered or
// their time is over, and early with what it has when ctx is done.
func (c *Client) Ask(ctx context.Context) clock.Round {
	r := clock.Round{Servers: len(c.servers)}
	times := 1
	if r.Servers == 1 {
		times = alone
	}
	for i := range times {
		if i > 0 && !sleep(ctx, c.cfg.Pause) {
			break
		}
		r.Answers = append(r.Answers, c.once(ctx)...)
	}
	return r
}

// Stats returns the counters.
func (c *Client) Stats() Stats { return c.stats }

// once asks each server that is not left alone.
func (c *Client) once(ctx context.Context) []clock.Answer {
	answers := make([]clock.Answer, len(c.servers))
	errs := make([]error, len(c.servers))
	var wg sync.WaitGroup
	for i, s := range c.servers {
		if until, ok := c.rests[s]; ok && c.steady() < until {
			errs[i] = errRests
			continue
		}
		c.stats.Asked++
		wg.Go(func() { answers[i], errs[i] = c.query(ctx, s) })
	}
	wg.Wait()
	var out []clock.Answer
	for i, err := range errs {
		if err == nil {
			out = append(out, answers[i])
			continue
		}
		c.count(c.servers[i], err)
	}
	return out
}

var (
	errRests   = errors.New("left alone")
	errInvalid = errors.New("answer refused")
)

func (c *Client) count(server string, err error) {
	switch {
	case errors.Is(err, errRests):
		return
	case errors.Is(err, ntp.ErrKissOfDeath):
		c.stats.Kissed++
		c.rests[server] = c.steady() + rest
	case errors.Is(err, errInvalid):
		c.stats.Invalid++
		c.cfg.Refused(uplink.SecurityMalformed, "clock")
	default:
		c.stats.Silent++
	}
	c.cfg.Log.Info("time server gives no time", "server", server, "error", err)
}

// query asks one server. The library takes its local time from here: the steady time as if it were one since the epoch, so
// that the offset it computes is UTC at boot. The random number in the question, which the answer has to repeat, keeps out
// who does not see it.
func (c *Client) query(ctx context.Context, server string) (clock.Answer, error) {
	r, err := ntp.QueryWithOptions(server, ntp.QueryOptions{
		Timeout:       c.cfg.Timeout,
		GetSystemTime: func() time.Time { return time.Unix(0, int64(c.steady())) },
		Extensions:    []ntp.Extension{guard{}},
		Dialer: func(_, remote string) (net.Conn, error) {
			d := net.Dialer{Timeout: c.cfg.Timeout} // names are looked up in it
			return d.DialContext(ctx, "udp", remote)
		},
	})
	if err != nil {
		return clock.Answer{}, fmt.Errorf("ask %s: %w", server, err)
	}
	if err := r.Validate(); err != nil {
		return clock.Answer{}, fmt.Errorf("ask %s: %w: %w", server, errInvalid, err)
	}
	at := time.Duration(r.Timestamps.ClientRecv.UnixNano())
	return clock.Answer{
		Server: server, At: at, UTC: r.Timestamps.ClientRecv.Add(r.ClockOffset).UTC(), Error: r.RootDistance,
	}, nil
}

// guard refuses answers on which the library (1.6.0) panics: it negates poll and precision, which −128 does not survive.
// And it refuses a server that says that it is not in sync (leap indicator 3, RFC 5905 §7.3) whatever its stratum says.
type guard struct{}

func (guard) ProcessQuery(*bytes.Buffer) error { return nil }

func (guard) ProcessResponse(b []byte) error {
	if len(b) > 3 && (b[2] == 0x80 || b[3] == 0x80) {
		return fmt.Errorf("%w: poll 2^%d s, precision 2^%d s", errInvalid, int8(b[2]), int8(b[3]))
	}
	if len(b) > 0 && b[0]>>6 == 3 {
		return fmt.Errorf("%w: the server is not in sync", errInvalid)
	}
	return nil
}

// sleep waits for d and reports whether ctx is still good.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
