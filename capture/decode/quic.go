package decode

import (
	"encoding/binary"
	"time"

	"cafeprobe/capture"
)

const (
	// maxConns is how many QUIC connections are known at a time, from their first Initial on until connTimeout.
	maxConns = 512
	// maxCrypto is how many octets of a connection's handshake are kept.
	maxCrypto = 8 << 10
	// maxInitial is the longest Initial packet that is read; jumbo frames have 9 KiB.
	maxInitial = 16 << 10
	// maxTries is how many Initials of one flow may fail to decrypt or to bring the name before it is given up.
	maxTries = 16
	// maxDerivations is for how many Initials a second keys are derived: 10 µs each here, ten times that on a small box. A
	// hundred busy stations open less than 500 connections a second.
	maxDerivations = 1000
)

// quicConns knows the QUIC connections of which the hello is awaited or was seen.
type quicConns struct {
	table   connTable[quicConn]
	buf     []byte // where Initials are decrypted
	second  int64
	derived int // keys derived in this second
}

// quicConn is one flow of a QUIC client.
type quicConn struct {
	keys    initialKeys // of the connection id dcid; none while keys.aead is nil
	dcid    string
	version *quicVersion // of keys
	tries   int
	done    bool   // its name is known, or it has none
	name    string // what was said of it
	data    assembly
}

func (q *quicConns) init() {
	q.table.init(maxConns)
	bufs := make([]byte, maxConns*maxCrypto)
	for i := range q.table.entries {
		q.table.entries[i].v.data.buf = bufs[i*maxCrypto : (i+1)*maxCrypto : (i+1)*maxCrypto]
	}
	q.buf = make([]byte, maxInitial)
}

// quic reads what QUIC clients send first for the server name: the ClientHello in the Initials of QUIC versions 1 and 2,
// their drafts and mvfst, and the CHLO of gQUIC.
func quic(d *Decoder, p *Packet) bool {
	b := p.Payload
	if b[0]&0x80 == 0 {
		return gquicPublic(d, b)
	}
	if len(b) >= 7 && string(b[1:4]) == "Q04" && b[4] >= '4' && b[4] <= '9' {
		gquicHello(d, b)
		return true
	}
	return quicSealed(d, p)
}

// quicSealed reads the packets of a datagram whose Initials are sealed. What is sealed needs no checksum to be believed:
// AES-GCM does not open if one bit is not as the client sent it.
func quicSealed(d *Decoder, p *Packet) bool {
	b := p.Payload
	if len(b) < 7 || b[0]&0x80 == 0 {
		return false
	}
	number := binary.BigEndian.Uint32(b[1:])
	version := quicVersionOf(number)
	if version == nil {
		return false
	}
	for len(b) >= 7 && b[0]&0x80 != 0 { // packets may be coalesced (RFC 9000 §12.2)
		h, ok := quicLong(b, version)
		if !ok || binary.BigEndian.Uint32(b[1:]) != number {
			break
		}
		if h.typ == version.initial {
			d.quic.initial(d, p, version, &h)
		}
		b = b[len(h.packet):]
	}
	return true
}

// longHeader is a long header (RFC 9000 §17.2) and the packet that it starts.
type longHeader struct {
	typ    byte
	dcid   []byte
	packet []byte
	pn     int // where the packet number starts
}

// maxCID is the longest connection id of the versions that are known here (RFC 9000 §17.2).
const maxCID = 20

// quicLong reads the long header that b, of at least 5 octets, starts with. ok is false if it has no length, like a Retry, or is cut
// off.
func quicLong(b []byte, version *quicVersion) (h longHeader, ok bool) {
	r := reader{b: b}
	h.typ = r.take(1)[0] >> 4 & 3
	r.take(4)
	h.dcid = r.take(r.uint(1))
	scid := r.take(r.uint(1))
	if r.short || len(h.dcid) > maxCID || len(scid) > maxCID || h.typ == version.retry {
		return h, false
	}
	if h.typ == version.initial {
		r.take(r.varint()) // token
	}
	length := r.varint()
	h.pn = len(b) - len(r.b)
	r.take(length)
	if r.short {
		return h, false
	}
	h.packet = b[:h.pn+length]
	return h, true
}

// varint takes a variable-length integer (RFC 9000 §16). One beyond 2^30-1 makes the reader short: no length or offset
// here can be.
func (r *reader) varint() int {
	if len(r.b) == 0 {
		r.short = true
		return 0
	}
	b := r.take(1 << (r.b[0] >> 6))
	if b == nil {
		return 0
	}
	v := uint64(b[0] & 0x3f)
	for _, c := range b[1:] {
		v = v<<8 | uint64(c)
	}
	if v >= 1<<30 {
		r.b, r.short = nil, true
		return 0
	}
	return int(v)
}

// minFirstCID is the shortest connection id a client may choose for the server in its first Initial (RFC 9000 §7.2).
const minFirstCID = 8

// initial reads one Initial packet.
func (q *quicConns) initial(d *Decoder, p *Packet, version *quicVersion, h *longHeader) {
	key := connOf(p)
	hash := key.hash()
	e := q.table.find(&key, hash, p.Time)
	if e == nil {
		if len(h.dcid) < minFirstCID || q.isClient(key.reverse(), p.Time) {
			return // the server's
		}
		e = q.table.add(&key, hash, p.Time)
		e.v = quicConn{data: e.v.data}
		e.v.data.reset()
	}
	e.last = p.Time
	c := &e.v
	if c.tries >= maxTries || c.done && c.isFirst(version, h) {
		return
	}
	frames := q.open(d, p, c, version, h)
	if frames != nil && c.done {
		return // more of a connection whose name is known
	}
	c.tries++
	if frames != nil {
		cryptoFrames(&c.data, frames, version.google)
		c.said(d)
	}
}

// isClient reports whether key is a flow whose sender is known to be a client, by an Initial that opened.
func (q *quicConns) isClient(key conn, now int64) bool {
	e := q.table.find(&key, key.hash(), now)
	return e != nil && e.v.keys.aead != nil
}

// isFirst reports whether an Initial goes to the connection id that the keys of c are of.
func (c *quicConn) isFirst(version *quicVersion, h *longHeader) bool {
	return c.keys.aead != nil && c.dcid == string(h.dcid) && c.version == version
}

// open decrypts an Initial of c, with the keys that are known or with those of the connection id that it is sent to. Keys
// stay the same when the client turns to the server's own connection id. They change after a Retry (RFC 9001 §5.2), with
// the version, and when a new connection uses the port again: then c starts over. nil means that these are not its keys:
// it may be the server's, whose flow was seen from there first.
func (q *quicConns) open(d *Decoder, p *Packet, c *quicConn, version *quicVersion, h *longHeader) []byte {
	if c.keys.aead != nil {
		if frames := c.keys.open(q.buf, h.packet, h.pn); frames != nil {
			return frames
		}
		if c.isFirst(version, h) {
			return nil
		}
	}
	for _, salt := range version.salts {
		if !q.mayDerive(p.Time) {
			d.Counters.Initials++
			return nil
		}
		keys, err := deriveInitial(salt, version.label, h.dcid)
		if err != nil {
			return nil
		}
		if frames := keys.open(q.buf, h.packet, h.pn); frames != nil {
			c.keys, c.dcid, c.version = keys, string(h.dcid), version
			c.tries, c.done = 0, false
			c.data.reset()
			return frames
		}
	}
	return nil
}

// mayDerive counts one derivation of keys at the time now, and reports whether it is within maxDerivations.
func (q *quicConns) mayDerive(now int64) bool {
	if second := now / int64(time.Second); second != q.second {
		q.second, q.derived = second, 0
	}
	q.derived++
	return q.derived <= maxDerivations
}

// said looks for the name in what has come of the hello.
func (c *quicConn) said(d *Decoder) {
	hello := c.data.prefix()
	if isCHLO(hello) {
		gquicHello(d, hello)
		c.done = true
		return
	}
	name, more := handshakeName(hello)
	if said := text(name); said != "" && said != c.name { // after a Retry the same hello comes again
		c.name = said
		d.emitServer(capture.OriginQUIC, said)
	}
	c.done = !more
}
