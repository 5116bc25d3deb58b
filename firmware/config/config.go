// Package config is the box's configuration file: JSON in which an unknown field is an error, since a setting that is
// misspelt and ignored is found out too late.
package config

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// Config is the whole configuration. The fields that have no default must be given.
type Config struct {
	Dir     string  `json:"dir"` // where identity.json and the spool are
	Capture Capture `json:"capture"`
	Uplink  Uplink  `json:"uplink"`
	Cafe    Cafe    `json:"cafe"`
	Clock   Clock   `json:"clock"`
	Owner   Owner   `json:"owner"`
	Box     *Box    `json:"box,omitempty"`
}

// Box says who a box is to be that has no identity yet: it then makes its keys by itself, and they never leave it. One that has an identity
// keeps that.
type Box struct {
	Province uplink.Province `json:"province"`
	ID       uplink.BoxID    `json:"id"`
	Key      string          `json:"key"` // the province's, of its receipts: base64url, as `cafeprobe province` prints it
}

// PublicKey returns the province's key.
func (b *Box) PublicKey() (ed25519.PublicKey, error) {
	key, err := base64.RawURLEncoding.Strict().DecodeString(b.Key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, bad("box.key", "the province's public key, 32 octets in base64url")
	}
	return key, nil
}

// Capture says where frames come from: a port that is listened to, mirrors that are sent, both, or a file.
type Capture struct {
	Interface string `json:"interface"` // the capture port
	Namespace string `json:"namespace"` // the network namespace that it is put into, so that nothing can send from it; default "capture"
	Shared    bool   `json:"shared"`    // it is the uplink as well, on a box with one port: then it stays where it is
	Blocks    int    `json:"blocks"`    // of 256 KiB, of which its ring is made; default Blocks
	SkipBulk  bool   `json:"skip_bulk"` // keep of disk traffic's segments only their headers: for a mirror of the boot server's port

	Remote *Remote `json:"remote,omitempty"` // mirrors that routers send; beside the port, or instead of it

	File    string         `json:"file"`         // a capture to be replayed, instead of all that
	Speed   float64        `json:"speed"`        // times faster than it was recorded; 0: as fast as it goes
	Quality uplink.Quality `json:"time_quality"` // how far its times can be trusted; default "coarse"
}

// Uplink says where records go.
type Uplink struct {
	Broker string   `json:"broker"`      // ssl://host:port; tcp://host:port where the province takes boxes without certificates
	Retry  Duration `json:"first_retry"` // default 60 s
	Delay  Duration `json:"delay"`       // records wait so long for more, so that they travel together; default 4 min
	TLS    TLS      `json:"tls"`         // for ssl://
}

// TLS says where the box's certificate is kept, and where it comes from.
type TLS struct {
	Dir        string `json:"dir"`         // holds ca.pem, given by the technician; default: tls in the folder of identity.json
	ServerName string `json:"server_name"` // in the certificates of broker and enrolment server; default: the host that is dialled
	Enroll     string `json:"enroll"`      // https://host:port, for enrolment and renewal
	Claim      string `json:"claim"`       // claim code for the first enrolment; it is worth nothing once it was used
}

// Secure reports whether u's broker is reached over TLS.
func (u *Uplink) Secure() bool { return strings.HasPrefix(u.Broker, "ssl://") }

// Clock says whom to ask for the time. A replay asks nobody.
type Clock struct {
	Servers []string `json:"servers"` // NTP, each host or host:port; default four of the pool in Viet Nam; none: []
}

// pool is the default of Clock.Servers: four names, so that one server that lies is outvoted.
var pool = []string{"0.vn.pool.ntp.org", "1.vn.pool.ntp.org", "2.vn.pool.ntp.org", "3.vn.pool.ntp.org"}

// maxInterface is the longest name of an interface, in octets (IFNAMSIZ, netdevice(7)).
const maxInterface = 15

// maxServers bounds Clock.Servers: more would be asked than agree.
const maxServers = 8

// Owner says whether the box serves its owner's page. The province cannot change it.
type Owner struct {
	Off  bool   `json:"off"`  // never, whatever its owner does at the box
	Port uint16 `json:"port"` // TCP, on the uplink; default OwnerPort
}

// OwnerPort is the port of the owner's page if the configuration does not say: that of https, so that nobody has to type one.
const OwnerPort = 443

// Page reports whether there is an owner's page: not in a replay, and not where the capture port is the uplink as well, since nothing of the
// box is to be reachable there.
func (c *Config) Page() bool { return !c.Owner.Off && c.Capture.File == "" && !c.Capture.Shared }

// Cafe holds what the technician knows of the café.
type Cafe struct {
	Vantage string   `json:"vantage"` // auto, A, C; default auto; C also forgets a mirror that there was
	Silence Duration `json:"silence"` // after which a station is off; default 5 min
	Summary Duration `json:"summary"` // period of the occupancy message; default 5 min

	// What its nights are judged by. A change takes effect with the next night. Category is game for a public game point, agent for
	// Internet without games, venue for a hotel or a school. Forbidden are the hours in which nobody may use a station, UTC+7, as
	// 22:00-08:00; empty, those of the decree at a game point and none elsewhere.
	Category  string `json:"category"` // default game
	Forbidden string `json:"forbidden"`
}

// Duration is a time.Duration, in JSON as in "5m0s".
type Duration time.Duration

// MarshalText writes d as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration does; a negative duration is an error.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err == nil && v < 0 {
		err = fmt.Errorf("duration %s is negative", b)
	}
	*d = Duration(v)
	return err
}

// ErrConfig is wrapped by the errors of Parse and Load that the file itself causes.
var ErrConfig = errors.New("configuration")

// maxFile bounds the file, in octets.
const maxFile = 1 << 20

// Blocks is how many blocks of 256 KiB the capture port's ring has if the configuration does not say. All of the ring is the
// process's from the start on.
const Blocks = 24

// Load reads the file at path.
func Load(path string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	c, err := Parse(b)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Parse reads a configuration and fills in what it leaves out. It returns an error that wraps ErrConfig and names the
// field for one that is unknown, missing or out of range.
func Parse(b []byte) (Config, error) {
	c := Config{
		Capture: Capture{Quality: uplink.QualityCoarse, Namespace: "capture", Blocks: Blocks},
		Uplink:  Uplink{Retry: Duration(time.Minute), Delay: Duration(4 * time.Minute)},
		Clock:   Clock{Servers: slices.Clone(pool)},
		Cafe: Cafe{
			Vantage: "auto", Silence: Duration(5 * time.Minute), Summary: Duration(5 * time.Minute), Category: string(hours.Game),
		},
	}
	if len(b) > maxFile {
		return Config{}, fmt.Errorf("%w: more than %d octets", ErrConfig, maxFile)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("%w: something follows behind its end", ErrConfig)
	}
	if c.Capture.Remote != nil {
		c.Capture.Remote.fill()
	}
	c.Owner.Port = cmp.Or(c.Owner.Port, OwnerPort)
	if c.Uplink.TLS.Dir == "" && c.Dir != "" {
		c.Uplink.TLS.Dir = filepath.Join(c.Dir, "tls")
	}
	return c, c.valid()
}

func bad(field, want string) error { return fmt.Errorf("%w: %s: want %s", ErrConfig, field, want) }

// valid asks of a replay nothing that only a port needs.
func (c *Capture) valid() error {
	switch {
	case (c.File == "") == (c.Interface == "" && c.Remote == nil):
		return bad("capture.interface, capture.remote, capture.file",
			"the capture port, mirrors that are sent, or both; or a pcap or pcapng file, and neither")
	case c.Speed < 0:
		return bad("capture.speed", "0 or more")
	case c.Quality.Rank() < 0:
		return bad("capture.time_quality", "none, floor, coarse or sync")
	case c.Interface == "":
	case len(c.Interface) > maxInterface || strings.ContainsAny(c.Interface, "/ \t\n"):
		return bad("capture.interface", "the name of an interface")
	case c.Namespace == "" || strings.ContainsAny(c.Namespace, "/ \t\n") || strings.HasPrefix(c.Namespace, "."):
		return bad("capture.namespace", "the name of a network namespace")
	case c.Blocks < 4 || c.Blocks > 1024:
		return bad("capture.blocks", "4 to 1024")
	}
	if c.Remote == nil {
		return nil
	}
	_, _, err := c.Remote.Source()
	return err
}

func (c *Config) valid() error {
	if c.Dir == "" {
		return bad("dir", "the folder for identity.json and the spool")
	}
	if err := c.Capture.valid(); err != nil {
		return err
	}
	if c.Box != nil {
		if _, err := c.Box.PublicKey(); err != nil {
			return err
		}
	}
	switch {
	case c.Uplink.Broker == "":
		return bad("uplink.broker", "ssl://host:port or tcp://host:port")
	case c.Uplink.Secure() && !strings.HasPrefix(c.Uplink.TLS.Enroll, "https://"):
		return bad("uplink.tls.enroll", "https://host:port, since the broker wants a certificate")
	case c.Cafe.Summary < Duration(time.Second) || c.Cafe.Silence < Duration(time.Second):
		return bad("cafe.summary, cafe.silence", "1s or more")
	case len(c.Clock.Servers) > maxServers || slices.Contains(c.Clock.Servers, ""):
		return bad("clock.servers", fmt.Sprintf("at most %d, each host or host:port", maxServers))
	}
	switch cafe.Grade(c.Cafe.Vantage) {
	case "auto", cafe.GradeA, cafe.GradeC:
	default:
		return bad("cafe.vantage", "auto, A or C")
	}
	if _, err := c.Cafe.profile(); err != nil {
		return fmt.Errorf("%w: cafe.category, cafe.forbidden: %w", ErrConfig, err)
	}
	return nil
}

// Profile returns what the site's nights are judged by. Of a Config that Parse returned it is never an error's.
func (c *Cafe) Profile() hours.Profile {
	p, err := c.profile()
	if err != nil {
		return hours.Profile{}
	}
	return p
}

func (c *Cafe) profile() (hours.Profile, error) {
	w, err := hours.ParseWindow(c.Forbidden)
	if err != nil {
		return hours.Profile{}, err
	}
	return hours.NewProfile(cmp.Or(hours.Category(c.Category), hours.Game), w, hours.Grace)
}

// Grade returns the vantage that was given, empty for auto.
func (c *Cafe) Grade() cafe.Grade {
	if c.Vantage == "auto" {
		return ""
	}
	return cafe.Grade(c.Vantage)
}
