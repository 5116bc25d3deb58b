// Package mqtt is one connection to a broker, honestly: paho's token says "no error" also for messages that no broker
// ever acknowledged while AutoReconnect is on, so every connection is a fresh client without it, and what counts as
// acknowledged is what paho's own store deletes, which it does on PUBACK only.
package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"cafeprobe/uplink"
)

// Config says where and as whom to connect.
type Config struct {
	Broker  string      // tcp://host:port, ssl://host:port
	Client  string      // client id and user name
	TLS     *tls.Config // nil: none
	Timeout time.Duration
	Keep    time.Duration // keep-alive, whole seconds; 0 means 4 min
	Manual  bool          // what comes is acknowledged by Message.Ack, not when handle returns
	Will    Message       // published by the broker when the connection breaks; none if Topic is empty
}

// Message is one MQTT message.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
	Ack     func() // of a message that came, with Config.Manual: sends its PUBACK; else nil
}

const (
	// keepAlive is below the 5 minutes after which home routers were seen to forget a connection. At half of it, pings alone
	// cost an idle box 117 KB a day of the 150 that it may send.
	keepAlive = 240 * time.Second
	timeout   = 15 * time.Second

	// Window and WindowOctets bound what is under way without a PUBACK. Over a round trip of 100 ms, 16 messages bring
	// 1.0 MB/s of records after an outage, 64 and 512 KiB 2.3 (TestOutage).
	Window       = 64
	WindowOctets = 512 << 10
)

var errEnded = errors.New("connection ended")

// Conn is one connection. It ends once and is not used again. Its methods may be called by several goroutines.
type Conn struct {
	client paho.Client
	flight *flight
	done   chan struct{}
	once   sync.Once
	err    error // why it ended; set before done is closed
}

// Dial connects. handle is called with the messages of what is subscribed, in order, from a goroutine of the connection;
// it must not block for long and must not keep the payload.
func Dial(ctx context.Context, cfg Config, handle func(Message)) (*Conn, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = timeout
	}
	if cfg.Keep == 0 {
		cfg.Keep = keepAlive
	}
	c := &Conn{flight: newFlight(), done: make(chan struct{})}
	o := paho.NewClientOptions().
		AddBroker(cfg.Broker).
		SetClientID(cfg.Client).
		SetUsername(cfg.Client).
		SetProtocolVersion(4).
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetOrderMatters(true).
		SetKeepAlive(cfg.Keep).
		SetConnectTimeout(cfg.Timeout).
		SetWriteTimeout(cfg.Timeout).
		SetStore(c.flight).
		SetAutoAckDisabled(cfg.Manual).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			in := Message{Topic: m.Topic(), Payload: m.Payload(), QoS: m.Qos(), Retain: m.Retained()}
			if cfg.Manual {
				in.Ack = m.Ack
			}
			handle(in)
		}).
		SetConnectionLostHandler(func(_ paho.Client, err error) { c.end(fmt.Errorf("connection lost: %w", err)) })
	if cfg.TLS != nil {
		o.SetTLSConfig(cfg.TLS)
	}
	if cfg.Will.Topic != "" {
		o.SetBinaryWill(cfg.Will.Topic, cfg.Will.Payload, cfg.Will.QoS, cfg.Will.Retain)
	}
	c.client = paho.NewClient(o)
	if err := wait(ctx, c.client.Connect(), nil); err != nil {
		c.client.Disconnect(0)
		return nil, fmt.Errorf("connect to %s: %w", cfg.Broker, err)
	}
	return c, nil
}

// Refused reports whether err, of Dial, is a broker's that was reached and does not let the client in (MQTT 3.1.1 §3.2.2.3).
func Refused(err error) bool {
	return errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword) || errors.Is(err, packets.ErrorRefusedNotAuthorised) ||
		errors.Is(err, packets.ErrorRefusedIDRejected)
}

func (c *Conn) end(err error) {
	c.once.Do(func() {
		c.err = err
		close(c.done)
	})
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns why the connection ended; it is to be asked only after Done.
func (c *Conn) Err() error { return c.err }

// Subscribe asks for what matches filter, QoS 1, and waits for the broker's word.
func (c *Conn) Subscribe(ctx context.Context, filter string) error {
	t := c.client.Subscribe(filter, 1, nil)
	if err := wait(ctx, t, c.done); err != nil {
		return fmt.Errorf("subscribe %s: %w", filter, err)
	}
	if granted := t.(*paho.SubscribeToken).Result()[filter]; granted > 2 {
		return fmt.Errorf("subscribe %s: refused by the broker", filter)
	}
	return nil
}

// Publish hands m to the broker. With QoS 1 it waits while the window is full; that m was acknowledged shows in Acked
// only. It returns an error when the connection or ctx ends first.
func (c *Conn) Publish(ctx context.Context, m Message) error {
	if m.QoS > 0 {
		if err := c.flight.take(ctx, c.done, len(m.Payload)); err != nil {
			return fmt.Errorf("publish %s: %w", m.Topic, err)
		}
	}
	t, err := c.hand(ctx, m)
	if err != nil {
		return fmt.Errorf("publish %s: %w", m.Topic, err)
	}
	if m.QoS == 0 {
		return wait(ctx, t, c.done)
	}
	select {
	case <-t.Done(): // an error at once: it was never sent
		return t.Error()
	default:
		return nil
	}
}

// hand gives m to paho, which takes it when its writer is free. When the connection has just broken no writer is there any
// more, and paho would wait for one until the write timeout: it is left to that alone.
func (c *Conn) hand(ctx context.Context, m Message) (paho.Token, error) {
	taken := make(chan paho.Token, 1)
	go func() { taken <- c.client.Publish(m.Topic, m.QoS, m.Retain, m.Payload) }()
	select {
	case t := <-taken:
		return t, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
		return nil, errEnded
	}
}

// Acked returns how many QoS 1 messages the broker has acknowledged.
func (c *Conn) Acked() uint64 { return c.flight.acknowledged() }

// Close says goodbye, so that no will is published, and ends the connection.
func (c *Conn) Close() {
	c.client.Disconnect(250)
	c.end(errors.New("closed"))
}

// wait waits for a token, but not beyond ctx or the connection.
func wait(ctx context.Context, t paho.Token, done <-chan struct{}) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return ctx.Err()
	case <-done:
		return errEnded
	}
}

// flight is paho's store of what is under way, watched: paho deletes an outgoing message on its PUBACK and at no other
// time while the connection stands.
type flight struct {
	*paho.MemoryStore
	mu     sync.Mutex
	sizes  map[string]int
	count  int // taken, not acknowledged
	octets int
	acked  uint64
	free   chan struct{}
}

func newFlight() *flight {
	return &flight{MemoryStore: paho.NewMemoryStore(), sizes: map[string]int{}, free: make(chan struct{}, 1)}
}

// take waits for room for one message of n octets.
func (f *flight) take(ctx context.Context, done <-chan struct{}, n int) error {
	for {
		f.mu.Lock()
		room := f.count == 0 || f.count < Window && f.octets+n <= WindowOctets
		if room {
			f.count++
			f.octets += n
		}
		f.mu.Unlock()
		if room {
			return nil
		}
		select {
		case <-f.free:
		case <-ctx.Done():
			return ctx.Err()
		case <-done:
			return errEnded
		}
	}
}

// Put keeps a packet until it is acknowledged.
func (f *flight) Put(key string, p packets.ControlPacket) {
	f.MemoryStore.Put(key, p)
	if m, ok := p.(*packets.PublishPacket); ok && strings.HasPrefix(key, "o.") {
		f.mu.Lock()
		f.sizes[key] = len(m.Payload)
		f.mu.Unlock()
	}
}

// Del is called on PUBACK.
func (f *flight) Del(key string) {
	f.MemoryStore.Del(key)
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.sizes[key]
	if !ok {
		return
	}
	delete(f.sizes, key)
	f.count--
	f.octets -= n
	f.acked++
	select {
	case f.free <- struct{}{}:
	default:
	}
}

func (f *flight) acknowledged() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.acked
}

// Up returns a message of the box at a.
func Up(a uplink.Address, l uplink.Leaf, payload []byte) Message {
	m := Message{Topic: a.Topic(l), Payload: payload}
	m.QoS, m.Retain = l.Delivery()
	return m
}
