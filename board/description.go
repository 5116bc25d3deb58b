package board

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Description is a board as data: board.json of its folder, and of the image that is made from it.
type Description struct {
	Name       string   `json:"name"`
	Compatible []string `json:"compatible,omitempty"` // of the device tree; none for a PC
	Ports      struct {
		Capture string `json:"capture"` // what the path of the port's device in sysfs ends in
		Uplink  string `json:"uplink"`
	} `json:"ports"`
	LEDs     map[string]string `json:"leds"`     // by what it is for ("status"): its name in /sys/class/leds
	Watchdog string            `json:"watchdog"` // path of the device, empty for none
	Console  struct {
		Device string `json:"device"` // its name in /dev
		Baud   int    `json:"baud"`   // bits a second
	} `json:"console"`
	Button struct {
		Name string `json:"name"` // what the input device calls itself; empty: the board has no button
		Code uint16 `json:"code"` // of the key: linux/input-event-codes.h
	} `json:"button"`
	Disk []string `json:"disk"` // patterns of folders in sysfs where the card may be
}

// MaxDescription bounds a board.json, in octets.
const MaxDescription = 16 << 10

// ErrDescription is wrapped by ParseDescription's errors.
var ErrDescription = errors.New("board.json")

// ParseDescription reads a board.json. Fields that it does not know are left out.
func ParseDescription(b []byte) (Description, error) {
	var d Description
	if len(b) > MaxDescription {
		return Description{}, fmt.Errorf("%w: more than %d octets", ErrDescription, MaxDescription)
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return Description{}, fmt.Errorf("%w: %w", ErrDescription, err)
	}
	if err := d.valid(); err != nil {
		return Description{}, fmt.Errorf("%w: %w", ErrDescription, err)
	}
	return d, nil
}

func (d *Description) valid() error {
	if d.Name == "" || !isName(d.Name) {
		return fmt.Errorf("name %.40q: want letters, digits and hyphens", d.Name)
	}
	for _, n := range append([]string{d.Console.Device, d.Button.Name}, values(d.LEDs)...) {
		if !isFile(n) {
			return fmt.Errorf("%.40q: want the name of a device", n)
		}
	}
	if d.Watchdog != "" && (!strings.HasPrefix(d.Watchdog, "/dev/") || !isFile(d.Watchdog[len("/dev/"):]) || d.Watchdog == "/dev/") {
		return fmt.Errorf("watchdog %.40q: want a device in /dev", d.Watchdog)
	}
	for _, g := range d.Disk {
		if !strings.HasPrefix(g, "/sys/block/") || strings.Contains(g, "..") {
			return fmt.Errorf("disk %.40q: want a pattern below /sys/block", g)
		}
	}
	return nil
}

func values(m map[string]string) (vs []string) {
	for _, v := range m {
		vs = append(vs, v)
	}
	return vs
}

func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return len(s) <= 64
}

// isFile reports whether s, which may be empty, leads to no other folder.
func isFile(s string) bool {
	return !strings.ContainsAny(s, "/\x00") && s != "." && s != ".." && len(s) <= 255
}
