package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/firmware/config"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/collector"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// upstream is the café's side of the box's uplink, a network namespace of its own with a router's address, more of them, and
// a Linux bridge as its switch, which floods every frame. heard counts what the box sends there, but for ARP, with which its
// kernel answers for the uplink's address.
type upstream struct {
	t     *testing.T
	ns    string
	heard atomic.Int64
	first atomic.Pointer[string]
}

// The addresses at both ends of the uplink (RFC 2544's range for tests).
const (
	upBox      = "198.19.0.1"
	upVXLAN    = "198.19.0.2"
	upTZSP     = "198.19.0.3"
	upERSPAN   = "198.19.0.4"
	upStranger = "198.19.0.9"

	upMAC = "2c:f0:5d:00:b0:c5" // as a maker gives one: a station with one of its own choice would not be told of anyway
)

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	needRoot(t)
	u := &upstream{t: t, ns: "upstream"}
	run(t, "ip", "netns", "add", u.ns)
	t.Cleanup(func() {
		_ = exec.Command("ip", "link", "delete", "up0").Run() // not made, if something failed before
		_ = exec.Command("ip", "netns", "delete", u.ns).Run()
	})
	run(t, "ip", "netns", "exec", u.ns, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
	run(t, "ip", "link", "add", "up0", "address", upMAC, "type", "veth", "peer", "name", "rt0", "netns", u.ns)
	run(t, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/up0/disable_ipv6")
	run(t, "ip", "addr", "add", upBox+"/24", "dev", "up0")
	run(t, "ip", "link", "set", "up0", "up")
	for _, a := range []string{upVXLAN, upTZSP, upERSPAN, upStranger} {
		run(t, "ip", "-n", u.ns, "addr", "add", a+"/24", "dev", "rt0")
	}
	run(t, "ip", "-n", u.ns, "link", "set", "rt0", "up")
	capturetest.Within(t, u.ns, func() { go u.listen(u.socket()) })
	return u
}

// socket opens a packet socket that gets what comes in at the router's end of the uplink.
func (u *upstream) socket() int {
	u.t.Helper()
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { unix.Close(fd) })
	i, err := net.InterfaceByName("rt0")
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	}
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000})
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index})
	}
	if err != nil {
		u.t.Fatal(err)
	}
	return fd
}

func (u *upstream) listen(fd int) {
	buf := make([]byte, 128)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		switch {
		case err == unix.EBADF:
			return
		case err == nil && n > 14 && binary.BigEndian.Uint16(buf[12:]) != unix.ETH_P_ARP:
			what := fmt.Sprintf("% x", buf[:n])
			u.first.CompareAndSwap(nil, &what)
			u.heard.Add(1)
		}
	}
}

// wantSent fails the test unless the box has sent so many packets over the uplink, its broker being elsewhere.
func (u *upstream) wantSent(what string, least, most int64) {
	u.t.Helper()
	time.Sleep(100 * time.Millisecond)
	first := "none"
	if f := u.first.Load(); f != nil {
		first = *f
	}
	if n := u.heard.Load(); n < least || n > most {
		u.t.Errorf("%s: the box has sent %d packets over the uplink, want %d to %d; the first: %s", what, n, least, most, first)
	}
}

// sendMirror returns a function that sends a frame to the box from one of the router's addresses, as a mirror of UDP or GRE does
// behind a header that is made for each.
func (u *upstream) sendMirror(network, from string, port int, header func(n uint32) string) func(frame []byte) {
	u.t.Helper()
	var c net.Conn
	capturetest.Within(u.t, u.ns, func() {
		var err error
		if network == "udp" {
			c, err = net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, &net.UDPAddr{IP: net.ParseIP(upBox), Port: port})
		} else {
			c, err = net.DialIP("ip4:gre", &net.IPAddr{IP: net.ParseIP(from)}, &net.IPAddr{IP: net.ParseIP(upBox)})
		}
		if err != nil {
			u.t.Fatal(err)
		}
	})
	u.t.Cleanup(func() { c.Close() })
	n := uint32(0)
	return func(frame []byte) {
		if _, err := c.Write(append([]byte(header(n)), frame...)); err != nil {
			u.t.Error(err)
		}
		n++
	}
}

// tzsp is what RouterOS puts before each frame: version 1, received, Ethernet, no tags.
func tzsp(uint32) string { return "\x01\x00\x00\x01\x01" }

// erspan2 is GRE with a number, and ERSPAN II of an untagged port in a session.
func erspan2(n uint32, session byte) string {
	return "\x10\x00\x88\xbe" + string(binary.BigEndian.AppendUint32(nil, n)) + "\x10\x00\x00" + string([]byte{session}) + "\x00\x00\x00\x01"
}

func erspan2of7(n uint32) string { return erspan2(n, 7) }

// lossy is a mirror of another session that loses each tenth frame on its way: it reports false of those.
func (u *upstream) lossy() func(frame []byte) bool {
	u.t.Helper()
	send := u.sendMirror("ip4:gre", upERSPAN, 0, func(n uint32) string { return erspan2(n+n/9, 8) })
	i := 0
	return func(frame []byte) bool {
		i++
		if i%10 == 0 {
			return false
		}
		send(frame)
		return true
	}
}

// vxlanPort is a port of a Linux bridge of which another one is Linux' own VXLAN device: a frame that comes in there goes to the box.
func (u *upstream) vxlanPort() func(frame []byte) {
	u.t.Helper()
	if !capturetest.Device(u.t, u.ns, "vx0", "vxlan id 7 local "+upVXLAN+" remote "+upBox+" dstport 4789") {
		return u.sendMirror("udp", upVXLAN, 4789, func(uint32) string { return "\x08\x00\x00\x00\x00\x00\x07\x00" })
	}
	ip := func(args string) { run(u.t, "ip", strings.Fields("-n "+u.ns+" "+args)...) }
	ip("link add br0 type bridge ageing_time 0 mcast_snooping 0")
	ip("link add sw0 type veth peer name pc0")
	for _, port := range []string{"vx0", "sw0"} {
		ip("link set " + port + " mtu 1600 master br0 up")
	}
	ip("link set pc0 mtu 1600 up")
	ip("link set br0 up")
	var s *capturetest.Sender
	capturetest.Within(u.t, u.ns, func() { s = capturetest.NewSender(u.t, "pc0") })
	return func(frame []byte) {
		if err := s.Send(frame); err != nil {
			u.t.Error(err)
		}
	}
}

// erspanPort is Linux' own ERSPAN device, or a socket that sends what one would.
func (u *upstream) erspanPort() func(frame []byte) {
	u.t.Helper()
	if !capturetest.Device(u.t, u.ns, "er0", "erspan seq key 7 local "+upERSPAN+" remote "+upBox+" erspan_ver 1 erspan 1") {
		return u.sendMirror("ip4:gre", upERSPAN, 0, erspan2of7)
	}
	run(u.t, "ip", "-n", u.ns, "link", "set", "er0", "mtu", "1600", "up")
	var s *capturetest.Sender
	capturetest.Within(u.t, u.ns, func() { s = capturetest.NewSender(u.t, "er0") })
	return func(frame []byte) {
		if err := s.Send(frame); err != nil {
			u.t.Error(err)
		}
	}
}

// remoteBox provisions a box to which the senders send mirrors, beside the port if there is one.
func (s *site) remoteBox(t *testing.T, iface string, senders ...string) *box {
	t.Helper()
	id, err := spool.NewIdentity(uplink.Address{Province: s.name, Box: "b-0000e2e5"}, s.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	b := provision(t, id, config.Uplink{Broker: "tcp://" + s.MQTTAddr()}, config.Capture{
		Interface: iface, Namespace: "capture", Blocks: config.Blocks, Quality: uplink.QualityCoarse, Remote: &config.Remote{Senders: senders},
	}, config.Clock{Servers: []string{}})
	b.configure(t, func(c *config.Config) { c.Cafe.Summary = config.Duration(time.Second) })
	return b
}

// talk is a second of a computer: it asks for the router, and speaks with a server behind it in TCP, which answers with so many
// segments.
func talk(t *testing.T, pc capturetest.Host, second, answers uint32) (frames [][]byte) {
	t.Helper()
	const up, down = 100, 1000
	server := capturetest.Server()
	ask := capturetest.Segment{SrcPort: 50000, DstPort: 443, ACK: true, PSH: true, Seq: up * second, Ack: down * answers * second}
	if second == 0 {
		frames = append(frames, boots(t, pc))
	}
	frames = append(frames, capturetest.ARP(t, 1, pc, capturetest.Router()), capturetest.ARP(t, 2, capturetest.Router(), pc),
		capturetest.TCP(t, pc, server, ask, make([]byte, up)))
	for i := range answers {
		answer := capturetest.Segment{SrcPort: 443, DstPort: 50000, ACK: true, PSH: true, Seq: down * (answers*second + i), Ack: up * (second + 1)}
		frames = append(frames, capturetest.TCP(t, server, pc, answer, make([]byte, down)))
	}
	return frames
}

// boots is the DHCP DISCOVER with which Windows comes up: of a station that is not known to be a computer, the province is told
// ten minutes later.
func boots(t *testing.T, pc capturetest.Host) []byte {
	t.Helper()
	b := make([]byte, 240)
	b[0], b[1], b[2] = 1, 1, 6 // BOOTREQUEST, Ethernet
	copy(b[28:], pc.MAC[:])
	copy(b[236:], "\x63\x82\x53\x63")
	b = append(b, "\x35\x01\x01\x3c\x08MSFT 5.0\xff"...)
	from := capturetest.Host{MAC: pc.MAC, Addr: netip.IPv4Unspecified()}
	to := capturetest.Host{MAC: capture.Broadcast, Addr: netip.AddrFrom4([4]byte{255, 255, 255, 255})}
	return capturetest.UDP(t, from, to, 68, 67, b)
}

// TestRemote: a box without a capture port, to which three senders send mirrors, tells the province of the stations in each, of
// a mirror, and how much of it is lost; the box itself, which one of the mirrors shows, is no station. Of a fourth sender, who is
// not in its list, it tells nothing but that. It sends nothing there itself.
func TestRemote(t *testing.T) {
	u := newUpstream(t)
	p := newSite(t, t.TempDir(), "")
	b := p.remoteBox(t, "", upVXLAN, upTZSP, upERSPAN+"/32")
	l := b.listen(t)
	l.await("it listens", func(progress) bool { return true })
	if got := capabilities(t, l.cmd.Process.Pid); got != 0 {
		t.Errorf("capabilities %#x, want none", got)
	}
	ways := []func([]byte){u.vxlanPort(), u.sendMirror("udp", upTZSP, 37008, tzsp), u.erspanPort()}
	lossy := u.lossy()
	strangers := []func([]byte){u.sendMirror("udp", upStranger, 37008, tzsp), u.sendMirror("ip4:gre", upStranger, 0, erspan2of7)}
	var want []uplink.StationID
	for n := range byte(7) {
		want = append(want, uplink.NewStationID(b.id.Secret, capturetest.PC(n).MAC))
	}
	self := capturetest.Host{MAC: capture.MAC(mac(upMAC)), Addr: netip.MustParseAddr(upBox)}
	sent, missed, refused := 0, 0, 0
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for second := uint32(0); ; second++ {
		for n := byte(1); n <= 6; n++ {
			for _, f := range talk(t, capturetest.PC(n), second, 1) {
				ways[n%3](f)
				sent++
			}
		}
		for _, f := range talk(t, self, second, 1) {
			ways[1](f)
			sent++
		}
		for _, f := range talk(t, capturetest.PC(0), second, 10) {
			if lossy(f) {
				sent++
			} else {
				missed++
			}
		}
		for _, f := range talk(t, capturetest.PC(9), second, 1) {
			for _, send := range strangers {
				send(f)
				refused++
			}
		}
		found, v := p.stations(t, b), p.vantage(t, b)
		if len(found) == len(want)+1 && v.Class == "A" && v.Lost > 0 { // the router is a station too
			if slices.ContainsFunc(want, func(id uplink.StationID) bool { return !slices.Contains(found, id) }) {
				t.Errorf("stations %v at the province, want %v and the router", found, want)
			}
			if v.Why != "mirror" || v.Lost < 200 || v.Lost > 1000 { // a tenth of what is two thirds of all
				t.Errorf("vantage %+v, want a mirror that loses some 6 %%", v)
			}
			break
		}
		if second == 150 {
			t.Fatalf("after %d s: stations %v, vantage %+v, want %d of a mirror that loses some; %+v", second, found, v, len(want)+1, l.latest)
		}
		<-tick.C
	}
	pr := l.await("all is seen", func(pr progress) bool { return int(pr.Frames) >= sent && int(pr.Refused) >= refused })
	if int(pr.Frames) != sent || int(pr.Refused) != refused || pr.Dropped != 0 || pr.Missed > uint64(missed) || pr.Missed+1 < uint64(missed) {
		t.Errorf("sent %d frames and %d of a stranger, %d were lost; %+v, want the same, and none dropped", sent, refused, missed, pr)
	}
	u.wantSent("while it listens", 0, 0)
	l.end()
	strangers[0]([]byte("nobody listens"))
	u.wantSent("when it has ended, and the kernel says so", 1, 1)
	l = b.listen(t)
	l.await("all is receipted", func(pr progress) bool { return pr.Records > 0 && pr.Receipted == pr.Records })
	told := 0
	for _, body := range p.told(t, b, uplink.KindSecurity) {
		s := body.(*uplink.Security)
		if s.What != uplink.SecurityStranger || s.Topic != "mirror" {
			t.Errorf("%+v, want none but of a stranger's mirror", s)
		}
		told += int(s.Count)
	}
	if told != refused {
		t.Errorf("security records of %d refused, want %d", told, refused)
	}
	for _, body := range p.told(t, b, uplink.KindLink) {
		t.Errorf("%+v, want none: there is no capture port", body)
	}
	l.end()
}

// stations returns those that the province has in the box's newest roster.
func (s *site) stations(t *testing.T, b *box) (list []uplink.StationID) {
	t.Helper()
	rosters := s.heardOf(t, b, uplink.KindRoster)
	if len(rosters) == 0 {
		return nil
	}
	for _, m := range rosters[len(rosters)-1].(*uplink.Roster).Stations {
		list = append(list, m.Station)
	}
	return list
}

// vantage returns what the box last said of its vantage, the zero value before it did.
func (s *site) vantage(t *testing.T, b *box) uplink.Vantage {
	t.Helper()
	list := s.heardOf(t, b, uplink.KindVantage)
	if len(list) == 0 {
		return uplink.Vantage{}
	}
	return *list[len(list)-1].(*uplink.Vantage)
}

// heardOf is told for a box of which the province may not have heard yet.
func (s *site) heardOf(t *testing.T, b *box, k uplink.Kind) []uplink.Body {
	t.Helper()
	if totals, err := s.Totals(t.Context()); err != nil || totals.Chains == 0 {
		return nil
	}
	return s.told(t, b, k)
}

// TestRemoteBesidePort: a capture port and mirrors that are sent, at once: each frame of both is counted, before the port is there,
// over lives of the process and lives in it; what numbers say is missing is counted apart; what is no mirror is refused; neither of them sends.
func TestRemoteBesidePort(t *testing.T) {
	m, u := newMirror(t, true), newUpstream(t)
	p := newSite(t, t.TempDir(), "")
	b := p.remoteBox(t, portName, upTZSP, upERSPAN)
	b.configure(t, func(c *config.Config) { c.Clock.Servers = []string{timeServer(t), timeServer(t), timeServer(t)} })
	frames := cafeFrames(t)[:4000]
	sniffer, erspan := u.sendMirror("udp", upTZSP, 37008, tzsp), u.sendMirror("ip4:gre", upERSPAN, 0, func(n uint32) string { return erspan2(n+n/10, 7) })
	rubbish := u.sendMirror("udp", upTZSP, 37008, func(uint32) string { return "" })
	links := &linkRecords{p: p, b: b}
	all := func() (n int) {
		for i, f := range frames {
			m.replay([][]byte{f})
			sniffer(f)
			n += 2
			if i%4 == 0 {
				erspan(f)
				n++
			}
			if i%20 == 19 {
				time.Sleep(2 * time.Millisecond)
			}
		}
		return n
	}
	m.cut()
	l := b.listen(t)
	links.await(t, false)
	for _, f := range frames[:500] {
		sniffer(f)
	}
	m.counted(l, 500)
	m.lay()
	links.await(t, true)
	if got := capabilities(t, l.cmd.Process.Pid); got != 0 {
		t.Errorf("capabilities %#x once the port is open, want none", got)
	}
	m.counted(l, 500+all())
	p.reboot(t, b) // a life that follows in the same process has the same sockets, and no right to open others
	links.await(t, true)
	m.counted(l, all())
	l.kill()
	u.wantSent("three lives", 0, 1) // the kernel may say once that nobody listens
	l = b.listen(t)
	links.await(t, true)
	n := all()
	rubbish([]byte("no mirror"))
	rubbish(nil)
	m.counted(l, n)
	pr := l.await("what is refused is counted", func(pr progress) bool { return pr.Refused == 2 })
	if want := uint64(len(frames)/4-1) / 10; pr.Missed != want {
		t.Errorf("%d frames missed by their numbers, want %d", pr.Missed, want)
	}
	list := p.awaitTold(t, b, uplink.KindSecurity, 1)
	if s := list[0].(*uplink.Security); len(list) != 1 || s.What != uplink.SecurityMalformed || s.Topic != "mirror" || s.Count != 2 {
		t.Errorf("%d security records, the first %+v, want one of two that are no mirrors", len(list), s)
	}
	l.end()
	l = b.listen(t) // one more life, in which nothing happens but that all is receipted
	links.await(t, true)
	p.awaitTold(t, b, uplink.KindOff, 3)
	p.awaitTold(t, b, uplink.KindAnchor, 4)
	l.await("all is receipted", func(pr progress) bool { return pr.Receipted == pr.Records })
	l.end()
	p.stop()
	sameInStore(t, p.dir, b.spooled(t))
	m.wantSent(0)
}

// reboot lets the box's daemon start anew, as the province asks for it, and waits until it has.
func (s *site) reboot(t *testing.T, b *box) {
	t.Helper()
	s.awaitTold(t, b, uplink.KindAnchor, 1) // without the time it takes no command
	st, _, err := province.OpenBeside(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	ch := chainOf(t, st, b.id.Box)
	n, err := collector.Order(st, ch, uplink.VerbReboot, nil, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if got := result(t, st, ch, n); got != "done" {
		t.Fatalf("reboot: %s, want done", got)
	}
}

// TestRemoteCaptures: the packets of real senders, as they were captured, sent once more to a live daemon, which finds as many
// mirrored frames in them as they are known to carry.
func TestRemoteCaptures(t *testing.T) {
	needRoot(t)
	truth := map[string]string{}
	for _, fact := range capturetest.Truth(t) {
		if fact.Kind == "encap" {
			truth[fact.File+" "+fact.Key] = strings.TrimPrefix(fact.Value, "packets=")
		}
	}
	f := func(file, known string) {
		t.Helper()
		ends, packets := capturetest.Carriers(t, file)
		var senders []string
		for a := range ends {
			run(t, "ip", "addr", "add", netip.PrefixFrom(a, 32).String(), "dev", "lo")
			defer run(t, "ip", "addr", "del", netip.PrefixFrom(a, 32).String(), "dev", "lo")
			senders = append(senders, a.String())
		}
		p := newSite(t, t.TempDir(), "")
		l := p.remoteBox(t, "", senders...).listen(t)
		l.await("it listens", func(progress) bool { return true })
		capturetest.Resend(t, packets)
		l.await("the frames are seen", func(pr progress) bool { return fmt.Sprint(pr.Frames) == known })
		time.Sleep(300 * time.Millisecond)
		if pr := l.await("and no more", func(progress) bool { return true }); fmt.Sprint(pr.Frames) != known || pr.Refused+pr.Dropped != 0 {
			t.Errorf("%s: %+v, want %s frames, none refused, none dropped", file, pr, known)
		}
		l.end()
	}
	const vxlan, gretap = "encap-vxlan--ndpi.pcap", "encap-erspan--zeek.pcap"
	f(vxlan, truth[vxlan+" vxlan"])
	f(gretap, truth[gretap+" gre"])
}
