package decode

import (
	"strconv"
	"strings"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// countHeaders counts for TestHeadersOfSharedCaptures, by the keys of truth.tsv.
func countHeaders(p *Packet, n map[string]int) {
	if p.HasIP && p.SrcAddr.Is4() || p.OuterSrc.Is4() {
		n["ipv4"]++
	}
	if p.HasIP && p.SrcAddr.Is6() || p.OuterSrc.Is6() {
		n["ipv6"]++
	}
	switch {
	case p.Ether == EtherARP:
		n["arp"]++
	case p.Ether == etherLLDP:
		n["lldp"]++
	case p.Ether == etherCDP, p.Ether == 0 && strings.HasPrefix(string(p.Payload), cdpSNAP):
		n["cdp"]++
	case p.HasIP && p.Proto == protoIGMP:
		n["igmp"]++
	case p.HasIP && p.Proto == ProtoICMPv6 && !p.Fragment:
		n["icmpv6"]++
	}
}

// TestHeadersOfSharedCaptures holds the numbers of frames of each protocol against tshark's. Where they differ the
// reason is given here: tshark dissects a header whose length or checksum is wrong, and we stop above it.
func TestHeadersOfSharedCaptures(t *testing.T) {
	type key struct{ file, what string }
	differ := map[key]int{
		{"app-teamspeak3--ndpi.pcap", "ipv4"}:                     -1,  // first of the frames with rewritten addresses: skew.go
		{"encap-mixed_vlan_mpls--zeek.pcap", "ipv4"}:              -2,  // the same, of two senders
		{"tls-dnscrypt_v2_doh--ndpi.pcap", "ipv4"}:                -2,  // the same, of two senders
		{"encap-pppoe_over_qinq--zeek.pcap", "ipv4"}:              -6,  // PPPoE's length ends before IPv4's does
		{"frag-badpackets--ndpi.pcap", "ipv4"}:                    -93, // total length 1500 in frames of 60 to 1200 octets
		{"lan-iot_lan_day_2016_08_22--derived.pcap", "ipv4"}:      -1,  // total length 63 in a frame of 42 octets
		{"mix-goprobe_default_kitchen_sink--derived.pcap", "arp"}: -4,  // RARP
	}
	keys := []string{"ipv4", "ipv6", "arp", "igmp", "icmpv6", "lldp", "cdp"}
	want := map[key]int{}
	for _, f := range capturetest.Truth(t) {
		if f.Kind == "l3" || f.Kind == "proto_packets" {
			n, err := strconv.Atoi(f.Value)
			if err != nil {
				t.Fatalf("%+v: %v", f, err)
			}
			want[key{f.File, f.Key}] = n
		}
	}
	d := New()
	for _, name := range sharedFiles(t) {
		if strings.HasPrefix(name, "fuzz-") {
			continue // damaged on purpose: what of a header is still to be read is a matter of taste
		}
		d.forget()
		got := map[string]int{}
		eachFrame(t, name, func(_ int, f *capture.Frame) {
			var p Packet
			d.Decode(f, &p)
			countHeaders(&p, got)
		})
		for _, k := range keys {
			if n := want[key{name, k}] + differ[key{name, k}]; got[k] != n {
				t.Errorf("%s: %d frames of %s, want %d", name, got[k], k, n)
			}
		}
	}
}

// TestAddressesOfSharedCaptures looks for the address of each station of each shared capture that asserts stations
// strictly, and for what LLDP and CDP call a device.
func TestAddressesOfSharedCaptures(t *testing.T) {
	type fact struct{ file, mac, value string }
	strict := map[string]bool{}
	want, names := map[fact]bool{}, map[fact]bool{}
	for _, f := range capturetest.Truth(t) {
		switch f.Kind {
		case "assert":
			strict[f.File] = strict[f.File] || f.Key == "stations" && f.Value == "strict"
		case "station_ip":
			want[fact{f.File, f.Key, f.Value}] = false
		case "lldp_name", "cdp_name":
			names[fact{f.File, f.Key, f.Value}] = false
		}
	}
	d := New()
	for _, file := range sharedFiles(t) {
		d.forget()
		found := func(m map[fact]bool, mac capture.MAC, value string) {
			k := fact{file, mac.String(), value}
			if _, ok := m[k]; ok {
				m[k] = true
			}
		}
		eachFrame(t, file, func(_ int, f *capture.Frame) {
			var p Packet
			if d.Decode(f, &p) == Malformed {
				return
			}
			if p.HasIP {
				found(want, p.Src, p.SrcAddr.String())
			}
			if p.Tunnels > 0 {
				found(want, p.Src, p.OuterSrc.String())
			}
			for _, o := range d.Inspect(&p) {
				switch {
				case o.Kind == capture.KindAddr:
					found(want, o.MAC, o.Addr.String())
				case o.Kind == capture.KindName && (o.Origin == capture.OriginLLDP || o.Origin == capture.OriginCDP):
					found(names, o.MAC, o.Name)
				}
			}
		})
	}
	known, seen := 0, 0
	for f, ok := range want {
		if !strict[f.file] {
			continue
		}
		known++
		if ok {
			seen++
		} else {
			t.Errorf("%s: %s does not have %s", f.file, f.mac, f.value)
		}
	}
	t.Logf("%d of %d addresses of stations", seen, known)
	if known < 300 {
		t.Errorf("%d addresses to look for, want at least 300", known)
	}
	for f, ok := range names {
		if !ok {
			t.Errorf("%s: %s is not called %s", f.file, f.mac, f.value)
		}
	}
}
