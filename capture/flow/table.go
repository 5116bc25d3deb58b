// Package flow keeps count of who talks to whom (Table, RFC 7011) and of who sends at all (Activity). Both are hot: they
// run once a frame, in memory of fixed size, and a flood of made-up addresses pushes out itself, not what is established.
//
// Time is the frames' time. What is to be told leaves as observations through the function given to New.
package flow

import (
	"net/netip"
	"time"

	"cafeprobe/capture"
)

// Frame is what a table wants to know of one frame.
type Frame struct {
	Time             int64 // nanoseconds since the Unix epoch
	Len              int   // octets on the wire
	SrcMAC, DstMAC   capture.MAC
	VLAN             uint16
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	Proto            uint8 // IP protocol number
	Opens            bool  // TCP SYN without ACK: the sender is the client

	Seq, Ack   uint32 // TCP
	TCPFlags   uint8
	PayloadLen int // octets of payload that the headers say, also where the capture was cut short
}

// Flow is one entry of a Table: both directions between two ends (a biflow, RFC 5103).
type Flow struct {
	key         key
	used        bool
	aIsClient   bool // the end that sorts first opened the flow
	client      capture.MAC
	server      capture.MAC
	first, last int64
	told        int64 // when it was last exported
	up, down    capture.Count
	sent        capture.Count // of up, what was exported before
	got         capture.Count // of down
	stream      uint16        // 1 + index in losses.streams, 0 for none

	Frames uint32 // both ways, since it began
	Title  uint16 // of the pipeline: what the flow belongs to, 0 for not known
	Named  bool   // of the pipeline: the flow has said its name
}

// key holds both ends, the one that sorts first as a. IPv4 addresses are in their IPv6-mapped form.
type key struct {
	a, b         [16]byte
	aPort, bPort uint16
	vlan         uint16
	proto        uint8
}

const (
	ways = 8

	// Idle and Active are the time-outs of RFC 7011 §5.1.1: a flow ends after this silence, and is exported at least so often.
	Idle   = 60 * time.Second
	Active = 60 * time.Second

	// established is the number of frames that sets a flow apart from one frame of a flood.
	established = 3
)

// Table is a fixed-size, set-associative table of flows. Use NewTable. It is not safe for concurrent use.
type Table struct {
	sets  [][ways]Flow
	mask  uint64
	seed  uint64
	emit  func(*capture.Observation)
	name  func(uint16) string
	sweep int // the next set that Tick looks at
	obs   capture.Observation
	loss  losses

	Evicted uint64 // flows that had to go before their time
}

// NewTable returns a table for at least size flows; its memory, about 180 octets a flow and 300 for each of the
// maxStreams connections that are searched for holes, is all there from the start.
// Exports go to emit, with the title's name from name. Different seeds place flows differently, so that nobody outside
// can aim at one set; the order of exports depends on the seed.
func NewTable(size int, seed uint64, name func(title uint16) string, emit func(*capture.Observation)) *Table {
	n := 1
	for n*ways < size {
		n *= 2
	}
	return &Table{sets: make([][ways]Flow, n), mask: uint64(n - 1), seed: seed ^ spread, emit: emit, name: name, loss: newLosses()}
}

// spread keeps seed 0 from being multiplied with the zeros that an IPv4 address begins with: flows of one pair of ports, as
// 100 PCs have them that play one game, were all in one set then.
const spread = 0x9e3779b97f4a7c15

// Update counts one frame and returns its flow, which is valid until the next Update.
func (t *Table) Update(f *Frame) *Flow {
	k, srcIsA := makeKey(f)
	set := &t.sets[k.hash(t.seed)&t.mask]
	e := find(set, &k)
	if e == nil {
		e = t.place(set)
		t.begin(e, &k, f, srcIsA)
	}
	e.last = max(e.last, f.Time)
	e.Frames++
	if srcIsA == e.aIsClient {
		e.up.Frames++
		e.up.Octets += uint64(f.Len)
	} else {
		e.down.Frames++
		e.down.Octets += uint64(f.Len)
	}
	if f.TCPFlags != 0 {
		t.loss.segment(e, f, srcIsA)
	}
	return e
}

func find(set *[ways]Flow, k *key) *Flow {
	for i := range set {
		if set[i].used && set[i].key == *k {
			return &set[i]
		}
	}
	return nil
}

// place returns an entry of set to be used anew: a free one, else the longest silent of those that were never
// established, else the longest silent.
func (t *Table) place(set *[ways]Flow) *Flow {
	var victim *Flow
	for i := range set {
		e := &set[i]
		if !e.used {
			return e
		}
		if victim == nil || lesser(e, victim) {
			victim = e
		}
	}
	t.Evicted++
	t.finish(victim)
	return victim
}

func lesser(a, b *Flow) bool {
	if x, y := a.Frames >= established, b.Frames >= established; x != y {
		return y
	}
	return a.last < b.last
}

// begin starts a flow with its first frame. Who sends a SYN is the client; where none was seen, the end with the
// registered port below 1024 is the server if the other has none; else the first sender is the client.
func (t *Table) begin(e *Flow, k *key, f *Frame, srcIsA bool) {
	fromClient := f.Opens || f.SrcPort >= 1024 || f.DstPort < 1024
	*e = Flow{key: *k, used: true, first: f.Time, last: f.Time, told: f.Time, aIsClient: srcIsA == fromClient}
	if fromClient {
		e.client, e.server = f.SrcMAC, f.DstMAC
	} else {
		e.client, e.server = f.DstMAC, f.SrcMAC
	}
}

// Tick ends the flows that have been silent and exports those that are due, in a part of the table: 64 calls look at
// all of it. It is to be called about once a second of the frames' time.
func (t *Table) Tick(now int64) {
	for range max(1, len(t.sets)/64) {
		set := &t.sets[t.sweep]
		t.sweep = (t.sweep + 1) % len(t.sets)
		for i := range set {
			e := &set[i]
			switch {
			case !e.used:
			case now-e.last >= int64(Idle):
				t.finish(e)
			case now-e.told >= int64(Active):
				t.export(e)
				e.told = now
			}
		}
	}
	t.loss.tell(now, t.emit)
}

// Flush exports all flows and empties the table.
func (t *Table) Flush() {
	for s := range t.sets {
		for i := range t.sets[s] {
			if e := &t.sets[s][i]; e.used {
				t.finish(e)
			}
		}
	}
	t.loss.tell(t.loss.tally.told+int64(lossPeriod), t.emit)
}

// Report exports all flows that have something new, and goes on: for somebody who watches. It looks at the whole table.
func (t *Table) Report(now int64) {
	for s := range t.sets {
		for i := range t.sets[s] {
			if e := &t.sets[s][i]; e.used {
				t.export(e)
				e.told = now
			}
		}
	}
}

// finish exports e and frees its place.
func (t *Table) finish(e *Flow) {
	t.export(e)
	t.loss.end(e)
	e.used = false
}

// export tells what was counted since the last export of e.
func (t *Table) export(e *Flow) {
	up := capture.Count{Frames: e.up.Frames - e.sent.Frames, Octets: e.up.Octets - e.sent.Octets}
	down := capture.Count{Frames: e.down.Frames - e.got.Frames, Octets: e.down.Octets - e.got.Octets}
	if up.Frames+down.Frames == 0 {
		return
	}
	e.sent, e.got = e.up, e.down
	c, s, cp, sp := e.key.a, e.key.b, e.key.aPort, e.key.bPort
	if !e.aIsClient {
		c, s, cp, sp = s, c, sp, cp
	}
	t.obs = capture.Observation{
		Kind: capture.KindFlow, Proto: e.key.proto, VLAN: e.key.vlan, MAC: e.client, Target: e.server,
		First: e.first, Time: e.last, Addr: netip.AddrFrom16(c).Unmap(), Peer: netip.AddrFrom16(s).Unmap(),
		Port: cp, PeerPort: sp, Up: up, Down: down, Name: t.name(e.Title),
	}
	t.emit(&t.obs)
}
