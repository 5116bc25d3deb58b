package decode

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"cafeprobe/capture"
)

// TestInitialKeys compares with the appendices A.1 of RFC 9001 and RFC 9369.
func TestInitialKeys(t *testing.T) {
	dcid, _ := hex.DecodeString("8394c8f03e515708")
	f := func(v int, key, iv, hp string) {
		t.Helper()
		version := &quicVersions[v]
		k, err := deriveInitial(version.salts[0], version.label, dcid)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(k.iv[:]); got != iv {
			t.Errorf("version %d: iv %s, want %s", v, got, iv)
		}
		secret := func(s string) cipher.Block {
			b, _ := hex.DecodeString(s)
			block, err := aes.NewCipher(b)
			if err != nil {
				t.Fatal(err)
			}
			return block
		}
		var got, want [16]byte
		k.hp.Encrypt(got[:], dcid2block(dcid))
		secret(hp).Encrypt(want[:], dcid2block(dcid))
		if got != want {
			t.Errorf("version %d: header protection key is not %s", v, hp)
		}
		gcm, _ := cipher.NewGCM(secret(key))
		if a, b := k.aead.Seal(nil, k.iv[:], dcid, nil), gcm.Seal(nil, k.iv[:], dcid, nil); !bytes.Equal(a, b) {
			t.Errorf("version %d: key is not %s", v, key)
		}
	}
	f(quicV1, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2")
	f(quicV2, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9")
}

func dcid2block(dcid []byte) []byte { return append(bytes.Clone(dcid), dcid...) }

// sealed makes an Initial packet of a client: what it seals with the keys of the connection id keysOf, dcid is where it
// goes to.
func sealed(t testing.TB, number uint32, keysOf, dcid string, pn uint32, frames []byte) []byte {
	t.Helper()
	version := quicVersionOf(number)
	k, err := deriveInitial(version.salts[0], version.label, []byte(keysOf))
	if err != nil {
		t.Fatal(err)
	}
	if len(frames) < 20 {
		frames = append(bytes.Clone(frames), make([]byte, 20-len(frames))...)
	}
	const pnSize, tag = 4, 16
	b := []byte{0xc0 | version.initial<<4 | pnSize - 1}
	b = binary.BigEndian.AppendUint32(b, number)
	b = append(b, byte(len(dcid)))
	b = append(b, dcid...)
	b = append(b, 3, 's', 'c', 'i', 2, 't', 'k') // source connection id, token
	b = binary.BigEndian.AppendUint16(b, 0x4000|uint16(pnSize+len(frames)+tag))
	at := len(b)
	b = binary.BigEndian.AppendUint32(b, pn)
	nonce := k.iv
	for i := range pnSize {
		nonce[len(nonce)-pnSize+i] ^= b[at+i]
	}
	b = k.aead.Seal(b, nonce[:], frames, bytes.Clone(b))
	var mask [16]byte
	k.hp.Encrypt(mask[:], b[at+4:at+20])
	b[0] ^= mask[0] & 0x0f
	for i := range pnSize {
		b[at+i] ^= mask[1+i]
	}
	return b
}

// crypto makes a CRYPTO frame.
func crypto(off int, b []byte) []byte {
	f := []byte{frameCrypto}
	f = binary.BigEndian.AppendUint32(f, 0x80000000|uint32(off))
	f = binary.BigEndian.AppendUint16(f, 0x4000|uint16(len(b)))
	return append(f, b...)
}

const (
	firstCID  = "\x83\x94\xc8\xf0\x3e\x51\x57\x08"
	serverCID = "server-chosen"
)

func TestQUIC(t *testing.T) {
	k := newTalker()
	hello := helloOf(t, "www.example.vn")[recordHeader:]
	n := len(hello)
	all := crypto(0, hello)
	f := func(name string, want int, datagrams ...[]byte) {
		t.Helper()
		k.next()
		var got []string
		for _, b := range datagrams {
			got = append(got, names(k.udp(b))...)
		}
		if !slices.Equal(got, slices.Repeat([]string{"quic_sni www.example.vn"}, want)) {
			t.Errorf("%s: %q, want the name %d times", name, got, want)
		}
	}
	v := func(number uint32, frames []byte) []byte { return sealed(t, number, firstCID, firstCID, 0, frames) }
	for _, number := range []uint32{
		1, 0x6b3343cf, 0x709a50c4, 0xff000016, 0xff000017, 0xff00001c, 0xff00001d, 0xff000020, 0xff000021, 0xff000022,
		0xfaceb001, 0xfaceb002, 0xfaceb00e, 0x54303530, 0x54303531, 0x1a2a3a4a,
	} {
		f(hex.EncodeToString(binary.BigEndian.AppendUint32(nil, number)), 1, v(number, all))
	}
	f("unknown version", 0, append([]byte{0xc0, 0, 0, 0, 9}, v(1, all)[5:]...))
	f("frames out of order", 1, v(1, slices.Concat(crypto(500, hello[500:]), []byte{framePing, 0, 0}, crypto(0, hello[:500]))))
	f("ACK first", 1, v(1, slices.Concat([]byte{frameACK, 3, 0, 1, 0, 0, 0, frameACKECN, 3, 0, 0, 0, 1, 1, 1}, all)))
	f("two datagrams", 1, v(1, crypto(0, hello[:30])), v(1, crypto(30, hello[30:])))
	f("two datagrams, the second first", 1, v(1, crypto(30, hello[30:])), v(1, crypto(0, hello[:30])))
	f("coalesced", 1, append(v(1, crypto(0, hello[:30])), v(1, crypto(30, hello[30:]))...))
	f("the server's connection id", 1, v(1, crypto(0, hello[:30])), sealed(t, 1, firstCID, serverCID, 1, crypto(30, hello[30:])))
	f("Retry", 1, v(1, crypto(0, hello[:30])), sealed(t, 1, serverCID, serverCID, 1, all))
	f("retransmitted", 1, v(1, all), v(1, all))
	f("half a hello", 0, v(1, crypto(0, hello[:30])))
	f("beyond what is kept", 0, v(1, crypto(maxCrypto, hello)), v(1, crypto(1<<29, hello)))
	f("keys of somebody else", 0, sealed(t, 1, serverCID, firstCID, 0, all))
	f("one bit flipped", 0, flip(v(1, all), 900))
	f("no name", 0, v(1, crypto(0, helloOf(t, "")[recordHeader:])))
	if n < 1200 {
		t.Errorf("the hello has %d octets: it should have a post-quantum key share", n)
	}
}

func flip(b []byte, i int) []byte {
	b[i] ^= 1
	return b
}

// TestQUICDamaged: an Initial that opens is believed although the UDP checksum is wrong, as it is wherever a capture was
// made anonymous; nothing else is.
func TestQUICDamaged(t *testing.T) {
	k := newTalker().next()
	k.p.Verdict = Malformed
	hello := helloOf(t, "www.example.vn")
	if got := names(k.udp(sealed(t, 1, firstCID, firstCID, 0, crypto(0, hello[recordHeader:])))); len(got) != 1 {
		t.Errorf("Initial: %q, want the name", got)
	}
	k.next()
	body := dtlsBody(hello, "")
	if got := names(k.udp(dtlsRecordOf(0, 0, len(body), 0, body))); got != nil {
		t.Errorf("DTLS: %q, want nothing", got)
	}
}

// TestQUICServer: the server's Initials cost nothing once the client's was seen.
func TestQUICServer(t *testing.T) {
	k := newTalker().next()
	k.udp(sealed(t, 1, firstCID, firstCID, 0, []byte{framePing}))
	before := k.d.quic.derived
	k.p.SrcAddr, k.p.DstAddr = k.p.DstAddr, k.p.SrcAddr
	k.p.SrcPort, k.p.DstPort = k.p.DstPort, k.p.SrcPort
	k.udp(sealed(t, 1, "client's cid", "client's cid", 0, []byte{framePing}))
	if got := k.d.quic.derived; got != before {
		t.Errorf("keys derived for the server's Initial")
	}
}

// TestQUICServerFirst: where the client's first Initial was lost, or came late, the server's does not stand in its way.
func TestQUICServerFirst(t *testing.T) {
	k := newTalker().next()
	turn := func() {
		k.p.SrcAddr, k.p.DstAddr = k.p.DstAddr, k.p.SrcAddr
		k.p.SrcPort, k.p.DstPort = k.p.DstPort, k.p.SrcPort
	}
	turn()
	k.udp(sealed(t, 1, firstCID, "client's cid", 0, []byte{framePing}))
	turn()
	hello := helloOf(t, "www.example.vn")[recordHeader:]
	got := names(k.udp(sealed(t, 1, firstCID, firstCID, 0, crypto(0, hello))))
	if want := []string{"quic_sni www.example.vn"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestQUICPortAgain: a client that uses its port again, or another version, starts a new connection.
func TestQUICPortAgain(t *testing.T) {
	k := newTalker()
	hello := func(name string) []byte { return crypto(0, helloOf(t, name)[recordHeader:]) }
	f := func(name string, second []byte, want ...string) {
		t.Helper()
		k.next()
		got := names(k.udp(sealed(t, 1, firstCID, firstCID, 0, hello("one.example.vn"))))
		for range 2 * maxTries { // what follows of the first
			got = append(got, names(k.udp(sealed(t, 1, firstCID, serverCID, 1, []byte{framePing})))...)
		}
		got = append(got, names(k.udp(second))...)
		if want = append([]string{"quic_sni one.example.vn"}, want...); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	const secondCID = "second connection"
	f("same version", sealed(t, 1, secondCID, secondCID, 0, hello("two.example.vn")), "quic_sni two.example.vn")
	f("same name", sealed(t, 1, secondCID, secondCID, 0, hello("one.example.vn")))
	f("same connection id", sealed(t, 0x6b3343cf, firstCID, firstCID, 0, hello("two.example.vn")), "quic_sni two.example.vn")
}

// TestQUICFlood: Initials with false keys cost a bounded number of derivations, in one flow and in many.
func TestQUICFlood(t *testing.T) {
	k := newTalker().next()
	b := sealed(t, 1, firstCID, serverCID, 0, []byte{framePing})
	for range 100 {
		k.udp(b)
	}
	if got := k.d.quic.derived; got > maxTries {
		t.Errorf("one flow: %d derivations, want at most %d", got, maxTries)
	}
	for i := range 3 * maxDerivations {
		k.p.SrcPort = uint16(i)
		k.udp(b)
	}
	if got, want := k.d.Counters.Initials, uint64(2*maxDerivations); got < want {
		t.Errorf("many flows in one second: %d Initials left, want at least %d", got, want)
	}
	if got := k.d.quic.table.used; got > maxConns {
		t.Errorf("%d connections, want at most %d", got, maxConns)
	}
}

// chlo makes a gQUIC CHLO with a PAD, a name and another tag.
func chlo(name string) []byte {
	b := append([]byte("CHLO"), 3, 0, 0, 0)
	b = append(b, "PAD\x00"...)
	b = binary.LittleEndian.AppendUint32(b, 100)
	b = append(b, tagSNI...)
	b = binary.LittleEndian.AppendUint32(b, uint32(100+len(name)))
	b = append(b, "VER\x00"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(104+len(name)))
	b = append(b, bytes.Repeat([]byte{'-'}, 100)...)
	return append(append(b, name...), "Q043"...)
}

func TestGQUIC(t *testing.T) {
	k := newTalker()
	message := chlo("mail.example")
	public := func(flags byte, version string) []byte {
		b := append([]byte{flags}, "cid-cid-"+version+"\x01hash-of-12--\xa0\x01\x00\x04"...)
		return append(b, message...)
	}
	long := func(version string) []byte {
		b := append([]byte{0xc3}, version+"\x50cid-cid-\x00\x00\x00\x01hash-of-12--\xa0\x01\x00\x04"...)
		return append(b, message...)
	}
	f := func(name string, b []byte, want ...string) {
		t.Helper()
		if got := names(k.next().udp(b)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, version := range []string{"Q024", "Q025", "Q030", "Q033", "Q035", "Q039", "Q043"} {
		f(version, public(0x0d, version), "quic_sni mail.example")
	}
	for _, version := range []string{"Q044", "Q046", "Q049"} {
		f(version, long(version), "quic_sni mail.example")
	}
	frame := crypto(0, message)
	frame[0] = googleCrypto
	f("Q050", sealed(t, 0x51303530, firstCID, firstCID, 0, frame), "quic_sni mail.example")
	f("Q050 behind an ACK", sealed(t, 0x51303530, firstCID, firstCID, 0, slices.Concat([]byte{googleACK, 1, 0, 0, 1, 0}, frame)),
		"quic_sni mail.example")
	f("no version", public(0x0c, "Q043"))
	f("reset", public(0x0f, "Q043"))
	f("another protocol", public(0x0d, "XXXX"))
	f("cut off in the name", public(0x0d, "Q043")[:len(public(0x0d, "Q043"))-8])
}

// FuzzQUICSplit: however a hello is cut into CRYPTO frames and these put into packets, its name is the same, once.
func FuzzQUICSplit(f *testing.F) {
	f.Add([]byte{30, 200, 1}, []byte{2, 1, 0}, uint8(2), uint8(0))
	f.Add([]byte{0, 0}, []byte{}, uint8(1), uint8(1))
	hello := helloOf(f, "www.example.vn")[recordHeader:]
	k := newTalker()
	f.Fuzz(func(t *testing.T, lens, shuffle []byte, packets, version uint8) {
		pieces := cuts(hello, lens)
		if len(pieces) > maxSpans {
			return
		}
		offs := make([]int, len(pieces))
		for i := 1; i < len(pieces); i++ {
			offs[i] = offs[i-1] + len(pieces[i-1])
		}
		number := []uint32{1, 0x6b3343cf, 0xff00001d, 0x54303531}[version%4]
		each := len(pieces)/(int(packets)%8+1) + 1
		k.next()
		var got []string
		var frames []byte
		for i, o := range order(len(pieces), shuffle) {
			frames = append(frames, crypto(offs[o], pieces[o])...)
			if (i+1)%each == 0 || i == len(pieces)-1 {
				got = append(got, names(k.udp(sealed(t, number, firstCID, firstCID, uint32(i), frames)))...)
				frames = nil
			}
		}
		if want := []string{"quic_sni www.example.vn"}; !slices.Equal(got, want) {
			t.Errorf("frames %v: %q, want %q", lens, got, want)
		}
	})
}

// FuzzQUIC: whatever comes, in the clear or sealed, names are clean and a connection has no more than its place.
func FuzzQUIC(f *testing.F) {
	hello := helloOf(f, "www.example.vn")[recordHeader:]
	f.Add(sealed(f, 1, firstCID, firstCID, 0, crypto(0, hello)), []byte{})
	f.Add(append([]byte("\x0dcid-cid-Q043\x01hash-of-12--\xa0\x01\x00\x04"), chlo("a.example")...), []byte{})
	f.Add([]byte{0}, crypto(3, hello))
	f.Add([]byte{1}, append([]byte{googleACK, 1, 0, 0, 1, 0, googleCrypto, 0, 60}, chlo("a.example")...))
	k := newTalker()
	f.Fuzz(func(t *testing.T, b, frames []byte) {
		if len(b) == 0 {
			return
		}
		if len(frames) > 0 && len(frames) < 8000 {
			b = sealed(t, []uint32{1, 0x51303530}[b[0]&1], firstCID, firstCID, 0, frames)
		}
		obs := k.next().udp(b)
		checkNames(t, obs)
		for _, o := range obs {
			if o.Origin != capture.OriginQUIC && o.Origin != capture.OriginDTLS {
				t.Errorf("%v from a datagram of no known port", o.Origin)
			}
		}
		if k.d.quic.table.used > maxConns {
			t.Errorf("%d connections", k.d.quic.table.used)
		}
	})
}

// BenchmarkQUICInitial is the first Initial of a flow: keys, decryption, name.
func BenchmarkQUICInitial(b *testing.B) {
	k := newTalker()
	packet := sealed(b, 1, firstCID, firstCID, 0, crypto(0, helloOf(b, "www.example.vn")[recordHeader:]))
	b.SetBytes(int64(len(packet)))
	b.ReportAllocs()
	for b.Loop() {
		if len(k.next().udp(packet)) != 1 {
			b.Fatal("no name")
		}
	}
}

// BenchmarkQUICKnown is what later packets with long headers cost, of a flow whose name is known.
func BenchmarkQUICKnown(b *testing.B) {
	k := newTalker().next()
	packet := sealed(b, 1, firstCID, firstCID, 0, crypto(0, helloOf(b, "www.example.vn")[recordHeader:]))
	k.udp(packet)
	b.SetBytes(int64(len(packet)))
	b.ReportAllocs()
	for b.Loop() {
		k.udp(packet)
	}
}
