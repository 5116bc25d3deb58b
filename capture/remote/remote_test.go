package remote

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

func TestMain(m *testing.M) { capturetest.InNamespace(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}

// open opens a Source in a namespace whose loopback is up.
func open(t testing.TB, allow []netip.Prefix, cfg Config) *Source {
	t.Helper()
	capturetest.Namespace(t)
	capturetest.RunIP(t, "link set lo up")
	s, err := Open(allow, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// send sends datagrams to address over network: "udp" or "ip4:gre", "ip6:gre".
func send(t testing.TB, network, address string, datagrams ...string) {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, d := range datagrams {
		if _, err := c.Write([]byte(d)); err != nil {
			t.Fatal(err)
		}
	}
}

func sendGRE(t testing.TB, datagrams ...string) {
	t.Helper()
	send(t, "ip4:gre", "127.0.0.1", datagrams...)
}

// all returns all frames that come, with octets of their own.
func all(t testing.TB, s *Source) (frames []capture.Frame) {
	t.Helper()
	for {
		var f capture.Frame
		switch err := s.Next(&f); {
		case err == nil:
			f.Data = bytes.Clone(f.Data)
			frames = append(frames, f)
		case errors.Is(err, capture.ErrQuiet):
			return frames
		default:
			t.Fatal(err)
		}
	}
}

const quick = 30 * time.Millisecond // of silence, on loopback

func greHeader(seq uint32) string {
	return "\x10\x00\x88\xbe" + string(binary.BigEndian.AppendUint32(nil, seq))
}

// The headers follow draft-foschiano-erspan-03, RFC 7348 and RouterOS octet for octet.
func TestFormats(t *testing.T) {
	inner := capturetest.UDP(t, capturetest.PC(7), capturetest.Server(), 50000, 9999, []byte("more octets than any padding"))
	tagged := capturetest.Tag(inner, 0x8100, 9)
	frame, tag, ip := string(inner), string(tagged), string(inner[14:])
	began := time.Now()
	s := open(t, loopback, Config{Quiet: quick, Now: func() int64 { return int64(time.Since(began)) }})
	f := func(name string, got []capture.Frame, want capture.Frame, from Sender) {
		t.Helper()
		if len(got) != 1 {
			t.Errorf("%s: %d frames, want 1; %+v", name, len(got), s.Report())
			return
		}
		g := got[0]
		if age := time.Since(began) - time.Duration(g.Time); age < 0 || age > 10*time.Second {
			t.Errorf("%s: %v old by the caller's scale", name, age)
		}
		last := g.Time
		g.Time = 0
		if want.Len == 0 {
			want.Len = len(want.Data)
		}
		if !reflect.DeepEqual(g, want) {
			t.Errorf("%s: %+v, want %+v", name, g, want)
		}
		from.Frames, from.Last = 1, last
		if !from.Addr.IsValid() {
			from.Addr = loopback[0].Addr()
		}
		if r := s.Report().Senders; !slices.Contains(r, from) {
			t.Errorf("%s: senders %+v, want %+v among them", name, r, from)
		}
		s.senders = senders{}
	}
	eth := func(data string, vlan uint16, length int) capture.Frame {
		return capture.Frame{Data: []byte(data), Len: length, Link: capture.LinkEthernet, VLAN: vlan}
	}
	udp := func(name, port, datagram string, want capture.Frame, from Sender) {
		t.Helper()
		send(t, "udp", "127.0.0.1:"+port, datagram)
		f(name, all(t, s), want, from)
	}
	gre := func(name, datagram string, want capture.Frame, from Sender) {
		t.Helper()
		sendGRE(t, datagram)
		f(name, all(t, s), want, from)
	}
	udp("TZSP", "37008", "\x01\x00\x00\x01\x01"+frame, eth(frame, 0, 0), Sender{Format: TZSP})
	udp("TZSP with tags", "37008", "\x01\x00\x00\x01\x00\x0a\x01\xc4\x28\x04\x00\x00\x00\x07\x29\x02\x05\xea\x01"+frame, eth(frame, 0, 1514),
		Sender{Format: TZSP, Numbered: true})
	udp("VXLAN", "4789", "\x08\x00\x00\x00\x00\x04\x57\x00"+tag, eth(tag, 0, 0), Sender{Format: VXLAN, Session: 1111})
	udp("VXLAN of Linux", "8472", "\x08\x00\x00\x00\x00\x00\x07\x00"+frame, eth(frame, 0, 0), Sender{Format: VXLAN, Session: 7})
	gre("Ethernet in GRE", "\x00\x00\x65\x58"+frame, eth(frame, 0, 0), Sender{Format: GRETAP})
	gre("Ethernet in GRE with key and number", "\x30\x00\x65\x58\x00\x00\x00\x05\x00\x00\x00\x09"+frame, eth(frame, 0, 0),
		Sender{Format: GRETAP, Session: 5, Numbered: true})
	gre("ERSPAN I", "\x00\x00\x88\xbe"+frame, eth(frame, 0, 0), Sender{Format: ERSPAN1})
	two := func(en string) string { return greHeader(3) + "\x10\x64" + en + "\x2a\x00\x00\x00\x01" }
	gre("ERSPAN II, never tagged", two("\x00")+frame, eth(frame, 0, 0), Sender{Format: ERSPAN2, Session: 42, Numbered: true})
	gre("ERSPAN II, tag lost", two("\x10")+frame, eth(frame, 100, 0), Sender{Format: ERSPAN2, Session: 42, Numbered: true})
	gre("ERSPAN II, ISL lost", two("\x08")+frame, eth(frame, 100, 0), Sender{Format: ERSPAN2, Session: 42, Numbered: true})
	gre("ERSPAN II, tag kept", two("\x19")+tag, eth(tag, 0, 0), Sender{Format: ERSPAN2, Session: 298, Numbered: true})
	gre("ERSPAN II, cut short", two("\x04")+frame[:44], eth(frame[:44], 0, len(frame)), Sender{Format: ERSPAN2, Session: 42, Numbered: true})
	gre("ERSPAN II, tagged and cut short", two("\x1c")+tag[:44], eth(tag[:44], 0, len(tag)), Sender{Format: ERSPAN2, Session: 42, Numbered: true})
	three := func(flags string) string {
		return "\x10\x00\x22\xeb\x00\x00\x00\x01\x20\x64\x00\x2a\x12\x34\x56\x78\x00\x00" + flags
	}
	gre("ERSPAN III", three("\x00\x00")+frame, eth(frame, 100, 0), Sender{Format: ERSPAN3, Session: 42, Numbered: true})
	gre("ERSPAN III with subheader", three("\x00\x01")+"\x0c\x00\x00\x00\x00\x00\x00\x00"+frame, eth(frame, 100, 0),
		Sender{Format: ERSPAN3, Session: 42, Numbered: true})
	gre("ERSPAN III, tag kept", three("\x00\x00")+tag, eth(tag, 0, 0), Sender{Format: ERSPAN3, Session: 42, Numbered: true})
	gre("ERSPAN III of IP", three("\x08\x00")+ip, capture.Frame{Data: []byte(ip), Len: len(ip), Link: capture.LinkRaw, VLAN: 100},
		Sender{Format: ERSPAN3, Session: 42, Numbered: true})
	arp := string(capturetest.ARP(t, 1, capturetest.PC(1), capturetest.Router()))
	gre("ERSPAN II of ARP, cut short", two("\x04")+arp[:20], eth(arp[:20], 0, 1514), Sender{Format: ERSPAN2, Session: 42, Numbered: true})
	long := strings.Repeat("x", 30000)
	udp("a datagram longer than what is kept", "4789", "\x08\x00\x00\x00\x00\x00\x07\x00"+frame+long,
		eth((frame + long)[:slot-8], 0, len(frame)+len(long)), Sender{Format: VXLAN, Session: 7})
	if r := s.Report(); r.Damaged+r.Refused+r.Other+r.Dropped != 0 || r.Frames != 19 {
		t.Errorf("report %+v, want 19 frames and nothing else", r)
	}
}

func TestIPv6(t *testing.T) {
	inner := string(capturetest.ARP(t, 1, capturetest.PC(1), capturetest.Router()))
	s := open(t, loopback, Config{Quiet: quick, Listen: netip.IPv6Unspecified()})
	send(t, "ip6:gre", "::1", greHeader(3)+"\x10\x00\x00\x2a\x00\x00\x00\x01"+inner)
	send(t, "udp", "[::1]:37008", "\x01\x00\x00\x01\x01"+inner)
	got := all(t, s)
	if len(got) != 2 || string(got[0].Data) != inner || string(got[1].Data) != inner || s.Report().Senders[0].Addr != loopback[1].Addr() {
		t.Errorf("%d frames, %+v, want 2 of ::1", len(got), s.Report())
	}
}

// What is not asked for, not allowed or no mirror is counted as that and comes to nobody.
func TestCounted(t *testing.T) {
	inner := string(capturetest.ARP(t, 1, capturetest.PC(1), capturetest.Router()))
	allow := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.2.3.4/16")}
	s := open(t, allow, Config{
		Quiet: quick, Formats: []Format{TZSP, VXLAN, ERSPAN2}, VNI: []uint32{7, 9},
	})
	for _, a := range []string{"10.2.9.9/32", "10.3.3.4/32"} {
		capturetest.RunIP(t, "addr add "+a+" dev lo")
		t.Cleanup(func() { capturetest.RunIP(t, "addr del "+a+" dev lo") })
	}
	from := func(addr, datagram string) {
		t.Helper()
		c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(addr)}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: portTZSP})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte(datagram)); err != nil {
			t.Fatal(err)
		}
	}
	f := func(name string, frames, refused, damaged, other uint64, send func()) {
		t.Helper()
		before := s.Report()
		send()
		n, r := len(all(t, s)), s.Report()
		if uint64(n) != frames || r.Frames-before.Frames != frames || r.Refused-before.Refused != refused ||
			r.Damaged-before.Damaged != damaged || r.Other-before.Other != other {
			t.Errorf("%s: %d frames, before %+v, after %+v, want %d frames, %d refused, %d damaged, %d other",
				name, n, before, r, frames, refused, damaged, other)
		}
	}
	tzsp, vxlan := "\x01\x00\x00\x01\x01", "\x08\x00\x00\x00\x00\x00"
	udp := func(port string, datagrams ...string) func() {
		return func() { send(t, "udp", "127.0.0.1:"+port, datagrams...) }
	}
	gre := func(datagrams ...string) func() { return func() { sendGRE(t, datagrams...) } }
	f("allowed", 1, 0, 0, 0, udp("37008", tzsp+inner))
	f("allowed by a prefix", 1, 0, 0, 0, func() { from("10.2.9.9", tzsp+inner) })
	f("not allowed", 0, 2, 0, 0, func() { from("10.3.3.4", tzsp+inner); from("10.3.3.4", "") })
	f("TZSP of another version, another link, without end, of nothing", 0, 0, 5, 0,
		udp("37008", "\x02"+tzsp[1:]+inner, "\x01\x00\x00\x12\x01"+inner, "\x01\x00\x00\x01\x0a\xff"+inner, tzsp, ""))
	f("TZSP's keep-alive", 0, 0, 0, 1, udp("37008", "\x01\x04\x00\x00\x01"))
	f("VNI", 2, 0, 0, 1, udp("4789", vxlan+"\x07\x00"+inner, vxlan+"\x08\x00"+inner, vxlan+"\x09\x00"+inner))
	f("VXLAN without its flag, cut off, of nothing", 0, 0, 3, 0, udp("8472", "\x00"+vxlan[1:]+"\x07\x00"+inner, vxlan, vxlan+"\x07\x00"))
	two := greHeader(1) + "\x10\x00\x00\x2a\x00\x00\x00\x01"
	f("GRE of another format", 1, 0, 0, 3, gre("\x00\x00\x65\x58"+inner, "\x00\x00\x88\xbe"+inner, "\x00\x00\x08\x00"+inner[14:], two+inner))
	f("GRE version 1, cut off, ERSPAN of another version, of 13 octets", 0, 0, 5, 0,
		gre("\x30\x81\x88\x0b\x00\x00\x00\x00", "\x10\x00\x88", "\x10\x00\x88\xbe\x00", greHeader(2)+"\x20\x00\x00\x2a\x00\x00\x00\x01"+inner, two+inner[:13]))
	wrong := []byte("\x90\x00\x88\xbe\x12\x34\x00\x00" + two[4:] + inner)
	f("GRE with a wrong checksum", 0, 0, 1, 0, gre(string(wrong)))
	if got := s.Report().Stranger; got != netip.MustParseAddr("10.3.3.4") {
		t.Errorf("the last that was refused: %v, want 10.3.3.4", got)
	}
	if _, err := Open(nil, Config{}); err == nil || !strings.Contains(err.Error(), "no sender is allowed") {
		t.Errorf("nobody allowed: %v, want an error that says so", err)
	}
	if _, err := Open(allow, Config{Formats: []Format{formats}}); err == nil || !strings.Contains(err.Error(), "format 6") {
		t.Errorf("an unknown format: %v, want an error that says so", err)
	}
}

// A flood of what is refused does not stop the caller's time.
func TestQuietUnderRefusals(t *testing.T) {
	s := open(t, []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, Config{Quiet: quick})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		c, err := net.Dial("udp", "127.0.0.1:37008")
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = c.Write([]byte("\x01\x00\x00\x01\x01"))
				_ = s.Report() // is for any goroutine: the race detector looks on
			}
		}
	}()
	var f capture.Frame
	began := time.Now()
	for range 5 {
		if err := s.Next(&f); !errors.Is(err, capture.ErrQuiet) || f.Time < began.UnixNano() {
			t.Errorf("%v at %d, want none yet and the time", err, f.Time)
		}
	}
	close(stop)
	<-stopped
	if took := time.Since(began); took > 100*quick || s.Report().Refused == 0 {
		t.Errorf("quiet five times in %v, %d refused, want each after %v", took, s.Report().Refused, quick)
	}
}

// Frames of two sockets come in the order in which the kernel received them.
func TestOrder(t *testing.T) {
	inner := capturetest.ARP(t, 1, capturetest.PC(1), capturetest.Router())
	s := open(t, loopback, Config{Quiet: quick})
	const n = 40
	for i := range byte(n) {
		inner[5] = i
		time.Sleep(time.Millisecond) // two that are sent at once may be stamped on two CPUs, in either order
		if i%3 == 0 {
			sendGRE(t, "\x00\x00\x65\x58"+string(inner))
		} else {
			send(t, "udp", "127.0.0.1:37008", "\x01\x00\x00\x01\x01"+string(inner))
		}
	}
	got := all(t, s)
	if len(got) != n {
		t.Fatalf("%d frames, want %d", len(got), n)
	}
	for i, f := range got {
		if f.Data[5] != byte(i) || i > 0 && f.Time < got[i-1].Time {
			t.Errorf("frame %d has number %d, time %d", i, f.Data[5], f.Time)
		}
	}
}

// Loss is told by session, on the wire's own numbers.
func TestLoss(t *testing.T) {
	inner := string(capturetest.ARP(t, 1, capturetest.PC(1), capturetest.Router()))
	s := open(t, loopback, Config{Quiet: quick})
	for _, seq := range []uint32{1<<32 - 2, 1<<32 - 1, 2, 1, 2, 5} { // 0, 3 and 4 are missing
		sendGRE(t, greHeader(seq)+"\x10\x00\x00\x01\x00\x00\x00\x01"+inner)
	}
	for _, seq := range []uint32{7, 9} {
		sendGRE(t, greHeader(seq)+"\x10\x00\x00\x02\x00\x00\x00\x01"+inner)
	}
	if n := len(all(t, s)); n != 8 {
		t.Errorf("%d frames, want all 8", n)
	}
	r := s.Report()
	for i := range r.Senders {
		r.Senders[i].Last = 0
	}
	one := Sender{Addr: loopback[0].Addr(), Format: ERSPAN2, Session: 1, Frames: 6, Numbered: true, Lost: 3, Late: 1, Duplicates: 1}
	other := Sender{Addr: loopback[0].Addr(), Format: ERSPAN2, Session: 2, Frames: 2, Numbered: true, Lost: 1}
	if !slices.Equal(r.Senders, []Sender{one, other}) || r.Lost != 4 || r.Dropped != 4 || r.Queue != 0 {
		t.Errorf("report %+v, want 4 lost, of %+v and %+v", r, one, other)
	}
}

// More sessions than the table has do not grow it, and take nothing from what was lost.
func TestSenders(t *testing.T) {
	inner := string(capturetest.ARP(t, 1, capturetest.PC(1), capturetest.Router()))
	s := open(t, loopback, Config{Quiet: quick})
	for id := range byte(200) {
		for _, seq := range []uint32{1, 3} {
			sendGRE(t, greHeader(seq)+"\x10\x00\x00"+string([]byte{id})+"\x00\x00\x00\x01"+inner)
		}
	}
	n, r := len(all(t, s)), s.Report()
	if n != 400 || len(r.Senders) != maxSenders || r.Lost != 200 {
		t.Errorf("%d frames, %d senders, %d lost, want 400, %d, 200", n, len(r.Senders), r.Lost, maxSenders)
	}
}

// What finds no room is counted to the frame: sent = seen + dropped. Numbers that tell of the same loss do not double it.
func TestOverflow(t *testing.T) {
	inner := string(capturetest.UDP(t, capturetest.PC(1), capturetest.Server(), 1, 2, make([]byte, 1000)))
	s := open(t, loopback, Config{Quiet: 100 * time.Millisecond, Buffer: 64 << 10})
	const n = 3000
	var tzsp, erspan []string
	for i := range uint32(n) {
		tzsp = append(tzsp, "\x01\x00\x00\x01\x01"+inner)
		erspan = append(erspan, greHeader(i)+"\x10\x00\x00\x01\x00\x00\x00\x01"+inner)
	}
	f := func(name string, send func()) {
		t.Helper()
		before := s.Stats()
		send()
		seen := len(all(t, s))
		st := s.Stats()
		dropped := int(st.Dropped - before.Dropped)
		if seen == 0 || dropped == 0 || seen+dropped != n {
			t.Errorf("%s: %d seen, %d dropped, want %d together; %+v", name, seen, dropped, n, s.Report())
		}
	}
	f("TZSP", func() { send(t, "udp", "127.0.0.1:37008", tzsp...) })
	f("ERSPAN", func() { sendGRE(t, erspan...) })
	f("TZSP again", func() { send(t, "udp", "127.0.0.1:37008", tzsp...) })
	before := s.Report()
	sendGRE(t, greHeader(n)+"\x10\x00\x00\x01\x00\x00\x00\x01"+inner)
	all(t, s)
	if r := s.Report(); before.Lost != 0 || r.Lost == 0 || r.Lost > r.Queue || r.Dropped != before.Dropped {
		t.Errorf("the next number: before %+v, after %+v, want what was dropped lost too, and not counted twice", before, r)
	}
	if n, err := s.Buffer(); err != nil || n < 64<<10 || n > 256<<10 {
		t.Errorf("buffer of %d octets, %v", n, err)
	}
}

// An address that the box has not got yet is waited for.
func TestLateAddress(t *testing.T) {
	inner := string(capturetest.ARP(t, 1, capturetest.PC(1), capturetest.Router()))
	s := open(t, loopback, Config{Quiet: quick, Listen: netip.MustParseAddr("10.7.7.7")})
	capturetest.RunIP(t, "addr add 10.7.7.7/32 dev lo")
	t.Cleanup(func() { capturetest.RunIP(t, "addr del 10.7.7.7/32 dev lo") })
	for _, to := range []string{"10.7.7.7", "127.0.0.1"} {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.WriteTo([]byte("\x01\x00\x00\x01\x01"+inner), &net.UDPAddr{IP: net.ParseIP(to), Port: portTZSP}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(all(t, s)); n != 1 {
		t.Errorf("%d frames, want the one to 10.7.7.7; %+v", n, s.Report())
	}
}

// The sockets of UDP cannot send, whoever gets hold of them.
func TestSilent(t *testing.T) {
	s := open(t, loopback, Config{Quiet: quick, Formats: []Format{TZSP, VXLAN}})
	for _, k := range s.socks {
		err := unix.Sendto(k.fd, []byte("hello"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}})
		if !errors.Is(err, unix.EPIPE) {
			t.Errorf("send over %s: %v, want %v", k.name(s.cfg.Listen), err, unix.EPIPE)
		}
	}
}

// Ready brings what is there, of all sockets, at ports of one's own too, and never waits.
func TestReady(t *testing.T) {
	inner := string(capturetest.ARP(t, 1, capturetest.PC(1), capturetest.Router()))
	s := open(t, loopback, Config{Quiet: time.Hour, TZSP: []uint16{37009, 37010}, VXLAN: []uint16{4790}})
	fs := make([]capture.Frame, 8)
	f := func(name string, want int) {
		t.Helper()
		if n, err := s.Ready(fs); n != want || err != nil {
			t.Errorf("%s: %d frames, %v, want %d", name, n, err, want)
		}
	}
	f("nothing", 0)
	for _, port := range []string{"37009", "37010"} {
		send(t, "udp", "127.0.0.1:"+port, "\x01\x00\x00\x01\x01"+inner)
	}
	send(t, "udp", "127.0.0.1:4790", "\x08\x00\x00\x00\x00\x00\x07\x00"+inner)
	sendGRE(t, greHeader(3)+"\x10\x00\x00\x2a\x00\x00\x00\x01"+inner, "no mirror")
	f("one of each socket", 4)
	f("and no more", 0)
	if n := len(s.FDs()); n != 4 {
		t.Errorf("%d descriptors, want 4", n)
	}
}

// A port that is in use is told of by name.
func TestInUse(t *testing.T) {
	s := open(t, loopback, Config{Quiet: quick})
	_, err := Open(loopback, Config{})
	if !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), "0.0.0.0:37008") {
		t.Errorf("a second source: %v, want an address in use", err)
	}
	if n := len(all(t, s)); n != 0 {
		t.Errorf("%d frames", n)
	}
}

// GRE takes a capability, and its lack is told; UDP takes none.
func TestCapability(t *testing.T) {
	if os.Getenv("REMOTE_TEST_UNPRIVILEGED") != "" {
		if _, err := Open(loopback, Config{}); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "CAP_NET_RAW") {
			t.Errorf("error %v, want one that names CAP_NET_RAW", err)
		}
		s, err := Open(loopback, Config{Formats: []Format{TZSP, VXLAN}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return
	}
	capturetest.Namespace(t)
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestCapability$", "-test.v")
	cmd.Env = append(os.Environ(), "REMOTE_TEST_UNPRIVILEGED=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, Pdeathsig: unix.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: TestCapability")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestFormatNames(t *testing.T) {
	for f, want := range map[Format]string{TZSP: "tzsp", ERSPAN3: "erspan3", formats: "unknown", 200: "unknown"} {
		if got := f.String(); got != want {
			t.Errorf("format %d is %q, want %q", f, got, want)
		}
		if back, ok := ParseFormat(want); ok != (f < formats) || ok && back != f {
			t.Errorf("%q is format %d, %v, want %d", want, back, ok, f)
		}
	}
	if !TZSP.UDP() || !VXLAN.UDP() || GRETAP.UDP() || ERSPAN2.UDP() {
		t.Error("want TZSP and VXLAN, and no other, to come by UDP")
	}
}
