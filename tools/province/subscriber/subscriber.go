// Package subscriber is the province behind a broker that it runs itself, any of MQTT 3.1.1: a client that subscribes what
// boxes send, hands it to the collector and publishes what the collector answers. It does what package broker does with
// the embedded one.
//
// A message is acknowledged to the broker when the collector has it on disk. What is lost all the same, because a broker
// keeps little or nothing for a collector that is away, boxes send again: without a receipt they say hello.
package subscriber

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"time"

	"cafeprobe/tools/province/collector"
	"cafeprobe/uplink"
	"cafeprobe/uplink/mqtt"
)

// Handler takes a message and returns what is to be published in answer. It returns without an error only after the
// message is on disk; an error that wraps collector.ErrRefused means that it never will be.
type Handler interface {
	Handle(now time.Time, m collector.Message) ([]collector.Message, error)
	// Resume returns what is to be said when messages begin to come.
	Resume(ctx context.Context, now time.Time) ([]collector.Message, error)
}

// Config configures a Subscriber. Broker and Province are required; the zero of the rest is valid.
type Config struct {
	Broker   string // tcp://host:port, ssl://host:port
	Province uplink.Province
	Shard    string        // hexadecimal digit of the boxes to collect; empty: all
	Client   string        // client id and user name, of no other client; empty: "collector-" and a random part
	TLS      *tls.Config   // nil: none
	Retry    time.Duration // the first retry comes after at most this; 0 means 1 s. Later ones after up to 5 times as long
	Log      *slog.Logger  // nil means none
}

// round is how many messages are handled at once. The store commits them together, so one flush of the disk pays for all.
const round = 64

// Subscriber is a running collector's client.
type Subscriber struct {
	cfg     Config
	handler Handler
	out     *pending
	stop    context.CancelFunc
	done    chan struct{}
}

// Start returns a Subscriber that connects, collects, and connects again until Close.
func Start(h Handler, cfg Config) *Subscriber {
	if cfg.Client == "" {
		var b [4]byte
		rand.Read(b[:])
		cfg.Client = "collector-" + hex.EncodeToString(b[:])
	}
	cfg.Retry = cmp.Or(cfg.Retry, time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Subscriber{cfg: cfg, handler: h, out: newPending(), stop: stop, done: make(chan struct{})}
	go s.run(ctx)
	return s
}

// Close ends the connection. Messages under way are stored and acknowledged, or neither.
func (s *Subscriber) Close() error {
	s.stop()
	<-s.done
	return nil
}

// Publish sends messages, at the next connection where there is none. It does not wait. Of messages with one topic only
// the newest is sure to be sent.
func (s *Subscriber) Publish(ms ...collector.Message) { s.out.put(ms...) }

func (s *Subscriber) run(ctx context.Context) {
	defer close(s.done)
	for fails := 0; ctx.Err() == nil; fails++ {
		began := time.Now()
		err := s.connection(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > time.Minute {
			fails = 0
		}
		d := mqtt.Backoff(s.cfg.Retry, fails)
		s.cfg.Log.Warn("broker lost", "broker", s.cfg.Broker, "err", err, "retry", d)
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
	}
}

// connection runs one connection to its end.
func (s *Subscriber) connection(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := make(chan mqtt.Message, round)
	take := func(m mqtt.Message) {
		select {
		case in <- m:
		case <-ctx.Done():
		}
	}
	conn, err := mqtt.Dial(ctx, mqtt.Config{Broker: s.cfg.Broker, Client: s.cfg.Client, TLS: s.cfg.TLS, Manual: true}, take)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer cancel() // before Close, which waits for take
	filter := uplink.UpFilter(s.cfg.Province, s.cfg.Shard)
	if err := conn.Subscribe(ctx, filter); err != nil {
		return err
	}
	s.cfg.Log.Info("collecting", "broker", s.cfg.Broker, "filter", filter)
	begin, err := s.handler.Resume(ctx, time.Now())
	if err != nil {
		return err
	}
	s.out.put(begin...)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { s.answer(ctx, conn) })
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-conn.Done():
			return conn.Err()
		case m := <-in:
			if err := s.collect(some(m, in)); err != nil {
				return err
			}
		}
	}
}

// answer publishes what waits until the connection ends.
func (s *Subscriber) answer(ctx context.Context, conn *mqtt.Conn) {
	for {
		m, ok := s.out.take()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-s.out.some:
				continue
			}
		}
		if conn.Publish(ctx, mqtt.Message{Topic: m.Topic, Payload: m.Payload, QoS: 1, Retain: m.Retain}) != nil {
			return // why, the connection will say; boxes without a receipt ask again
		}
	}
}

// some returns m and what waits behind it, a round at most.
func some(m mqtt.Message, in <-chan mqtt.Message) []mqtt.Message {
	ms := []mqtt.Message{m}
	for len(ms) < round {
		select {
		case m := <-in:
			ms = append(ms, m)
		default:
			return ms
		}
	}
	return ms
}

// collect has a round of messages handled, those of one box one after the other, and acknowledges them in the order in
// which they came (MQTT 3.1.1 section 4.6). One that the store did not take is not acknowledged: the connection ends, and
// the broker and the boxes start over.
func (s *Subscriber) collect(ms []mqtt.Message) error {
	replies, errs := make([][]collector.Message, len(ms)), make([]error, len(ms))
	var wg sync.WaitGroup
	for _, mine := range byBox(ms) {
		wg.Go(func() {
			for _, i := range mine {
				m := collector.Message{Topic: ms[i].Topic, Payload: ms[i].Payload, Retain: ms[i].Retain}
				replies[i], errs[i] = s.handler.Handle(time.Now(), m)
			}
		})
	}
	wg.Wait()
	for i := range ms {
		if errs[i] != nil && !errors.Is(errs[i], collector.ErrRefused) {
			return errs[i]
		}
		s.out.put(replies[i]...)
		ms[i].Ack()
	}
	return nil
}

// byBox returns the indices of ms, those of one box together and in order. Topics that are none are one box's.
func byBox(ms []mqtt.Message) map[uplink.Address][]int {
	boxes := map[uplink.Address][]int{}
	for i := range ms {
		a, _, _, _ := uplink.ParseTopic(ms[i].Topic) // what is wrong with it, the collector will say
		boxes[a] = append(boxes[a], i)
	}
	return boxes
}
