package decode

import (
	"encoding/binary"

	"cafeprobe/capture"
)

// Steam's discovery of other Steam clients on the LAN (Remote Play), UDP port 27036: eight octets of signature, then a
// header and a body, each behind four octets of little-endian length, in protocol buffers (messages
// CMsgRemoteClientBroadcastHeader and CMsgRemoteClientBroadcastStatus of Steam's steammessages_remoteclient_discovery).

const (
	steamPort  = 27036
	steamMagic = "\xff\xff\xff\xff\x21\x4c\x5f\xa0"

	steamFieldType   = 2 // of the header
	steamFieldHost   = 4 // of the body
	steamFieldLocked = 13
	steamFieldGames  = 14

	steamStatus  = 1 // header's msg_type
	steamOffline = 2
)

// steam emits a KindService for each message, and from a status the host name and whether a game runs or the screen is
// locked. Accounts and the addresses in the message stay where they are.
func steam(d *Decoder, p *Packet) bool {
	head, body, ok := steamParts(p.Payload)
	if !ok {
		return false
	}
	kind := uint64(0)
	for f := (protoFields{b: head}); f.next(); {
		if f.number == steamFieldType && f.isVarint() {
			kind = f.value
		}
	}
	switch kind {
	case steamOffline:
		d.evidence(capture.OriginSteam, capture.EvidenceGoodbye)
		return true
	case steamStatus:
		steamBody(d, p, body)
	}
	d.emit(capture.Observation{Kind: capture.KindService, Origin: capture.OriginSteam, PeerPort: steamPort})
	return true
}

func steamBody(d *Decoder, p *Packet, body []byte) {
	for f := (protoFields{b: body}); f.next(); {
		switch {
		case f.number == steamFieldHost && f.isBytes():
			d.ownName(capture.OriginSteam, text(f.data), p.SrcAddr)
		case f.number == steamFieldLocked && f.isVarint() && f.value != 0:
			d.evidence(capture.OriginSteam, capture.EvidenceScreenLocked)
		case f.number == steamFieldGames && f.isVarint() && f.value != 0:
			d.evidence(capture.OriginSteam, capture.EvidenceGameRunning)
		}
	}
}

// steamParts takes the header and the body out of b, a whole payload. Both borrow b.
func steamParts(b []byte) (head, body []byte, ok bool) {
	if len(b) < len(steamMagic) || string(b[:len(steamMagic)]) != steamMagic {
		return nil, nil, false
	}
	if head, b, ok = steamPart(b[len(steamMagic):]); ok {
		body, _, ok = steamPart(b)
	}
	return head, body, ok
}

func steamPart(b []byte) (part, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.LittleEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// protoFields walks the fields of a protocol buffers message (protobuf.dev/programming-guides/encoding).
type protoFields struct {
	b      []byte // what is left
	number uint64
	wire   uint64 // wire type of the field
	value  uint64 // of a varint
	data   []byte // of a length-delimited field; borrows b
}

const (
	wireVarint = iota
	wire64
	wireBytes
	_
	_
	wire32
)

func (f *protoFields) isVarint() bool { return f.wire == wireVarint }
func (f *protoFields) isBytes() bool  { return f.wire == wireBytes }

// next reads the next field. It returns false at the end and at the first damage.
func (f *protoFields) next() bool {
	tag, ok := f.varint()
	if !ok {
		return false
	}
	f.number, f.wire, f.value, f.data = tag>>3, tag&7, 0, nil
	switch f.wire {
	case wireVarint:
		f.value, ok = f.varint()
	case wire64:
		_, ok = f.take(8)
	case wire32:
		_, ok = f.take(4)
	case wireBytes:
		var n uint64
		if n, ok = f.varint(); ok {
			f.data, ok = f.take(n)
		}
	default: // groups, given up long ago
		ok = false
	}
	return ok
}

func (f *protoFields) varint() (uint64, bool) {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		return 0, false
	}
	f.b = f.b[n:]
	return v, true
}

func (f *protoFields) take(n uint64) ([]byte, bool) {
	if n > uint64(len(f.b)) {
		return nil, false
	}
	b := f.b[:n]
	f.b = f.b[n:]
	return b, true
}
