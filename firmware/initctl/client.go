package initctl

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"cafeprobe/firmware/health"
)

// ClientConfig configures a Client. Dial is required.
type ClientConfig struct {
	Dial func(context.Context) (net.Conn, error) // see Dial
	Log  *slog.Logger                            // nil: none

	// Box is told which box this is, at each connection. nil: nobody wants to know.
	Box func(Box)
	// Event makes a record of an event and returns when that is on the card; the same event may come again if it did and PID 1
	// did not hear so. With an error the event comes again later. nil: events stay with PID 1.
	Event func(context.Context, Event) error
}

// How long a client waits before it connects anew: twice as long each time.
const (
	firstWait = time.Second
	maxWait   = 30 * time.Second
)

// Client is the daemon's end. Use NewClient. Its methods are safe for concurrent use.
type Client struct {
	cfg  ClientConfig
	wake chan struct{}

	mu     sync.Mutex
	report *health.Report // to be sent
	update json.RawMessage
}

// NewClient returns a Client, which says nothing before Run.
func NewClient(cfg ClientConfig) *Client {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{cfg: cfg, wake: make(chan struct{}, 1)}
}

// Dial connects to PID 1 at path. It is root's, or in a test one's own.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("connect to PID 1: %w", err)
	}
	who, err := peer(c.(*net.UnixConn))
	if err == nil && who.Uid != 0 && int(who.Uid) != os.Geteuid() {
		err = fmt.Errorf("%w: %d", ErrUser, who.Uid)
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("connect to PID 1: %w", err)
	}
	return c, nil
}

// Report says how the daemon is. Of several that wait the last is said.
func (c *Client) Report(r health.Report) {
	c.mu.Lock()
	c.report = &r
	c.mu.Unlock()
	c.poke()
}

// Announce passes on an announcement of a firmware, a JSON value. Of several that wait the last is said. It returns an error that
// wraps ErrLine or ErrMessage for what could not be said.
func (c *Client) Announce(a json.RawMessage) error {
	if !json.Valid(a) || string(a) == "null" {
		return fmt.Errorf("%w: an announcement that is no JSON", ErrMessage)
	}
	if _, err := (Message{Update: a}).Line(); err != nil {
		return err
	}
	c.mu.Lock()
	c.update = a
	c.mu.Unlock()
	c.poke()
	return nil
}

func (c *Client) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run talks to PID 1 until ctx ends, and connects anew when that ends first. It returns an error that wraps os.ErrPermission when
// it cannot connect any more, as behind silence.Forbid: the daemon is to be started anew then. Else it returns ctx's error.
func (c *Client) Run(ctx context.Context) error {
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		conn, err := c.cfg.Dial(ctx)
		if err == nil {
			wait = firstWait
			err = c.talk(ctx, conn)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, os.ErrPermission):
			return err
		}
		c.cfg.Log.Warn("no connection to PID 1", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// talk talks over one connection until it ends.
func (c *Client) talk(ctx context.Context, conn net.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	var reads sync.WaitGroup
	defer reads.Wait()
	defer cancel()
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	acks := make(chan string)
	ended := make(chan error, 1)
	reads.Go(func() { ended <- c.read(ctx, conn, acks) })
	for {
		if err := c.say(conn); err != nil {
			return err
		}
		select {
		case err := <-ended:
			return err
		case <-c.wake:
		case id := <-acks:
			if err := send(conn, Message{Ack: id}); err != nil {
				return err
			}
		}
	}
}

// say says what is to be said. What could not be is kept, unless something newer has come.
func (c *Client) say(conn net.Conn) error {
	c.mu.Lock()
	r, u := c.report, c.update
	c.report, c.update = nil, nil
	c.mu.Unlock()
	var err error
	if r != nil {
		err = send(conn, Message{Health: r})
	}
	if err == nil && u != nil {
		err = send(conn, Message{Update: u})
	}
	if err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.report == nil {
		c.report = r
	}
	if c.update == nil {
		c.update = u
	}
	return err
}

// read takes what PID 1 says until the connection ends.
func (c *Client) read(ctx context.Context, conn net.Conn, acks chan<- string) error {
	r := bufio.NewReaderSize(conn, MaxLine)
	for {
		m, err := Read(r)
		if err != nil {
			return err
		}
		switch {
		case m.Box != nil && c.cfg.Box != nil:
			c.cfg.Box(*m.Box)
		case m.Event != nil && c.cfg.Event != nil:
			if err := c.cfg.Event(ctx, *m.Event); err != nil {
				c.cfg.Log.Warn("an event is not recorded yet", "id", m.Event.ID, "kind", m.Event.Kind, "error", err)
				continue
			}
			select {
			case acks <- m.Event.ID:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}
