package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"cafeprobe/firmware/config"
	"cafeprobe/uplink"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// hostileBroker is a broker that sends what it likes on any topic, also those that nobody subscribed.
type hostileBroker struct {
	listener net.Listener
	mu       sync.Mutex
	conn     net.Conn
	greeted  chan struct{} // a hello came
}

func newHostileBroker(t testing.TB) *hostileBroker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &hostileBroker{listener: l, greeted: make(chan struct{}, 1)}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.serve(c)
		}
	})
	t.Cleanup(func() {
		l.Close()
		b.mu.Lock()
		if b.conn != nil {
			b.conn.Close()
		}
		b.mu.Unlock()
		wg.Wait()
	})
	return b
}

// serve answers as MQTT 3.1.1 wants it until the connection ends.
func (b *hostileBroker) serve(c net.Conn) {
	b.mu.Lock()
	b.conn = c
	b.mu.Unlock()
	for {
		p, err := packets.ReadPacket(c)
		if err != nil {
			return
		}
		var answer packets.ControlPacket
		switch p := p.(type) {
		case *packets.ConnectPacket:
			answer = packets.NewControlPacket(packets.Connack)
		case *packets.SubscribePacket:
			a := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			a.MessageID, a.ReturnCodes = p.MessageID, []byte{1}
			answer = a
		case *packets.PublishPacket:
			if p.Qos > 0 {
				a := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
				a.MessageID = p.MessageID
				answer = a
			}
			if strings.HasSuffix(p.TopicName, "/up/hello") {
				select {
				case b.greeted <- struct{}{}:
				default:
				}
			}
		case *packets.PingreqPacket:
			answer = packets.NewControlPacket(packets.Pingresp)
		}
		if answer == nil {
			continue
		}
		b.mu.Lock()
		err = answer.Write(c)
		b.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (b *hostileBroker) send(topic string, payload []byte, retain bool) error {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Retain = topic, payload, retain
	b.mu.Lock()
	defer b.mu.Unlock()
	return p.Write(b.conn)
}

// victim is a box with everything that stands behind down/: the forwarder, the executor, the settings, a real spool.
type victim struct {
	id     spool.Identity
	key    ed25519.PrivateKey // the province's
	sp     *spool.Spool
	fw     *forward.Forwarder
	ord    *orders
	broker *hostileBroker
	dir    string
	end    []byte // see hear
}

func newVictim(t testing.TB) *victim {
	t.Helper()
	// The keys are always the same: a fuzz target's processes must agree on their seeds.
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))
	v := &victim{key: key, broker: newHostileBroker(t), dir: t.TempDir()}
	var err error
	if v.id, err = spool.NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, key.Public().(ed25519.PublicKey)); err != nil {
		t.Fatal(err)
	}
	v.id.Chain, v.id.Key = "k3v9Qd2x", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	if v.sp, err = spool.Open(v.dir, v.id, spool.Config{MaxBytes: 32 << 20}); err != nil {
		t.Fatal(err)
	}
	none := func() uplink.Stamp { return uplink.Stamp{Quality: uplink.QualityNone} }
	v.ord = newOrders(config.Config{Dir: v.dir}, slog.New(slog.DiscardHandler))
	v.fw = forward.New(v.sp, forward.Config{
		Broker: "tcp://" + v.broker.listener.Addr().String(), Retry: time.Millisecond, Command: v.ord.take, Refused: v.ord.note,
	})
	v.ord.sp, v.ord.fw, v.ord.told, v.ord.count = v.sp, v.fw, none, func() counters { return counters{} }
	v.ord.stamp = func() uplink.Stamp { return uplink.Stamp{Time: 1795000000000, Quality: uplink.QualitySync} }
	for range 5 {
		if err := v.ord.record(&uplink.Blind{Stamp: none(), Blind: true, Why: "no-frames"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(v.ord.open(), v.sp.Commit()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { v.fw.Run(ctx) })
	t.Cleanup(func() {
		stop()
		wg.Wait()
		if err := v.sp.Close(); err != nil {
			t.Error(err)
		}
	})
	<-v.broker.greeted
	v.end = marshalled(t)(uplink.Marshal(uplink.Command{Chain: endChain, Number: 1, Time: 1, Expiry: 1, Verb: uplink.VerbDiag}.Sign(key, v.id.Address)))
	hello := marshalled(t)(uplink.Marshal(uplink.Receipt{Chain: v.id.Chain, Hash: v.id.Genesis(), Time: 1}.Sign(key, v.id.Address)))
	if err := v.broker.send(v.id.Topic(uplink.DownReceipt), hello, false); err != nil {
		t.Fatal(err)
	}
	return v
}

func marshalled(t testing.TB) func(b []byte, err error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// hear sends a message down, waits until the box has dealt with it, and carries out what there is to be carried out. It
// returns how many messages the box refused to read.
func (v *victim) hear(topic string, payload []byte, retain bool) (refused uint64, err error) {
	before := v.fw.Stats().Refused
	// Behind it goes a command that nobody else can sign: they are taken in order.
	err = errors.Join(v.broker.send(topic, payload, retain), v.broker.send(v.id.Topic(uplink.DownCommand)+"/end", v.end, false))
	if err != nil {
		return 0, err
	}
	late := time.After(10 * time.Second)
	for {
		select {
		case c := <-v.ord.in:
			if c.c.Chain == endChain {
				return v.fw.Stats().Refused - before, errors.Join(v.ord.rest(), v.sp.Commit())
			}
			if err := v.ord.carryOut(&c.c, c.desired); err != nil {
				return 0, err
			}
		case <-late:
			return 0, fmt.Errorf("not dealt with within 10 s: %+v", v.fw.Stats())
		}
	}
}

// endChain is a chain that no box has.
const endChain = uplink.ChainID("end-of-it")

// files returns what the box remembers of the province's wishes.
func (v *victim) files(t testing.TB) string {
	t.Helper()
	var out []byte
	for _, name := range []string{"command.json", config.SettingsFile} {
		b, err := os.ReadFile(filepath.Join(v.dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		out = append(append(out, b...), 0)
	}
	return string(out)
}

// signed reports whether the province has signed payload, as a receipt or a command for this box.
func (v *victim) signed(payload []byte) bool {
	public := v.key.Public().(ed25519.PublicKey)
	r, err := uplink.Parse[uplink.Receipt](payload)
	if err == nil && r.Verify(public, v.id.Address) == nil {
		return true
	}
	c, err := uplink.Parse[uplink.Command](payload)
	return err == nil && c.Verify(public, v.id.Address) == nil
}

// security returns what the records behind from say was refused, and whether there are any others.
func (v *victim) security(t testing.TB, from uint64) (n uplink.Int, others []string) {
	t.Helper()
	rs, err := v.sp.Read(from+1, 64, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		body, err := r.Body()
		if s, ok := body.(*uplink.Security); ok && err == nil {
			n += s.Count
			continue
		}
		others = append(others, string(r.Raw))
	}
	return n, others
}

// FuzzBelow: whatever comes from below, on any topic, as kept by the broker or fresh: what the province did not sign changes
// neither the receipt, nor the settings, nor the last command's number, adds no record but of the refusal, and is counted;
// and each refusal is in the chain.
func FuzzBelow(f *testing.F) {
	v := newVictim(f)
	own := v.id.Topic("")
	head, _ := v.sp.At(3)
	marshalled := marshalled(f)
	receipt := marshalled(uplink.Marshal(uplink.Receipt{Chain: v.id.Chain, Seq: 3, Hash: head.Hash, Time: 1}.Sign(v.key, v.id.Address)))
	set := uplink.Command{Chain: v.id.Chain, Number: 1, Time: 1, Expiry: 1795000000001, Verb: uplink.VerbSet, Args: []byte(`{"uplink":{"delay":"1s"}}`)}
	over, forged := set, set
	over.Expiry = 2
	f.Add("", []byte(nil), false)
	f.Add(own+"down/receipt", receipt, true)
	f.Add(own+"down/receipt", bytes.Replace(receipt, []byte(`"seq":3`), []byte(`"seq":4`), 1), false)
	f.Add(own+"down/want", []byte(`{"v":1,"ch":"k3v9Qd2x","from":1,"to":2}`), false)
	f.Add(own+"down/want", []byte(`{"v":1,"ch":"k3v9Qd2x","from":900,"to":1000}`), false)
	f.Add(own+"down/cmd/1", marshalled(uplink.Marshal(over.Sign(v.key, v.id.Address))), false)
	f.Add(own+"down/cmd/1", marshalled(uplink.Marshal(forged.Sign(v.id.Key, v.id.Address))), false)
	f.Add(own+"down/desired", marshalled(uplink.Marshal(forged.Sign(v.id.Key, v.id.Address))), true)
	f.Add(own+"down/update", []byte(`{}`), false)
	f.Add("cafeprobe/v1/demo/all/down/desired", marshalled(uplink.Marshal(set.Sign(v.key, v.id.Address))), true)
	f.Add(strings.Replace(own, "b-00000001", "b-00000002", 1)+"down/receipt", receipt, false)
	f.Add(own+"up/rec", []byte(`{}`), false)
	f.Fuzz(func(t *testing.T, topic string, payload []byte, retain bool) {
		if !utf8.ValidString(topic) || len(topic) > 65535 || len(payload) > 1<<20 {
			return // no MQTT packet can hold it
		}
		rcpt, number, at := v.sp.Receipted(), v.files(t), v.sp.Head().Seq
		refused, err := v.hear(topic, payload, retain)
		if err != nil {
			t.Fatalf("%q on %q: %v", payload, topic, err)
		}
		n, others := v.security(t, at)
		if uint64(n) < refused {
			t.Errorf("%q on %q: %d refused, the chain tells of %d", payload, topic, refused, n)
		}
		if v.signed(payload) {
			return
		}
		if refused > 1 || refused == 0 && !v.wanted(topic, payload) || uint64(n) != refused {
			t.Errorf("%q on %q: %d refused, want 1, and the chain tells of %d", payload, topic, refused, n)
		}
		if v.sp.Receipted() != rcpt || v.files(t) != number || len(others) > 0 || v.ord.restart {
			t.Errorf("%q on %q: receipted %v, was %v; files %q, were %q; records %q", payload, topic, v.sp.Receipted().Seq, rcpt.Seq,
				v.files(t), number, others)
		}
	})
}

// wanted reports whether payload asks for records that the box has sent: that needs no signature, since it costs octets only.
func (v *victim) wanted(topic string, payload []byte) bool {
	_, err := uplink.Parse[uplink.Want](payload)
	return topic == v.id.Topic(uplink.DownWant) && err == nil
}
