// Package province is the province's side: a broker that commits before it acknowledges, a store that verifies every
// chain, and one page that says what is known.
package province

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cafeprobe/tools/province/broker"
	"cafeprobe/tools/province/ca"
	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/province/firmware"
	"cafeprobe/tools/province/store"
	"cafeprobe/tools/province/subscriber"
	"cafeprobe/tools/province/web"
	"cafeprobe/uplink"
)

// Config configures a Province.
type Config struct {
	Dir      string          // holds the database and the key; it is made where it is absent
	Province uplink.Province // name in topics
	Broker   string          // tcp:// or, with Secure, ssl://host:port of a broker that the province runs itself; empty: the embedded one
	MQTT     string          // of the embedded broker: host:port to listen on, port 0 for a free one; empty means 127.0.0.1:0
	Web      string          // the same for the page
	Trust    bool            // without Secure: take boxes from anywhere, not only from loopback addresses
	Secure   *Secure         // nil: boxes come to MQTT without certificates
	Releases string          // with Secure: the folder of cafeprobe release, served beside enrolment; empty: none
	Log      *slog.Logger    // nil: none
}

// Secure configures what boxes with certificates come to. Then MQTT is for observers alone, who need none.
type Secure struct {
	MQTT   string        // host:port for MQTT over TLS; empty means 127.0.0.1:0
	Enroll string        // the same for enrolment over HTTPS
	Names  []string      // names and addresses under which boxes reach both; none means 127.0.0.1 and localhost
	Life   time.Duration // of a box's certificate; 0 means ca.Life
}

// Province is a running province. Its methods are safe for concurrent use.
type Province struct {
	cfg       Config
	key       ed25519.PrivateKey
	store     *store.Store
	collector *collector.Collector
	boxes     boxes
	broker    *broker.Broker // the same, where it is ours
	page      *web.Server
	ca        *ca.CA            // nil without Secure
	releases  *firmware.Handler // nil without Releases

	mqtt, web, mqtts, enroll net.Listener // the last two are nil without Secure
	enforced                 time.Time    // when connections were last looked at; Run's
}

// boxes is the way to the boxes and back: a broker.Broker or a subscriber.Subscriber.
type boxes interface {
	Publish(ms ...collector.Message)
	Close() error
}

// keyFile holds the key that receipts are signed with: its seed (RFC 8032 §5.1.5) in base64, one line.
const keyFile = "receipt.key"

const storeFile = "province.db"

// OpenBeside opens the store and the key of the province in dir for another program than the province itself, which may
// run meanwhile.
func OpenBeside(dir string) (*store.Store, ed25519.PrivateKey, error) {
	for _, name := range []string{keyFile, storeFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return nil, nil, fmt.Errorf("%w: is %s a province's folder?", err, dir)
		}
	}
	key, err := loadKey(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, nil, err
	}
	s, err := store.Open(filepath.Join(dir, storeFile))
	return s, key, err
}

// New opens the store, makes a key where there is none, and listens. Boxes are served from then on, the page in Run.
func New(cfg Config) (*Province, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Province{cfg: cfg}
	if err := p.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("start province in %s: %w", cfg.Dir, err), p.close())
	}
	return p, nil
}

func (p *Province) open() (err error) {
	if err := os.MkdirAll(p.cfg.Dir, 0o700); err != nil {
		return err
	}
	if p.key, err = loadKey(filepath.Join(p.cfg.Dir, keyFile)); err != nil {
		return err
	}
	if p.store, err = store.Open(filepath.Join(p.cfg.Dir, storeFile)); err != nil {
		return err
	}
	p.page = web.New(p.store, p.cfg.Log)
	if err := p.openSecure(); err != nil {
		return err
	}
	p.collector, err = collector.New(p.store, collector.Config{
		Province: p.cfg.Province, Key: p.key, Log: p.cfg.Log, Changed: p.page.Changed, Enrolled: p.enrolled(),
	})
	if err != nil {
		return err
	}
	if p.web, err = listen(p.cfg.Web); err != nil {
		return err
	}
	if p.cfg.Broker != "" {
		p.boxes = subscriber.Start(p.collector, subscriber.Config{
			Broker: p.cfg.Broker, Province: p.cfg.Province, TLS: p.collectorTLS(), Log: p.cfg.Log,
		})
		return nil
	}
	if p.mqtt, err = listen(p.cfg.MQTT); err != nil {
		return err
	}
	p.broker, err = broker.Serve(p.mqtt, p.cfg.Province, p.collector, broker.Config{
		Trust: p.cfg.Trust, Secure: p.secure(), Log: p.cfg.Log,
	})
	if err == nil {
		p.boxes = p.broker
	}
	return err
}

func listen(addr string) (net.Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	return net.Listen("tcp", addr)
}

// loadKey reads the key at path, or makes one.
func loadKey(path string) (ed25519.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		return key, os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(key.Seed())+"\n"), 0o600)
	}
	if err != nil {
		return nil, err
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s is no key: restore it from its backup; with a new one boxes refuse every receipt", path)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// MQTTAddr returns host:port of the broker.
func (p *Province) MQTTAddr() string {
	if p.mqtt == nil {
		_, addr, _ := strings.Cut(p.cfg.Broker, "://")
		return addr
	}
	return p.mqtt.Addr().String()
}

// WebURL returns the page's address.
func (p *Province) WebURL() string { return "http://" + p.web.Addr().String() + "/" }

// PublicKey returns the key that receipts verify with.
func (p *Province) PublicKey() ed25519.PublicKey { return p.key.Public().(ed25519.PublicKey) }

// Stats returns what the collector has done.
func (p *Province) Stats() collector.Stats { return p.collector.Stats() }

// Totals returns what the store holds.
func (p *Province) Totals(ctx context.Context) (store.Totals, error) { return p.store.Totals(ctx) }

// EachRecord calls f with the records of box's newest chain in the order of their numbers.
func (p *Province) EachRecord(ctx context.Context, box uplink.BoxID, f func(uplink.Record) error) error {
	c, err := p.store.ChainOf(ctx, string(box), "")
	if err != nil {
		return err
	}
	return p.store.EachRecord(ctx, c, func(r store.Record) error {
		record, err := uplink.ParseRecord(r.Body)
		if err != nil {
			return err
		}
		return f(record)
	})
}

// Run serves the page and asks for missing records until ctx is done; then it ends everything in order.
func (p *Province) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	server := &http.Server{
		Handler: p.page, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	server.BaseContext = func(net.Listener) context.Context { return ctx } // ends the event streams
	served := make(chan error, 2)
	go func() { served <- server.Serve(p.web) }()
	door := p.serveEnrolment(served)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			stop()
			last, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			err := errors.Join(server.Shutdown(last), door.Shutdown(last))
			if errors.Is(err, context.DeadlineExceeded) { // browsers hold connections open that they have not used yet
				err = errors.Join(server.Close(), door.Close())
			}
			return errors.Join(err, p.close())
		case err := <-served:
			return errors.Join(err, p.close())
		case now := <-tick.C:
			wants, err := p.collector.Tick(now)
			if err != nil {
				p.cfg.Log.Error("gaps not asked for", "error", err)
			}
			p.boxes.Publish(wants...)
			p.enforce(now)
		}
	}
}

func (p *Province) close() error {
	var errs []error
	if p.boxes != nil {
		errs = append(errs, p.boxes.Close())
	}
	for _, l := range []net.Listener{p.mqtt, p.mqtts, p.enroll, p.web} {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) { // most are closed by who served them
			errs = append(errs, err)
		}
	}
	if p.ca != nil {
		errs = append(errs, p.ca.Close())
	}
	if p.releases != nil {
		errs = append(errs, p.releases.Close())
	}
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	return errors.Join(errs...)
}
