package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"cafeprobe/capture"
)

// blocks builds pcapng files for tests.
type blocks struct {
	order binary.AppendByteOrder
	b     []byte
}

func section(order binary.AppendByteOrder) *blocks {
	w := &blocks{order: order}
	body := order.AppendUint32(nil, byteOrderMagic)
	body = order.AppendUint16(body, 1)
	body = order.AppendUint16(body, 0)
	return w.block(blockSection, append(body, "\xff\xff\xff\xff\xff\xff\xff\xff"...))
}

func (w *blocks) bytes() []byte { return w.b }

func (w *blocks) then(b *blocks) *blocks { return &blocks{b.order, append(w.b, b.b...)} }

func (w *blocks) block(kind uint32, body []byte) *blocks {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	n := uint32(len(body) + 12)
	w.b = w.order.AppendUint32(w.b, kind)
	w.b = w.order.AppendUint32(w.b, n)
	w.b = append(w.b, body...)
	w.b = w.order.AppendUint32(w.b, n)
	return w
}

func (w *blocks) option(b []byte, code uint16, v []byte) []byte {
	b = w.order.AppendUint16(b, code)
	b = w.order.AppendUint16(b, uint16(len(v)))
	b = append(b, v...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func (w *blocks) iface(link uint16, snap uint32, options ...[]byte) *blocks {
	body := w.order.AppendUint16(nil, link)
	body = w.order.AppendUint16(body, 0)
	body = w.order.AppendUint32(body, snap)
	for _, o := range options {
		body = append(body, o...)
	}
	return w.block(blockInterface, body)
}

func (w *blocks) enhanced(id uint32, units uint64, data string, whole uint32, options ...[]byte) *blocks {
	body := w.order.AppendUint32(nil, id)
	body = w.order.AppendUint32(body, uint32(units>>32))
	body = w.order.AppendUint32(body, uint32(units))
	body = w.order.AppendUint32(body, uint32(len(data)))
	body = w.order.AppendUint32(body, whole)
	body = append(body, data...)
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	for _, o := range options {
		body = append(body, o...)
	}
	return w.block(blockEnhanced, body)
}

func (w *blocks) simple(data string, whole uint32) *blocks {
	return w.block(blockSimple, append(w.order.AppendUint32(nil, whole), data...))
}

// shown prints frames as data/length@nanoseconds link.
func shown(frames []kept) (s string) {
	for _, k := range frames {
		s += fmt.Sprintf("%s/%d@%d %s\n", k.data, k.Len, k.Time, k.Link)
	}
	return s
}

func TestNG(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	opt := func(order binary.AppendByteOrder, code uint16, v ...byte) []byte {
		return (&blocks{order: order}).option(nil, code, v)
	}
	f := func(name string, w *blocks, want string, stats capture.Stats) {
		t.Helper()
		frames, got, err := read(t, w.bytes())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s := shown(frames); s != want {
			t.Errorf("%s: frames\n%swant\n%s", name, s, want)
		}
		if got.Dropped != stats.Dropped || got.Damaged != stats.Damaged {
			t.Errorf("%s: %d dropped, %d damaged, want %d, %d", name, got.Dropped, got.Damaged, stats.Dropped, stats.Damaged)
		}
	}
	f("microseconds without an option", section(le).iface(1, 0).enhanced(0, 7, "abcde", 9),
		"abcde/9@7000 ethernet\n", capture.Stats{})
	f("two sections of two byte orders",
		section(le).iface(1, 0).enhanced(0, 7, "a", 1).then(section(be).iface(101, 0).enhanced(0, 8, "b", 1)),
		"a/1@7000 ethernet\nb/1@8000 raw\n", capture.Stats{})
	f("interfaces with own units",
		section(be).iface(1, 0, opt(be, 9, 9)).iface(101, 0, opt(be, 9, 3)).iface(113, 0, opt(be, 9, 0x80|10)).
			iface(1, 0, opt(be, 9, 12)).iface(1, 0, opt(be, 9, 0)).
			enhanced(0, 7, "ns", 2).enhanced(1, 7, "ms", 2).enhanced(2, 1024+512, "b", 1).enhanced(3, 7999, "ps", 2).
			enhanced(4, 7, "s", 1),
		"ns/2@7 ethernet\nms/2@7000000 raw\nb/1@1500000000 sll\nps/2@7 ethernet\ns/1@7000000000 ethernet\n", capture.Stats{})
	f("units of 2^-64 and of 10^-100",
		section(le).iface(1, 0, opt(le, 9, 0x80|64)).iface(1, 0, opt(le, 9, 100)).
			enhanced(0, 1<<63, "half", 4).enhanced(1, 1<<63, "zero", 4),
		"half/4@500000000 ethernet\nzero/4@0 ethernet\n", capture.Stats{})
	f("offset", section(le).iface(1, 0, opt(le, 14, 10, 0, 0, 0, 0, 0, 0, 0)).enhanced(0, 7, "a", 1),
		"a/1@10000007000 ethernet\n", capture.Stats{})
	f("a time that has no int64", section(le).iface(1, 0).enhanced(0, 1<<63, "a", 1).enhanced(0, 1, "b", 1),
		"b/1@1000 ethernet\n", capture.Stats{Damaged: 1})
	f("FCS in octets and in bits",
		section(le).iface(1, 0, opt(le, 13, 4)).iface(1, 0, opt(le, 13, 32)).
			enhanced(0, 0, "dataFCS!", 8).enhanced(1, 0, "dataFCS!", 8).enhanced(1, 0, "dat", 8),
		"data/4@0 ethernet\ndata/4@0 ethernet\ndat/4@0 ethernet\n", capture.Stats{})
	f("simple packets have the time before and are cut at the interface's limit",
		section(le).iface(1, 4).enhanced(0, 7, "a", 1).simple("abcd", 9).simple("ab", 2),
		"a/1@7000 ethernet\nabcd/9@7000 ethernet\nab/2@7000 ethernet\n", capture.Stats{})
	old := le.AppendUint16(nil, 0)
	old = le.AppendUint16(old, 3) // drops
	for _, v := range []uint32{0, 9, 2, 2} {
		old = le.AppendUint32(old, v)
	}
	f("obsolete packet", section(le).iface(1, 0).block(blockPacket, append(old, "ab"...)),
		"ab/2@9000 ethernet\n", capture.Stats{Dropped: 3})
	stats := func(n byte) []byte {
		b := make([]byte, 12)
		b = append(b, opt(le, 5, n, 0, 0, 0, 0, 0, 0, 0)...)
		return append(b, opt(le, 7, 1, 0, 0, 0, 0, 0, 0, 0)...)
	}
	f("drops: newest statistics of each section and option epb_dropcount",
		section(le).iface(1, 0).block(blockStatistics, stats(4)).block(blockStatistics, stats(6)).
			enhanced(0, 1, "abc", 3, opt(le, 2, 0, 0, 0, 0), opt(le, 4, 2, 0, 0, 0, 0, 0, 0, 0), opt(le, 0)).
			then(section(le).iface(1, 0).block(blockStatistics, stats(9))),
		"abc/3@1000 ethernet\n", capture.Stats{Dropped: 7 + 2 + 10})
	f("captured more than on the wire", section(le).iface(1, 0).enhanced(0, 7, "abcd", 2),
		"abcd/4@7000 ethernet\n", capture.Stats{})
	f("unknown blocks, one too long to be held",
		section(le).iface(1, 0).block(0x7777, make([]byte, 50)).block(0x7778, make([]byte, maxHeld)).enhanced(0, 7, "a", 1),
		"a/1@7000 ethernet\n", capture.Stats{})
	f("interface that was not described", section(le).iface(1, 0).enhanced(1, 7, "a", 1).enhanced(0, 7, "b", 1),
		"b/1@7000 ethernet\n", capture.Stats{Damaged: 1})
	f("interface of an unknown link type beside a known one",
		section(le).iface(105, 0).iface(1, 0).enhanced(0, 7, "a", 1).enhanced(1, 7, "b", 1),
		"b/1@7000 ethernet\n", capture.Stats{Damaged: 1})

	hurt := func(octet int, v byte) *blocks {
		w := section(le).iface(1, 0).enhanced(0, 1, "one", 3).enhanced(0, 2, "two", 3).enhanced(0, 3, "three", 5)
		w.b[28+20+36+octet] = v // in the second packet
		return w
	}
	f("a block's length wrong", hurt(4, 40), "one/3@1000 ethernet\nthree/5@3000 ethernet\n", capture.Stats{Damaged: 1})
	f("a block's length absurd", hurt(7, 40), "one/3@1000 ethernet\nthree/5@3000 ethernet\n", capture.Stats{Damaged: 1})
	f("a block's length past the end", hurt(5, 1), "one/3@1000 ethernet\nthree/5@3000 ethernet\n", capture.Stats{Damaged: 1})
	f("a block's second length wrong", hurt(32, 40), "one/3@1000 ethernet\nthree/5@3000 ethernet\n", capture.Stats{Damaged: 1})
	f("captured length more than the block", hurt(20, 90), "one/3@1000 ethernet\nthree/5@3000 ethernet\n",
		capture.Stats{Damaged: 1})
}

func TestNGEnds(t *testing.T) {
	le := binary.LittleEndian
	f := func(name string, b []byte, frames int, want string) {
		t.Helper()
		got, _, err := read(t, b)
		if len(got) != frames || fmt.Sprint(err) != want {
			t.Errorf("%s: %d frames, error %q, want %d, %q", name, len(got), fmt.Sprint(err), frames, want)
		}
	}
	b := section(le).iface(1, 0).enhanced(0, 1, "one", 3).enhanced(0, 2, "two", 3).bytes()
	f("tail cut", b[:len(b)-5], 1, "read capture: record at octet 84 is cut short: capture ends 31 octets later")
	f("type cut", b[:86], 1, "read capture: record at octet 84 is cut short: capture ends 2 octets later")
	f("no interface", b[:28], 0, "<nil>")
	f("long block cut", section(le).iface(1, 0).block(0x7777, make([]byte, maxHeld)).bytes()[:1000], 0,
		"read capture: record at octet 48 is cut short: capture ends 952 octets later")
	wifi := section(le).iface(105, 0).enhanced(0, 1, "one", 3).bytes()
	f("Wi-Fi only", wifi, 0, "read capture: unknown link type linktype-105")
	var link *LinkError
	if _, _, err := read(t, wifi); !errors.As(err, &link) || link.Link != 105 {
		t.Errorf("Wi-Fi only: error %v, want a LinkError of 105", err)
	}
	r, err := Open("-absent-")
	if err == nil {
		r.Close()
		t.Error("opened a file that does not exist")
	}
}
