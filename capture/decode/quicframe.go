package decode

// Frame types that an Initial may have (RFC 9000 §12.4).
const (
	framePadding = 0x00
	framePing    = 0x01
	frameACK     = 0x02
	frameACKECN  = 0x03
	frameCrypto  = 0x06
)

// Frame types of gQUIC 50 and 51 (Chromium's QuicFramer).
const (
	googlePing   = 0x07
	googleCrypto = 0x08
	googleACK    = 0x40 // and the six bits below, as flags
)

// cryptoFrames adds what the CRYPTO frames among frames hold to data. Clients scatter the hello over frames, out of order
// and with PING and PADDING between them, on purpose (Chrome's "chaos protection"). A frame that an Initial cannot have
// ends the packet.
func cryptoFrames(data *assembly, frames []byte, google bool) {
	r := reader{b: frames}
	for len(r.b) > 0 {
		typ := r.uint(1)
		switch {
		case typ == framePadding:
		case typ == frameCrypto, google && typ == googleCrypto:
			off := r.varint()
			b := r.take(r.varint())
			if r.short {
				return
			}
			if off < len(data.buf) {
				data.insert(off, b)
			}
		case google && typ == googlePing:
		case google && typ&0xc0 == googleACK:
			r.googleACK(typ)
		case typ == framePing:
		case typ == frameACK, typ == frameACKECN:
			r.ack(typ == frameACKECN)
		default:
			return
		}
	}
}

// ack takes the rest of an ACK frame (RFC 9000 §19.3).
func (r *reader) ack(ecn bool) {
	r.varint() // largest acknowledged
	r.varint() // delay
	ranges := r.varint()
	r.varint() // first range
	for range min(ranges, len(r.b)) {
		r.varint()
		r.varint()
	}
	if ecn {
		r.varint()
		r.varint()
		r.varint()
	}
}

// googleACK takes the rest of a gQUIC ACK frame, whose type octet is 01nullmm: n more than one block, ll and mm the sizes
// of the largest acknowledged and of block lengths.
func (r *reader) googleACK(typ int) {
	sizes := [4]int{1, 2, 4, 6}
	block := sizes[typ&3]
	r.take(sizes[typ>>2&3])
	r.take(2) // delay
	blocks := 0
	if typ&0x20 != 0 {
		blocks = r.uint(1)
	}
	r.take(block)
	for range blocks {
		r.take(1 + block) // gap and length
	}
	if stamps := r.uint(1); stamps > 0 {
		r.take(5 + 3*(stamps-1))
	}
}
