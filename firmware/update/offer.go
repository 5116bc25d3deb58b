package update

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Announcement is what the province's command says (uplink.VerbUpdate): which firmware there is, where, and for how many boxes.
type Announcement struct {
	Version string `json:"fw"`
	URL     string `json:"url"`     // of the folder that cafeprobe release makes: https, ending in a slash
	Percent int    `json:"percent"` // of all boxes, 1 to 100: see Ring
}

// Bounds of texts, in octets.
const (
	maxVersion = 64
	maxURL     = 512
	maxPEM     = 8 << 10
)

// ErrAnnouncement is wrapped by the errors of ParseAnnouncement.
var ErrAnnouncement = errors.New("update: not an announcement")

// ParseAnnouncement reads the arguments of the command.
func ParseAnnouncement(args []byte) (Announcement, error) {
	a := Announcement{Percent: 100}
	if err := json.Unmarshal(args, &a); err != nil {
		return a, fmt.Errorf("%w: %w", ErrAnnouncement, err)
	}
	return a, a.valid()
}

func (a *Announcement) valid() error {
	if !isVersion(a.Version) || a.Percent < 1 || a.Percent > 100 {
		return fmt.Errorf("%w: fw %.70q, percent %d", ErrAnnouncement, a.Version, a.Percent)
	}
	u, err := url.Parse(a.URL)
	if err != nil || len(a.URL) > maxURL || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		!strings.HasSuffix(u.Path, "/") {
		return fmt.Errorf("%w: url %.100q: want https://host:port/folder/", ErrAnnouncement, a.URL)
	}
	return nil
}

// isVersion reports whether s is 1 to 64 of a-z, 0-9, dots and hyphens, a letter or digit first.
func isVersion(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (i == 0 || c != '.' && c != '-') {
			return false
		}
	}
	return s != "" && len(s) <= maxVersion
}

// Ring returns where a box stands in the order in which boxes get a firmware, 0 to 99: those below Announcement.Percent take it.
// Each version has its own order, so that it is not always the same boxes that go first.
func Ring(box, version string) int {
	sum := sha256.Sum256([]byte(box + "\n" + version))
	return int(binary.BigEndian.Uint32(sum[:]) % 100)
}

// Offer is what the daemon passes on to PID 1, and PID 1 to the child: an announcement, or a stick that was put in.
type Offer struct {
	Version string `json:"fw,omitempty"`   // empty: the newest for this board
	URL     string `json:"url,omitempty"`  // where it is,
	CA      string `json:"ca,omitempty"`   // and who may serve it: certificates in PEM
	Name    string `json:"name,omitempty"` // in the server's certificate; empty: the host that is dialled
	Folder  string `json:"dir,omitempty"`  // or a folder with the same files
	Now     int64  `json:"now,omitempty"`  // milliseconds UTC by servers of the time, 0 for not known
	Command uint64 `json:"from,omitempty"` // number of the command
}

// ErrOffer is wrapped by the errors of ParseOffer.
var ErrOffer = errors.New("update: not an offer")

// ParseOffer reads what the daemon passes on: one over the network.
func ParseOffer(b []byte) (Offer, error) {
	var o Offer
	if err := json.Unmarshal(b, &o); err != nil {
		return o, fmt.Errorf("%w: %w", ErrOffer, err)
	}
	a := Announcement{Version: o.Version, URL: o.URL, Percent: 100}
	if err := a.valid(); err != nil {
		return o, fmt.Errorf("%w: %w", ErrOffer, err)
	}
	if len(o.CA) > maxPEM || len(o.Name) > maxVersion || o.Folder != "" || o.Now < 0 {
		return o, fmt.Errorf("%w: %d octets of certificates, folder %.40q, time %d", ErrOffer, len(o.CA), o.Folder, o.Now)
	}
	return o, nil
}

// Reference returns the time by which metadata are judged: the latest that is known. A box without a clock has that of its build,
// and so is not locked out; it cannot tell that metadata are frozen.
func Reference(times ...time.Time) (latest time.Time) {
	for _, t := range times {
		if t.After(latest) {
			latest = t
		}
	}
	return latest
}
