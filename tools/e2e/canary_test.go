package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/gopacket/layers"
	"github.com/quic-go/quic-go"
	"golang.org/x/net/dns/dnsmessage"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/pcapfile"
	"cafeprobe/firmware/pipeline"
	"cafeprobe/tools/province/mosquitto/mosquittotest"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// planted is what the capture holds and nobody outside the box may find (rule R14). Words of observations are ones that
// cafeprobed is to have understood; it then had the occasion to tell them.
var planted = struct {
	understood, payload []string
	macs                []capture.MAC
}{
	understood: []string{
		"canary-option12", "canary-option81.example", "CANARYNETBIOS", "canary-llmnr", "canary-mdns.local",
		"canary-qname.example", "canary-sni.example", "canary-quic.example", "canary-http.example",
	},
	payload: []string{"CanaryBrowser/7.5", "canary-cookie-8841", "canary chat between friends", "/canary/path"},
	macs:    []capture.MAC{capturetest.PC(1).MAC, phone.MAC, capturetest.Router().MAC},
}

// phone has a locally administered address, as telephones make for themselves.
var phone = capturetest.Host{MAC: capture.MAC{0x7a, 0x5c, 0x1d, 0x3e, 0x9f, 0x02}, Addr: netip.AddrFrom4([4]byte{192, 168, 1, 77})}

// TestCanary: of what is planted nothing is in the spool, the logs at their most talkative, the MQTT messages or the
// province's database, in any spelling.
func TestCanary(t *testing.T) {
	file := filepath.Join(t.TempDir(), "canary.pcap")
	capturetest.WritePcap(t, file, canaries(t))
	understood(t, file)

	b := mosquitto(t)
	watcher := watch(t, b, "#")
	p := newSite(t, t.TempDir(), b.url())
	box := newBox(t, p, file, 0)
	var out, log bytes.Buffer
	last := box.whole(t, &out, &log)
	for range 2 { // a later life's log and messages too; it may find all told
		box.whole(t, &out, &log)
	}
	p.stop()
	heard := watcher()
	if last.Records < 3 || !bytes.Contains(heard, []byte("up/rec")) {
		t.Fatalf("%d records, %d octets heard: the canaries had no way out", last.Records, len(heard))
	}
	where := map[string][]byte{"standard output": out.Bytes(), "log": log.Bytes(), "MQTT": heard}
	for _, dir := range []string{box.dir, p.dir} {
		readAll(t, dir, where)
	}
	for name, text := range where {
		for _, f := range find(text) {
			t.Errorf("%s holds %s", name, f)
		}
	}
}

// TestCanaryIsFound: the search finds each canary in each spelling, inside of other octets.
func TestCanaryIsFound(t *testing.T) {
	for what, spellings := range needles() {
		for how, needle := range spellings {
			text := append(append([]byte("…\x00"), needle...), "\x00…"...)
			if len(find(text)) == 0 {
				t.Errorf("%s is not found as %s: %q", what, how, needle)
			}
		}
	}
	word := planted.understood[0]
	for pad := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte("abc"[:pad] + word + " tail"))
		if len(find([]byte(text))) == 0 {
			t.Errorf("%s is not found in base64 behind %d octets: %s", word, pad, text)
		}
	}
	if got := find([]byte(`{"v":1,"box":"b-00000001","name":"harmless"}`)); len(got) != 0 {
		t.Errorf("found %v where nothing is", got)
	}
}

func readAll(t *testing.T, dir string, into map[string][]byte) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == spool.IdentityFile {
			return err
		}
		n++
		into[path], err = os.ReadFile(path)
		return err
	})
	if err != nil || n == 0 {
		t.Fatalf("read %s: %d files, %v", dir, n, err)
	}
}

// needles returns the spellings of each canary by what it is and how it is spelt.
func needles() map[string]map[string][]byte {
	all := map[string]map[string][]byte{}
	for _, w := range append(append([]string(nil), planted.understood...), planted.payload...) {
		all[w] = spellings([]byte(w))
		units := utf16.Encode([]rune(w))
		var le, be []byte
		for _, u := range units {
			le, be = append(le, byte(u), byte(u>>8)), append(be, byte(u>>8), byte(u))
		}
		all[w]["UTF-16LE"], all[w]["UTF-16BE"] = le, be
	}
	for _, m := range planted.macs {
		s := spellings(m[:])
		h := hex.EncodeToString(m[:])
		s["Cisco's dots"] = []byte(h[:4] + "." + h[4:8] + "." + h[8:])
		all["MAC "+h] = s
	}
	return all
}

// spellings returns the octets of b raw, in hexadecimal and in base64 at each of the three places where b can begin in a
// longer text; of the letters there only those that b alone determines.
func spellings(b []byte) map[string][]byte {
	plain := hex.EncodeToString(b)
	var pairs []string
	for i := 0; i < len(plain); i += 2 {
		pairs = append(pairs, plain[i:i+2])
	}
	s := map[string][]byte{
		"octets": b, "hexadecimal": []byte(plain), "hexadecimal with colons": []byte(strings.Join(pairs, ":")),
		"hexadecimal with hyphens": []byte(strings.Join(pairs, "-")), "hexadecimal with spaces": []byte(strings.Join(pairs, " ")),
	}
	for pad := range 3 {
		text := append(make([]byte, pad), b...)
		first, last := (8*pad+5)/6, 8*len(text)/6
		for name, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			s[name+" behind "+"012"[pad:pad+1]] = []byte(enc.EncodeToString(text)[first:last])
		}
	}
	return s
}

// find returns which canaries text holds and how they are spelt. Case is ignored but in base64, whose letters would be
// others.
func find(text []byte) (found []string) {
	lower := bytes.ToLower(text)
	for what, spellings := range needles() {
		for how, needle := range spellings {
			in := lower
			if strings.HasPrefix(how, "base64") {
				in = text
			} else {
				needle = bytes.ToLower(needle)
			}
			if bytes.Contains(in, needle) {
				found = append(found, what+" as "+how)
			}
		}
	}
	return found
}

// understood fails the test unless the decoders make observations of the planted names and stations.
func understood(t *testing.T, file string) {
	t.Helper()
	src, err := pcapfile.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var said strings.Builder
	macs := map[capture.MAC]bool{}
	run := pipeline.New(pipeline.Config{Tap: func(o *capture.Observation) {
		said.WriteString(o.Name + "\n")
		if o.DHCP != nil {
			said.WriteString(o.DHCP.Hostname + "\n" + o.DHCP.FQDN + "\n")
		}
		macs[o.MAC] = true
	}})
	if err := run.Run(context.Background(), src); err != nil {
		t.Fatal(err)
	}
	for _, w := range planted.understood {
		if !strings.Contains(strings.ToLower(said.String()), strings.ToLower(w)) {
			t.Errorf("%s was planted and not understood: %q", w, said.String())
		}
	}
	for _, m := range planted.macs {
		if !macs[m] {
			t.Errorf("station %v was planted and not seen", m)
		}
	}
}

// watch starts mosquitto_sub for filter and returns a function that ends it and returns what it printed: a line a
// message, topic and payload.
func watch(t *testing.T, b broker, filter string) func() []byte {
	t.Helper()
	var out bytes.Buffer
	_, port, _ := strings.Cut(b.Addr(), ":")
	cmd := exec.Command(mosquittotest.Program(t, "mosquitto_sub"), "-h", "127.0.0.1", "-p", port, "-t", filter, "-v", "-q", "1")
	cmd.Stdout, cmd.Stderr = &out, t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() []byte {
		time.Sleep(200 * time.Millisecond) // what is under way
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // says that it was interrupted
		return out.Bytes()
	}
	return end
}

// canaries returns two minutes of a computer and a telephone that say everything planted.
func canaries(t *testing.T) (frames []capture.Frame) {
	t.Helper()
	at := time.Duration(0)
	send := func(data []byte) {
		f := capturetest.Frame(data)
		f.Time += int64(at)
		frames = append(frames, f)
		at += 50 * time.Millisecond
	}
	server := capturetest.Server()
	for minute := range 4 {
		at = time.Duration(minute) * time.Minute
		for _, h := range []capturetest.Host{capturetest.PC(1), phone} {
			for _, data := range sayings(t, h) {
				send(data)
			}
			for _, data := range tcpTalk(t, h, server, 443, clientHello(t, "canary-sni.example")) {
				send(data)
			}
			request := "GET /canary/path HTTP/1.1\r\nHost: canary-http.example\r\nUser-Agent: CanaryBrowser/7.5\r\n" +
				"Cookie: id=canary-cookie-8841\r\n\r\ncanary chat between friends"
			for _, data := range tcpTalk(t, h, server, 80, []byte(request)) {
				send(data)
			}
			send(capturetest.UDP(t, h, server, 40000, 5000, []byte("canary chat between friends")))
			send(capturetest.UDP(t, server, h, 5000, 40000, []byte("canary chat between friends")))
			for _, datagram := range quicInitial(t, "canary-quic.example") {
				send(capturetest.UDP(t, h, server, 50123, 443, datagram))
			}
		}
	}
	return frames
}

// sayings returns the frames in which h says its names and asks for others.
func sayings(t *testing.T, h capturetest.Host) [][]byte {
	t.Helper()
	group := func(mac capture.MAC, addr string) capturetest.Host {
		return capturetest.Host{MAC: mac, Addr: netip.MustParseAddr(addr)}
	}
	d := &layers.DHCPv4{
		Operation: layers.DHCPOpRequest, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: 7,
		ClientHWAddr: net.HardwareAddr(h.MAC[:]), Options: layers.DHCPOptions{
			layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(layers.DHCPMsgTypeRequest)}),
			layers.NewDHCPOption(layers.DHCPOptHostname, []byte("canary-option12")),
			layers.NewDHCPOption(81, append([]byte{0, 0, 0}, "canary-option81.example"...)),
		},
	}
	dhcp := capturetest.Build(t, d)
	everybody := group(capture.Broadcast, "255.255.255.255")
	return [][]byte{
		capturetest.ARP(t, 1, h, capturetest.Router()),
		capturetest.ARP(t, 2, capturetest.Router(), h),
		capturetest.UDP(t, capturetest.Host{MAC: h.MAC, Addr: netip.IPv4Unspecified()}, everybody, 68, 67, dhcp),
		capturetest.UDP(t, h, group(capture.Broadcast, "192.168.1.255"), 137, 137, nbnsRegistration("CANARYNETBIOS", h.Addr)),
		capturetest.UDP(t, h, group(capture.MAC{1, 0, 0x5e, 0, 0, 0xfc}, "224.0.0.252"), 5355, 5355, answer(t, "canary-llmnr.", h.Addr)),
		capturetest.UDP(t, h, group(capture.MAC{1, 0, 0x5e, 0, 0, 0xfb}, "224.0.0.251"), 5353, 5353, answer(t, "canary-mdns.local.", h.Addr)),
		capturetest.UDP(t, h, capturetest.Router(), 40001, 53, question(t, "canary-qname.example.")),
	}
}

func question(t *testing.T, name string) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true}, Questions: []dnsmessage.Question{
		{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
	}}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// answer is a response in which name has addr; LLMNR repeats the question.
func answer(t *testing.T, name string, addr netip.Addr) []byte {
	t.Helper()
	n := dnsmessage.MustNewName(name)
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true, Authoritative: true}}
	if !strings.HasSuffix(name, ".local.") {
		m.Questions = []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}
	}
	m.Answers = []dnsmessage.Resource{{
		Header: dnsmessage.ResourceHeader{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 120},
		Body:   &dnsmessage.AResource{A: addr.As4()},
	}}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// nbnsRegistration is a NetBIOS name registration request (RFC 1002 section 4.2.2).
func nbnsRegistration(name string, addr netip.Addr) []byte {
	b := []byte{0, 9, 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1, 32}
	for _, c := range []byte((name + strings.Repeat(" ", 15))[:15] + "\x00") {
		b = append(b, 'A'+c>>4, 'A'+c&15)
	}
	b = append(b, 0, 0, 0x20, 0, 1, 0xc0, 0x0c, 0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0, 0)
	return append(b, addr.AsSlice()...)
}

// tcpTalk is a connection from h to server on which h says body.
func tcpTalk(t *testing.T, h, server capturetest.Host, port uint16, body []byte) [][]byte {
	t.Helper()
	own := 41000 + port
	frames := [][]byte{
		capturetest.TCP(t, h, server, capturetest.Segment{SrcPort: own, DstPort: port, Seq: 1, SYN: true}, nil),
		capturetest.TCP(t, server, h, capturetest.Segment{SrcPort: port, DstPort: own, Seq: 1, Ack: 2, SYN: true, ACK: true}, nil),
		capturetest.TCP(t, h, server, capturetest.Segment{SrcPort: own, DstPort: port, Seq: 2, Ack: 2, ACK: true}, nil),
	}
	for at := 0; at < len(body); at += 1400 {
		s := capturetest.Segment{SrcPort: own, DstPort: port, Seq: 2 + uint32(at), Ack: 2, ACK: true, PSH: true}
		frames = append(frames, capturetest.TCP(t, h, server, s, body[at:min(at+1400, len(body))]))
	}
	return frames
}

// clientHello returns what crypto/tls says first to name.
func clientHello(t *testing.T, name string) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() {
		_ = tls.Client(ours, &tls.Config{ServerName: name}).Handshake() // nobody answers it
	}()
	b := make([]byte, 16<<10)
	n, err := theirs.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// quicInitial returns the first datagrams that a QUIC client sends to name.
func quicInitial(t *testing.T, name string) [][]byte {
	t.Helper()
	peer, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = quic.DialAddr(ctx, peer.LocalAddr().String(), &tls.Config{ServerName: name, NextProtos: []string{"h3"}}, nil)
	}()
	var list [][]byte
	for wait := 5 * time.Second; ; wait = 50 * time.Millisecond {
		if err := peer.SetReadDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 2048)
		n, _, err := peer.ReadFrom(b)
		if err != nil {
			break // no more of the first flight
		}
		list = append(list, b[:n])
	}
	cancel()
	<-ended
	if len(list) == 0 {
		t.Fatal("the QUIC client said nothing")
	}
	return list
}

// TestWatchedByAPerson: with mosquitto_sub each line is a topic of a known leaf and a JSON object that its reader takes.
func TestWatchedByAPerson(t *testing.T) {
	b := mosquitto(t)
	watcher := watch(t, b, "cafeprobe/v1/#")
	p := newSite(t, t.TempDir(), b.url())
	newBox(t, p, evening(t, 8, 2), 0).whole(t, io.Discard, t.Output())
	p.stop()
	seen := map[uplink.Leaf]int{}
	for line := range strings.Lines(string(watcher())) {
		topic, payload, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		a, leaf, _, err := uplink.ParseTopic(topic)
		if !ok || err != nil || a.Province != p.name {
			t.Errorf("line %.200q: %v", line, err)
			continue
		}
		seen[leaf]++
		if err := readable(leaf, []byte(payload)); err != nil {
			t.Errorf("line %.200q: %v", line, err)
		}
	}
	for _, leaf := range []uplink.Leaf{uplink.UpHello, uplink.UpRecords, uplink.UpState, uplink.UpOcc, uplink.UpCheckpoint, uplink.DownReceipt} {
		if seen[leaf] == 0 {
			t.Errorf("no line of %s among %v", leaf, seen)
		}
	}
}

// readable reads payload as what leaf is said to carry.
func readable(leaf uplink.Leaf, payload []byte) (err error) {
	switch leaf {
	case uplink.UpHello:
		_, err = uplink.Parse[uplink.Hello](payload)
	case uplink.UpRecords:
		_, err = uplink.ParseBatch(payload)
	case uplink.UpState:
		_, err = uplink.Parse[uplink.State](payload)
	case uplink.UpOcc:
		_, err = uplink.Parse[uplink.Occ](payload)
	case uplink.UpCheckpoint:
		_, err = uplink.Parse[uplink.Checkpoint](payload)
	case uplink.DownReceipt:
		_, err = uplink.Parse[uplink.Receipt](payload)
	default:
		err = uplink.ErrTopic
	}
	return err
}
