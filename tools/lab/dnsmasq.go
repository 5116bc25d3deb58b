package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// startRouter makes a namespace the café's router, and the world behind it: the addresses of the scene's names are on
// its loopback interface, so that frames of the "internet" come from the router's MAC.
func (l *lab) startRouter(h *host) error {
	steps := [][]string{
		{"addr", "add", h.addr + "/24", "dev", "eth0"},
		{"addr", "add", lanPrefix6 + "1/64", "dev", "eth0"},
	}
	for _, a := range l.scene.worldAddrs() {
		steps = append(steps, []string{"addr", "replace", a, "dev", "lo"})
	}
	if err := setting(h.ns, "net/ipv6/conf/all/forwarding", "1"); err != nil {
		return err
	}
	for _, args := range steps {
		if err := ip(append([]string{"-n", h.ns}, args...)...); err != nil {
			return err
		}
	}
	if _, err := l.self(h.ns, "world", l.scene.world[0], l.scene.world[1:]...); err != nil {
		return err
	}
	if err := l.startDNSMasq(h, "router", l.scene.routerConf(max(l.scaled(l.scene.lease), 2*time.Minute))); err != nil {
		return err
	}
	return l.await("world", "serving")
}

// worldAddrs returns the addresses that are behind the router.
func (c *scene) worldAddrs() (addrs []string) {
	for _, n := range c.names {
		if n.v4 != serverAddr {
			addrs = append(addrs, n.v4+"/32")
		}
		if n.v6 != "" {
			addrs = append(addrs, n.v6+"/128")
		}
	}
	for _, game := range c.games {
		host, _, _ := strings.Cut(game, ":")
		addrs = append(addrs, host+"/32")
	}
	return addrs
}

// startServer makes a namespace the boot server: TFTP and HTTP for the diskless computers.
func (l *lab) startServer(h *host) error {
	root := filepath.Join(l.dir, "tftp")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, bootFile), []byte(l.scene.image), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"-n", h.ns, "addr", "add", h.addr + "/24", "dev", "eth0"},
		{"-n", h.ns, "route", "add", "default", "via", routerAddr},
	} {
		if err := ip(args...); err != nil {
			return err
		}
	}
	if _, err := l.self(h.ns, "boot", "serve", "boot"); err != nil {
		return err
	}
	conf := "port=0\nenable-tftp\ntftp-no-fail\ntftp-root=" + root + "\n"
	if err := l.startDNSMasq(h, "tftp", conf); err != nil {
		return err
	}
	return l.await("boot", "serving")
}

// startDNSMasq starts dnsmasq with the lines of conf and waits until it is up.
func (l *lab) startDNSMasq(h *host, name, conf string) error {
	file := filepath.Join(l.dir, name+".conf")
	common := "interface=eth0\nexcept-interface=lo\nbind-interfaces\nuser=root\nlog-facility=-\nno-resolv\nno-hosts\n" +
		"dhcp-leasefile=" + filepath.Join(l.dir, name+".leases") + "\n"
	if err := os.WriteFile(file, []byte(common+conf), 0o644); err != nil {
		return err
	}
	if _, err := l.start(h.ns, name, "dnsmasq", "--keep-in-foreground", "--conf-file="+file, "--pid-file="); err != nil {
		return err
	}
	return l.await(name, "started, version")
}

// lease is for how long an address is given; dnsmasq gives none for less than two minutes.
const lease = 10 * time.Minute

// routerConf is what the router's dnsmasq answers: leases, boot file, router advertisements, and every name of the scene.
func (c *scene) routerConf(lease time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dhcp-range=192.168.1.100,192.168.1.199,%d\ndhcp-authoritative\nlog-dhcp\nlog-queries\n"+
		"domain=cafe.lan\nlocal=/cafe.lan/\n"+
		"dhcp-boot=%s,maychu,%s\n"+
		"enable-ra\nra-param=eth0,60\ndhcp-range=%s,ra-only,64,10m\n", int(lease.Seconds()), bootFile, serverAddr, lanPrefix6)
	if c.knows {
		b.WriteString("local=/#/\n")
	}
	for _, s := range c.stations {
		if !s.fixed {
			fmt.Fprintf(&b, "dhcp-host=%s,%s\n", s.mac, s.addr)
		}
	}
	for _, n := range c.names {
		fmt.Fprintf(&b, "host-record=%s,%s", n.name, n.v4)
		if n.v6 != "" {
			fmt.Fprintf(&b, ",%s", n.v6)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
