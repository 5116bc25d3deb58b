package province_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"cafeprobe/tools/province"
	"cafeprobe/tools/province/ca"
	"cafeprobe/tools/province/mosquitto"
	"cafeprobe/tools/province/mosquitto/mosquittotest"
	"cafeprobe/tools/province/provincetest"
	"cafeprobe/uplink"
	"cafeprobe/uplink/mqtt"
)

// boxA has the rights of a box, boxB is the one that it tries to be.
const (
	boxA = uplink.BoxID("b-0000000a")
	boxB = uplink.BoxID("b-0000000b")
)

func at(box uplink.BoxID) uplink.Address { return uplink.Address{Province: "demo", Box: box} }

// ground is a broker for boxes with certificates, and its CA.
type ground struct {
	ca     *ca.CA
	caDir  string
	addr   string
	watch  mqtt.Config                                   // connects an observer
	down   func(t *testing.T, box uplink.BoxID)          // lets the province say something to box
	reread func(t *testing.T)                            // does what the broker's keeper must do after a revocation
	revoke func(t *testing.T, box uplink.BoxID)          // revokes, and does what the broker's keeper must do then
	refuse bool                                          // the broker refuses what it does not grant; else it is silent
	kicked func(t *testing.T, c *mqtt.Conn, what string) // checks that a revoked client that is connected is put out

	province *province.Province // nil where none runs
}

// grounds runs f on both brokers.
func grounds(t *testing.T, f func(t *testing.T, g *ground)) {
	t.Run("embedded", func(t *testing.T) { f(t, embedded(t)) })
	t.Run("mosquitto", func(t *testing.T) { f(t, realMosquitto(t)) })
}

func embedded(t *testing.T) *ground {
	t.Helper()
	dir := t.TempDir()
	p, _ := provincetest.Run(t, province.Config{
		Dir: dir, Province: "demo", Secure: &province.Secure{}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	return &ground{
		ca: p.CA(), caDir: filepath.Join(dir, province.CADir), addr: p.SecureAddr(),
		watch: mqtt.Config{Broker: "tcp://" + p.MQTTAddr()}, refuse: true,
		province: p, reread: func(*testing.T) {},
		down: func(t *testing.T, box uplink.BoxID) {}, // the answer to a hello is what comes down
		revoke: func(t *testing.T, box uplink.BoxID) {
			if err := p.Revoke(string(box), "test"); err != nil {
				t.Fatal(err)
			}
		},
		kicked: func(t *testing.T, c *mqtt.Conn, what string) {
			select {
			case <-c.Done():
			case <-time.After(5 * time.Second):
				t.Errorf("%s is still connected 5 s after its revocation", what)
			}
		},
	}
}

func realMosquitto(t *testing.T) *ground {
	t.Helper()
	dir := t.TempDir()
	c, err := ca.Open(filepath.Join(dir, "ca"), "demo", ca.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	addr := mosquittotest.FreeAddr(t)
	out := filepath.Join(dir, "mosquitto")
	write := func() {
		t.Helper()
		if err := mosquitto.Write(out, c, mosquitto.Config{Province: "demo", Listen: addr, User: "root", Verbose: true}); err != nil {
			t.Fatal(err)
		}
	}
	write()
	b := mosquittotest.Run(t, filepath.Join(out, mosquitto.ConfigFile), addr)
	client := func(name string) *tls.Config {
		pair, err := tls.LoadX509KeyPair(filepath.Join(out, name+".pem"), filepath.Join(out, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{RootCAs: c.Pool(), Certificates: []tls.Certificate{pair}}
	}
	g := &ground{ca: c, caDir: filepath.Join(dir, "ca"), addr: addr}
	g.watch = mqtt.Config{Broker: "ssl://" + addr, Client: "observer", TLS: client("observer")}
	collector := mqtt.Config{Broker: "ssl://" + addr, Client: "collector", TLS: client("collector")}
	g.down = func(t *testing.T, box uplink.BoxID) {
		conn := connect(t, collector, nil)
		if err := conn.Publish(t.Context(), mqtt.Message{Topic: at(box).Topic(uplink.DownWant), Payload: []byte("{}"), QoS: 1}); err != nil {
			t.Fatal(err)
		}
		await(t, "an acknowledgement", func() bool { return conn.Acked() == 1 })
		conn.Close()
	}
	g.reread = func(*testing.T) {
		write()
		b.Reread()
	}
	g.revoke = func(t *testing.T, box uplink.BoxID) {
		if err := c.Revoke(string(box), "test"); err != nil {
			t.Fatal(err)
		}
		g.reread(t)
	}
	g.kicked = func(*testing.T, *mqtt.Conn, string) {} // its configuration says so
	return g
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s after 10 s", what)
		}
	}
}

// enrolled returns the TLS configuration of box, with a certificate by c.
func enrolled(t *testing.T, c *ca.CA, box uplink.BoxID) *tls.Config {
	t.Helper()
	code, err := c.NewClaim(box, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	chain, err := c.Enroll(box, code, &key.PublicKey, chainKey())
	if err != nil {
		t.Fatal(err)
	}
	return client(c, key, chain...)
}

func chainKey() ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
}

func client(c *ca.CA, key *ecdsa.PrivateKey, chain ...*x509.Certificate) *tls.Config {
	pair := tls.Certificate{PrivateKey: key}
	for _, cert := range chain {
		pair.Certificate = append(pair.Certificate, cert.Raw)
	}
	// The callback sends the certificate also to a server that names other CAs as those it wants.
	return &tls.Config{RootCAs: c.Pool(), ServerName: "127.0.0.1", GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &pair, nil
	}}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (g *ground) dial(t *testing.T, box uplink.BoxID, cfg *tls.Config, handle func(mqtt.Message)) (*mqtt.Conn, error) {
	t.Helper()
	if handle == nil {
		handle = func(mqtt.Message) {}
	}
	return mqtt.Dial(t.Context(), mqtt.Config{Broker: "ssl://" + g.addr, Client: string(box), TLS: cfg, Timeout: 5 * time.Second}, handle)
}

func connect(t *testing.T, cfg mqtt.Config, handle func(mqtt.Message)) *mqtt.Conn {
	t.Helper()
	if handle == nil {
		handle = func(mqtt.Message) {}
	}
	conn, err := mqtt.Dial(t.Context(), cfg, handle)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// refused checks that nobody gets in with cfg as box.
func (g *ground) refused(t *testing.T, what string, box uplink.BoxID, cfg *tls.Config) {
	t.Helper()
	if conn, err := g.dial(t, box, cfg, nil); err == nil {
		conn.Close()
		t.Errorf("%s: connected", what)
	}
}

func state(t *testing.T) []byte {
	t.Helper()
	b, err := uplink.Marshal(uplink.State{V: 1, State: uplink.StateOnline, Conn: 1, Chain: "k3v9Qd2x"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func hello(t *testing.T, box uplink.BoxID) []byte {
	t.Helper()
	h := uplink.Hello{V: 1, Chain: "k3v9Qd2x", First: 1, Hash: uplink.Genesis("k3v9Qd2x", chainKey()), Boot: 1, Conn: 1}
	copy(h.Key[:], chainKey())
	b, err := uplink.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func publish(t *testing.T, c *mqtt.Conn, topic string, payload []byte) {
	t.Helper()
	if err := c.Publish(t.Context(), mqtt.Message{Topic: topic, Payload: payload, QoS: 1}); err != nil {
		t.Logf("publish %s: %v", topic, err)
	}
}

// TestRights: a box speaks on its own topics and hears its own, and no other's.
func TestRights(t *testing.T) {
	grounds(t, func(t *testing.T, g *ground) {
		heard := make(chan string, 64)
		observer := connect(t, g.watch, func(m mqtt.Message) { heard <- m.Topic })
		if err := observer.Subscribe(t.Context(), "cafeprobe/v1/demo/#"); err != nil {
			t.Fatal(err)
		}
		cfgA, cfgB := enrolled(t, g.ca, boxA), enrolled(t, g.ca, boxB)
		toA, toB := make(chan string, 64), make(chan string, 64)
		a, err := g.dial(t, boxA, cfgA, func(m mqtt.Message) { toA <- m.Topic })
		if err != nil {
			t.Fatalf("box A: %v", err)
		}
		defer a.Close()
		if err := a.Subscribe(t.Context(), at(boxA).DownFilter()); err != nil {
			t.Fatal(err)
		}
		// What B may not hear. Where the broker refuses it says so; each in a connection of its own.
		for _, filter := range []string{at(boxA).DownFilter(), "cafeprobe/v1/demo/+/+/down/#", "#"} {
			b, err := g.dial(t, boxB, cfgB, func(m mqtt.Message) { toB <- m.Topic })
			if err != nil {
				t.Fatalf("box B: %v", err)
			}
			if err := b.Subscribe(t.Context(), filter); g.refuse && err == nil {
				t.Errorf("box B subscribes %s: granted", filter)
			}
			publish(t, a, at(boxA).Topic(uplink.UpHello), hello(t, boxA))
			g.down(t, boxA)
			if got := next(t, toA); !strings.HasPrefix(got, strings.TrimSuffix(at(boxA).DownFilter(), "#")) {
				t.Errorf("box A heard %s", got)
			}
			b.Close()
		}
		if n := len(toB); n > 0 {
			t.Errorf("box B heard %d messages to box A, the first on %s", n, <-toB)
		}
		drain(heard)

		// What B may not say: on A's topics, downwards, under another province, elsewhere.
		for _, topic := range []string{
			at(boxA).Topic(uplink.UpState), at(boxB).Topic(uplink.DownReceipt), at(boxA).Topic(uplink.DownReceipt),
			"cafeprobe/v1/other/" + boxB.Shard() + "/" + string(boxB) + "/up/state", "cafeprobe/v1/demo/all/down/update", "x",
		} {
			b, err := g.dial(t, boxB, cfgB, nil)
			if err != nil {
				t.Fatalf("box B: %v", err)
			}
			publish(t, b, topic, state(t))
			b.Close()
		}
		b, err := g.dial(t, boxB, cfgB, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		publish(t, b, at(boxB).Topic(uplink.UpState), state(t))
		if got, want := next(t, heard), at(boxB).Topic(uplink.UpState); got != want {
			t.Errorf("the observer heard %s, want only %s", got, want)
		}

		// What an observer may not say; it may be put out for it. Had it been let, the message would be there to be found.
		said := at(boxA).Topic(uplink.UpOcc)
		if err := observer.Publish(t.Context(), mqtt.Message{Topic: said, Payload: []byte("{}"), QoS: 1, Retain: true}); err != nil {
			t.Log(err)
		}
		time.Sleep(100 * time.Millisecond)
		observer.Close()
		observer = connect(t, g.watch, func(m mqtt.Message) {
			if !m.Retain || m.Topic == said {
				heard <- m.Topic
			}
		})
		if err := observer.Subscribe(t.Context(), "cafeprobe/v1/demo/#"); err != nil {
			t.Fatal(err)
		}
		publish(t, a, at(boxA).Topic(uplink.UpState), state(t))
		if got, want := next(t, heard), at(boxA).Topic(uplink.UpState); got != want {
			t.Errorf("the observer heard %s, want %s", got, want)
		}
	})
}

func next(t *testing.T, c <-chan string) string {
	t.Helper()
	select {
	case s := <-c:
		return s
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came in 10 s")
		return ""
	}
}

func drain(c <-chan string) {
	for {
		select {
		case <-c:
		case <-time.After(200 * time.Millisecond):
			return
		}
	}
}

// TestWhoGetsIn: only a valid certificate of this province, over TLS 1.3, and only as itself.
func TestWhoGetsIn(t *testing.T) {
	grounds(t, func(t *testing.T, g *ground) {
		good := enrolled(t, g.ca, boxA)
		conn, err := g.dial(t, boxA, good, nil)
		if err != nil {
			t.Fatalf("a good certificate: %v", err)
		}
		conn.Close()

		none := good.Clone()
		none.GetClientCertificate = nil
		g.refused(t, "no certificate", boxA, none)
		old := good.Clone()
		old.MaxVersion = tls.VersionTLS12
		g.refused(t, "TLS 1.2", boxA, old)

		stranger, err := ca.Open(t.TempDir(), "demo", ca.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer stranger.Close()
		foreign := enrolled(t, stranger, boxA)
		foreign.RootCAs = g.ca.Pool()
		g.refused(t, "another CA of the same name", boxA, foreign)

		deceived := good.Clone()
		deceived.RootCAs = stranger.Pool() // as a box of that province that is led here
		g.refused(t, "a broker of another province", boxA, deceived)

		key := newKey(t)
		g.refused(t, "a self-signed certificate", boxA, client(g.ca, key, selfSigned(t, key)))

		past, err := ca.Open(g.caDir, "demo", ca.Config{Now: func() time.Time { return time.Now().Add(-ca.Life - time.Minute) }})
		if err != nil {
			t.Fatal(err)
		}
		defer past.Close()
		expired := enrolled(t, past, boxB)
		if _, err := g.ca.Refresh(); err != nil {
			t.Fatal(err)
		}
		shown, err := expired.GetClientCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(shown.Certificate[0])
		if err != nil || time.Since(leaf.NotAfter) < 0 {
			t.Fatalf("certificate until %v, %v, want one that has expired", leaf.NotAfter, err)
		}
		g.refused(t, "an expired certificate", boxB, expired)

		server, err := g.ca.Server(ca.Life, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		g.refused(t, "a server's certificate", boxA, client(g.ca, server.PrivateKey.(*ecdsa.PrivateKey), server.Leaf))
	})
}

func selfSigned(t *testing.T, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: string(boxA)}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestNobodyTakesAnothersPlace: with B's certificate and A's client id or user name nobody becomes A or pushes A out.
func TestNobodyTakesAnothersPlace(t *testing.T) {
	grounds(t, func(t *testing.T, g *ground) {
		a, err := g.dial(t, boxA, enrolled(t, g.ca, boxA), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		cfg := enrolled(t, g.ca, boxB)
		for _, as := range []struct{ id, user uplink.BoxID }{{boxA, boxB}, {boxB, boxA}, {boxA, boxA}, {boxA, ""}} {
			o := paho.NewClientOptions().AddBroker("ssl://" + g.addr).SetClientID(string(as.id)).SetUsername(string(as.user)).
				SetTLSConfig(cfg).SetAutoReconnect(false).SetConnectTimeout(5 * time.Second)
			c := paho.NewClient(o)
			if tok := c.Connect(); g.refuse && tok.Wait() && tok.Error() == nil {
				t.Errorf("client id %q, user name %q with the certificate of %s: connected", as.id, as.user, boxB)
			}
			c.Disconnect(0)
		}
		select {
		case <-a.Done():
			t.Errorf("box A was pushed out: %v", a.Err())
		case <-time.After(200 * time.Millisecond):
		}
	})
}

// TestRevoked: a certificate that is revoked gets nobody in from that moment on.
func TestRevoked(t *testing.T) {
	grounds(t, func(t *testing.T, g *ground) {
		cfgA, cfgB := enrolled(t, g.ca, boxA), enrolled(t, g.ca, boxB)
		a, err := g.dial(t, boxA, cfgA, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		b, err := g.dial(t, boxB, cfgB, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		g.revoke(t, boxA)
		g.kicked(t, a, "box A")
		if !g.refuse { // a signal was sent, which takes its time
			await(t, "refusal", func() bool {
				c, err := g.dial(t, boxA, cfgA, nil)
				if err == nil {
					c.Close()
				}
				return err != nil
			})
		}
		g.refused(t, "a revoked certificate", boxA, cfgA)
		select {
		case <-b.Done():
			t.Errorf("box B was put out too: %v", b.Err())
		default:
		}
		c, err := g.dial(t, boxA, enrolled(t, g.ca, boxA), nil)
		if err != nil {
			t.Errorf("box A enrolled anew: %v", err)
		} else {
			c.Close()
		}
	})
}

// TestRevokedByAnotherProcess: a revocation on the command line reaches a province that runs.
func TestRevokedByAnotherProcess(t *testing.T) {
	g := embedded(t)
	cfg := enrolled(t, g.ca, boxA)
	a, err := g.dial(t, boxA, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	other, err := ca.Open(g.caDir, "demo", ca.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Revoke(string(boxA), "test"); err != nil {
		t.Fatal(err)
	}
	g.kicked(t, a, "box A")
	g.refused(t, "a revoked certificate", boxA, cfg)
}

// TestBehindMosquitto: the province behind a mosquitto of its own hears an enrolled box and answers it, and no longer hears
// one that was revoked, though its connection stands.
func TestBehindMosquitto(t *testing.T) {
	g := realMosquitto(t)
	provincetest.Run(t, province.Config{
		Dir: filepath.Dir(g.caDir), Province: "demo", Broker: "ssl://" + g.addr, Secure: &province.Secure{},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	receipts := make(chan string, 1024)
	a, err := g.dial(t, boxA, enrolled(t, g.ca, boxA), func(m mqtt.Message) { receipts <- m.Topic })
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.Subscribe(t.Context(), at(boxA).DownFilter()); err != nil {
		t.Fatal(err)
	}
	greet := func() { publish(t, a, at(boxA).Topic(uplink.UpHello), hello(t, boxA)) }
	await(t, "receipt", func() bool { greet(); time.Sleep(50 * time.Millisecond); return len(receipts) > 0 })
	if got, want := <-receipts, at(boxA).Topic(uplink.DownReceipt); got != want {
		t.Errorf("the answer came on %s, want %s", got, want)
	}
	g.revoke(t, boxA)
	await(t, "silence", func() bool {
		for len(receipts) > 0 {
			<-receipts
		}
		greet()
		time.Sleep(300 * time.Millisecond)
		return len(receipts) == 0
	})
}

// TestPlainIsForObservers: where boxes have certificates, nobody is a box without one.
func TestPlainIsForObservers(t *testing.T) {
	g := embedded(t)
	cfg := g.watch
	cfg.Client = string(boxA)
	if conn, err := mqtt.Dial(t.Context(), cfg, func(mqtt.Message) {}); err == nil {
		conn.Close()
		t.Error("a box without a certificate is connected")
	}
}

// TestOpenSSL: a TLS client that shares no code with ours finds the same.
func TestOpenSSL(t *testing.T) {
	path := mosquittotest.Program(t, "openssl")
	grounds(t, func(t *testing.T, g *ground) {
		dir := t.TempDir()
		pair, err := enrolled(t, g.ca, boxA).GetClientCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ca.EncodeKey(pair.PrivateKey.(*ecdsa.PrivateKey))
		if err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{"ca.pem": g.ca.Root(), "box.pem": ca.EncodePair(pair), "box.key": key} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// MQTT CONNECT of box A, then its answer: only who is let in gets octets 0x20 0x02 0x00 0x00.
		f := func(name string, want bool, args ...string) {
			t.Helper()
			args = append([]string{"s_client", "-connect", g.addr, "-CAfile", "ca.pem", "-verify_return_error", "-verify_ip", "127.0.0.1", "-quiet"}, args...)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, path, args...)
			cmd.Dir, cmd.WaitDelay = dir, time.Second
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			id := string(boxA)
			packet := append([]byte{0x10, byte(14 + 2*len(id)), 0, 4}, "MQTT\x04\x82\x00\x3c\x00\x0a"+id+"\x00\x0a"+id...)
			if _, err := in.Write(packet); err != nil && !errors.Is(err, syscall.EPIPE) {
				t.Error(err)
			}
			got := make([]byte, 4)
			_, err = io.ReadFull(out, got)
			in.Close()
			cancel()
			_ = cmd.Wait() // it was ended, or ended by itself with an error where one is wanted
			if in := err == nil && bytes.Equal(got, []byte{0x20, 2, 0, 0}); in != want {
				t.Errorf("%s: answer %x, let in %v, want %v: %s", name, got, in, want, said.String())
			}
		}
		cert := []string{"-cert", "box.pem", "-cert_chain", "box.pem", "-key", "box.key"}
		f("TLS 1.3 with the certificate", true, append(cert, "-tls1_3")...)
		f("TLS 1.2 with the certificate", false, append(cert, "-tls1_2")...)
		f("no certificate", false, "-tls1_3")
	})
}
