package decode

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"cafeprobe/capture"
)

// dnsQuery is a query for names of a type.
func dnsQuery(t testing.TB, typ dnsmessage.Type, names ...string) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: typ != dnsmessage.TypeALL}}
	for _, n := range names {
		m.Questions = append(m.Questions, dnsmessage.Question{
			Name: dnsmessage.MustNewName(n), Type: typ, Class: dnsmessage.ClassINET,
		})
	}
	return packDNS(t, m)
}

// dnsAnswer is a response with address records of name.
func dnsAnswer(t testing.TB, ttl uint32, name string, addrs ...netip.Addr) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{Response: true, Authoritative: false}}
	for _, a := range addrs {
		h := dnsmessage.ResourceHeader{
			Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: ttl,
		}
		r := dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}}
		if a.Is4() {
			r.Body = &dnsmessage.AResource{A: a.As4()}
		}
		m.Answers = append(m.Answers, r)
	}
	return packDNS(t, m)
}

func packDNS(t testing.TB, m dnsmessage.Message) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rawQuery is a query whose question section is b.
func rawQuery(questions byte, b string) []byte {
	return append([]byte{0, 7, 1, 0, 0, questions, 0, 0, 0, 0, 0, 0}, b...)
}

func TestDNS(t *testing.T) {
	f := func(name string, b []byte, lines ...string) {
		t.Helper()
		want(t, name, udpFrom(40000, 53, other, b), lines...)
	}
	f("one", dnsQuery(t, dnsmessage.TypeA, "www.Example.vn."), "query dns www.Example.vn")
	f("two", dnsQuery(t, dnsmessage.TypeA, "a.vn.", "b.a.vn."), "query dns a.vn", "query dns b.a.vn")
	f("root", dnsQuery(t, dnsmessage.TypeNS, "."), "query dns <Root>")
	f("dot inside a label", rawQuery(1, "\x03a.b\x02vn\x00\x00\x01\x00\x01"), `query dns a\.b.vn`)
	f("odd octets", rawQuery(1, "\x05a\x00b\xff\n\x00\x00\x01\x00\x01"), `query dns a\000b`+"\ufffd"+`\n`)
	f("pointer to itself", rawQuery(1, "\xc0\x0c\x00\x01\x00\x01"))
	f("pointers that run in a ring", rawQuery(1, "\x01a\xc0\x0c\x00\x01\x00\x01"))
	f("extended label", rawQuery(1, "\x41a\x00\x00\x01\x00\x01"))
	f("cut in the second", rawQuery(2, "\x01a\x00\x00\x01\x00\x01\x03b"), "query dns a")
	f("longest", rawQuery(1, strings.Repeat("\x3d"+strings.Repeat("x", 61), 4)+"\x05abcde\x00\x00\x01\x00\x01"),
		"query dns "+strings.Repeat(strings.Repeat("x", 61)+".", 4)+"abcde")
	f("too long", rawQuery(1, strings.Repeat("\x3f"+strings.Repeat("x", 63), 4)+"\x00\x00\x01\x00\x01"))
	f("nothing", nil)
	want(t, "answer", udpFrom(53, 40000, other, dnsAnswer(t, 60, "a.vn.", other)), "service dns 53 ")
	want(t, "answer from elsewhere", udpFrom(40000, 53, other, dnsAnswer(t, 60, "a.vn.", other)))
}

func TestDNSCrowded(t *testing.T) {
	b := rawQuery(255, strings.Repeat("\x01a\x00\x00\x01\x00\x01", 255))
	if got := len(say(udpFrom(40000, 53, other, b))); got != maxObservations {
		t.Errorf("%d observations of 255 questions, want %d", got, maxObservations)
	}
}

// stream puts messages behind their lengths.
func dnsStream(messages ...[]byte) (b []byte) {
	for _, m := range messages {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(m))), m...)
	}
	return b
}

// readDNSTCP gives b to dnsTCPRead as a stream that comes in steps, and returns what was said.
func readDNSTCP(d *Decoder, b []byte, step int) (lines []string) {
	p := udpFrom(40000, 53, other, nil)
	p.Proto = ProtoTCP
	d.p = p
	done := 0
	for end := step; done < len(b); end += step {
		end = min(end, len(b))
		d.obs = d.obs[:0]
		p.Payload = b[max(end-step, 0):end]
		p.PayloadLen = len(p.Payload)
		n, more := dnsTCPRead(d, p, b[done:end])
		for i := range d.obs {
			lines = append(lines, line(&d.obs[i]))
		}
		if done += n; !more || end == len(b) {
			break
		}
	}
	return lines
}

func TestDNSOverTCP(t *testing.T) {
	a, b := dnsQuery(t, dnsmessage.TypeA, "a.vn."), dnsQuery(t, dnsmessage.TypeAAAA, "b.vn.")
	lines := []string{"query dns a.vn", "query dns b.vn"}
	for _, step := range []int{1, 2, 3, 20, 1000} {
		if got := readDNSTCP(New(), dnsStream(a, b), step); !slices.Equal(got, lines) {
			t.Errorf("in steps of %d: %q, want %q", step, got, lines)
		}
	}
	p := &Packet{DstPort: 53}
	starts := func(b []byte) bool { return dnsTCPStarts(p.SrcPort, p.DstPort, b) }
	if !starts(dnsStream(a)) || !starts(dnsStream(a)[:2]) {
		t.Error("a stream that starts with a query, or with its length alone, does not start")
	}
	if dnsTCPStarts(0, 80, dnsStream(a)) || starts([]byte("GET / HTTP/1.1\r\n")) {
		t.Error("HTTP starts a stream of DNS")
	}
	// A segment that was captured short holds its question all the same.
	d, short := New(), dnsStream(a)
	short[1] += 11 // an OPT record that was not captured
	d.p = &Packet{DstPort: 53, SrcPort: 40000, Payload: short, PayloadLen: len(short) + 11}
	if n, more := dnsTCPRead(d, d.p, short); n != len(short) || more || len(d.obs) != 1 {
		t.Errorf("captured short: %d octets of %d, more %v, %d observations", n, len(short), more, len(d.obs))
	}
}

// FuzzDNS holds our reading against golang.org/x/net: of each message that it takes, we must say the same questions.
func FuzzDNS(f *testing.F) {
	f.Add(dnsQuery(f, dnsmessage.TypeA, "www.example.vn.", "."))
	f.Add(rawQuery(2, "\x01a\xc0\x0c\x00\x01\x00\x01"))
	f.Add(rawQuery(2, "\x01a\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01"))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		var got []string
		for _, o := range d.Inspect(udpFrom(40000, 53, other, b)) {
			checkText(t, o.Name)
			if o.Kind == capture.KindQuery {
				got = append(got, o.Name)
			}
		}
		var parser dnsmessage.Parser
		h, err := parser.Start(b)
		if err != nil || h.Response {
			return
		}
		questions, err := parser.AllQuestions()
		if err != nil || len(questions) > maxObservations {
			return
		}
		var names []string
		for i := range questions {
			name := strings.TrimSuffix(questions[i].Name.String(), ".")
			if name == "" {
				name = "<Root>"
			}
			names = append(names, text([]byte(name)))
		}
		if !slices.Equal(got, names) {
			t.Errorf("got %q, dnsmessage %q", got, names)
		}
	})
}

// FuzzDNSOverTCP: in which steps a stream comes does not change what it says.
func FuzzDNSOverTCP(f *testing.F) {
	f.Add(dnsStream(dnsQuery(f, dnsmessage.TypeA, "a.vn."), dnsQuery(f, dnsmessage.TypeA, "b.vn.")), uint8(3))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		if len(b) == 0 || step == 0 {
			return
		}
		got, whole := readDNSTCP(d, b, int(step)), readDNSTCP(d, b, len(b))
		if !slices.Equal(got, whole) && len(whole) < maxObservations {
			t.Errorf("in steps of %d: %q, at once: %q", step, got, whole)
		}
	})
}

// TestNamesAllocateNothing: a message that tells no name costs no allocation, and one that asks for one costs its copy.
func TestNamesAllocateNothing(t *testing.T) {
	d := New()
	f := func(name string, p *Packet, most float64) {
		t.Helper()
		if n := testing.AllocsPerRun(100, func() { d.Inspect(p) }); n > most {
			t.Errorf("%s: %v allocations, want at most %v", name, n, most)
		}
	}
	f("DNS answer", udpFrom(53, 40000, other, dnsAnswer(t, 60, "www.example.vn.", other, sender)), 0)
	f("DNS query", udpFrom(40000, 53, other, dnsQuery(t, dnsmessage.TypeA, "www.example.vn.")), 1)
	f("mDNS answer of another's", udpFrom(5353, 5353, mdnsAll, dnsAnswer(t, 60, "may-02.local.", other)), 0)
	f("not DNS", udpFrom(40000, 53, other, []byte("x")), 0)
}
