// Package broker is the MQTT broker of a province that runs none of its own: mochi-mqtt with one hook, which hands every
// message to the collector before it is acknowledged. Sessions and retained messages are in memory; what must survive is
// in the store, and boxes start every connection with a hello.
package broker

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"cafeprobe/tools/province/collector"
	"cafeprobe/uplink"
)

// Handler takes a message and returns what is to be published in answer. It returns without an error only after the
// message is on disk; an error that wraps collector.ErrRefused means that it never will be.
type Handler interface {
	Handle(now time.Time, m collector.Message) ([]collector.Message, error)
}

// Config configures a Broker. The zero Config takes clients from loopback addresses only.
type Config struct {
	Trust      bool         // take clients without a certificate from anywhere
	Secure     *Secure      // listen with TLS as well: then boxes must come there, and the plain listener is for observers
	MaxClients int          // 0 means 12 000
	Log        *slog.Logger // nil means none
}

// Secure is a listener for clients with certificates.
type Secure struct {
	Listener net.Listener                  // the broker's from then on
	TLS      *tls.Config                   // must require and verify clients' certificates
	Check    func(*x509.Certificate) error // returns nil while a verified certificate is good
}

// Limits of one client. A slow observer loses messages beyond maxPending rather than holding them in memory.
const (
	maxPacket      = uplink.MaxMessage + 1024 // a message and its topic
	maxPending     = 1024
	maxInflight    = 1024
	connectTimeout = 10 * time.Second

	// maxKeepAlive, in seconds, is the longest silence that is believed, half as much again included (MQTT 3.1.1
	// §3.1.2.10): then a box counts as offline anyhow. Boxes say 120.
	maxKeepAlive = 600
)

// Broker is a running MQTT broker.
type Broker struct {
	server  *mqtt.Server
	log     *slog.Logger
	hook    *hook
	refused atomic.Uint64
}

// Serve starts a broker on l, which it owns from then on. The broker runs until Close.
func Serve(l net.Listener, p uplink.Province, h Handler, cfg Config) (*Broker, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxClients == 0 {
		cfg.MaxClients = 12_000
	}
	caps := mqtt.NewDefaultServerCapabilities()
	caps.MaximumClients = int64(cfg.MaxClients)
	caps.MaximumPacketSize = maxPacket
	caps.MaximumClientWritesPending = maxPending
	caps.MaximumInflight = maxInflight
	caps.MaximumSessionExpiryInterval = 3600
	caps.TopicAliasMaximum = 0 // MQTT 5 only, and another way to say a topic is another thing to check
	caps.SharedSubAvailable = 0
	// mochi logs whole packets, payload and all; what the province wants to know is logged by the hook and the collector.
	b := &Broker{log: cfg.Log}
	b.server = mqtt.New(&mqtt.Options{
		Capabilities: caps, InlineClient: true, Logger: slog.New(slog.DiscardHandler), SysTopicResendInterval: 60,
	})
	b.hook = &hook{access: access{p, cfg.Trust, cfg.Secure != nil}, handler: h, publish: b.publish, refused: b.refuse}
	if err := b.server.AddHook(b.hook, nil); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	if s := cfg.Secure; s != nil {
		b.hook.check = s.Check
		if err := b.server.AddListener(listeners.NewNet("mqtts", tls.NewListener(deadline{s.Listener}, s.TLS))); err != nil {
			return nil, fmt.Errorf("start broker on %s: %w", s.Listener.Addr(), err)
		}
	}
	if err := b.server.AddListener(listeners.NewNet("mqtt", deadline{l})); err != nil {
		return nil, fmt.Errorf("start broker on %s: %w", l.Addr(), err)
	}
	if err := b.server.Serve(); err != nil {
		return nil, fmt.Errorf("start broker on %s: %w", l.Addr(), err)
	}
	return b, nil
}

// Publish sends messages to whoever subscribed their topics.
func (b *Broker) Publish(ms ...collector.Message) {
	for _, m := range ms {
		b.publish(m)
	}
}

func (b *Broker) publish(m collector.Message) {
	if err := b.server.Publish(m.Topic, m.Payload, m.Retain, 1); err != nil {
		b.log.Error("not published", "topic", m.Topic, "err", err)
	}
}

// refuse counts what the access rules refused.
func (b *Broker) refuse(what string, cl *mqtt.Client) {
	b.refused.Add(1)
	b.log.Debug("mqtt client refused", "what", what, "remote", cl.Net.Remote)
}

// Enforce ends the connections of clients whose certificate is no longer good. It is to be called after a revocation,
// and now and then, since certificates expire under connections that stand.
func (b *Broker) Enforce() {
	for _, cl := range b.server.Clients.GetAll() {
		b.hook.enforce(cl)
	}
}

// Refused returns how many connections, wills and publications the access rules refused.
func (b *Broker) Refused() uint64 { return b.refused.Load() }

// Clients returns how many clients are connected.
func (b *Broker) Clients() int { return int(atomic.LoadInt64(&b.server.Info.ClientsConnected)) }

// Close ends all connections. Messages under way are stored and acknowledged, or neither.
//
// mochi waits for ever for a client that connected while it was closing, so clients are ended until it is done.
func (b *Broker) Close() error {
	closed := make(chan error, 1)
	go func() { closed <- b.server.Close() }()
	for {
		select {
		case err := <-closed:
			return err
		case <-time.After(50 * time.Millisecond):
			for _, cl := range b.server.Clients.GetAll() {
				cl.Stop(packets.ErrServerShuttingDown)
			}
		}
	}
}

// deadline gives a new connection connectTimeout to say CONNECT; mochi sets its own deadline from the keep-alive after
// that. Without it, connections that say nothing stay for ever.
type deadline struct{ net.Listener }

func (d deadline) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(connectTimeout)); err != nil {
		_ = c.Close() // an error returned from here would end the listener; reading from c will now fail instead
	}
	return c, nil
}
