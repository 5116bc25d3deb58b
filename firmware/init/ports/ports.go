// Package ports gives the box's two ports their names, by where they are in the machine and not by which was found first, and brings the
// uplink up. The capture port stays down: who listens brings it up, silenced (firmware/silence).
package ports

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
)

// The names.
const (
	Capture = "cap0"
	Uplink  = "up0"
)

// Place says where a board's ports are: the end of the device's path in /sys/devices, in whole elements, or any run of them.
type Place struct {
	Capture string `json:"capture"`
	Uplink  string `json:"uplink"`
}

// Name returns which port the interface is whose device is at path, "" for none.
func (p Place) Name(path string) string {
	switch {
	case within(path, p.Capture):
		return Capture
	case within(path, p.Uplink):
		return Uplink
	}
	return ""
}

// within reports whether the elements of part follow one another in path.
func within(path, part string) bool {
	part = strings.Trim(part, "/")
	return part != "" && strings.Contains("/"+strings.Trim(path, "/")+"/", "/"+part+"/")
}

// Interface is one that the kernel has found.
type Interface struct {
	Name string
	Path string // of its device, below sys
}

// Find returns the interfaces that have a device, from sysfs. links resolves a link of it.
func Find(sys fs.FS, links func(string) (string, error)) ([]Interface, error) {
	entries, err := fs.ReadDir(sys, "class/net")
	if err != nil {
		return nil, fmt.Errorf("look for ports: %w", err)
	}
	var list []Interface
	for _, e := range entries {
		path, err := links(filepath.Join("class/net", e.Name(), "device"))
		if err != nil {
			continue // lo, and what programs made
		}
		list = append(list, Interface{e.Name(), path})
	}
	return list, nil
}

// Assign names the interfaces in the machine. It returns the names that are given now; an interface that bears a name it should not
// have makes room. Of two that match one place the first counts.
func Assign(p Place, list []Interface, rename func(from, to string) error) (have map[string]bool, err error) {
	have = map[string]bool{}
	want := map[string]string{} // name to be, of which
	for _, i := range list {
		if n := p.Name(i.Path); n != "" && want[n] == "" {
			want[n] = i.Name
		}
	}
	var errs []error
	for _, i := range list {
		if (i.Name == Capture || i.Name == Uplink) && want[i.Name] != i.Name {
			other := "spare-" + i.Name
			errs = append(errs, rename(i.Name, other))
			for n, of := range want {
				if of == i.Name {
					want[n] = other
				}
			}
		}
	}
	for _, n := range []string{Capture, Uplink} {
		switch from := want[n]; from {
		case "":
		case n:
			have[n] = true
		default:
			err := rename(from, n)
			have[n] = err == nil
			errs = append(errs, err)
		}
	}
	return have, errors.Join(errs...)
}

// Rename renames an interface, which it takes down before, as the kernel wants it.
func Rename(from, to string) error {
	l, err := netlink.LinkByName(from)
	if err == nil {
		err = netlink.LinkSetDown(l)
	}
	if err == nil {
		err = netlink.LinkSetName(l, to)
	}
	if err != nil {
		return fmt.Errorf("name port %s %s: %w", from, to, err)
	}
	return nil
}

// Up brings an interface up.
func Up(name string) error {
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(l)
	}
	if err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}

// Watch calls changed for each interface that comes, goes, or whose cable does, until done is closed.
func Watch(done <-chan struct{}, changed func(name string, carrier bool)) error {
	updates := make(chan netlink.LinkUpdate, 16)
	if err := netlink.LinkSubscribe(updates, done); err != nil {
		return fmt.Errorf("watch the ports: %w", err)
	}
	for u := range updates {
		a := u.Attrs()
		changed(a.Name, a.RawFlags&uint32(net.FlagRunning) != 0 || a.OperState == netlink.OperUp)
	}
	return nil
}

// Tagged makes the interface for a VLAN (802.1Q) of another's, where there is none, brings it up and returns its name.
func Tagged(parent string, id int) (string, error) {
	name := fmt.Sprintf("%s.%d", parent, id)
	p, err := netlink.LinkByName(parent)
	if err == nil {
		err = netlink.LinkAdd(&netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: name, ParentIndex: p.Attrs().Index}, VlanId: id})
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("VLAN %d of %s: %w", id, parent, err)
	}
	return name, Up(name)
}
