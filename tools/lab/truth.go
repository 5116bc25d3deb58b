package main

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// woken is a Wake-on-LAN packet that was sent; played is a game that was played.
type (
	woken struct {
		by, who *station
		at      time.Time
	}
	played struct {
		who      *station
		server   string
		from, to time.Time
		log      string // the player's own account
	}
)

// gameOf names the game of a server.
var gameOf = map[string]string{leagueAddr: "league-of-legends", valorantAddr: "valorant", fconlineAddr: "fc-online"}

// fact is one row of the truth, in the columns of the shared captures' truth.tsv.
type fact struct{ kind, key, value, origin string }

// writeTruth writes what there was to see: from the table, and from what clients and servers wrote down themselves.
func (l *lab) writeTruth(path string) error {
	facts := l.assertions()
	facts = append(facts, l.stationFacts()...)
	facts = append(facts, l.activityFacts()...)
	facts = append(facts, l.extra...)
	for _, read := range []func() ([]fact, error){l.recorderFacts, l.dnsmasqFacts, l.serverFacts} {
		more, err := read()
		if err != nil {
			return err
		}
		facts = append(facts, more...)
	}
	var b strings.Builder
	b.WriteString("file\tkind\tkey\tvalue\torigin\n")
	for _, f := range facts {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%s\n", filepath.Base(l.capture()), f.kind, f.key, f.value, f.origin)
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

func (l *lab) assertions() (facts []fact) {
	for _, what := range []string{"stations", "roles", "hostnames", "sni", "dns", "sessions", "wol"} {
		facts = append(facts, fact{"assert", what, "strict", "lab"})
	}
	return facts
}

// stationFacts tells of every station what it is, what it says of itself, and when it was on.
func (l *lab) stationFacts() (facts []fact) {
	for i := range l.scene.stations {
		s := &l.scene.stations[i]
		if !slices.ContainsFunc(l.power, func(p powered) bool { return p.who == s }) {
			continue // it was never on
		}
		facts = append(facts, fact{"station", s.mac, "role=" + s.role, "lab table"})
		if s.fixed {
			facts = append(facts, fact{"station_ip", s.mac, s.addr, "lab table"})
		}
		if s.host != "" {
			facts = append(facts,
				fact{"hostname", s.mac, s.host, "lab table:dhcp.opt12"},
				fact{"dhcp_hostname", s.mac, s.host, "lab table"},
				fact{"dhcp_vendor_class", s.mac, s.vendor, "lab table"},
				fact{"dhcp_param_list", s.mac, strings.Trim(strings.Join(strings.Fields(fmt.Sprint(s.params)), ","), "[]"), "lab table"})
		}
		if s.fqdn {
			facts = append(facts, fact{"dhcp_fqdn", s.mac, s.host, "lab table"})
		}
		if s.uuid != "" {
			facts = append(facts,
				fact{"dhcp_uuid", s.mac, s.uuid, "lab table"},
				fact{"dhcp_client_arch", s.mac, "0", "PC BIOS"},
				fact{"dhcp_user_class", s.mac, "iPXE", "iPXE"},
				fact{"pxe_client", s.mac, "PXEClient:Arch:00000:UNDI:002001", "iPXE"})
		}
		if s.role == "router" {
			facts = append(facts, fact{"dhcp_server", s.mac, s.addr, "lab table"})
		}
		if !s.guestOnly() { // the kernel makes addresses of the MAC (RFC 4291 appendix A); iPXE is asked for none
			facts = append(facts, fact{"station_ip", s.mac, eui64("fe80::", s.mac), "lab: EUI-64"})
		}
	}
	return facts
}

// eui64 is the address that a kernel makes of a prefix and a MAC.
func eui64(prefix, mac string) string {
	m, err := net.ParseMAC(mac)
	if err != nil {
		panic("BUG: evening.go: " + err.Error())
	}
	a := netip.MustParseAddr(prefix).As16()
	copy(a[8:], []byte{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
	return netip.AddrFrom16(a).String()
}

func epoch(t time.Time) string { return fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/1e6) }

// activityFacts tells when each station was on, what was played and who was woken.
func (l *lab) activityFacts() (facts []fact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.power {
		span := epoch(l.when(p.from)) + "," + epoch(l.when(p.to))
		facts = append(facts, fact{"schedule_power", p.who.mac, span, "lab: ended by " + p.end})
	}
	for _, p := range l.played {
		account, _ := os.ReadFile(filepath.Join(l.dir, p.log+".log"))
		var sent, received int
		_, _ = fmt.Sscanf(string(account), "sent %d received %d", &sent, &received)
		value := fmt.Sprintf("game;%s;%s,%s;packets=%d;server=%s",
			gameOf[p.server], epoch(l.when(p.from)), epoch(l.when(p.to)), sent+received, p.server)
		facts = append(facts, fact{"schedule_activity", p.who.mac, value, "lab: the player's own count"})
	}
	for _, w := range l.woken {
		facts = append(facts, fact{"wol", w.who.mac, "by=" + w.by.mac + ";at=" + epoch(l.when(w.at)), "lab"})
	}
	for _, e := range l.events {
		h := l.hosts[e.who]
		switch e.do {
		case netbios:
			facts = append(facts,
				fact{"hostname", h.mac, e.what, "lab table:nbns"},
				fact{"nbns_register", h.mac, e.what + "<00>", "lab table"},
				fact{"nbns_register", h.mac, e.what + "<20>", "lab table"})
		case bonjour:
			facts = append(facts,
				fact{"hostname", h.mac, e.what, "lab table:mdns"},
				fact{"mdns_addr", e.what + ".local", h.addr, "lab table"})
		}
	}
	return facts
}

// recorderFacts reads the recorder's count of frames.
func (l *lab) recorderFacts() (facts []fact, err error) {
	err = eachLine(filepath.Join(l.dir, "recorder.log"), func(line string) {
		var n int
		if _, err := fmt.Sscanf(line, "recorded %d frames", &n); err == nil {
			facts = append(facts, fact{"capture", "packets", strconv.Itoa(n), "recorder's count; its port sent 0"})
		}
	})
	return facts, err
}

// dnsmasqFacts reads the router's own account: who leased what, who asked for which name.
func (l *lab) dnsmasqFacts() (facts []fact, err error) {
	msgs := map[string][]string{} // by MAC
	acks := map[string]string{}
	var asked tally
	err = eachLine(filepath.Join(l.dir, "router.log"), func(line string) {
		words := strings.Fields(line)
		for i, w := range words {
			switch {
			case strings.HasPrefix(w, "DHCP") && strings.HasSuffix(w, "(eth0)"):
				what := strings.TrimSuffix(strings.TrimPrefix(w, "DHCP"), "(eth0)")
				if mac := macIn(words[i+1:]); mac != "" {
					msgs[mac] = append(msgs[mac], what)
					if what == "ACK" {
						acks[mac] = words[i+1]
					}
				}
			case strings.HasPrefix(w, "query[") && i+3 < len(words) && words[i+2] == "from":
				asked.add("dns_query", words[i+3], strings.ToLower(words[i+1]))
			}
		}
	})
	for _, s := range l.scene.stations {
		if len(msgs[s.mac]) > 0 {
			facts = append(facts, fact{"dhcp_msgs", s.mac, strings.Join(msgs[s.mac], ","), "dnsmasq's log"})
		}
		if acks[s.mac] != "" {
			facts = append(facts,
				fact{"dhcp_ack_ip", s.mac, acks[s.mac], "dnsmasq's log"},
				fact{"dhcp_server_id", s.mac, routerAddr, "lab table"},
				fact{"station_ip", s.mac, acks[s.mac], "dnsmasq's log"})
		}
	}
	return append(facts, asked.facts("dnsmasq's log")...), err
}

// macIn returns the first word that is a MAC.
func macIn(words []string) string {
	for _, w := range words {
		if m, err := net.ParseMAC(w); err == nil && len(m) == 6 {
			return w
		}
	}
	return ""
}

// serverFacts reads the servers' own account: who opened a connection for which name. A client's IPv6 address that is
// seen here is one that its station had.
func (l *lab) serverFacts() (facts []fact, err error) {
	var seen tally
	for _, name := range []string{"world", "boot"} {
		err := eachLine(filepath.Join(l.dir, name+".log"), func(line string) {
			if f := strings.Split(line, "\t"); len(f) == 4 && f[0] == "saw" {
				seen.add(f[1], f[2], f[3])
			}
		})
		if err != nil {
			return nil, err
		}
	}
	facts = seen.facts("the servers' log")
	for _, s := range l.scene.stations {
		global := eui64(lanPrefix6, s.mac)
		if slices.ContainsFunc(facts, func(f fact) bool { return f.key == global }) {
			facts = append(facts, fact{"station_ip", s.mac, global, "the servers' log"})
		}
	}
	return facts, nil
}

// tally counts facts that are alike, in the order of their first.
type tally struct {
	order []fact
	n     map[fact]int
}

func (t *tally) add(kind, key, value string) {
	f := fact{kind: kind, key: key, value: value}
	if t.n == nil {
		t.n = map[fact]int{}
	}
	if t.n[f]++; t.n[f] == 1 {
		t.order = append(t.order, f)
	}
}

func (t *tally) facts(origin string) (facts []fact) {
	for _, f := range t.order {
		n := t.n[f]
		switch f.kind {
		case "dns_query":
			f.value, f.origin = fmt.Sprintf("%s;n=%d", f.value, n), origin
		default:
			f.origin = fmt.Sprintf("%s;n=%d", origin, n)
		}
		facts = append(facts, f)
	}
	return facts
}

func eachLine(path string, f func(line string)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		f(lines.Text())
	}
	return lines.Err()
}
