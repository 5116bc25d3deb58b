package decode

import (
	"bytes"
	"crypto/tls"
	"net"
	"slices"
	"testing"
	"unicode"
	"unicode/utf8"

	"cafeprobe/capture"
)

// helloOf returns the ClientHello that crypto/tls sends for name, as one TLS record. It has a key share of ML-KEM.
func helloOf(t testing.TB, name string) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		defer client.Close()
		_ = tls.Client(client, &tls.Config{ServerName: name, InsecureSkipVerify: name == ""}).Handshake() // ends when we hang up
	}()
	b := make([]byte, 16<<10)
	n, err := server.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	return b[:n]
}

// records puts handshake octets into records of the lengths that script says.
func records(handshake, script []byte) []byte {
	var b []byte
	for _, piece := range cuts(handshake, script) {
		b = append(b, recordHandshake, 3, 1, byte(len(piece)>>8), byte(len(piece)))
		b = append(b, piece...)
	}
	return b
}

func TestTLS(t *testing.T) {
	k := newTalker()
	hello := helloOf(t, "www.example.vn")
	f := func(name string, b []byte, want ...string) {
		t.Helper()
		if got := names(k.next().tcp(0, 1, b)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if used := k.d.streams.table.used; used != 0 {
			t.Errorf("%s: the stream is still open", name)
		}
	}
	f("hello", hello, "sni www.example.vn")
	f("no name", helloOf(t, ""))
	f("records of 100 octets", records(hello[5:], bytes.Repeat([]byte{100}, 30)), "sni www.example.vn")
	f("after a HelloRetryRequest", append([]byte(changeCipherSpec), hello...), "sni www.example.vn")
	f("early data behind", append(bytes.Clone(hello), 23, 3, 3, 0, 1, 0), "sni www.example.vn")
	f("SSLv2 hello", []byte("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10\x01\x00\x80"))
	f("ServerHello", append([]byte{22, 3, 3, 0, 4}, 2, 0, 0, 0))

	got := k.next().tcp(0, 1, hello)[0]
	want := capture.Observation{
		Kind: capture.KindQuery, Origin: capture.OriginSNI, Proto: ProtoTCP, MAC: k.p.Src, Time: k.p.Time,
		Addr: k.p.SrcAddr, Peer: k.p.DstAddr, PeerPort: 443, Name: "www.example.vn",
	}
	if got != want {
		t.Errorf("observation %+v, want %+v", got, want)
	}
}

// TestTLSEarly: the name is told as soon as it has come, though the rest of the hello may be lost.
func TestTLSEarly(t *testing.T) {
	k := newTalker().next()
	hello := helloOf(t, "www.example.vn")
	end := bytes.Index(hello, []byte("www.example.vn")) + len("www.example.vn")
	if got := names(k.tcp(0, 1, hello[:end-1])); got != nil {
		t.Errorf("one octet short: %q, want nothing", got)
	}
	if got, want := names(k.tcp(0, uint32(end), hello[end-1:end])), []string{"sni www.example.vn"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzTLSSplit: however a hello is cut into records and segments, its name is the same.
func FuzzTLSSplit(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{200, 200}, []byte{0, 0, 1})
	f.Add([]byte{}, []byte{1, 1, 1, 1, 1, 1, 1}, []byte{})
	f.Add([]byte("c"), []byte("\x10\x02\x03\x03P"), []byte("0")) // a record's first two octets, come early, started a stream
	hello := helloOf(f, "www.example.vn")
	k := newTalker()
	f.Fuzz(func(t *testing.T, recs, segs, shuffle []byte) {
		stream := records(hello[5:], recs)
		pieces := cuts(stream, segs)
		if len(stream) > maxStream || len(pieces) > maxSpans {
			return
		}
		offs := make([]uint32, len(pieces))
		for i := 1; i < len(pieces); i++ {
			offs[i] = offs[i-1] + uint32(len(pieces[i-1]))
		}
		k.next().tcp(flagSYN, 0xffffff00, nil)
		var got []string
		for _, i := range order(len(pieces), shuffle) {
			got = append(got, names(k.tcp(0, 0xffffff01+offs[i], pieces[i]))...)
		}
		if want := []string{"sni www.example.vn"}; !slices.Equal(got, want) {
			t.Errorf("records %v, segments %v: %q, want %q", recs, segs, got, want)
		}
	})
}

// checkNames fails unless every name is bounded, clean text.
func checkNames(t *testing.T, obs []capture.Observation) {
	t.Helper()
	for _, o := range obs {
		if len(o.Name) > capture.MaxName || !utf8.ValidString(o.Name) {
			t.Errorf("name %q of %d octets", o.Name, len(o.Name))
		}
		for _, r := range o.Name {
			if unicode.IsControl(r) {
				t.Errorf("name %q has a control character", o.Name)
			}
		}
		if o.Kind == capture.KindQuery && o.Name == "" {
			t.Errorf("a query for nothing: %+v", o)
		}
	}
}

// FuzzTLS: whatever is in a hello, in one piece or in two, the same clean name comes out.
func FuzzTLS(f *testing.F) {
	hello := helloOf(f, "a.example")
	f.Add(hello, uint16(40))
	f.Add(records(hello[5:], []byte{9, 9, 200}), uint16(8))
	f.Add([]byte(request+request), uint16(90))
	k := newTalker()
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		if len(b) == 0 || len(b) > maxStream || startOf(k.p.SrcPort, k.p.DstPort, b) == noRow {
			return
		}
		k.next().tcp(flagSYN, 0, nil)
		whole := k.tcp(0, 1, b)
		checkNames(t, whole)
		want := names(whole)
		cut := int(at)%len(b) + 1
		k.next().tcp(flagSYN, 0, nil)
		got := names(k.tcp(0, 1, b[:cut]))
		if len(got) < len(want) && cut < len(b) && b[0] == recordHandshake {
			got = append(got, names(k.tcp(0, 1+uint32(cut), b[cut:]))...)
			if !slices.Equal(got, want) {
				t.Errorf("cut at %d: %q, want %q", cut, got, want)
			}
		}
	})
}

func BenchmarkClientHello(b *testing.B) {
	hello := helloOf(b, "www.example.vn")
	k := newTalker().next()
	b.SetBytes(int64(len(hello)))
	b.ReportAllocs()
	seq := uint32(0)
	for b.Loop() {
		seq += 1 << 16
		if len(k.tcp(0, seq, hello)) != 1 {
			b.Fatal("no name")
		}
	}
}
