package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// addSwitches makes the café's switches, in a namespace of their own so that nothing of the host is on them: the one that the box
// listens at, and where the room has stations behind another, that one, which the router is plugged into and which never
// mirrors.
func (l *lab) addSwitches() (err error) {
	if l.bridge, err = l.addNamespace("switch"); err != nil {
		return err
	}
	if err := quiet(l.bridge); err != nil {
		return err
	}
	if err := l.addSwitch("switch", l.room.learns); err != nil || len(l.room.behind) == 0 {
		return err
	}
	if err := l.addSwitch("second", true); err != nil {
		return err
	}
	if err := ip("-n", l.bridge, "link", "add", "trunk", "type", "veth", "peer", "name", "trunk2"); err != nil {
		return err
	}
	return errors.Join(l.plug("trunk", "switch"), l.plug("trunk2", "second"))
}

// addSwitch makes a switch. With an ageing time of 0 a Linux bridge learns no address and floods every frame to every
// port: a hub, and so each port is a mirror.
func (l *lab) addSwitch(name string, learns bool) error {
	ageing := "0"
	if learns {
		ageing = ageingTime
	}
	err := ip("-n", l.bridge, "link", "add", name, "type", "bridge", "ageing_time", ageing, "stp_state", "0", "mcast_snooping", "0")
	if err != nil {
		return err
	}
	return ip("-n", l.bridge, "link", "set", name, "up")
}

// ageingTime is after how many hundredths of a second a switch forgets an address (IEEE 802.1D: 300 s).
const ageingTime = "30000"

// takeMirror makes the switch that the box listens at a plain one.
func (l *lab) takeMirror() error {
	return ip("-n", l.bridge, "link", "set", "switch", "type", "bridge", "ageing_time", ageingTime)
}

// plug puts an interface of the switches' namespace into a switch.
func (l *lab) plug(port, into string) error {
	if err := ip("-n", l.bridge, "link", "set", port, "master", into); err != nil {
		return err
	}
	return ip("-n", l.bridge, "link", "set", port, "up")
}

// switchOf returns the switch that a station is plugged into.
func (l *lab) switchOf(name string) string {
	if slices.Contains(l.room.behind, name) {
		return "second"
	}
	return "switch"
}

// addPort makes a namespace for a station, with a link dev to its switch that is still down.
func (l *lab) addPort(name, dev, mac string) (ns string, err error) {
	if ns, err = l.addNamespace(name); err != nil {
		return "", err
	}
	err = ip("-n", l.bridge, "link", "add", name, "type", "veth", "peer", "name", dev, "address", mac, "netns", ns)
	if err == nil {
		err = errors.Join(l.plug(name, l.switchOf(name)), ip("-n", ns, "link", "set", "lo", "up"))
	}
	if err != nil {
		return "", err
	}
	return ns, asWire(ns, dev)
}

// addTap makes a tap on the bridge for a guest.
func (l *lab) addTap(name string) error {
	if err := ip("-n", l.bridge, "tuntap", "add", "dev", name, "mode", "tap"); err != nil {
		return err
	}
	return l.plug(name, l.switchOf(name))
}

// asWire makes frames leave an interface as they would a real card: checksums filled in, no segment larger than the MTU.
func asWire(ns, dev string) error {
	return run("ip", "netns", "exec", ns, "ethtool", "-K", dev, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
}

// quiet keeps a namespace's own kernel from sending anything: no IPv6, hence no RS, DAD or MLD.
func quiet(ns string) error {
	for _, which := range []string{"all", "default"} {
		if err := setting(ns, fmt.Sprintf("net/ipv6/conf/%s/disable_ipv6", which), "1"); err != nil {
			return err
		}
	}
	return nil
}

// setting writes one value below /proc/sys in a namespace.
func setting(ns, name, value string) error {
	return run("ip", "netns", "exec", ns, "sh", "-c", `echo "$1" >"/proc/sys/$0"`, name, value)
}

// asWindows gives a computer of the day's scene, where it is one with Windows, that system's TTL and TCP without time stamps.
func (l *lab) asWindows(h *host) error {
	if !l.scene.windows || !strings.HasPrefix(h.vendor, "MSFT") {
		return nil
	}
	return errors.Join(setting(h.ns, "net/ipv4/ip_default_ttl", "128"), setting(h.ns, "net/ipv4/tcp_timestamps", "0"))
}
