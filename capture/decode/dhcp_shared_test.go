package decode

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// eachUDP calls visit for each UDP datagram of a shared capture that is not malformed.
func eachUDP(t testing.TB, d *Decoder, file string, visit func(p *Packet)) {
	t.Helper()
	var p Packet
	eachFrame(t, file, func(_ int, f *capture.Frame) {
		// Octets of the fuzz captures were changed at random, so that checksums are wrong, and of such frames nothing
		// may be said. But tshark checks no checksums, and the rows of truth.tsv are of those frames.
		if strings.HasPrefix(file, "fuzz-") {
			mendChecksums(f)
		}
		if d.Decode(f, &p) != Malformed && p.HasIP && p.Proto == ProtoUDP {
			visit(&p)
		}
	})
}

// mendChecksums gives a frame of UDP over IPv4 an IP checksum that holds, and none for UDP.
func mendChecksums(f *capture.Frame) {
	b := f.Data
	if len(b) < 34 || be16(b[12:]) != EtherIPv4 || b[23] != ProtoUDP {
		return
	}
	header := int(b[14]&15) * 4
	if header < 20 || len(b) < 14+header+8 {
		return
	}
	ip := b[14 : 14+header]
	copy(ip[10:], []byte{0, 0})
	sum := uint32(0)
	for i := 0; i < header; i += 2 {
		sum += uint32(be16(ip[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum>>16+sum))
	copy(b[14+header+6:], []byte{0, 0})
}

// dhcpSaid is what the DHCP rows of truth.tsv are compared with: facts of one file, as "kind\tkey\tvalue".
type dhcpSaid map[string]bool

func (s dhcpSaid) add(kind string, key any, value any) {
	if v := fmt.Sprint(value); v != "" && v != "invalid IP" {
		s[fmt.Sprintf("%s\t%v\t%s", kind, key, v)] = true
	}
}

func codes(s string) string {
	var out []string
	for i := range len(s) {
		out = append(out, strconv.Itoa(int(s[i])))
	}
	return strings.Join(out, ",")
}

// dhcpOf returns what a capture says, in truth.tsv's words.
func dhcpOf(t *testing.T, file string) dhcpSaid {
	said := dhcpSaid{}
	msgs := map[capture.MAC][]string{}
	v6 := map[string]int{}
	d := New()
	eachUDP(t, d, file, func(p *Packet) {
		for _, o := range d.Inspect(p) {
			switch {
			case o.Kind == capture.KindDHCP && o.DHCP.V6:
				countV6(v6, &o)
			case o.Kind == capture.KindDHCP:
				msgs[o.DHCP.Client] = append(msgs[o.DHCP.Client], truthMessage(o.DHCP))
				said.message(&o)
			case o.Kind == capture.KindAddr && o.Origin == capture.OriginDHCP:
				said.add("station_ip", o.MAC, o.Addr)
			}
		}
	})
	for mac, m := range msgs {
		m = m[:min(len(m), 60)] // the rows stop there
		said.add("dhcp_msgs", mac, strings.Join(m, ","))
	}
	for k, n := range v6 {
		mac, value, _ := strings.Cut(k, " ")
		said.add("dhcp6_msg", mac, fmt.Sprintf("%s;n=%d", value, n))
	}
	return said
}

// message adds what one DHCPv4 message says. A client's facts are in its own messages, a server's in a server's.
func (s dhcpSaid) message(o *capture.Observation) {
	m := o.DHCP
	if m.FromServer {
		switch m.Message {
		case "OFFER":
			s.add("dhcp_offer_ip", m.Client, m.YourAddr)
		case "ACK":
			s.add("dhcp_ack_ip", m.Client, m.YourAddr)
		}
		s.add("dhcp_server_id", m.Client, m.ServerID)
		s.add("dhcp_server", o.MAC, m.ServerID)
		s.add("dhcp_bootfile", m.Client, m.Bootfile)
		return
	}
	s.add("dhcp_hostname", m.Client, m.Hostname)
	s.add("dhcp_fqdn", m.Client, m.FQDN)
	s.add("dhcp_vendor_class", m.Client, m.VendorClass)
	s.add("dhcp_user_class", m.Client, m.UserClass)
	s.add("dhcp_uuid", m.Client, m.ClientUUID)
	s.add("dhcp_param_list", m.Client, codes(m.Params))
	s.add("dhcp_option_order", m.Client, codes(m.Order))
	s.add("dhcp_requested_ip", m.Client, m.Requested)
	s.add("dhcp_ciaddr", m.Client, m.ClientAddr)
	if m.HasArch {
		s.add("dhcp_client_arch", m.Client, m.Arch)
	}
	if strings.HasPrefix(m.VendorClass, "PXEClient") {
		s.add("pxe_client", m.Client, m.VendorClass)
	}
}

// truthMessage returns m's type in truth.tsv's words: those that tshark has no name for there are numbers.
func truthMessage(m *capture.DHCP) string {
	if m.Message == "BOOTP" && m.FromServer {
		return "bootp2"
	}
	if m.Message == "BOOTP" {
		return "bootp1"
	}
	if i := slices.Index(dhcp4Messages[:], m.Message); i >= 9 {
		return strconv.Itoa(i)
	}
	return m.Message
}

// countV6 counts a DHCPv6 message under both its DUIDs: the rows have the one that comes first in the message.
func countV6(n map[string]int, o *capture.Observation) {
	m := o.DHCP
	typ := slices.IndexFunc(dhcp6Messages[:], func(r struct {
		name   string
		server bool
	},
	) bool {
		return r.name == m.Message
	})
	addr := cmp.Or(m.YourAddr, m.Requested)
	ip := ""
	if addr.IsValid() {
		ip = addr.String()
	}
	for _, duid := range []string{m.ClientID, m.ServerDUID} {
		if duid != "" {
			n[fmt.Sprintf("%s type=%d;duid=%s;fqdn=%s;iaaddr=%s", o.MAC, typ, duid, m.FQDN, ip)]++
		}
	}
}

// dhcpCorrections are the rows of truth.tsv that are wrong or wanting, and what is right.
var dhcpCorrections = []struct{ file, wrong, right string }{
	// A Hue bridge has no port for the answers it is sent, and says so: tshark reads the OFFER and ACK that its ICMP
	// errors quote (frames 193 and 194) as messages of the bridge. It sends none, and is no server.
	{"lan-iot_lan_day_2016_09_07--derived.pcap", "dhcp_server\t00:17:88:24:76:ff\t10.10.10.1", ""},
	{
		"lan-iot_lan_day_2016_09_07--derived.pcap", "dhcp_msgs\t00:17:88:24:76:ff\tDISCOVER,OFFER,REQUEST,ACK,OFFER,ACK",
		"dhcp_msgs\t00:17:88:24:76:ff\tDISCOVER,OFFER,REQUEST,ACK",
	},
	// Frames 5 and 8 have no time (simple packet blocks); the row has them first, here they come where the file has them.
	{
		"fmt-le_test202--gopacket.pcapng", "dhcp_msgs\t00:0b:82:01:fc:42\tbootp1,bootp1,bootp1,bootp2,bootp2,bootp2",
		"dhcp_msgs\t00:0b:82:01:fc:42\tbootp1,bootp2,bootp1,bootp2,bootp1,bootp2",
	},
	// RFC 3004's list is nothing that tshark prints on one line: the row is absent.
	{
		"dhcp-dhcp_rfc3004--tcpdump.pcap", "",
		"dhcp_user_class\t00:0c:29:1f:74:06\tsubopt1,subopt2-123456789,subopt3-12",
	},
}

// TestDHCPOfSharedCaptures compares with every DHCP row of truth.tsv, both ways: no row is missed and, of kinds whose
// rows are complete, nothing is said that has no row.
func TestDHCPOfSharedCaptures(t *testing.T) {
	rows := map[string]dhcpSaid{}
	for _, f := range capturetest.Truth(t) {
		kind, ok := f.Kind, strings.HasPrefix(f.Kind, "dhcp") || f.Kind == "pxe_client" ||
			f.Kind == "station_ip" && f.Origin == "tshark:dhcp-ack"
		// Rows that other tools made, with other words for the same facts: zeek leaves out messages behind its
		// transaction's end, nDPI turns names to lower case and keys them by address.
		if !ok || kind == "dhcp_msgs_zeek" || kind == "dhcp_hostname_ndpi" {
			continue
		}
		if rows[f.File] == nil {
			rows[f.File] = dhcpSaid{}
		}
		rows[f.File].add(kind, f.Key, f.Value)
	}
	for _, c := range dhcpCorrections {
		if c.wrong != "" && !rows[c.file][c.wrong] {
			t.Errorf("%s: no row %q any more", c.file, c.wrong)
		}
		delete(rows[c.file], c.wrong)
		if c.right != "" {
			rows[c.file][c.right] = true
		}
	}
	total := 0
	for file, want := range rows {
		got := dhcpOf(t, file)
		total += len(want)
		for row := range want {
			if !got[row] {
				t.Errorf("%s: missed %q", file, row)
			}
		}
		for row := range got {
			if !want[row] && !strings.HasPrefix(row, "station_ip") && !strings.HasPrefix(row, "dhcp6_msg") {
				t.Errorf("%s: extra %q", file, row)
			}
		}
	}
	if total < 600 {
		t.Errorf("%d rows compared, want all 700 or so", total)
	}
}

// TestDHCPAgreesWithLibrary reads every DHCPv4 message of the shared captures a second time, with insomniacslk/dhcp. The
// library refuses what some real clients send (see the counts); what it accepts must say the same.
func TestDHCPAgreesWithLibrary(t *testing.T) {
	d := New()
	read, refused := 0, map[string]int{}
	for _, name := range sharedFiles(t) {
		eachUDP(t, d, name, func(p *Packet) {
			if p.SrcPort != 67 && p.DstPort != 67 {
				return
			}
			var m capture.DHCP
			var o dhcpOptions
			ok := parseDHCP4(p, &m, &o)
			want, err := dhcpv4.FromBytes(p.Payload)
			if err != nil {
				if ok {
					refused[err.Error()]++
				}
				return
			}
			read++
			compareDHCP(t, name, &m, want)
		})
	}
	t.Logf("%d messages read by both; read here and refused by the library: %v", read, refused)
	if read < 500 {
		t.Errorf("%d messages compared, want 800 or so", read)
	}
}

func compareDHCP(t *testing.T, file string, m *capture.DHCP, want *dhcpv4.DHCPv4) {
	t.Helper()
	f := func(what string, got, want any) {
		t.Helper()
		if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
			t.Errorf("%s: xid %08x: %s = %q, library has %q", file, m.XID, what, g, w)
		}
	}
	ip := func(b []byte) netip.Addr { a, _ := netip.AddrFromSlice(b); return addr4(a.Unmap().AsSlice()) }
	f("server", m.FromServer, want.OpCode == dhcpv4.OpcodeBootReply)
	f("xid", fmt.Sprintf("%08x", m.XID), fmt.Sprintf("%x", want.TransactionID[:]))
	f("client", m.Client, want.ClientHWAddr)
	f("ciaddr", m.ClientAddr, ip(want.ClientIPAddr))
	f("yiaddr", m.YourAddr, ip(want.YourIPAddr))
	f("requested", m.Requested, ip(want.RequestedIPAddress()))
	f("server id", m.ServerID, ip(want.ServerIdentifier()))
	f("hostname", m.Hostname, strings.TrimRight(want.HostName(), "\x00"))
	f("vendor class", m.VendorClass, strings.TrimRight(want.ClassIdentifier(), "\x00"))
	f("lease", m.Lease, want.IPAddressLeaseTime(0))
	f("params", []byte(m.Params), want.Options.Get(dhcpv4.OptionParameterRequestList))
	f("client id", m.ClientID, fmt.Sprintf("%x", want.Options.Get(dhcpv4.OptionClientIdentifier)))
	f("message", fmt.Sprint(max(0, slices.Index(dhcp4Messages[:], m.Message))), fmt.Sprint(int(want.MessageType())))
}
