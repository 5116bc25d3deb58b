package decode

// maxSpans bounds how many separate pieces an assembly holds. Chrome splits the CRYPTO data of its QUIC Initials into up
// to about twenty; TCP rarely has more than two holes.
const maxSpans = 32

// assembly puts octets that come in pieces in order. It has a fixed buffer; what lies outside is left out. Where pieces
// overlap the first one wins, as it does with most receivers.
type assembly struct {
	buf   []byte // at most 64 KiB
	spans [maxSpans]span
	n     int // spans in use, in ascending order, with a hole between each two
}

// span is the octets from from up to and without to.
type span struct{ from, to uint16 }

func (a *assembly) reset() { a.n = 0 }

// prefix returns the octets from the first on, up to the first hole.
func (a *assembly) prefix() []byte {
	if a.n == 0 || a.spans[0].from != 0 {
		return nil
	}
	return a.buf[:a.spans[0].to]
}

// insert puts b at off, which may be negative. A piece that would make one hole too many is left out.
func (a *assembly) insert(off int, b []byte) {
	from, to := max(off, 0), min(off+len(b), len(a.buf))
	if from >= to {
		return
	}
	i := 0 // the first span that touches or overlaps the piece
	for i < a.n && int(a.spans[i].to) < from {
		i++
	}
	j := i // behind the last one
	for j < a.n && int(a.spans[j].from) <= to {
		j++
	}
	if i == j && a.n == maxSpans {
		return
	}
	at := from // copied or known up to here
	for _, s := range a.spans[i:j] {
		if at < int(s.from) {
			copy(a.buf[at:s.from], b[at-off:])
		}
		at = max(at, int(s.to))
	}
	if at < to {
		copy(a.buf[at:to], b[at-off:])
	}
	a.replace(i, j, span{uint16(from), uint16(to)})
}

// replace puts s, joined with spans i up to j, in their place.
func (a *assembly) replace(i, j int, s span) {
	if i < j {
		s.from = min(s.from, a.spans[i].from)
		s.to = max(s.to, a.spans[j-1].to)
	}
	copy(a.spans[i+1:], a.spans[j:a.n])
	a.spans[i] = s
	a.n += 1 - (j - i)
}

// discard drops the first n octets of the prefix and moves the rest to the front.
func (a *assembly) discard(n int) {
	if n <= 0 || n > len(a.prefix()) {
		return
	}
	end := int(a.spans[a.n-1].to)
	copy(a.buf, a.buf[n:end])
	for i := range a.spans[:a.n] {
		a.spans[i].from = uint16(max(int(a.spans[i].from)-n, 0))
		a.spans[i].to -= uint16(n)
	}
	if a.spans[0].to == 0 {
		copy(a.spans[:], a.spans[1:a.n])
		a.n--
	}
}
