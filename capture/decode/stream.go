package decode

import "time"

const (
	// maxStreams is how many sides of TCP connections can be put in order at a time. Only one that waits for the rest of a
	// hello or request takes a place: for milliseconds, and most never, because all comes in one segment.
	maxStreams = 512
	// maxStream is how many octets of a stream are kept. A ClientHello has 0.2 to 2 KiB, with post-quantum keys; the
	// longest one seen has 11.4 KiB.
	maxStream = 16 << 10
	// maxReads bounds how often a stream is read again because more of it has come, so that a hello in segments of one
	// octet does not cost the square of its length.
	maxReads = 512
	// maxOpened is how many connections are remembered of which the SYN was seen and the first octet was not.
	maxOpened = 4096
	// maxDone is how many starts of streams are remembered, in order to know a retransmission.
	maxDone = 4096
	// doneTimeout is for how long they are: RFC 9293 retransmits for at least 100 s.
	doneTimeout = int64(120 * time.Second)
)

// streams puts the octets of TCP connections in order, each side for itself and only as far as the rows of streamRows
// want to see them. Its memory is fixed.
type streams struct {
	table  connTable[stream]
	opened [maxOpened]mark // SYN seen; seq is that of the first octet
	done   [maxDone]mark   // stream read; seq is that of its first octet
	record []byte          // where TLS records are joined

	follows bool // the side that sent the last segment has an open stream
}

// stream is one side of a connection from the start of a protocol on.
type stream struct {
	row   int    // of streamRows; noRow until the segment with the first octet has come
	first uint32 // sequence number of the start
	base  uint32 // sequence number of data's first octet
	reads int
	data  assembly
}

const noRow = -1

// mark remembers a sequence number of a connection. A table of marks is direct-mapped: a newer one replaces an older one.
type mark struct {
	hash uint64
	time int64
	seq  uint32
}

func (s *streams) init() {
	s.table.init(maxStreams)
	bufs := make([]byte, maxStreams*maxStream)
	for i := range s.table.entries {
		s.table.entries[i].v.data.buf = bufs[i*maxStream : (i+1)*maxStream : (i+1)*maxStream]
	}
	s.record = make([]byte, 0, maxStream)
}

// segment looks at one TCP segment.
func (s *streams) segment(d *Decoder, p *Packet) {
	s.follows = false
	syn := p.TCPFlags&flagSYN != 0
	if len(p.Payload) == 0 && !syn {
		return
	}
	key, seq := connOf(p), p.Seq
	hash := key.hash()
	e := s.table.find(&key, hash, p.Time)
	if syn {
		seq++ // SYN counts as one; data may follow (RFC 7413)
		s.opened[hash%maxOpened] = mark{hash, p.Time, seq}
		if e != nil && e.v.first != seq {
			s.table.close(e) // a new connection
			e = nil
		}
		if len(p.Payload) == 0 {
			return
		}
	}
	if e != nil && s.resume(d, p, e, seq) {
		s.follows = e.open
		return
	}
	if off := s.awaited(hash, seq, p.Time); off > 0 {
		if !s.alone(d, p, hash, seq) {
			s.keepEarly(p, &key, hash, seq, off)
			s.follows = true
		}
		return
	}
	if row := startOf(p.SrcPort, p.DstPort, p.Payload); row != noRow {
		s.start(d, p, &key, hash, seq, row)
	}
}

// startOf returns the row whose protocol starts with b, between these ports, or noRow.
func startOf(src, dst uint16, b []byte) int {
	for i := range streamRows {
		if streamRows[i].starts(src, dst, b) {
			return i
		}
	}
	return noRow
}

// start reads the segment that starts a stream, and opens one if the segment does not hold all of it.
func (s *streams) start(d *Decoder, p *Packet, key *conn, hash uint64, seq uint32, row int) {
	if s.isDone(hash, seq, p.Time) {
		return
	}
	n, more := streamRows[row].read(d, p, p.Payload)
	if !more || len(p.Payload) < p.PayloadLen {
		s.done[hash%maxDone] = mark{hash, p.Time, seq}
		return // read, or captured short so that the rest never comes
	}
	e := s.table.add(key, hash, p.Time)
	st := &e.v
	st.row, st.first, st.base, st.reads = row, seq, seq+uint32(n), 1
	st.data.reset()
	st.data.insert(0, p.Payload[n:])
	s.follows = true
}

// isDone reports whether what starts at seq was read: this is a retransmission.
func (s *streams) isDone(hash uint64, seq uint32, now int64) bool {
	m := &s.done[hash%maxDone]
	return m.hash == hash && m.seq == seq && within(now, m.time, doneTimeout)
}

// awaited returns how far seq is behind the first octet of its connection, if that octet is awaited and not too far
// away; else 0.
func (s *streams) awaited(hash uint64, seq uint32, now int64) int {
	m := &s.opened[hash%maxOpened]
	if m.hash != hash {
		return 0
	}
	off := int(int32(seq - m.seq))
	if off == 0 || !within(now, m.time, connTimeout) {
		m.hash = 0 // here it is, or it never comes
		return 0
	}
	if off < 0 || off >= maxStream {
		return 0
	}
	return off
}

// keepEarly keeps a segment that came before the one with the first octet of its connection.
func (s *streams) keepEarly(p *Packet, key *conn, hash uint64, seq uint32, off int) {
	st := &s.table.add(key, hash, p.Time).v
	st.row, st.reads = noRow, 0
	st.first = seq - uint32(off)
	st.base = st.first
	st.data.reset()
	st.data.insert(off, p.Payload)
}

// alone reads a segment behind a hole for itself, and reports whether it says something. If it does, what it starts is
// no part of what is awaited: that was lost. If it does not, its looking like a start is chance or shortness.
func (s *streams) alone(d *Decoder, p *Packet, hash uint64, seq uint32) bool {
	row := startOf(p.SrcPort, p.DstPort, p.Payload)
	if row == noRow || s.isDone(hash, seq, p.Time) {
		return row != noRow
	}
	before := len(d.obs)
	streamRows[row].read(d, p, p.Payload)
	if len(d.obs) == before {
		return false
	}
	s.done[hash%maxDone] = mark{hash, p.Time, seq}
	return true
}

// resume adds a segment to the stream of e. It returns false when the segment has nothing to do with it; the stream is
// then closed.
func (s *streams) resume(d *Decoder, p *Packet, e *connEntry[stream], seq uint32) bool {
	st := &e.v
	known := len(st.data.prefix())
	off := int(int32(seq - st.base))
	if off >= maxStream || off < -maxStream {
		s.table.close(e)
		return false
	}
	if off > known && s.alone(d, p, e.hash, seq) {
		return true
	}
	st.data.insert(off, p.Payload)
	if len(st.data.prefix()) == known {
		return true
	}
	e.last = p.Time
	if m := &s.opened[e.hash%maxOpened]; m.hash == e.hash {
		m.hash = 0 // its first octet has come
	}
	if st.row == noRow {
		if st.row = startOf(p.SrcPort, p.DstPort, st.data.prefix()); st.row == noRow {
			s.table.close(e)
			return false
		}
	}
	st.reads++
	b := st.data.prefix()
	n, more := streamRows[st.row].read(d, p, b)
	if !more || n == 0 && len(b) == maxStream || st.reads == maxReads {
		s.done[e.hash%maxDone] = mark{e.hash, p.Time, st.first}
		s.table.close(e)
		return true
	}
	st.data.discard(n)
	st.base += uint32(n)
	return true
}

// within reports whether the times a and b are at most d apart. Glued captures jump, in both directions.
func within(a, b, d int64) bool { return a-b <= d && b-a <= d }
