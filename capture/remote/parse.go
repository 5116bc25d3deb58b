package remote

import (
	"encoding/binary"
	"net/netip"

	"cafeprobe/capture"
	"cafeprobe/capture/decode"
)

const (
	etherHeader = 14
	etherWhole  = 1514 // the longest usual frame
)

// parse makes frames of the datagrams that were read from k.
func (s *Source) parse(k *socket, datagrams int) {
	now := s.cfg.Now()
	shift, floor := now-realtime(), s.clock
	if floor > now { // the caller's clock was set back
		floor = 0
	}
	k.n, k.at = 0, 0
	s.mu.Lock()
	for i := range datagrams {
		// A stamp may be wrong by a step of the kernel's clock, but no frame came after now, nor before an earlier one.
		t := now
		if utc := k.stamp(i); utc != 0 {
			t = max(min(utc+shift, now), floor)
		}
		floor = t
		f := &k.frames[k.n]
		f.Time = t
		if s.take(k, i, f) {
			s.stats.Frames++
			s.stats.Octets += uint64(f.Len)
			k.n++
		}
	}
	s.mu.Unlock()
}

// take unwraps datagram i of k into f; false when it is counted as something else.
func (s *Source) take(k *socket, i int, f *capture.Frame) bool {
	from := k.from(i)
	if !s.allowed(from) {
		s.refused++
		s.stranger = from
		return false
	}
	b, n := k.datagram(i)
	format, m, ok := unwrap(k.kind, b, n)
	switch {
	case !ok, format != formats && !frame(f, &m, b, n):
		s.stats.Damaged++
		return false
	case format == formats, !s.wanted[format], format == VXLAN && !s.vni(m.Session):
		s.other++
		return false
	}
	t := s.senders.find(from, format, m.Session)
	t.Frames++
	t.Last = f.Time
	if m.Numbered {
		t.Numbered = true
		before := t.seq.total()
		t.seq.add(m.Seq)
		k.lost += t.seq.total() - before // less when a late one came: the difference wraps, the sum does not
	}
	return true
}

func (s *Source) allowed(a netip.Addr) bool {
	for i := range s.allow {
		if s.allow[i].Contains(a) {
			return true
		}
	}
	return false
}

func (s *Source) vni(id uint32) bool {
	for _, want := range s.cfg.VNI {
		if id == want {
			return true
		}
	}
	return len(s.cfg.VNI) == 0
}

// unwrap reads the header of what came to a socket of that kind. The format is formats for what is sound and carries no frame.
func unwrap(kind Format, b []byte, n int) (f Format, m decode.Mirror, ok bool) {
	switch kind {
	case TZSP:
		if len(b) >= 4 && b[0] == 1 && b[1] > 0 && b[1] <= 5 { // sent by the sniffer itself, keep-alives and the like
			return formats, m, true
		}
		m, ok = decode.ParseTZSP(b)
		return TZSP, m, ok
	case VXLAN:
		m, ok = decode.ParseVXLAN(b)
		return VXLAN, m, ok
	}
	return unwrapGRE(b, n)
}

func unwrapGRE(b []byte, n int) (f Format, m decode.Mirror, ok bool) {
	h, ok := decode.ParseGRE(b, n)
	if !ok || h.Size > len(b) {
		return 0, m, false
	}
	b = b[h.Size:]
	switch {
	case h.Proto == decode.EtherBridged:
		f, m = GRETAP, decode.Mirror{Link: capture.LinkEthernet, Session: h.Key}
	case h.Proto == decode.EtherERSPAN && !h.HasSeq:
		f, m = ERSPAN1, decode.Mirror{Link: capture.LinkEthernet}
	case h.Proto == decode.EtherERSPAN:
		f = ERSPAN2
		m, ok = decode.ParseERSPAN2(b)
	case h.Proto == decode.EtherERSPAN3:
		f = ERSPAN3
		m, ok = decode.ParseERSPAN3(b)
	default:
		return formats, m, true
	}
	m.Size += h.Size
	m.Seq, m.Numbered = h.Seq, h.HasSeq
	return f, m, ok
}

// frame fills f with the frame behind the header m of b, of which there were n octets. It reports false when there is none.
func frame(f *capture.Frame, m *decode.Mirror, b []byte, n int) bool {
	if m.Size > len(b) {
		return false
	}
	b = b[m.Size:]
	if m.Link == capture.LinkEthernet && len(b) < etherHeader || len(b) == 0 {
		return false
	}
	f.Data, f.Link, f.VLAN = b, m.Link, m.VLAN
	f.Len = max(n-m.Size, m.Len)
	if m.Truncated {
		f.Len = max(f.Len, claimed(m.Link, b))
	}
	return true
}

// claimed returns how long a frame was that was cut short to b: as long as its IP header says, else a whole frame.
func claimed(link capture.LinkType, b []byte) int {
	at, t := 0, uint16(decode.EtherIPv4)
	if link == capture.LinkEthernet {
		at, t = etherHeader, binary.BigEndian.Uint16(b[12:])
		for decode.Tagged(t) && at+4 <= len(b) {
			at, t = at+4, binary.BigEndian.Uint16(b[at+2:])
		}
	} else if b[0]>>4 == 6 {
		t = decode.EtherIPv6
	}
	switch {
	case t == decode.EtherIPv4 && at+4 <= len(b):
		return at + int(binary.BigEndian.Uint16(b[at+2:]))
	case t == decode.EtherIPv6 && at+6 <= len(b):
		return at + 40 + int(binary.BigEndian.Uint16(b[at+4:]))
	}
	return etherWhole
}
