package main

import "fmt"

// addBridge makes the café's switch, in a namespace of its own so that nothing of the host is on it. With an ageing time
// of 0 a Linux bridge learns no address and floods every frame to every port: a hub, and so each port is a mirror.
func (l *lab) addBridge() (err error) {
	if l.bridge, err = l.addNamespace("switch"); err != nil {
		return err
	}
	if err := quiet(l.bridge); err != nil {
		return err
	}
	err = ip("-n", l.bridge, "link", "add", "switch", "type", "bridge", "ageing_time", "0", "stp_state", "0", "mcast_snooping", "0")
	if err != nil {
		return err
	}
	return ip("-n", l.bridge, "link", "set", "switch", "up")
}

// addPort makes a namespace for a station, with a link eth0 to the bridge that is still down.
func (l *lab) addPort(name, mac string) (ns string, err error) {
	if ns, err = l.addNamespace(name); err != nil {
		return "", err
	}
	steps := [][]string{
		{"-n", l.bridge, "link", "add", name, "type", "veth", "peer", "name", "eth0", "address", mac, "netns", ns},
		{"-n", l.bridge, "link", "set", name, "master", "switch"},
		{"-n", l.bridge, "link", "set", name, "up"},
		{"-n", ns, "link", "set", "lo", "up"},
	}
	for _, args := range steps {
		if err := ip(args...); err != nil {
			return "", err
		}
	}
	return ns, asWire(ns, "eth0")
}

// addTap makes a tap on the bridge for a guest.
func (l *lab) addTap(name string) error {
	steps := [][]string{
		{"-n", l.bridge, "tuntap", "add", "dev", name, "mode", "tap"},
		{"-n", l.bridge, "link", "set", name, "master", "switch"},
		{"-n", l.bridge, "link", "set", name, "up"},
	}
	for _, args := range steps {
		if err := ip(args...); err != nil {
			return err
		}
	}
	return nil
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
