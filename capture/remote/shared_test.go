package remote

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/decode"
	"cafeprobe/capture/pcapfile"
)

// TestRealSenders sends the packets of real senders once more, as they are, fragments too, to their receivers' addresses on
// loopback, and holds what comes out of the Source against what capture/decode finds in the tunnels of the same captures.
//
// The capture that is named erspan is of Ethernet in GRE with a key (protocol 0x6558). In that of VXLAN one end's UDP
// checksums are those that its card was still to fill in, which a kernel that receives them would not let pass: they are sent
// without.
func TestRealSenders(t *testing.T) {
	f := func(file, known string, sessions ...Sender) {
		t.Helper()
		capturetest.Namespace(t)
		ends, packets := capturetest.Carriers(t, file)
		var allow []netip.Prefix
		for a := range ends {
			capturetest.RunIP(t, fmt.Sprintf("addr add %v/32 dev lo", a))
			defer capturetest.RunIP(t, fmt.Sprintf("addr del %v/32 dev lo", a))
			allow = append(allow, netip.PrefixFrom(a, 32))
		}
		s := open(t, allow, Config{Quiet: quick})
		capturetest.Resend(t, packets)
		got, inside := all(t, s), tunnelled(t, file)
		r := s.Report()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if n := fmt.Sprintf("packets=%d", len(got)); n != known || len(got) != len(inside) {
			t.Errorf("%s: %s, want %s; decode finds %d", file, n, known, len(inside))
			return
		}
		d := decode.New()
		for i := range got {
			var p decode.Packet
			d.Decode(&got[i], &p)
			if said := said(&p); said != inside[i] {
				t.Errorf("%s: frame %d: %s, want %s", file, i, said, inside[i])
			}
		}
		var senders []Sender
		for _, sender := range r.Senders {
			ends[sender.Addr] -= sender.Frames
			sender.Addr, sender.Frames, sender.Last = netip.Addr{}, 0, 0
			senders = append(senders, sender)
		}
		for a, missing := range ends {
			if missing != 0 {
				t.Errorf("%s: %v sent %d more than its sessions count", file, a, int64(missing))
			}
		}
		if !slices.Equal(senders, sessions) {
			t.Errorf("%s: sessions %+v, want %+v", file, senders, sessions)
		}
		if r.Damaged+r.Refused+r.Other+r.Dropped != 0 {
			t.Errorf("%s: %+v, want frames and nothing else", file, r)
		}
	}
	truth := map[string]string{}
	for _, fact := range capturetest.Truth(t) {
		if fact.Kind == "encap" {
			truth[fact.File+" "+fact.Key] = fact.Value
		}
	}
	const vxlan, gretap = "encap-vxlan--ndpi.pcap", "encap-erspan--zeek.pcap"
	f(vxlan, truth[vxlan+" vxlan"], Sender{Format: VXLAN, Session: 1111}, Sender{Format: VXLAN, Session: 1111})
	f(gretap, truth[gretap+" gre"], Sender{Format: GRETAP}, Sender{Format: GRETAP, Session: 0x02000000})
}

// each calls do for each frame of a shared capture.
func each(t testing.TB, file string, do func(f *capture.Frame)) {
	t.Helper()
	r, err := pcapfile.Open(filepath.Join(capturetest.Shared(t), file))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		var f capture.Frame
		switch err := r.Next(&f); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			t.Fatal(err)
		}
		do(&f)
	}
}

// tunnelled returns what decode says of each frame inside the tunnels of a capture.
func tunnelled(t testing.TB, file string) (list []string) {
	t.Helper()
	d := decode.New()
	each(t, file, func(f *capture.Frame) {
		var p decode.Packet
		if d.Decode(f, &p); p.Tunnels > 0 {
			list = append(list, said(&p))
		}
	})
	return list
}

// said returns what a frame says. Of a frame without IP inside a tunnel decode keeps the tunnel's addresses, which the Source
// has taken off.
func said(p *decode.Packet) string {
	if p.Ether != decode.EtherIPv4 && p.Ether != decode.EtherIPv6 {
		return fmt.Sprintf("%v %#04x, %d octets: %x", p.Verdict, p.Ether, p.PayloadLen, p.Payload)
	}
	return fmt.Sprintf("%v %#04x proto %d ttl %d, %v:%d to %v:%d, seq %d ack %d flags %#x, %d octets: %x",
		p.Verdict, p.Ether, p.Proto, p.TTL, p.SrcAddr, p.SrcPort, p.DstAddr, p.DstPort, p.Seq, p.Ack, p.TCPFlags, p.PayloadLen, p.Payload)
}

// TestKernelsOwn mirrors through Linux' own devices, from a namespace of their own to ours. Where the kernel has no such device
// a raw socket sends what it would: the header that net/ipv4/ip_gre.c puts in front, with numbers of its own.
func TestKernelsOwn(t *testing.T) {
	f := func(name, device, header string, want Sender) {
		t.Run(name, func(t *testing.T) { mirrorBy(t, device, header, want) })
	}
	f("vxlan", "vxlan id 7 local 10.8.0.2 remote 10.8.0.1 dstport 4789", "", Sender{Format: VXLAN, Session: 7})
	f("vxlan of Linux", "vxlan id 8 local 10.8.0.2 remote 10.8.0.1 dstport 8472", "", Sender{Format: VXLAN, Session: 8})
	f("gretap", "gretap local 10.8.0.2 remote 10.8.0.1 key 5 seq", "\x30\x00\x65\x58\x00\x00\x00\x05SEQ.",
		Sender{Format: GRETAP, Session: 5, Numbered: true})
	f("erspan 1", "erspan local 10.8.0.2 remote 10.8.0.1 erspan_ver 0", "\x00\x00\x88\xbe", Sender{Format: ERSPAN1})
	f("erspan 2", "erspan seq key 9 local 10.8.0.2 remote 10.8.0.1 erspan_ver 1 erspan 1",
		"\x10\x00\x88\xbeSEQ.\x10\x00\x18\x09\x00\x00\x00\x01", Sender{Format: ERSPAN2, Session: 9, Numbered: true})
	f("erspan 3", "erspan seq key 9 local 10.8.0.2 remote 10.8.0.1 erspan_ver 2 erspan_dir ingress",
		"\x10\x00\x22\xebSEQ.\x20\x00\x00\x09\x12\x34\x56\x78\x00\x00\x00\x00", Sender{Format: ERSPAN3, Session: 9, Numbered: true})
}

func mirrorBy(t *testing.T, device, header string, want Sender) {
	const there = "remote-test"
	capturetest.Namespace(t)
	capturetest.RunIP(t, "netns add "+there)
	t.Cleanup(func() { capturetest.RunIP(t, "netns del "+there) })
	capturetest.RunIP(t, "link add port type veth peer name far netns "+there)
	t.Cleanup(func() { capturetest.RunIP(t, "link del port") })
	capturetest.RunIP(t, "addr add 10.8.0.1/24 dev port")
	capturetest.RunIP(t, "link set port up")
	capturetest.RunIP(t, "-n "+there+" addr add 10.8.0.2/24 dev far")
	capturetest.RunIP(t, "-n "+there+" link set far up")
	s := open(t, []netip.Prefix{netip.MustParsePrefix("10.8.0.2/32")}, Config{Quiet: 4 * quick})
	frames := [][]byte{
		capturetest.ARP(t, 1, capturetest.PC(1), capturetest.Router()),
		capturetest.UDP(t, capturetest.PC(7), capturetest.Server(), 50000, 9999, make([]byte, 1500)), // fragments on the way
		capturetest.Tag(capturetest.UDP(t, capturetest.PC(7), capturetest.Server(), 50000, 9999, []byte("hello")), 0x8100, 9),
	}
	if capturetest.Device(t, there, "mirror", device) {
		capturetest.RunIP(t, "-n "+there+" link set mirror mtu 1600 up")
		all(t, s) // what the device says of itself when it comes up
		inject(t, there, "mirror", frames)
	} else {
		wrap(t, there, header, frames)
	}
	got := all(t, s)
	for _, f := range frames {
		if !hasFrame(got, f) {
			t.Errorf("% x… did not come; %+v", f[:20], s.Report())
		}
	}
	senders := s.Report().Senders
	if len(senders) == 0 {
		t.Error("no sender")
	}
	for _, sender := range senders {
		if sender.Format != want.Format || sender.Session != want.Session || sender.Numbered != want.Numbered || sender.Lost != 0 ||
			sender.Frames < uint64(len(frames)) {
			t.Errorf("sender %+v, want one like %+v", sender, want)
		}
	}
}

// wrap sends frames by GRE behind header, in which SEQ. stands for their numbers, from a namespace.
func wrap(t *testing.T, namespace, header string, frames [][]byte) {
	t.Helper()
	capturetest.Within(t, namespace, func() {
		c, err := net.Dial("ip4:gre", "10.8.0.1")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for i, f := range frames {
			number := string(binary.BigEndian.AppendUint32(nil, uint32(i)))
			if _, err := c.Write(append([]byte(strings.Replace(header, "SEQ.", number, 1)), f...)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// inject sends frames out of an interface of a namespace.
func inject(t *testing.T, namespace, name string, frames [][]byte) {
	t.Helper()
	capturetest.Within(t, namespace, func() {
		s := capturetest.NewSender(t, name)
		for _, f := range frames {
			if err := s.Send(f); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func hasFrame(list []capture.Frame, data []byte) bool {
	for _, f := range list {
		if bytes.Equal(f.Data, data) && f.Len == len(data) {
			return true
		}
	}
	return false
}
