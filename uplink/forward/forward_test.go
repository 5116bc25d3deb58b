package forward

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	broker "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
	"cafeprobe/uplink/mqtt"
	"cafeprobe/uplink/spool"
)

// province is the least that a box needs of one: it verifies the chain and signs receipts.
type province struct {
	t        *testing.T
	key      ed25519.PrivateKey
	mu       sync.Mutex
	heads    map[uplink.BoxID]uplink.Head
	got      map[uint64]int // how often each record came
	notes    []string       // checkpoints
	deaf     bool           // takes records and says nothing
	addr     string
	server   *broker.Server
	listener *tracked
	inbox    chan mqtt.Message
}

func newProvince(t *testing.T) *province {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &province{t: t, key: key, heads: map[uplink.BoxID]uplink.Head{}, got: map[uint64]int{}, inbox: make(chan mqtt.Message, 1024)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	l.Close()
	p.start()
	done := make(chan struct{})
	go func() { // the broker's own goroutine may not publish
		defer close(done)
		for m := range p.inbox {
			p.take(m.Topic, m.Payload)
		}
	}()
	t.Cleanup(func() {
		p.stop()
		close(p.inbox)
		<-done
	})
	return p
}

func (p *province) start() {
	p.t.Helper()
	server := broker.New(&broker.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := server.AddHook(new(auth.AllowHook), nil); err != nil {
		p.t.Fatal(err)
	}
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.listener = &tracked{Listener: l}
	if err := server.AddListener(listeners.NewNet("t", p.listener)); err != nil {
		p.t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.server = server
	p.mu.Unlock()
	err = server.Subscribe("cafeprobe/v1/#", 1, func(_ *broker.Client, _ packets.Subscription, pk packets.Packet) {
		p.inbox <- mqtt.Message{Topic: pk.TopicName, Payload: pk.Payload}
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// stop ends the broker as the end of its process would: no connection outlives it. mochi by itself waits for ever for a
// client that connects while it is closing, or goes on serving it.
func (p *province) stop() {
	p.listener.mu.Lock()
	p.listener.down = true
	for _, c := range p.listener.conns {
		c.Close()
	}
	p.listener.mu.Unlock()
	p.server.Close()
}

// tracked is a listener that knows its connections.
type tracked struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
	down  bool
}

func (l *tracked) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, c)
	if l.down {
		c.Close()
	}
	return c, nil
}

func (p *province) take(topic string, payload []byte) {
	a, leaf, _, err := uplink.ParseTopic(topic)
	if err != nil {
		p.t.Errorf("topic %s: %v", topic, err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var chain uplink.ChainID
	switch leaf {
	case uplink.UpHello:
		h, err := uplink.Parse[uplink.Hello](payload)
		if err != nil {
			p.t.Error(err)
			return
		}
		if _, ok := p.heads[a.Box]; !ok {
			p.heads[a.Box] = uplink.Head{Hash: uplink.Genesis(h.Chain, h.Key[:])}
		}
		chain = h.Chain
	case uplink.UpRecords:
		b, err := uplink.ParseBatch(payload)
		if err != nil {
			p.t.Error(err)
			return
		}
		chain = b.Chain
		if rs, err := b.Verify(); err == nil && b.Start() == p.heads[a.Box] && !p.deaf {
			for _, r := range rs {
				p.got[r.Seq]++
			}
			p.heads[a.Box] = b.End()
		}
	case uplink.UpCheckpoint:
		m, err := uplink.Parse[uplink.Checkpoint](payload)
		if err != nil {
			p.t.Error(err)
		}
		p.notes = append(p.notes, m.Note)
		return
	default:
		return
	}
	if p.deaf {
		return
	}
	h := p.heads[a.Box]
	r := uplink.Receipt{Chain: chain, Seq: uplink.Int(h.Seq), Hash: h.Hash, Time: 1}.Sign(p.key, a)
	out, err := uplink.Marshal(r)
	if err != nil {
		p.t.Error(err)
		return
	}
	if err := p.server.Publish(a.Topic(uplink.DownReceipt), out, true, 1); err != nil {
		p.t.Log(err) // the broker is being stopped
	}
}

func box(t *testing.T, p *province) *spool.Spool {
	t.Helper()
	id, err := spool.NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, p.key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(t.TempDir(), id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func fill(t *testing.T, s *spool.Spool, n int) {
	t.Helper()
	for i := range n {
		r, err := uplink.Encode(&uplink.Vantage{
			Stamp: uplink.Stamp{Mono: uplink.Int(i), Quality: uplink.QualityNone}, Class: "A", Confidence: 90,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, s *spool.Spool, p *province) *Forwarder {
	t.Helper()
	return runWith(t, s, p, Config{})
}

func runWith(t *testing.T, s *spool.Spool, p *province, cfg Config) *Forwarder {
	t.Helper()
	cfg.Broker, cfg.Retry, cfg.Log = "tcp://"+p.addr, 50*time.Millisecond, slog.New(slog.NewTextHandler(t.Output(), nil))
	f := New(s, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { f.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return f
}

func drain(t *testing.T, f *Forwarder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := f.Drain(ctx); err != nil {
		t.Fatalf("%v; %+v", err, f.Stats())
	}
}

func (p *province) once(t *testing.T, n int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for seq := uint64(1); seq <= uint64(n); seq++ {
		if p.got[seq] != 1 {
			t.Errorf("record %d stored %d times, want once", seq, p.got[seq])
		}
	}
	if len(p.got) != n {
		t.Errorf("%d records stored, want %d", len(p.got), n)
	}
}

// signed waits for checkpoints that fix the records of s at seqs, and checks all that came.
func (p *province) signed(t *testing.T, s *spool.Spool, seqs ...uint64) {
	t.Helper()
	id := s.Identity()
	got := map[uint64]bool{}
	for end := time.Now().Add(10 * time.Second); len(got) < len(seqs) && time.Now().Before(end); time.Sleep(time.Millisecond) {
		p.mu.Lock()
		notes := p.notes
		p.notes = nil
		p.mu.Unlock()
		for _, note := range notes {
			c, err := checkpoint.Open(note, id.Address, id.Public())
			if err != nil {
				t.Error(err)
				continue
			}
			if at, ok := s.At(c.Head.Seq); !ok || at != c.Head || c.Chain != id.Chain {
				t.Errorf("checkpoint %+v, want %+v", c, at)
			}
			got[c.Head.Seq] = true
		}
	}
	for _, seq := range seqs {
		if !got[seq] {
			t.Errorf("no checkpoint at %d: %v", seq, got)
		}
	}
}

func TestAllIsReceipted(t *testing.T) {
	p := newProvince(t)
	s := box(t, p)
	fill(t, s, 500)
	f := run(t, s, p)
	drain(t, f)
	fill(t, s, 300)
	drain(t, f)
	p.once(t, 800)
	p.signed(t, s, 500, 800)
	if st := f.Stats(); st.Sent != 800 || st.Refused != 0 {
		t.Errorf("stats %+v, want 800 sent and nothing refused", st)
	}
}

func TestBrokerGoesAndComesBack(t *testing.T) {
	p := newProvince(t)
	s := box(t, p)
	f := run(t, s, p)
	for range 5 {
		fill(t, s, 200)
		p.stop()
		fill(t, s, 100)
		p.start()
	}
	drain(t, f)
	p.once(t, 1500)
}

// TestPubackIsNoReceipt: the broker acknowledges all, the province says nothing: nothing may count as delivered.
func TestPubackIsNoReceipt(t *testing.T) {
	p := newProvince(t)
	p.deaf = true
	s := box(t, p)
	fill(t, s, 100)
	f := run(t, s, p)
	time.Sleep(300 * time.Millisecond)
	if got := s.Receipted().Seq; got != 0 {
		t.Errorf("receipted %d, want 0", got)
	}
	p.mu.Lock()
	p.deaf = false
	p.mu.Unlock()
	drain(t, f)
	p.once(t, 100)
}

// TestDelay: records wait for company, but not where the province wants to know at once, nor when somebody waits.
func TestDelay(t *testing.T) {
	p := newProvince(t)
	s := box(t, p)
	f := runWith(t, s, p, Config{Delay: time.Hour})
	for f.Stats().Receipts == 0 {
		time.Sleep(10 * time.Millisecond) // the answer to the hello
	}
	fill(t, s, 3)
	time.Sleep(200 * time.Millisecond)
	if got := f.Stats().Sent; got != 0 {
		t.Errorf("%d records sent at once, want 0", got)
	}
	r, err := uplink.Encode(&uplink.Security{Stamp: uplink.Stamp{Quality: uplink.QualityNone}, What: uplink.SecurityForged, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(r); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	for s.Receipted().Seq < 4 {
		time.Sleep(10 * time.Millisecond)
	}
	fill(t, s, uplink.MaxRecords)
	for s.Receipted().Seq < 4+uplink.MaxRecords { // a full batch
		time.Sleep(10 * time.Millisecond)
	}
	fill(t, s, 1)
	drain(t, f)
	p.once(t, 5+uplink.MaxRecords)
}

func TestSameOcc(t *testing.T) {
	f := func(name string, change func(o *uplink.Occ), want bool) {
		t.Helper()
		told := uplink.Occ{V: 1, Time: 1795000000000, Quality: uplink.QualitySync, Vantage: "A", On: 3, States: "OO-"}
		o := told
		o.Time += 300_000
		change(&o)
		if got := sameOcc(&o, &told); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("same", func(*uplink.Occ) {}, true)
	f("another state", func(o *uplink.Occ) { o.States = "O--" }, false)
	f("long after", func(o *uplink.Occ) { o.Time += 300_000 }, false)
	f("another vantage", func(o *uplink.Occ) { o.Vantage = "C" }, false)
}

// offline returns a session without a connection, and what its forwarder refused and was told to do.
func offline(t testing.TB) (ses *session, key ed25519.PrivateKey, refused, did *[]string) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := spool.NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, public)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(t.TempDir(), id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	refused, did = new([]string), new([]string)
	f := New(s, Config{
		Refused: func(what, from string) { *refused = append(*refused, what+" "+from) },
		Command: func(c uplink.Command, desired bool) { *did = append(*did, fmt.Sprintf("%s %v", c.Verb, desired)) },
	})
	return &session{f: f}, key, refused, did
}

// TestRefusals: what comes from below and is not to be believed is told apart, changes nothing and is done by nobody.
func TestRefusals(t *testing.T) {
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, message func(id spool.Identity, key ed25519.PrivateKey) mqtt.Message, wantRefused, wantDid string) {
		t.Helper()
		ses, key, refused, did := offline(t)
		before := ses.f.spool.Receipted()
		ses.take(message(ses.f.id, key))
		if got := strings.Join(*refused, ";"); got != wantRefused {
			t.Errorf("%s: refused %q, want %q", name, got, wantRefused)
		}
		if got := strings.Join(*did, ";"); got != wantDid {
			t.Errorf("%s: did %q, want %q", name, got, wantDid)
		}
		if ses.f.spool.Receipted() != before || ses.sent.Seq != 0 {
			t.Errorf("%s: it changed something", name)
		}
	}
	receipt := func(id spool.Identity, key ed25519.PrivateKey, r uplink.Receipt, retain bool) mqtt.Message {
		b, err := uplink.Marshal(r.Sign(key, id.Address))
		if err != nil {
			t.Fatal(err)
		}
		return mqtt.Message{Topic: id.Topic(uplink.DownReceipt), Payload: b, Retain: retain}
	}
	order := func(id spool.Identity, key ed25519.PrivateKey, l uplink.Leaf, verb uplink.Verb) mqtt.Message {
		b, err := uplink.Marshal(uplink.Command{Chain: id.Chain, Number: 1, Time: 1, Expiry: 2, Verb: verb}.Sign(key, id.Address))
		if err != nil {
			t.Fatal(err)
		}
		topic := id.Topic(l)
		if l == uplink.DownCommand {
			topic += "/1"
		}
		return mqtt.Message{Topic: topic, Payload: b}
	}
	type ID = spool.Identity
	type Key = ed25519.PrivateKey
	f("forged receipt", func(id ID, _ Key) mqtt.Message {
		return receipt(id, stranger, uplink.Receipt{Chain: id.Chain, Hash: id.Genesis()}, false)
	}, "forged receipt", "")
	f("receipt for another chain", func(id ID, k Key) mqtt.Message {
		return receipt(id, k, uplink.Receipt{Chain: "AAAAAAAA", Hash: id.Genesis()}, false)
	}, "misled receipt", "")
	f("kept receipt of the chain before", func(id ID, k Key) mqtt.Message {
		return receipt(id, k, uplink.Receipt{Chain: "AAAAAAAA", Hash: id.Genesis()}, true)
	}, "", "")
	f("malformed receipt", func(id ID, _ Key) mqtt.Message {
		return mqtt.Message{Topic: id.Topic(uplink.DownReceipt), Payload: []byte(`{"v":1}`)}
	}, "malformed receipt", "")
	f("want of what is not there", func(id ID, _ Key) mqtt.Message {
		return mqtt.Message{Topic: id.Topic(uplink.DownWant), Payload: []byte(`{"v":1,"ch":"` + string(id.Chain) + `","from":7,"to":9}`)}
	}, "misled want", "")
	f("another box's topic", func(id ID, _ Key) mqtt.Message {
		return mqtt.Message{Topic: uplink.Address{Province: "demo", Box: "b-00000002"}.Topic(uplink.DownReceipt)}
	}, "misled receipt", "")
	f("topic of nothing", func(ID, Key) mqtt.Message { return mqtt.Message{Topic: "x"} }, "misled other", "")
	f("command", func(id ID, k Key) mqtt.Message { return order(id, k, uplink.DownCommand, uplink.VerbDiag) }, "", "diag false")
	f("desired", func(id ID, k Key) mqtt.Message { return order(id, k, uplink.DownDesired, uplink.VerbSet) }, "", "set true")
	f("desired, but no setting", func(id ID, k Key) mqtt.Message {
		return order(id, k, uplink.DownDesired, uplink.VerbReboot)
	}, "misled desired", "")
	f("forged command", func(id ID, _ Key) mqtt.Message {
		return order(id, stranger, uplink.DownCommand, uplink.VerbReboot)
	}, "forged cmd", "")
}

// TestStaleReceipt: a receipt that was right once, played again, takes nothing back and moves nothing.
func TestStaleReceipt(t *testing.T) {
	for _, retain := range []bool{false, true} {
		ses, key, refused, _ := offline(t)
		s, id := ses.f.spool, ses.f.id
		fill(t, s, 9)
		take := func(seq uint64) {
			t.Helper()
			h, ok := s.At(seq)
			b, err := uplink.Marshal(uplink.Receipt{Chain: id.Chain, Seq: uplink.Int(seq), Hash: h.Hash, Time: 1}.Sign(key, id.Address))
			if err != nil || !ok {
				t.Fatal(err, ok)
			}
			ses.take(mqtt.Message{Topic: id.Topic(uplink.DownReceipt), Payload: b, Retain: retain})
		}
		take(7)
		ses.sent = s.Receipted()
		for _, seq := range []uint64{3, 0, 6} {
			take(seq)
			if got := s.Receipted().Seq; got != 7 || ses.sent.Seq != 7 || s.Stats().Forks != 0 || len(*refused) != 0 {
				t.Errorf("after the old receipt for %d: receipted %d, sent %d, %d forks, refused %v; want 7, 7, none", seq, got, ses.sent.Seq,
					s.Stats().Forks, *refused)
			}
		}
	}
}

// FuzzDown: whatever comes from below, no receipt is believed that the province did not sign.
func FuzzDown(f *testing.F) {
	first, key, _, _ := offline(f)
	s, id := first.f.spool, first.f.id
	public := id.ProvinceKey
	good, err := uplink.Marshal(uplink.Receipt{Chain: id.Chain, Hash: id.Genesis(), Time: 1}.Sign(key, id.Address))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(id.Topic(uplink.DownReceipt), good)
	f.Add(id.Topic(uplink.DownWant), []byte(`{"v":1,"ch":"`+string(id.Chain)+`","from":1,"to":2}`))
	f.Add(id.Topic(uplink.DownReceipt), []byte(`{}`))
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		refused, did := 0, 0
		fw := New(s, Config{Refused: func(_, _ string) { refused++ }, Command: func(uplink.Command, bool) { did++ }})
		ses := &session{f: fw}
		if ses.take(mqtt.Message{Topic: topic, Payload: payload}) {
			r, err := uplink.Parse[uplink.Receipt](payload)
			if err != nil || r.Verify(public, id.Address) != nil {
				t.Errorf("believed %q on %q", payload, topic)
			}
		} else if st := fw.Stats(); (st.Refused != 1 || refused != 1) && !asksForNext(id, topic, payload) {
			t.Errorf("%q on %q was neither taken nor counted: %+v, told %d times", payload, topic, st, refused)
		}
		if did != 0 {
			t.Errorf("%q on %q was obeyed", payload, topic)
		}
		if ses.sent.Seq != 0 || ses.missed != (span{}) {
			t.Errorf("%q moved the sender to %d, to send %v again", payload, ses.sent.Seq, ses.missed)
		}
	})
}

// asksForNext reports whether a message asks a box that has sent nothing for what it will send anyway.
func asksForNext(id spool.Identity, topic string, payload []byte) bool {
	w, err := uplink.Parse[uplink.Want](payload)
	return err == nil && topic == id.Topic(uplink.DownWant) && w.Chain == id.Chain && w.From == 1
}

// TestWant: what was sent is sent again as asked for and no more; what is on its way or comes anyway is not.
func TestWant(t *testing.T) {
	f := func(name string, from, to uint64, greets bool, wantMissed span, wantCalled bool) {
		t.Helper()
		ses, _, refused, _ := offline(t)
		s := ses.f.spool
		fill(t, s, 12)
		h, _ := s.At(2)
		if err := s.SetReceipt(h); err != nil {
			t.Fatal(err)
		}
		ses.sent, _ = s.At(9)
		ses.greets = greets
		b, err := uplink.Marshal(uplink.Want{V: 1, Chain: ses.f.id.Chain, From: uplink.Int(from), To: uplink.Int(to)})
		if err != nil {
			t.Fatal(err)
		}
		ses.take(mqtt.Message{Topic: ses.f.id.Topic(uplink.DownWant), Payload: b})
		if ses.missed != wantMissed || ses.called != wantCalled || ses.sent.Seq != 9 || len(*refused) != 0 {
			t.Errorf("%s: missed %v, called %v, sent %d, refused %v; want %v, %v, 9, none", name, ses.missed, ses.called, ses.sent.Seq,
				*refused, wantMissed, wantCalled)
		}
	}
	f("a gap", 4, 6, false, span{4, 6}, false)
	f("in part receipted", 1, 6, false, span{3, 6}, false)
	f("receipted", 1, 2, false, span{}, false)
	f("all behind what it has", 4, 8195, false, span{}, false)
	f("the next one", 10, 8201, false, span{}, false)
	f("while hello waits", 10, 8201, true, span{}, true)
}
