package broker_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"cafeprobe/tools/province/broker"
	"cafeprobe/tools/province/collector"
	"cafeprobe/uplink"
)

const name = uplink.Province("ha-giang")

var (
	one = uplink.Address{Province: name, Box: "b-7f3a91c2"}
	two = uplink.Address{Province: name, Box: "b-00000001"}
)

// handler stands for the collector: it keeps what came, and answers as it is told to.
type handler struct {
	mu   sync.Mutex
	came []collector.Message
	err  error
}

func (h *handler) Handle(_ time.Time, m collector.Message) ([]collector.Message, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return nil, h.err
	}
	h.came = append(h.came, m)
	a, _, _, err := uplink.ParseTopic(m.Topic)
	if err != nil {
		return nil, err
	}
	return []collector.Message{{Topic: a.Topic(uplink.DownReceipt), Payload: m.Payload, Retain: true}}, nil
}

func (h *handler) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

func (h *handler) topics() (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.came {
		list = append(list, m.Topic)
	}
	return list
}

func serve(t *testing.T, cfg broker.Config) (*broker.Broker, *handler, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := new(handler)
	b, err := broker.Serve(l, name, h, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b, h, l.Addr().String()
}

// client is an MQTT client that says when its connection ends.
type client struct {
	paho.Client
	t     *testing.T
	ended chan struct{}
	mail  chan paho.Message
}

func options(addr, user, id string) *paho.ClientOptions {
	return paho.NewClientOptions().AddBroker("tcp://" + addr).SetUsername(user).SetClientID(id).SetProtocolVersion(4).
		SetAutoReconnect(false).SetConnectTimeout(5 * time.Second)
}

func dial(t *testing.T, o *paho.ClientOptions) (*client, error) {
	t.Helper()
	c := &client{t: t, ended: make(chan struct{}), mail: make(chan paho.Message, 64)}
	o.SetConnectionLostHandler(func(paho.Client, error) { close(c.ended) })
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { c.mail <- m })
	c.Client = paho.NewClient(o)
	token := c.Connect()
	if !token.WaitTimeout(10 * time.Second) {
		t.Fatal("no answer to CONNECT within 10 s")
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c, token.Error()
}

// connect connects the box at a, or an observer for the zero Address.
func connect(t *testing.T, addr string, a uplink.Address) *client {
	t.Helper()
	c, err := dial(t, options(addr, string(a.Box), string(a.Box)))
	if err != nil {
		t.Fatalf("connect %q: %v", a.Box, err)
	}
	return c
}

// subscribe reports whether the broker grants filter.
func (c *client) subscribe(filter string) bool {
	c.t.Helper()
	token := c.Subscribe(filter, 1, nil).(*paho.SubscribeToken)
	if !token.WaitTimeout(10 * time.Second) {
		c.t.Fatalf("subscribe %s: no answer within 10 s", filter)
	}
	return token.Error() == nil && token.Result()[filter] <= 2
}

// acknowledged publishes and reports whether a PUBACK came before the connection ended.
func (c *client) acknowledged(topic string) bool {
	c.t.Helper()
	token := c.Publish(topic, 1, false, "x")
	select {
	case <-token.Done():
		return token.Error() == nil && c.IsConnected()
	case <-c.ended:
		return false
	case <-time.After(10 * time.Second):
		c.t.Fatalf("publish %s: neither acknowledged nor cut off within 10 s", topic)
		return false
	}
}

func (c *client) wants(topic string) {
	c.t.Helper()
	select {
	case m := <-c.mail:
		if m.Topic() != topic {
			c.t.Errorf("message on %s, want %s", m.Topic(), topic)
		}
	case <-time.After(10 * time.Second):
		c.t.Errorf("no message on %s within 10 s", topic)
	}
}

// wantsAll waits for a message on each topic, in any order. One may come twice: to a subscription that is just being granted
// a retained message comes as kept and as new.
func (c *client) wantsAll(topics ...string) {
	c.t.Helper()
	missing := map[string]bool{}
	for _, t := range topics {
		missing[t] = true
	}
	for late := time.After(10 * time.Second); len(missing) > 0; {
		select {
		case m := <-c.mail:
			if !slices.Contains(topics, m.Topic()) {
				c.t.Errorf("message on %s, want %s", m.Topic(), topics)
			}
			delete(missing, m.Topic())
		case <-late:
			c.t.Errorf("no message on %v within 10 s", missing)
			return
		}
	}
}

func TestConnect(t *testing.T) {
	b, _, addr := serve(t, broker.Config{})
	f := func(what, user, id string, want bool) {
		t.Helper()
		c, err := dial(t, options(addr, user, id))
		if got := err == nil; got != want {
			t.Errorf("%s: connected %v, want %v", what, got, want)
		}
		c.Disconnect(0)
	}
	f("a box", "b-7f3a91c2", "b-7f3a91c2", true)
	f("a box with another's client id", "b-7f3a91c2", "b-00000001", false)
	f("no box's name", "admin", "admin", false)
	f("a name that is nearly one", "b-7F3A91C2", "b-7F3A91C2", false)
	f("an observer", "", "me", true)
	if got := b.Refused(); got != 3 {
		t.Errorf("%d refused, want 3", got)
	}
}

// TestObserverPushesNobodyOut: a client without a name takes the id of a box, and the box stays connected.
func TestObserverPushesNobodyOut(t *testing.T) {
	_, _, addr := serve(t, broker.Config{})
	box := connect(t, addr, one)
	if _, err := dial(t, options(addr, "", string(one.Box))); err != nil {
		t.Fatal(err)
	}
	if !box.acknowledged(one.Topic(uplink.UpHello)) {
		t.Error("the box was pushed out")
	}
}

// TestPublish: a box says what goes up, under its own name and shard. All else is not acknowledged and goes nowhere.
func TestPublish(t *testing.T) {
	_, h, addr := serve(t, broker.Config{})
	f := func(topic string, want bool) {
		t.Helper()
		if got := connect(t, addr, one).acknowledged(topic); got != want {
			t.Errorf("publish %s: acknowledged %v, want %v", topic, got, want)
		}
	}
	f(one.Topic(uplink.UpRecords), true)
	f(one.Topic(uplink.UpHello), true)
	f(two.Topic(uplink.UpRecords), false)
	f(one.Topic(uplink.DownReceipt), false)
	f(uplink.Address{Province: "can-tho", Box: one.Box}.Topic(uplink.UpRecords), false)
	f(fmt.Sprintf("cafeprobe/v1/%s/%s/%s/up/rec", name, two.Box.Shard(), one.Box), false)
	f("cafeprobe/v1/ha-giang/all/down/update", false)
	f("elsewhere", false)
	if got := len(h.topics()); got != 2 {
		t.Errorf("%d messages came through: %v, want 2", got, h.topics())
	}
	if connect(t, addr, uplink.Address{}).acknowledged(one.Topic(uplink.UpRecords)) {
		t.Error("an observer published as a box")
	}
}

func TestSubscribe(t *testing.T) {
	_, _, addr := serve(t, broker.Config{})
	box := connect(t, addr, one)
	f := func(c *client, filter string, want bool) {
		t.Helper()
		if got := c.subscribe(filter); got != want {
			t.Errorf("subscribe %s: granted %v, want %v", filter, got, want)
		}
	}
	f(box, one.DownFilter(), true)
	f(box, "cafeprobe/v1/ha-giang/all/down/#", true)
	f(box, two.DownFilter(), false)
	f(box, one.Topic("up/#"), false)
	f(box, "#", false)
	f(box, "cafeprobe/v1/ha-giang/+/+/down/#", false)
	observer := connect(t, addr, uplink.Address{})
	f(observer, "cafeprobe/v1/#", true)
	if !box.acknowledged(one.Topic(uplink.UpRecords)) {
		t.Fatal("the box's records are not acknowledged")
	}
	box.wants(one.Topic(uplink.DownReceipt))
	observer.wantsAll(one.Topic(uplink.DownReceipt), one.Topic(uplink.UpRecords))
}

// TestNoPubackWithoutStore: the connection ends instead, and the box starts over with its hello.
func TestNoPubackWithoutStore(t *testing.T) {
	_, h, addr := serve(t, broker.Config{})
	box := connect(t, addr, one)
	h.fail(errors.New("disk full"))
	if box.acknowledged(one.Topic(uplink.UpRecords)) {
		t.Error("a message that the store did not take was acknowledged")
	}
	select {
	case <-box.ended:
	case <-time.After(10 * time.Second):
		t.Error("the connection goes on as if nothing had happened")
	}
	h.fail(nil)
	if !connect(t, addr, one).acknowledged(one.Topic(uplink.UpRecords)) {
		t.Error("with the store back the box is not served")
	}
}

// TestRefusedIsAcknowledgedAndGoesNowhere: to send it again would not help.
func TestRefusedIsAcknowledgedAndGoesNowhere(t *testing.T) {
	_, h, addr := serve(t, broker.Config{})
	observer := connect(t, addr, uplink.Address{})
	observer.subscribe("cafeprobe/v1/#")
	box := connect(t, addr, one)
	h.fail(fmt.Errorf("no: %w", collector.ErrRefused))
	if !box.acknowledged(one.Topic(uplink.UpRecords)) {
		t.Error("a refused message is not acknowledged")
	}
	h.fail(nil)
	if !box.acknowledged(one.Topic(uplink.UpHello)) {
		t.Error("the box was cut off for it")
	}
	observer.wants(one.Topic(uplink.DownReceipt)) // the first that comes: not the refused records
}

// TestWill: it reaches the collector as any message does, and only a will on the box's own topic is taken.
func TestWill(t *testing.T) {
	_, h, addr := serve(t, broker.Config{})
	f := func(user, topic string, want bool) {
		t.Helper()
		c, err := dial(t, options(addr, user, user).SetWill(topic, "gone", 1, true))
		if got := err == nil; got != want {
			t.Errorf("%q with a will on %s: connected %v, want %v", user, topic, got, want)
		}
		c.Disconnect(250) // time for its DISCONNECT: without that the will is sent
	}
	f(string(one.Box), one.Topic(uplink.UpState), true)
	f(string(one.Box), two.Topic(uplink.UpState), false)
	f(string(one.Box), one.Topic(uplink.DownReceipt), false)
	f("", one.Topic(uplink.UpState), false)
	if got := h.topics(); len(got) != 0 {
		t.Errorf("came after a goodbye: %v, want nothing", got)
	}

	var socket net.Conn
	o := options(addr, string(one.Box), string(one.Box)).SetWill(one.Topic(uplink.UpState), "gone", 1, true)
	o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (c net.Conn, err error) {
		socket, err = net.Dial("tcp", addr)
		return socket, err
	})
	if _, err := dial(t, o); err != nil {
		t.Fatal(err)
	}
	socket.Close()
	for began := time.Now(); len(h.topics()) == 0 && time.Since(began) < 10*time.Second; {
		time.Sleep(10 * time.Millisecond)
	}
	if got := h.topics(); len(got) != 1 || got[0] != one.Topic(uplink.UpState) {
		t.Errorf("came after the connection broke: %v, want the will", got)
	}
}

// TestSilentAndSlow: a connection that says nothing, or spells its CONNECT octet by octet, is ended within
// seconds.
func TestSilentAndSlow(t *testing.T) {
	t.Parallel()
	_, _, addr := serve(t, broker.Config{})
	var wg sync.WaitGroup
	defer wg.Wait()
	f := func(what string, speak func(c net.Conn) error) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		wg.Go(func() {
			defer c.Close()
			for err := error(nil); err == nil && time.Since(began) < 30*time.Second; {
				err = speak(c)
			}
			if took := time.Since(began); took < 5*time.Second || took > 20*time.Second {
				t.Errorf("%s: ended after %v, want about 10 s", what, took)
			}
		})
	}
	f("silent", func(c net.Conn) error {
		_, err := io.ReadAll(c)
		return errors.Join(err, io.EOF)
	})
	octet := 0
	connect := append([]byte{0x10, 0x7f, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 115}, make([]byte, 115)...)
	f("slow", func(c net.Conn) error {
		time.Sleep(200 * time.Millisecond)
		_, err := c.Write(connect[octet : octet+1])
		octet++
		return err
	})
}

func TestTooLarge(t *testing.T) {
	_, h, addr := serve(t, broker.Config{})
	box := connect(t, addr, one)
	token := box.Publish(one.Topic(uplink.UpRecords), 1, false, make([]byte, uplink.MaxMessage+2048))
	select {
	case <-box.ended:
	case <-time.After(10 * time.Second):
		t.Errorf("a packet beyond the limit does not end the connection; token %v", token.Error())
	}
	if got := h.topics(); len(got) != 0 {
		t.Errorf("%v came through, want nothing", got)
	}
}

func TestMaxClients(t *testing.T) {
	b, _, addr := serve(t, broker.Config{MaxClients: 2})
	connect(t, addr, one)
	connect(t, addr, two)
	if _, err := dial(t, options(addr, "", "third")); err == nil {
		t.Error("a third client was taken, want 2")
	}
	if got := b.Clients(); got != 2 {
		t.Errorf("%d clients, want 2", got)
	}
}
