package province_test

import (
	"bytes"
	"crypto/ed25519"
	"net"
	"net/url"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"cafeprobe/uplink"
)

// box is what a province sees of one: an MQTT client that keeps a chain.
type box struct {
	t      *testing.T
	broker string
	at     uplink.Address
	key    ed25519.PrivateKey
	head   uplink.Head
	began  time.Time
	client paho.Client
	socket net.Conn
}

const (
	chain = uplink.ChainID("k3v9Qd2x")
	boot  = 41
)

func newBox(t *testing.T, p running) *box {
	b := &box{
		t: t, broker: p.MQTTAddr(), at: uplink.Address{Province: "ha-giang", Box: "b-7f3a91c2"}, began: time.Now(),
		key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)),
	}
	b.head.Hash = uplink.Genesis(chain, b.public())
	return b
}

func (b *box) public() ed25519.PublicKey { return b.key.Public().(ed25519.PublicKey) }

// now is a stamp of now, by a clock that is in step.
func (b *box) now() uplink.Stamp {
	return uplink.Stamp{
		Mono: uplink.Int(time.Since(b.began).Milliseconds()), Time: uplink.TimeOf(time.Now()), Quality: uplink.QualitySync,
	}
}

// connect connects with a will, over a socket that die can cut.
func (b *box) connect() {
	b.t.Helper()
	will := encode(b.t, uplink.State{V: 1, State: uplink.StateOffline, Conn: 1, Boot: boot, Chain: chain})
	o := paho.NewClientOptions().AddBroker("tcp://"+b.broker).SetClientID(string(b.at.Box)).SetUsername(string(b.at.Box)).
		SetProtocolVersion(4).SetAutoReconnect(false).SetBinaryWill(b.at.Topic(uplink.UpState), will, 1, true).
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (c net.Conn, err error) {
			b.socket, err = net.Dial("tcp", b.broker)
			return b.socket, err
		})
	b.client = paho.NewClient(o)
	b.wait("connect", b.client.Connect())
	b.t.Cleanup(func() { b.client.Disconnect(0) })
}

// die cuts the connection without a goodbye, so that the broker sends the will.
func (b *box) die() {
	b.t.Helper()
	if err := b.socket.Close(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) hello() {
	b.t.Helper()
	b.publish(uplink.UpHello, encode(b.t, uplink.Hello{
		V: 1, Chain: chain, First: 1, Head: uplink.Int(b.head.Seq), Hash: b.head.Hash, Boot: boot, Conn: 1,
		Key: uplink.Key(b.public()),
	}))
}

func (b *box) occ(on uplink.Int) {
	b.t.Helper()
	at := b.now()
	b.publish(uplink.UpOcc, encode(b.t, uplink.Occ{
		V: 1, Time: at.Time, Quality: at.Quality, Window: 300, Vantage: "A", On: on, Use: on, Confidence: 80,
	}))
}

func (b *box) records(bodies ...uplink.Body) {
	b.t.Helper()
	batch := &uplink.Batch{Box: b.at.Box, Chain: chain, Boot: boot, From: b.head.Seq + 1, Prev: b.head.Hash}
	for _, body := range bodies {
		r, err := uplink.Encode(body)
		if err != nil {
			b.t.Fatal(err)
		}
		batch.Recs = append(batch.Recs, r)
		b.head = b.head.Next(boot, r)
	}
	batch.Head = b.head.Hash
	p, err := batch.Append(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.publish(uplink.UpRecords, p)
}

func (b *box) publish(l uplink.Leaf, payload []byte) {
	b.t.Helper()
	b.wait(string(l), b.client.Publish(b.at.Topic(l), 1, false, payload))
}

func (b *box) wait(what string, token paho.Token) {
	b.t.Helper()
	if !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		b.t.Fatalf("%s: %v, want an answer within 10 s", what, token.Error())
	}
}

func encode[M uplink.Hello | uplink.State | uplink.Occ](t *testing.T, m M) []byte {
	t.Helper()
	b, err := uplink.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
