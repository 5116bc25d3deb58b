package decode

import (
	"encoding/binary"

	"cafeprobe/capture"
)

const (
	maxHandshakes   = 64      // DTLS hellos in fragments that can be put together at a time
	maxDTLSHello    = 4 << 10 // octets kept of each
	dtlsRecord      = 13      // record header (RFC 6347 §4.1)
	dtlsHandshake   = 12      // handshake header (RFC 6347 §4.2.2)
	maxDTLSFragment = 1<<14 + 2048
)

// handshakes puts DTLS ClientHellos together of which the fragments came in several records or datagrams.
type handshakes struct {
	table connTable[handshake]
}

// handshake is one handshake message of a conversation.
type handshake struct {
	seq  uint16 // message_seq
	done bool   // its name is known, or it has none
	data assembly
}

func (h *handshakes) init() {
	h.table.init(maxHandshakes)
	bufs := make([]byte, maxHandshakes*maxDTLSHello)
	for i := range h.table.entries {
		h.table.entries[i].v.data.buf = bufs[i*maxDTLSHello : (i+1)*maxDTLSHello : (i+1)*maxDTLSHello]
	}
}

// dtls reads DTLS 1.0, 1.2 and 1.3 (RFC 4347, 6347, 9147: their hellos are alike) for the server name of a ClientHello.
func dtls(d *Decoder, p *Packet) bool {
	b := p.Payload
	if len(b) < dtlsRecord+dtlsHandshake || !isDTLS(b) || b[0] != recordHandshake {
		return false
	}
	for len(b) >= dtlsRecord && isDTLS(b) {
		length := int(binary.BigEndian.Uint16(b[11:]))
		plain := binary.BigEndian.Uint16(b[3:]) == 0 // epoch 0: nothing is encrypted yet
		body := b[dtlsRecord:min(dtlsRecord+length, len(b))]
		if b[0] == recordHandshake && plain {
			dtlsMessages(d, p, body)
		}
		b = b[dtlsRecord+len(body):]
	}
	return len(b) == 0
}

// isDTLS reports whether b starts like a record of DTLS 1.0, 1.2 or 1.3.
func isDTLS(b []byte) bool {
	return b[0] >= recordChangeCipherSpec && b[0] <= 26 && b[1] == 0xfe && (b[2] == 0xff || b[2] == 0xfd || b[2] == 0xfc) &&
		int(binary.BigEndian.Uint16(b[11:])) <= maxDTLSFragment
}

// dtlsMessages reads the handshake messages, or fragments of such, in one record.
func dtlsMessages(d *Decoder, p *Packet, b []byte) {
	for len(b) >= dtlsHandshake {
		length := int(binary.BigEndian.Uint32(b) & 0xffffff)
		seq := binary.BigEndian.Uint16(b[4:])
		off := int(binary.BigEndian.Uint32(b[5:]) & 0xffffff)
		size := int(binary.BigEndian.Uint32(b[8:]) & 0xffffff)
		isHello := b[0] == handshakeClientHello
		body := b[dtlsHandshake:min(dtlsHandshake+size, len(b))]
		b = b[dtlsHandshake+len(body):]
		if !isHello || off+size > length {
			return
		}
		if off == 0 && size == length {
			if name, _ := serverName(body, length, true); name != nil {
				d.emitServer(capture.OriginDTLS, text(name))
			}
			continue
		}
		d.dtls.fragment(d, p, seq, length, off, body)
	}
}

// fragment adds a fragment of a ClientHello of length octets.
func (h *handshakes) fragment(d *Decoder, p *Packet, seq uint16, length, off int, b []byte) {
	key := connOf(p)
	hash := key.hash()
	e := h.table.find(&key, hash, p.Time)
	if e == nil {
		e = h.table.add(&key, hash, p.Time)
		e.v.seq, e.v.done = seq, false
		e.v.data.reset()
	}
	m := &e.v
	if m.seq != seq { // the hello that answers a HelloVerifyRequest
		m.seq, m.done = seq, false
		m.data.reset()
	}
	e.last = p.Time
	if m.done || off >= maxDTLSHello {
		return
	}
	m.data.insert(off, b)
	name, more := serverName(m.data.prefix(), length, true)
	if name != nil {
		d.emitServer(capture.OriginDTLS, text(name))
	}
	m.done = !more
}
