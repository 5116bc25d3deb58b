package decode

import "cafeprobe/capture"

// TLS record content types, and the longest record (RFC 8446 §5.1; RFC 5246 §6.2.3 allows 2048 more where encrypted).
const (
	recordChangeCipherSpec = 20
	recordHandshake        = 22
	recordHeader           = 5
	maxRecord              = 1<<14 + 2048
)

// changeCipherSpec is the record that precedes the second ClientHello after a HelloRetryRequest, for the sake of
// middleboxes (RFC 8446 appendix D.4).
const changeCipherSpec = "\x14\x03\x03\x00\x01\x01"

// tlsStarts reports whether b starts with a handshake record that starts with a ClientHello, or with the beginning of
// one. It is asked for every segment on every port: TLS follows STARTTLS and CONNECT.
func tlsStarts(_, _ uint16, b []byte) bool {
	if len(b) == 0 || b[0] != recordHandshake && b[0] != recordChangeCipherSpec {
		return false
	}
	if len(b) > len(changeCipherSpec) && string(b[:len(changeCipherSpec)]) == changeCipherSpec {
		b = b[len(changeCipherSpec):]
	}
	return b[0] == recordHandshake &&
		(len(b) < 2 || b[1] == 3) &&
		(len(b) < 3 || b[2] <= 4) &&
		(len(b) < 4 || b[3] <= maxRecord>>8) &&
		(len(b) < 6 || b[5] == handshakeClientHello)
}

// tlsRead looks for the server name in the ClientHello that b starts with. It wants more until it has the name, or all
// of the hello.
func tlsRead(d *Decoder, p *Packet, b []byte) (n int, more bool) {
	hello, more := d.streams.joinRecords(b)
	name, missing := handshakeName(hello)
	if name != nil {
		d.emitServer(capture.OriginSNI, text(name))
		return 0, false
	}
	return 0, more && missing
}

// joinRecords returns the handshake octets of the records that b starts with, and whether more could follow. They are
// valid until the next call; those of one record are not copied.
func (s *streams) joinRecords(b []byte) (hello []byte, more bool) {
	s.record = s.record[:0]
	for {
		if len(b) < recordHeader {
			return s.record, true
		}
		length := int(b[3])<<8 | int(b[4])
		if b[1] != 3 || length == 0 || length > maxRecord {
			return s.record, false
		}
		typ, body := b[0], b[recordHeader:]
		whole := len(body) >= length
		if whole {
			body = body[:length]
		}
		switch {
		case typ == recordChangeCipherSpec && len(s.record) == 0:
		case typ != recordHandshake || len(s.record)+len(body) > cap(s.record):
			return s.record, false
		case len(s.record) == 0 && !(whole && handshakeGoesOn(body)):
			return body, !whole
		default:
			s.record = append(s.record, body...)
		}
		if !whole {
			return s.record, true
		}
		b = b[recordHeader+length:]
	}
}

// handshakeGoesOn reports whether the handshake message that starts in b is longer than b.
func handshakeGoesOn(b []byte) bool {
	return len(b) < 4 || 4+(int(b[1])<<16|int(b[2])<<8|int(b[3])) > len(b)
}
