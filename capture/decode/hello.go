package decode

import (
	"encoding/binary"

	"cafeprobe/capture"
)

// reader takes fields off octets in network byte order. The first field that is not all there makes it short, and
// everything after reads as nothing.
type reader struct {
	b     []byte
	short bool
}

// take returns the next n octets.
func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.short = nil, true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// uint returns the next n octets, 1 to 4, as a number.
func (r *reader) uint(n int) int {
	v := 0
	for _, c := range r.take(n) {
		v = v<<8 | int(c)
	}
	return v
}

// Handshake and extension types (IANA, TLS parameters).
const (
	handshakeClientHello = 1
	extensionServerName  = 0
	serverNameHost       = 0
)

// serverName returns the host name that a ClientHello asks for (RFC 8446 §4.1.2, RFC 6066 §3), nil for none. body is
// what follows the handshake header, or as much of it as has come; length is what the header says of it. A DTLS hello
// has a cookie more (RFC 6347 §4.2.1). more is true if octets that have not come could hold the name. The name borrows
// body. It is that of the outer hello where the inner one is encrypted (ECH), which is what the wire shows.
func serverName(body []byte, length int, dtls bool) (name []byte, more bool) {
	r := reader{b: body[:min(length, len(body))]}
	version := r.take(2)
	if version != nil && version[0] != 3 && version[0] != 0xfe {
		return nil, false
	}
	r.take(32)        // random
	r.take(r.uint(1)) // session_id
	if dtls {
		r.take(r.uint(1)) // cookie
	}
	r.take(r.uint(2)) // cipher_suites
	r.take(r.uint(1)) // compression_methods
	r.take(2)         // length of the extensions; that of the hello bounds them as well
	for len(r.b) > 0 {
		typ := r.uint(2)
		ext := r.take(r.uint(2))
		if r.short {
			break
		}
		if typ == extensionServerName {
			return hostOf(ext), false
		}
	}
	return nil, len(body) < length
}

// hostOf returns the first host_name of a ServerNameList.
func hostOf(ext []byte) []byte {
	r := reader{b: ext}
	r.take(2) // length of the list
	for len(r.b) > 0 {
		typ := r.uint(1)
		name := r.take(r.uint(2))
		if typ == serverNameHost && !r.short && len(name) > 0 {
			return name
		}
	}
	return nil
}

// handshakeName is serverName of a handshake message with its header (RFC 8446 §4), or as much as has come.
func handshakeName(b []byte) (name []byte, more bool) {
	if len(b) > 0 && b[0] != handshakeClientHello {
		return nil, false
	}
	if len(b) < 4 {
		return nil, true
	}
	return serverName(b[4:], int(binary.BigEndian.Uint32(b)&0xffffff), false)
}

// emitServer says that the sender of the packet asks its receiver for the server called name.
func (d *Decoder) emitServer(origin capture.Origin, name string) {
	d.emit(capture.Observation{
		Kind: capture.KindQuery, Origin: origin, Proto: d.p.Proto, Peer: d.p.DstAddr, PeerPort: d.p.DstPort, Name: name,
	})
}
