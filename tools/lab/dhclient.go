package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// optionNames are dhclient's words for the DHCP options that the parameter lists of evening.go name.
var optionNames = map[int]string{
	1: "subnet-mask", 3: "routers", 6: "domain-name-servers", 12: "host-name", 15: "domain-name", 26: "interface-mtu",
	28: "broadcast-address", 31: "router-discovery", 33: "static-routes", 43: "vendor-encapsulated-options",
	44: "netbios-name-servers", 46: "netbios-node-type", 47: "netbios-scope", 51: "dhcp-lease-time",
	58: "dhcp-renewal-time", 59: "dhcp-rebinding-time", 119: "domain-search", 121: "classless-routes",
	249: "ms-classless-routes", 252: "proxy-autodiscovery",
}

// dhclientConf returns dhclient's configuration: the station says what its system would say.
func dhclientConf(s *station) string {
	var b strings.Builder
	b.WriteString("option classless-routes code 121 = array of unsigned integer 8;\n" +
		"option ms-classless-routes code 249 = array of unsigned integer 8;\n" +
		"option proxy-autodiscovery code 252 = string;\n" +
		"initial-delay 0;\nsend dhcp-client-identifier = hardware;\n")
	fmt.Fprintf(&b, "send host-name %q;\nsend vendor-class-identifier %q;\n", s.host, s.vendor)
	if s.fqdn {
		fmt.Fprintf(&b, "send fqdn.fqdn %q;\nsend fqdn.encoded off;\nsend fqdn.server-update off;\n", s.host)
	}
	words := make([]string, len(s.params))
	for i, code := range s.params {
		words[i] = optionNames[code]
	}
	fmt.Fprintf(&b, "request %s;\n", strings.Join(words, ", "))
	return b.String()
}

// dhclientScript is what dhclient calls with each change: address and route, and nothing of the host's.
const dhclientScript = `#!/bin/sh
case "$reason" in
BOUND | RENEW | REBIND | REBOOT)
	ip -4 addr replace "$new_ip_address/24" dev "$interface"
	ip -4 route replace default via "$new_routers"
	;;
EXPIRE | FAIL | RELEASE | STOP)
	ip -4 addr flush dev "$interface"
	;;
esac
`

func (l *lab) dhclientArgs(h *host) []string {
	base := filepath.Join(l.dir, h.name)
	return []string{
		"-4", "-cf", base + ".conf", "-sf", base + ".script", "-lf", base + ".leases", "-pf", base + ".pid", "eth0",
	}
}

// lease gives a station its address by DHCP, and then lets it probe and announce it as Windows does.
func (l *lab) lease(h *host) error {
	base := filepath.Join(l.dir, h.name)
	if err := os.WriteFile(base+".conf", []byte(dhclientConf(h.station)), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(base+".script", []byte(dhclientScript), 0o755); err != nil {
		return err
	}
	_ = os.Remove(base + "-dhclient.log") // of the last time it was on
	var err error
	h.dhcp, err = l.start(h.ns, h.name+"-dhclient", append([]string{"dhclient", "-d"}, l.dhclientArgs(h)...)...)
	if err != nil {
		return err
	}
	if err := l.await(h.name+"-dhclient", "bound to "+h.addr); err != nil {
		return err
	}
	return l.short(h, "arp", l.program, "arp", "eth0", h.addr)
}

// release ends a station's programs and gives its lease back.
func (l *lab) release(h *host) error {
	for _, p := range l.running(h) {
		if p != h.dhcp {
			_ = p.stop()
		}
	}
	if err := l.short(h, "release", append([]string{"dhclient", "-r"}, l.dhclientArgs(h)...)...); err != nil {
		return err
	}
	_ = h.dhcp.wait(2 * time.Second)
	killIn(h.ns, syscall.SIGKILL)
	return nil
}

// running returns the processes of a station that have not ended.
func (l *lab) running(h *host) (rs []*process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.processes {
		select {
		case <-p.done:
		default:
			if strings.HasPrefix(p.name, h.name+"-") {
				rs = append(rs, p)
			}
		}
	}
	return rs
}
