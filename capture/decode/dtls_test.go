package decode

import (
	"slices"
	"testing"
)

// dtlsBody makes the body of a DTLS ClientHello out of that of a TLS one: a cookie more, another version.
func dtlsBody(hello []byte, cookie string) []byte {
	body := hello[recordHeader+4:]
	at := 2 + 32 + 1 + int(body[34])
	b := append([]byte{0xfe, 0xfd}, body[2:at]...)
	b = append(b, byte(len(cookie)))
	b = append(b, cookie...)
	return append(b, body[at:]...)
}

// dtlsRecordOf returns the record of one fragment of a ClientHello of length octets.
func dtlsRecordOf(epoch, seq byte, length, off int, b []byte) []byte {
	n := dtlsHandshake + len(b)
	rec := []byte{recordHandshake, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, seq, byte(n >> 8), byte(n)}
	rec = append(rec, handshakeClientHello, byte(length>>16), byte(length>>8), byte(length), 0, seq,
		byte(off>>16), byte(off>>8), byte(off), byte(len(b)>>16), byte(len(b)>>8), byte(len(b)))
	return append(rec, b...)
}

func TestDTLS(t *testing.T) {
	k := newTalker()
	body := dtlsBody(helloOf(t, "voice.example"), "cookie")
	n := len(body)
	f := func(name string, want []string, datagrams ...[]byte) {
		t.Helper()
		k.next()
		var got []string
		for _, b := range datagrams {
			got = append(got, names(k.udp(b))...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	one := []string{"dtls_sni voice.example"}
	f("one record", one, dtlsRecordOf(0, 0, n, 0, body))
	f("hello, HelloVerifyRequest, hello", []string{one[0], one[0]}, dtlsRecordOf(0, 0, n, 0, body), dtlsRecordOf(0, 1, n, 0, body))
	f("fragments in order", one, dtlsRecordOf(0, 0, n, 0, body[:60]), dtlsRecordOf(0, 0, n, 60, body[60:]))
	f("fragments in one datagram, last first", one,
		append(dtlsRecordOf(0, 0, n, 60, body[60:]), dtlsRecordOf(0, 0, n, 0, body[:60])...))
	f("fragments twice", one, dtlsRecordOf(0, 0, n, 0, body[:60]), dtlsRecordOf(0, 0, n, 0, body[:60]),
		dtlsRecordOf(0, 0, n, 60, body[60:]), dtlsRecordOf(0, 0, n, 60, body[60:]))
	f("fragment of another hello", nil, dtlsRecordOf(0, 0, n, 0, body[:60]), dtlsRecordOf(0, 1, n, 60, body[60:]))
	f("encrypted", nil, dtlsRecordOf(1, 0, n, 0, body))
	f("fragment beyond the message", nil, dtlsRecordOf(0, 0, 100, 90, body[:60]))
}

// FuzzDTLSSplit: however a hello is cut into fragments, and in whatever order these come, its name is the same, once.
func FuzzDTLSSplit(f *testing.F) {
	f.Add([]byte{50, 50}, []byte{0, 0, 1}, false)
	f.Add([]byte{1, 1, 1}, []byte{}, true)
	body := dtlsBody(helloOf(f, "voice.example"), "")
	k := newTalker()
	f.Fuzz(func(t *testing.T, frags, shuffle []byte, joined bool) {
		pieces := cuts(body, frags)
		if len(pieces) > maxSpans {
			return
		}
		offs := make([]int, len(pieces))
		for i := 1; i < len(pieces); i++ {
			offs[i] = offs[i-1] + len(pieces[i-1])
		}
		k.next()
		var datagram []byte
		var got []string
		for _, i := range order(len(pieces), shuffle) {
			rec := dtlsRecordOf(0, 0, len(body), offs[i], pieces[i])
			if joined {
				datagram = append(datagram, rec...)
				continue
			}
			got = append(got, names(k.udp(rec))...)
		}
		if joined {
			got = names(k.udp(datagram))
		}
		if want := []string{"dtls_sni voice.example"}; !slices.Equal(got, want) {
			t.Errorf("fragments %v: %q, want %q", frags, got, want)
		}
	})
}

// FuzzDTLS: whatever comes, names are clean, and a datagram that is taken to be DTLS starts with a handshake record.
func FuzzDTLS(f *testing.F) {
	body := dtlsBody(helloOf(f, "voice.example"), "cookie")
	f.Add(dtlsRecordOf(0, 0, len(body), 0, body))
	f.Add(dtlsRecordOf(0, 0, len(body), 7, body[7:90]))
	k := newTalker()
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		k.next().udp(b)
		checkNames(t, k.d.obs)
		if dtls(k.d, &k.p) && (b[0] != recordHandshake || b[1] != 0xfe) {
			t.Errorf("%x is no DTLS", b)
		}
	})
}
