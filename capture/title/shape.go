package title

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cafeprobe/capture"
)

// Protocols of a shape (IANA).
const (
	protoTCP = 6
	protoUDP = 17
)

// shape is a row that matches payloads: all that it asks for must hold.
type shape struct {
	id     ID
	index  uint8       // in Table.index: 0 for UDP, 1 for TCP
	way    Way         // who may have sent the payload; 0 for both
	ports  [][2]uint16 // of the server, from–to; none for any
	nets   []network   // of the server; none for any
	minLen int         // octets of payload
	maxLen int
	words  []word
	size   sizeRule
	bits   int // how many of the payload's are fixed, for the guard against rows that match too much
}

// Way is who sent a payload.
type Way uint8

// The ways. A shape that neither asks for a way nor for the server's port or address does not know.
const (
	Unknown Way = iota
	FromClient
	FromServer
)

// word compares up to eight octets at an offset.
type word struct {
	at          int
	value, mask uint64 // big-endian, the octets first
}

// sizeRule says that a number in the payload is its length, less a constant. Of size 0 there is none.
type sizeRule struct {
	at, size int // octets
	little   bool
	less     int
}

type network struct{ value, mask capture.Address }

// The bounds on a shape.
const (
	maxOffset = 64
	maxFixed  = 32 // octets
	maxPorts  = 8
	maxNets   = 32
)

// How many bits of a payload a shape must fix, lest it match what it should not: the less, the more it says of the server.
// Of other payloads one in 2⁴⁰ matches by chance; on one port out of 512, one in 2³³. A length that stands in the payload
// counts as its bits, a single length as eight. Where port and network are given none are asked for: these are a
// publisher's own machines.
const (
	minBits       = 40
	minBitsAt     = 24 // server's ports or network
	minBitsNarrow = 16 // few ports
	fewPorts      = 128
)

// Shape returns what the payload of f belongs to, and who sent it. It returns zero where no row matches.
func (t *Table) Shape(f *capture.Header, payload []byte) (ID, Way) {
	if len(payload) == 0 {
		return 0, Unknown
	}
	proto := 0
	switch f.Proto {
	case protoUDP:
	case protoTCP:
		proto = 1
	default:
		return 0, Unknown
	}
	for _, i := range t.index[proto][payload[0]] {
		s := &t.shapes[i]
		if len(payload) < s.minLen || len(payload) > s.maxLen || !s.on(f.SrcPort) && !s.on(f.DstPort) || !s.says(payload) {
			continue
		}
		if way, ok := s.between(f); ok {
			return s.id, way
		}
	}
	return 0, Unknown
}

// says reports whether the octets of b, at least minLen, are the shape's.
func (s *shape) says(b []byte) bool {
	for i := range s.words {
		if w := &s.words[i]; octets(b[w.at:])&w.mask != w.value {
			return false
		}
	}
	return s.size.size == 0 || s.size.of(b) == len(b)-s.size.less
}

// octets returns the first eight of b, zeros where it has fewer.
func octets(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var v uint64
	for i, c := range b {
		v |= uint64(c) << (56 - 8*i)
	}
	return v
}

func (r *sizeRule) of(b []byte) (n int) {
	b = b[r.at : r.at+r.size]
	for i := range b {
		if r.little {
			n = n<<8 | int(b[len(b)-1-i])
		} else {
			n = n<<8 | int(b[i])
		}
	}
	return n
}

// between reports whether f may be between a client and a server of s, and which of them sent it.
func (s *shape) between(f *capture.Header) (Way, bool) {
	if len(s.ports)+len(s.nets) == 0 {
		return s.way, true
	}
	if s.way != FromServer && s.at(f.Dst, f.DstPort) {
		return FromClient, true
	}
	if s.way != FromClient && s.at(f.Src, f.SrcPort) {
		return FromServer, true
	}
	return Unknown, false
}

// on reports whether a server of s may be on port.
func (s *shape) on(port uint16) bool {
	for i := range s.ports {
		if r := &s.ports[i]; r[0] <= port && port <= r[1] {
			return true
		}
	}
	return len(s.ports) == 0
}

// at reports whether a server of s may be there.
func (s *shape) at(a capture.Address, port uint16) bool {
	if !s.on(port) {
		return false
	}
	if len(s.nets) == 0 {
		return true
	}
	for i := range s.nets {
		if n := &s.nets[i]; a.Hi&n.mask.Hi == n.value.Hi && a.Lo&n.mask.Lo == n.value.Lo {
			return true
		}
	}
	return false
}

// order lists the shapes by the first octet of the payloads that they may match.
func (t *Table) order() {
	for i := range t.shapes {
		s := &t.shapes[i]
		var value, mask byte
		if i := slices.IndexFunc(s.words, func(w word) bool { return w.at == 0 }); i >= 0 {
			value, mask = byte(s.words[i].value>>56), byte(s.words[i].mask>>56)
		}
		for b := range 256 {
			if byte(b)&mask == value {
				t.index[s.index][b] = append(t.index[s.index][b], uint16(i))
			}
		}
	}
}

// shape adds a row whose match is text: a protocol, then what is asked for, with spaces between.
func (p *parser) shape(have Title, text string) error {
	if len(p.t.shapes) == maxShapes {
		return fmt.Errorf("more than %d shapes", maxShapes)
	}
	part := strings.Split(text, " ")
	s := shape{maxLen: 1 << 16}
	switch part[0] {
	case "udp":
	case "tcp":
		s.index = 1
	default:
		return fmt.Errorf("shape of %q: want udp or tcp first", part[0])
	}
	for _, w := range part[1:] {
		if err := s.part(&have, w); err != nil {
			return fmt.Errorf("%q: %w", w, err)
		}
	}
	if err := s.check(); err != nil {
		return fmt.Errorf("shape %q: %w", text, err)
	}
	var err error
	s.id, err = p.id(have)
	p.t.shapes = append(p.t.shapes, s)
	return err
}

func (s *shape) part(have *Title, text string) error {
	switch key, value, _ := strings.Cut(text, "="); key {
	case "from":
		switch value {
		case "client":
			s.way = FromClient
		case "server":
			s.way = FromServer
		default:
			return errors.New("want client or server")
		}
		return nil
	case "port":
		return s.setPorts(value)
	case "len":
		from, to, err := span(value, 1<<16-1)
		s.minLen, s.maxLen = max(s.minLen, int(from)), int(to)
		return err
	case "net":
		return s.setNets(value)
	case "of":
		if !isTitle(value) {
			return errors.New("want a title")
		}
		have.Of = value
		return nil
	}
	at, what, ok := strings.Cut(text, ":")
	offset, err := strconv.ParseUint(at, 10, 8)
	if !ok || err != nil || offset > maxOffset {
		return fmt.Errorf("want port=, len=, net=, from=, of= or OFFSET:OCTETS, with an offset up to %d", maxOffset)
	}
	if kind, less, ok := strings.Cut(what, "=len"); ok {
		return s.setSize(int(offset), kind, less)
	}
	return s.setOctets(int(offset), what)
}

// span reads "A" or "A-B".
func span(text string, most uint64) (from, to uint64, err error) {
	a, b, ok := strings.Cut(text, "-")
	if !ok {
		b = a
	}
	from, err = strconv.ParseUint(a, 10, 16)
	if err == nil {
		to, err = strconv.ParseUint(b, 10, 16)
	}
	if err != nil || from > to || to > most {
		return 0, 0, fmt.Errorf("want a number or two with a hyphen between, up to %d", most)
	}
	return from, to, nil
}

func (s *shape) setPorts(list string) error {
	for text := range strings.SplitSeq(list, ",") {
		from, to, err := span(text, 1<<16-1)
		switch {
		case err != nil:
			return err
		case len(s.ports) == maxPorts:
			return fmt.Errorf("more than %d ranges", maxPorts)
		}
		s.ports = append(s.ports, [2]uint16{uint16(from), uint16(to)})
	}
	return nil
}

func (s *shape) setNets(list string) error {
	for text := range strings.SplitSeq(list, ",") {
		p, err := netip.ParsePrefix(text)
		switch {
		case err != nil || p != p.Masked():
			return fmt.Errorf("net %q: want an address and its prefix length", text)
		case len(s.nets) == maxNets:
			return fmt.Errorf("more than %d networks", maxNets)
		}
		n := p.Bits()
		if p.Addr().Is4() {
			n += 96
		}
		if n < 96+8 && p.Addr().Is4() || n < 16 {
			return fmt.Errorf("net %q is too large", text)
		}
		mask := capture.Address{Hi: ^uint64(0) << max(0, 64-n), Lo: ^uint64(0) << min(64, 128-n)}
		s.nets = append(s.nets, network{capture.AddressOf(p.Addr()), mask})
	}
	return nil
}

// setSize takes KIND=len or KIND=len-N: the number at the offset is the payload's length less N.
func (s *shape) setSize(at int, kind, less string) error {
	sizes := map[string]sizeRule{
		"u8": {size: 1}, "be16": {size: 2}, "be24": {size: 3}, "be32": {size: 4},
		"le16": {size: 2, little: true}, "le24": {size: 3, little: true}, "le32": {size: 4, little: true},
	}
	rule, ok := sizes[kind]
	if !ok || s.size.size > 0 {
		return errors.New("want one of u8, be16, be24, be32, le16, le24, le32, once")
	}
	if less != "" {
		n, err := strconv.ParseUint(strings.TrimPrefix(less, "-"), 10, 8)
		if err != nil || less[0] != '-' {
			return errors.New("want =len or =len-NUMBER")
		}
		rule.less = int(n)
	}
	rule.at = at
	s.size = rule
	s.minLen = max(s.minLen, at+rule.size)
	s.bits += min(16, 8*rule.size) // the upper half of four octets says nothing: lengths are small
	return nil
}

// setOctets takes hexadecimal digits, with a dot for one that may be any.
func (s *shape) setOctets(at int, text string) error {
	value, err1 := hex.DecodeString(strings.ReplaceAll(text, ".", "0"))
	digits := strings.Map(func(r rune) rune {
		if r == '.' {
			return '0'
		}
		return 'f'
	}, text)
	mask, err2 := hex.DecodeString(digits)
	if err := errors.Join(err1, err2); err != nil || len(value) == 0 || len(value) > maxFixed {
		return fmt.Errorf("want hexadecimal octets, at most %d, with a dot for a digit that may be any", maxFixed)
	}
	s.minLen = max(s.minLen, at+len(value))
	for i := 0; i < len(value); i += 8 {
		w := word{at: at + i, value: octets(value[i:min(i+8, len(value))]), mask: octets(mask[i:min(i+8, len(value))])}
		if w.mask != 0 {
			s.words = append(s.words, w)
			s.bits += bits.OnesCount64(w.mask)
		}
	}
	return nil
}

// check refuses a shape that would match what it should not.
func (s *shape) check() error {
	fixed, need := s.bits, minBits
	if s.minLen == s.maxLen {
		fixed += 8
	}
	ports := 0
	for _, r := range s.ports {
		ports += int(r[1]-r[0]) + 1
	}
	switch {
	case ports > 0 && len(s.nets) > 0:
		need = 0
	case ports > 0 && ports <= fewPorts:
		need = minBitsNarrow
	case ports > 0 || len(s.nets) > 0:
		need = minBitsAt
	}
	switch {
	case fixed < need:
		return fmt.Errorf("%d bits of the payload are fixed, want at least %d", fixed, need)
	case s.minLen > s.maxLen:
		return errors.New("octets beyond the length")
	}
	return nil
}
