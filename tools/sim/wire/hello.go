package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"

	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/shape"
)

// hello makes what a conversation begins with; nil where it is nothing of its own.
func hello(g *rand.Rand, a *sim.Act) []byte {
	switch a.Hello {
	case shape.TLS:
		return tlsHello(g, a.Name)
	case shape.HTTP:
		return request(a.Name)
	case shape.QUIC:
		return initial(g, a.Name)
	case shape.Discovery:
		return append(random(g, []byte{0, 1, 0, 70}, 4), make([]byte, 66)...)
	case shape.KCP:
		b := append(make([]byte, 0, 20), 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0)
		return append(b, 0x49, 0x96, 0x02, 0xd2, 0xff, 0xff, 0xff, 0xff)
	case shape.ENet:
		b := random(g, []byte{0x8f, 0xff}, 2)
		return append(append(b, 0x82, 0xff, 0, 1), make([]byte, 40)...)
	case shape.Handshake:
		return []byte("\x10\x00\x84\x06\x09127.0.0.1\x63\xdd\x02")
	}
	return nil
}

// First returns the first payload of a client in a conversation that says no name, as it is but for what is random in it.
func First(a *sim.Act) []byte {
	if a.Opens && a.Hello != shape.TLS && a.Hello != shape.HTTP && a.Hello != shape.QUIC {
		if b := hello(rand.New(rand.NewPCG(1, 1)), a); b != nil {
			return b
		}
	}
	b := make([]byte, 64)
	be.PutUint64(b, plain)
	return b
}

// plain is how a payload begins that no protocol is known by.
const plain = 0x30 << 56

// clientHello makes a TLS 1.3 ClientHello (RFC 8446 §4.1.2) for a name, without the record around it. Over QUIC it has no
// session id and has transport parameters (RFC 9001 §8).
func clientHello(g *rand.Rand, name string, quic bool) []byte {
	b := []byte{1, 0, 0, 0, 3, 3}
	b = random(g, b, 32)
	if quic {
		b = append(b, 0)
	} else {
		b = random(g, append(b, 32), 32)
	}
	ciphers := "\x13\x01\x13\x02\x13\x03\xc0\x2b\xc0\x2f\xc0\x2c\xc0\x30\xcc\xa9\xcc\xa8"
	b = append(be.AppendUint16(b, uint16(len(ciphers))), ciphers...)
	b = append(b, 1, 0) // no compression

	var e []byte
	extension := func(kind uint16, data []byte) {
		e = append(be.AppendUint16(be.AppendUint16(e, kind), uint16(len(data))), data...)
	}
	sni := be.AppendUint16(nil, uint16(len(name)+3))
	sni = append(be.AppendUint16(append(sni, 0), uint16(len(name))), name...)
	extension(0, sni)
	// groups: x25519, P-256, P-384
	extension(10, []byte("\x00\x06\x00\x1d\x00\x17\x00\x18"))
	// signatures
	extension(13, []byte("\x00\x10\x04\x03\x08\x04\x04\x01\x05\x03\x08\x05\x05\x01\x08\x06\x06\x01"))
	// TLS 1.3
	extension(43, []byte("\x02\x03\x04"))
	// key share
	extension(51, random(g, []byte("\x00\x24\x00\x1d\x00\x20"), 32))
	if quic {
		extension(16, []byte("\x00\x03\x02h3"))
		extension(57, []byte("\x01\x04\x80\x00\x75\x30\x03\x02\x45\xc0\x04\x04\x80\xf0\x00\x00"))
	} else {
		extension(16, []byte("\x00\x0c\x02h2\x08http/1.1"))
	}
	b = append(be.AppendUint16(b, uint16(len(e))), e...)
	b[1], b[2], b[3] = 0, byte((len(b)-4)>>8), byte(len(b)-4)
	return b
}

// tlsHello is a ClientHello in its record.
func tlsHello(g *rand.Rand, name string) []byte {
	h := clientHello(g, name, false)
	return append(be.AppendUint16([]byte{0x16, 3, 1}, uint16(len(h))), h...)
}

// serverHello is the beginning of what a server answers (RFC 8446 §4.1.3); more of it is zeros.
func serverHello(g *rand.Rand) []byte {
	h := random(g, []byte{2, 0, 0, 118, 3, 3}, 32)
	h = random(g, append(h, 32), 32)
	h = append(h, 0x13, 0x01, 0, 0, 46, 0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 0x1d, 0, 32)
	h = random(g, h, 32)
	return append(be.AppendUint16([]byte{0x16, 3, 3}, uint16(len(h))), h...)
}

// Agent is what the system calls itself in its requests.
const Agent = "Microsoft NCSI"

// request is an HTTP request.
func request(name string) []byte {
	return fmt.Appendf(nil, "GET /connecttest.txt HTTP/1.1\r\nConnection: Close\r\nUser-Agent: %s\r\nHost: %s\r\n\r\n",
		Agent, name)
}

// quicSalt is version 1's (RFC 9001 §5.2).
var quicSalt, _ = hex.DecodeString("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")

const (
	quicLen   = 1200 // the least datagram with an Initial (RFC 9000 §14.1)
	quicTag   = 16
	quicPNLen = 4
)

// initial makes a client's first datagram (RFC 9000 §17.2.2): an Initial with a ClientHello, sealed as RFC 9001 §5 says.
func initial(g *rand.Rand, name string) []byte {
	dcid := random(g, nil, 8)
	scid := random(g, nil, 8)
	hello := clientHello(g, name, true)
	frames := append(be.AppendUint16([]byte{6, 0}, 0x4000|uint16(len(hello))), hello...) // CRYPTO at 0
	b := []byte{0xc0 | quicPNLen - 1, 0, 0, 0, 1, byte(len(dcid))}
	b = append(append(append(b, dcid...), byte(len(scid))), scid...)
	b = append(b, 0) // no token
	at := len(b) + 2
	b = be.AppendUint16(b, 0x4000|uint16(quicLen-at))
	b = be.AppendUint32(b, 0)                                                    // packet number
	frames = append(frames, make([]byte, quicLen-quicTag-len(b)-len(frames))...) // PADDING
	key, iv, hp := initialKeys(dcid)
	b = key.Seal(b, iv, frames, b[:len(b):len(b)])
	var mask [16]byte
	hp.Encrypt(mask[:], b[at+4:at+20])
	b[0] ^= mask[0] & 0x0f
	for i := range quicPNLen {
		b[at+i] ^= mask[1+i]
	}
	return b
}

// initialKeys derives the client's keys from its destination connection id (RFC 9001 §5.2).
func initialKeys(dcid []byte) (key cipher.AEAD, iv []byte, hp cipher.Block) {
	must := func(b []byte, err error) []byte {
		if err != nil {
			panic("BUG: keys of fixed lengths: " + err.Error())
		}
		return b
	}
	expand := func(secret []byte, label string, n int) []byte {
		label = "tls13 " + label
		info := append([]byte{byte(n >> 8), byte(n), byte(len(label))}, label...)
		return must(hkdf.Expand(sha256.New, secret, string(append(info, 0)), n))
	}
	block := func(k []byte) cipher.Block {
		c, err := aes.NewCipher(k)
		must(nil, err)
		return c
	}
	client := expand(must(hkdf.Extract(sha256.New, dcid, quicSalt)), "client in", sha256.Size)
	key, err := cipher.NewGCM(block(expand(client, "quic key", 16)))
	must(nil, err)
	return key, expand(client, "quic iv", 12), block(expand(client, "quic hp", 16))
}

// random appends n random octets to b.
func random(g *rand.Rand, b []byte, n int) []byte {
	for range n {
		b = append(b, byte(g.Uint32()))
	}
	return b
}

// PortISCSI is where targets listen (IANA iscsi-target), and iscsiHeader what a header segment of theirs takes.
const (
	PortISCSI   = 3260
	iscsiHeader = 48
)

// loginResponse is a target's consent: from operational negotiation to the full feature phase (RFC 7143 §11.13).
func loginResponse() []byte {
	b := make([]byte, iscsiHeader)
	b[0], b[1] = 0x23, 0x87
	return b
}
