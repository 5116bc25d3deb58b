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
	told           int64         // when it was last told of
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
// A set holds a part of each flow's hash and says where the flow lies: looking for one reads the cache line of its set and,
// as good as always, the two of the flow. Flows lie dense, as the last that ended is used first: the two thousand of a quiet
// hour take 256 KB of the processor's caches, not 4 MB.
type Table struct {
	sets  []set
	flows []Flow
	free  []uint16 // indices in flows, the next one last
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

// NewTable returns a table for at least size flows, at most 65 536; its memory, 138 octets a flow and 300 for each of the
// maxStreams connections that are searched for holes, is all there from the start.
// Exports go to emit, with the title's name from name. Different seeds place flows differently, so that nobody outside
// can aim at one set; the order of exports depends on the seed.
func NewTable(size int, seed uint64, name func(title uint16) string, emit func(*capture.Observation)) *Table {
	n := 1
	for n*ways < size {
		n *= 2
	}
	t := &Table{
		sets: make([]set, n), flows: make([]Flow, n*ways), free: make([]uint16, n*ways),
		mask: uint64(n - 1), seed: seed ^ spread, emit: emit, name: name, loss: newLosses(),
	}
	for i := range t.free {
		t.free[i] = uint16(len(t.free) - 1 - i)
	}
	return t
}

// set is one cache line: all that is needed to find a flow, and to choose one that has to go.
type set struct {
	tags  [ways]uint32 // 0 where there is no flow
	at    [ways]uint16 // index in flows
	heard [ways]heard
}

// heard says when a flow was last heard, in units of 67 ms from 0 to 2 199 s and round again, and in the highest bit whether
// it is established. No flow is silent for so long: Tick ends it before.
type heard uint16

const isEstablished heard = 1 << 15

// heardAt returns it for a flow of which a frame has come at now that is not counted yet.
func heardAt(now int64, e *Flow) heard {
	h := heard(now>>26) &^ isEstablished
	if e.Frames+1 >= established {
		h |= isEstablished
	}
	return h
}

// silent returns for how long h was silent at now, and more by far where it was never established.
func (h heard) silent(now heard) heard {
	return (now-h)&^isEstablished | ^h&isEstablished
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
	t.srcIsA = t.key.set(f)
	t.hash = t.key.hash(t.seed)
	s, tag := &t.sets[t.hash&t.mask], tagOf(t.hash)
	for i, have := range &s.tags {
		if have != tag {
			continue
		}
		if e := &t.flows[s.at[i]]; e.key.is(&t.key) {
			s.heard[i] = heardAt(f.Time, e)
			return e
		}
	}
	return nil
}

// tagOf returns a part of a hash that says nothing of the set, and is not 0.
func tagOf(hash uint64) uint32 { return uint32(hash>>32) | 1 }

// Add starts the flow of f, for which Find has just returned nil.
func (t *Table) Add(f *capture.Header) *Flow {
	s := &t.sets[t.hash&t.mask]
	i := t.place(s, heard(f.Time>>26))
	last := len(t.free) - 1
	s.tags[i], s.at[i] = tagOf(t.hash), t.free[last]
	t.free = t.free[:last]
	e := &t.flows[s.at[i]]
	t.begin(e, f)
	s.heard[i] = heardAt(f.Time, e)
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

// Opened notes who opened e, for which Find or Add has just returned e: the sender of f, or its receiver. It is for what the
// payload says where the first frames did not: a flow that was there before the capture, whose server was heard first.
func (t *Table) Opened(e *Flow, f *capture.Header, bySender bool) {
	if (t.srcIsA == e.aIsClient) == bySender {
		return
	}
	e.aIsClient = !e.aIsClient
	e.up, e.down = e.down, e.up
	e.client, e.server = e.server, e.client
	e.Follow = e.Follow>>1 | e.Follow&1<<1
}

// place returns which place of a set is to be used anew: a free one, else that of the longest silent of those that were
// never established, else of the longest silent, which ends.
func (t *Table) place(s *set, now heard) int {
	victim := 0
	for i, tag := range &s.tags {
		if tag == 0 {
			return i
		}
		if s.heard[i].silent(now) > s.heard[victim].silent(now) {
			victim = i
		}
	}
	t.Evicted++
	t.finish(s, victim)
	return victim
}

// begin starts a flow with its first frame. Who sends a SYN is the client; where none was seen, the end with the
// registered port below 1024 is the server if the other has none; else the first sender is the client.
func (t *Table) begin(e *Flow, f *capture.Header) {
	fromClient := f.Opens() || f.SrcPort >= 1024 || f.DstPort < 1024
	*e = Flow{key: t.key, last: f.Time, told: f.Time, aIsClient: t.srcIsA == fromClient}
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
		s := &t.sets[t.sweep]
		t.sweep = (t.sweep + 1) % len(t.sets)
		for i, tag := range &s.tags {
			if tag == 0 {
				continue
			}
			switch e := &t.flows[s.at[i]]; {
			case now-e.last >= int64(Idle):
				t.finish(s, i)
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
	t.each(func(s *set, i int) { t.export(&t.flows[s.at[i]], now) })
}

// each calls do with the place of every flow.
func (t *Table) each(do func(s *set, i int)) {
	for at := range t.sets {
		s := &t.sets[at]
		for i, tag := range &s.tags {
			if tag != 0 {
				do(s, i)
			}
		}
	}
}

// finish exports a flow and frees its place.
func (t *Table) finish(s *set, i int) {
	e := &t.flows[s.at[i]]
	t.export(e, e.last)
	t.loss.end(e)
	s.tags[i] = 0
	t.free = append(t.free, s.at[i])
}

// export tells what was counted since e was last told of, and notes that it is told at now.
func (t *Table) export(e *Flow, now int64) {
	since := e.told
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
		First: min(since, e.last), Time: e.last, Addr: c.Addr(), Peer: s.Addr(), Port: cp, PeerPort: sp, Up: e.up, Down: e.down,
		Title: e.Title, Name: t.name(e.Title),
	}
	e.up, e.down = capture.Count{}, capture.Count{}
	t.emit(&t.obs)
}
