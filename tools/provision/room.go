// Package provision gives boxes over their serial console what makes them a café's: who each is, how it reaches its province, what its
// nights are judged by. The box makes its keys itself.
package provision

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"cafeprobe/firmware/config"
	"cafeprobe/firmware/init/ports"
	"cafeprobe/firmware/init/provision"
	"cafeprobe/uplink"

	"github.com/goccy/go-yaml"
)

// Box is one box of a room file. What it leaves empty it has of All.
type Box struct {
	ID       string `yaml:"box,omitempty"`      // b- and eight hexadecimal digits: the café's, as the province registers it
	Name     string `yaml:"name,omitempty"`     // of the café, for the technician and the log alone
	Province string `yaml:"province,omitempty"` // as ha-giang
	Key      string `yaml:"key,omitempty"`      // of the province's receipts, as cafeprobe province prints it
	Broker   string `yaml:"broker,omitempty"`   // ssl://host:8883
	Enroll   string `yaml:"enroll,omitempty"`   // https://host:8443
	Server   string `yaml:"server,omitempty"`   // the name in their certificates, where it is not the host's
	Claim    string `yaml:"claim,omitempty"`    // code of cafeprobe province claim, good for one enrolment
	CA       string `yaml:"ca,omitempty"`       // file with the province's CA, beside the room file

	Category  string `yaml:"category,omitempty"`  // game, agent or venue
	Forbidden string `yaml:"forbidden,omitempty"` // 22:00-08:00; empty: what the category says
	Vantage   string `yaml:"vantage,omitempty"`   // auto, A or C
	Page      string `yaml:"page,omitempty"`      // off: no page for the owner; empty or on: one

	Address string   `yaml:"address,omitempty"` // 192.168.1.10/24; empty: DHCP
	Gateway string   `yaml:"gateway,omitempty"`
	DNS     []string `yaml:"dns,omitempty"`
	VLAN    int      `yaml:"vlan,omitempty"`
	NTP     []string `yaml:"ntp,omitempty"`
}

// Room is a room file: what all boxes have, and each of them.
type Room struct {
	All   Box   `yaml:"all,omitempty"`
	Boxes []Box `yaml:"boxes"`
}

// ErrRoom is wrapped by the errors of a room file, or of what a technician says instead of one.
var ErrRoom = errors.New("room file")

const maxRoom = 1 << 20 // octets

// LoadRoom reads a room file. A field that is unknown is an error, since one that is misspelt is found out too late.
func LoadRoom(path string) (*Room, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoom, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRoom+1))
	if err != nil || len(b) > maxRoom {
		return nil, fmt.Errorf("%w %s: more than %d octets (%w)", ErrRoom, path, maxRoom, err)
	}
	r, err := ParseRoom(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, box := range append([]*Box{&r.All}, pointers(r.Boxes)...) {
		if box.CA != "" && !filepath.IsAbs(box.CA) {
			box.CA = filepath.Join(filepath.Dir(path), box.CA)
		}
	}
	return r, nil
}

// Text returns the room as a file.
func (r *Room) Text() ([]byte, error) {
	b, err := yaml.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoom, err)
	}
	return b, nil
}

func pointers(list []Box) []*Box {
	p := make([]*Box, len(list))
	for i := range list {
		p[i] = &list[i]
	}
	return p
}

// ParseRoom reads a room file's text.
func ParseRoom(b []byte) (*Room, error) {
	var r Room
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoom, err)
	}
	seen := map[string]bool{}
	for _, box := range r.Boxes {
		if !uplink.BoxID(box.ID).Valid() {
			return nil, fmt.Errorf("%w: box %.40q: want b- and eight hexadecimal digits", ErrRoom, box.ID)
		}
		if seen[box.ID] {
			return nil, fmt.Errorf("%w: box %s is in it twice", ErrRoom, box.ID)
		}
		seen[box.ID] = true
	}
	if len(r.Boxes) == 0 {
		return nil, fmt.Errorf("%w: there is no box in it", ErrRoom)
	}
	return &r, nil
}

// Box returns the box of an id, with what it has of All. Of a file with one box, the id may be left empty.
func (r *Room) Box(id string) (Box, error) {
	if id == "" && len(r.Boxes) == 1 {
		return r.Boxes[0].over(r.All), nil
	}
	i := slices.IndexFunc(r.Boxes, func(b Box) bool { return b.ID == id })
	if i < 0 {
		return Box{}, fmt.Errorf("%w: box %q is not among its %d: say which (--box)", ErrRoom, id, len(r.Boxes))
	}
	return r.Boxes[i].over(r.All), nil
}

// over returns b with what it leaves empty taken from a.
func (b Box) over(a Box) Box {
	for _, p := range []struct{ to, from *string }{
		{&b.Province, &a.Province},
		{&b.Key, &a.Key},
		{&b.Broker, &a.Broker},
		{&b.Enroll, &a.Enroll},
		{&b.Server, &a.Server},
		{&b.Claim, &a.Claim},
		{&b.CA, &a.CA},
		{&b.Category, &a.Category},
		{&b.Forbidden, &a.Forbidden},
		{&b.Vantage, &a.Vantage},
		{&b.Page, &a.Page},
		{&b.Gateway, &a.Gateway},
		{&b.Name, &a.Name},
	} {
		*p.to = cmp.Or(*p.to, *p.from)
	}
	b.VLAN = cmp.Or(b.VLAN, a.VLAN)
	if b.DNS == nil && b.Address != "" {
		b.DNS = a.DNS
	}
	if b.NTP == nil {
		b.NTP = a.NTP
	}
	if b.Address == "" {
		b.Gateway = ""
	}
	return b
}

// Where a box keeps its things; firmware/init runs the daemon so.
const (
	stateDir      = "/data/cafeprobe/state"
	captureDevice = ports.Capture
)

// Files returns what the box is given. It is checked as the box does, so that a mistake is found at the desk and not in the café.
func (b Box) Files() ([]provision.File, error) {
	if !uplink.BoxID(b.ID).Valid() {
		return nil, fmt.Errorf("%w: box %.40q: want b- and eight hexadecimal digits", ErrRoom, b.ID)
	}
	if !uplink.Province(b.Province).Valid() {
		return nil, fmt.Errorf("%w: province %.40q: want a-z, 0-9 and inner hyphens, as ha-giang", ErrRoom, b.Province)
	}
	type object = map[string]any
	up := object{"broker": b.Broker}
	tls := object{"enroll": b.Enroll, "claim": b.Claim}
	if b.Server != "" {
		tls["server_name"] = b.Server
	}
	var files []provision.File
	if b.CA != "" {
		up["tls"] = tls
		pem, err := os.ReadFile(b.CA)
		if err != nil {
			return nil, fmt.Errorf("%w: ca: %w", ErrRoom, err)
		}
		files = append(files, provision.File{Name: "state/tls/ca.pem", Data: pem})
	}
	c := object{
		"dir": stateDir, "capture": object{"interface": captureDevice}, "uplink": up,
		"box": object{"province": b.Province, "id": b.ID, "key": b.Key},
	}
	if b.NTP != nil {
		c["clock"] = object{"servers": b.NTP}
	}
	switch b.Page {
	case "", "on":
	case "off":
		c["owner"] = object{"off": true}
	default:
		return nil, fmt.Errorf("%w: page %.40q: want on or off", ErrRoom, b.Page)
	}
	cafe := object{}
	for name, v := range map[string]string{"category": b.Category, "forbidden": b.Forbidden, "vantage": b.Vantage} {
		if v != "" {
			cafe[name] = v
		}
	}
	if len(cafe) > 0 {
		c["cafe"] = cafe
	}
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return nil, err
	}
	if _, err := config.Parse(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoom, err)
	}
	net, err := b.net()
	if err != nil {
		return nil, err
	}
	return append([]provision.File{{Name: "net.json", Data: net}}, append(files, provision.File{Name: "config.json", Data: text})...), nil
}

// net returns net.json.
func (b Box) net() ([]byte, error) {
	s := ports.Settings{VLAN: b.VLAN}
	var errs []error
	if b.Address != "" {
		var err1, err2 error
		if s.Address, err1 = netip.ParsePrefix(b.Address); b.Gateway != "" {
			s.Gateway, err2 = netip.ParseAddr(b.Gateway)
		}
		errs = append(errs, err1, err2)
	}
	for _, d := range b.DNS {
		a, err := netip.ParseAddr(d)
		s.DNS, errs = append(s.DNS, a), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%w: address, gateway, dns: %w", ErrRoom, err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if _, err := ports.ParseSettings(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoom, err)
	}
	return text, nil
}
