// Package flow keeps count of who talks to whom (Table, RFC 7011) and of who sends at all (Activity). Both are hot: they
// run once a frame, in memory of fixed size, and a flood of made-up addresses pushes out itself, not what is established.
//
// Time is the frames' time. What is to be told leaves as observations through the function given to New.
package flow

import (
	"time"

	"cafeprobe/capture"
)

// Flow is one entry of a Table: both directions between two ends (a biflow, RFC 5103). It is two cache lines, and what
// looking for a flow and counting a frame of it touches comes first.
type Flow struct {
	key       key
	last      int64
	Frames    uint32 // both ways, since it began
	Title     uint16 // of the pipeline: what the flow belongs to, 0 for not known
	stream    uint16 // 1 + index in losses.streams, 0 for none
	Named     bool   // of the pipeline: the flow has said its name
	Follow    Ends   // of the pipeline: whose next frames are to be looked into
	aIsClient bool   // the end that sorts first opened the flow

	up, down       capture.Count // since it was last told of
	first, told    int64         // when it began, and when it was last told of
	client, server capture.MAC
}

// Ends is a set of the two ends of a flow, as a frame shows them: see Table.From.
type Ends uint8

const (
	ways = 8

	// Idle and Active are the time-outs of RFC 7011 §5.1.1: a flow ends after this silence, and is exported at least so often.
	Idle   = 60 * time.Second
	Active = 60 * time.Second

	// established is the number of frames that sets a flow apart from one frame of a flood.
	established = 3
)

// Table is a fixed-size, set-associative table of flows. Use NewTable. It is not safe for concurrent use.
//
// Beside the flows lie tags, a part of each flow's hash: looking for a flow reads one half of a cache line of tags and, as
// good as always, one flow; a look at all of them skips what is empty.
type Table struct {
	tags  [][ways]uint32 // 0 where there is no flow
	sets  [][ways]Flow
	mask  uint64
	seed  uint64
	emit  func(*capture.Observation)
	name  func(uint16) string
	sweep int // the next set that Tick looks at
	obs   capture.Observation
	loss  losses

	key    key // of the frame that was looked for last
	hash   uint64
	srcIsA bool

	Evicted uint64 // flows that had to go before their time
}

// NewTable returns a table for at least size flows; its memory, 132 octets a flow and 300 for each of the
// maxStreams connections that are searched for holes, is all there from the start.
// Exports go to emit, with the title's name from name. Different seeds place flows differently, so that nobody outside
// can aim at one set; the order of exports depends on the seed.
func NewTable(size int, seed uint64, name func(title uint16) string, emit func(*capture.Observation)) *Table {
	n := 1
	for n*ways < size {
		n *= 2
	}
	return &Table{tags: make([][ways]uint32, n), sets: make([][ways]Flow, n), mask: uint64(n - 1), seed: seed ^ spread, emit: emit, name: name, loss: newLosses()}
}

// spread keeps seed 0 from being multiplied with the zeros that an IPv4 address begins with: flows of one pair of ports, as
// 100 PCs have them that play one game, were all in one set then.
const spread = 0x9e3779b97f4a7c15

// Update counts one frame and returns its flow, which is valid until the next call.
func (t *Table) Update(f *capture.Header) *Flow {
	e := t.Find(f)
	if e == nil {
		e = t.Add(f)
	}
	t.Count(e, f)
	return e
}

// Find returns the flow that f belongs to, valid until the next call of Add or Tick, or nil.
func (t *Table) Find(f *capture.Header) *Flow {
	t.key, t.srcIsA = makeKey(f)
	t.hash = t.key.hash(t.seed)
	at, tag := t.hash&t.mask, tagOf(t.hash)
	for i, have := range &t.tags[at] {
		if have == tag && t.sets[at][i].key.is(&t.key) {
			return &t.sets[at][i]
		}
	}
	return nil
}

// tagOf returns a part of a hash that says nothing of the set, and is not 0.
func tagOf(hash uint64) uint32 { return uint32(hash>>32) | 1 }

// Add starts the flow of f, for which Find has just returned nil.
func (t *Table) Add(f *capture.Header) *Flow {
	at := t.hash & t.mask
	i := t.place(at)
	t.tags[at][i] = tagOf(t.hash)
	e := &t.sets[at][i]
	t.begin(e, f)
	return e
}

// Count counts f for its flow e, which Find or Add has just returned.
func (t *Table) Count(e *Flow, f *capture.Header) {
	e.last = max(e.last, f.Time)
	e.Frames++
	way := &e.down
	if t.srcIsA == e.aIsClient {
		way = &e.up
	}
	way.Frames++
	way.Octets += uint64(f.Len)
	if f.TCPFlags != 0 {
		t.loss.segment(e, f, t.srcIsA)
	}
}

// From returns the end of e that f comes from, where e is what Find or Add has just returned for f. It is 0 where the
// frame has another MAC address than the flow began with.
func (t *Table) From(e *Flow, f *capture.Header) Ends {
	mac, end := e.server, Ends(2)
	if t.srcIsA == e.aIsClient {
		mac, end = e.client, 1
	}
	if mac != f.SrcMAC {
		return 0
	}
	return end
}

// place returns which entry of a set is to be used anew: a free one, else the longest silent of those that were never
// established, else the longest silent.
func (t *Table) place(at uint64) int {
	set := &t.sets[at]
	victim := 0
	for i := range set {
		if t.tags[at][i] == 0 {
			return i
		}
		if lesser(&set[i], &set[victim]) {
			victim = i
		}
	}
	t.Evicted++
	t.finish(at, victim)
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
func (t *Table) begin(e *Flow, f *capture.Header) {
	fromClient := f.Opens() || f.SrcPort >= 1024 || f.DstPort < 1024
	*e = Flow{key: t.key, first: f.Time, last: f.Time, told: f.Time, aIsClient: t.srcIsA == fromClient}
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
		at := uint64(t.sweep)
		t.sweep = (t.sweep + 1) % len(t.sets)
		for i, tag := range &t.tags[at] {
			if tag == 0 {
				continue
			}
			switch e := &t.sets[at][i]; {
			case now-e.last >= int64(Idle):
				t.finish(at, i)
			case now-e.told >= int64(Active):
				t.export(e, now)
			}
		}
	}
	t.loss.tell(now, t.emit)
}

// Flush exports all flows and empties the table.
func (t *Table) Flush() {
	t.each(t.finish)
	t.loss.tell(t.loss.tally.told+int64(lossPeriod), t.emit)
}

// Report exports all flows that have something new, and goes on: for somebody who watches. It looks at the whole table.
func (t *Table) Report(now int64) {
	t.each(func(at uint64, i int) { t.export(&t.sets[at][i], now) })
}

// each calls do with the place of every flow.
func (t *Table) each(do func(at uint64, i int)) {
	for at := range t.tags {
		for i, tag := range &t.tags[at] {
			if tag != 0 {
				do(uint64(at), i)
			}
		}
	}
}

// finish exports a flow and frees its place.
func (t *Table) finish(at uint64, i int) {
	e := &t.sets[at][i]
	t.export(e, e.last)
	t.loss.end(e)
	t.tags[at][i] = 0
}

// export tells what was counted since e was last told of, and notes that it is told at now.
func (t *Table) export(e *Flow, now int64) {
	e.told = now
	if e.up.Frames+e.down.Frames == 0 {
		return
	}
	k := &e.key
	c, s, cp, sp := k.a, k.b, k.aPort(), k.bPort()
	if !e.aIsClient {
		c, s, cp, sp = s, c, sp, cp
	}
	t.obs = capture.Observation{
		Kind: capture.KindFlow, Proto: k.proto(), VLAN: k.vlan(), MAC: e.client, Target: e.server,
		First: e.first, Time: e.last, Addr: c.Addr(), Peer: s.Addr(), Port: cp, PeerPort: sp, Up: e.up, Down: e.down,
		Name: t.name(e.Title),
	}
	e.up, e.down = capture.Count{}, capture.Count{}
	t.emit(&t.obs)
}
