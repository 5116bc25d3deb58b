package sight

import (
	"net/netip"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/title"
	"cafeprobe/tools/sim"
)

// flow is what capture/flow keeps of one: both directions, told of once a minute.
type flow struct {
	key            key
	proto          uint8
	client, server capture.MAC
	told           int64 // when it was told of last, or began
	last           int64
	up, down       capture.Count
	title          title.ID
	name           string // of its title
	turned         bool   // what is heard of it began with the server's frame, so it is taken for the client
}

// key is a flow by its client's end.
type key struct {
	to             netip.Addr
	from           netip.Addr
	port, peerPort uint16
	proto          uint8
}

func (f *flow) count(first, last int64, c capture.Count, down bool) {
	if f.told == 0 {
		f.told = first
	}
	f.last = max(f.last, last)
	way := &f.up
	if down {
		way = &f.down
	}
	way.Frames += c.Frames
	way.Octets += c.Octets
}

// sweeps is how many ticks it takes to look at all flows, as in capture/flow.
const sweeps = 64

// timeout ends a flow that is silent, and tells of one that goes on (RFC 7011 §5.1.1).
const timeout = int64(time.Minute)

// flows are the flows that go on. A map is for looking up only: what is told comes in the order in which flows began.
type flows struct {
	byKey map[key]*flow
	parts [sweeps][]*flow
	next  int // the part that is looked at next
	put   int // the part that the next new flow goes into
}

func newFlows() flows { return flows{byKey: map[key]*flow{}} }

// of returns the flow of a stretch.
func (t *flows) of(a *sim.Act, r *sim.Room, titles *title.Table) *flow {
	who, to := &r.Stations[a.Who], &r.Stations[a.To]
	k := key{a.Addr, who.Addr, a.Port, a.PeerPort, 17}
	if a.TCP {
		k.proto = 6
	}
	f := t.get(k, who.MAC, to.MAC)
	fresh := f.last == 0
	if fresh && !a.Opens && a.TCP && a.Down.Frames > a.Up.Frames && a.PeerPort >= 1024 {
		f.turned = true
	}
	f.last = max(f.last, a.At)
	if fresh || a.Opens {
		if id := titleOf(titles, r, a); id != 0 {
			f.title, f.name = id, titles.Title(id).Name
		}
	}
	return f
}

// packet counts a message, h of a. Of a question the client's port is a's.
func (t *flows) packet(h *heard, a *sim.Act, at int64) {
	k := key{h.dst, h.src, h.sport, h.dport, h.proto}
	octets := uint64(h.len)
	if a.Say == sim.DNS {
		octets += uint64(len(a.Name))
		if k.port == 53 {
			k.peerPort = a.Port
		} else {
			k.port = a.Port
		}
	}
	back := key{k.from, k.to, k.peerPort, k.port, k.proto}
	c := capture.Count{Frames: 1, Octets: octets}
	if f, ok := t.byKey[back]; ok && k != back {
		f.count(at, at, c, true)
		return
	}
	client, server, down := h.from, h.to, false
	if k.port < 1024 && k.peerPort >= 1024 {
		k, client, server, down = back, server, client, true
	}
	f := t.get(k, client, server)
	f.title, f.name = h.title, h.name
	f.count(at, at, c, down)
}

func (t *flows) get(k key, client, server capture.MAC) *flow {
	f := t.byKey[k]
	if f == nil {
		f = &flow{key: k, client: client, server: server, proto: k.proto}
		t.byKey[k] = f
		t.parts[t.put] = append(t.parts[t.put], f)
		t.put = (t.put + 1) % sweeps
	}
	return f
}

// tick looks at one part of the flows.
func (t *flows) tick(now int64, emit func(*capture.Observation)) {
	part := t.parts[t.next]
	live := part[:0]
	for _, f := range part {
		switch {
		case now-f.last >= timeout:
			f.tell(f.last, emit)
			delete(t.byKey, f.key)
			continue
		case now-f.told >= timeout:
			f.tell(now, emit)
		}
		live = append(live, f)
	}
	clear(part[len(live):])
	t.parts[t.next] = live
	t.next = (t.next + 1) % sweeps
}

// all tells of all flows.
func (t *flows) all(emit func(*capture.Observation)) {
	for i := range t.parts {
		for _, f := range t.parts[i] {
			f.tell(f.last, emit)
		}
	}
}

// tell tells of what was counted since f was told of last, and notes that this is at now.
func (f *flow) tell(now int64, emit func(*capture.Observation)) {
	since := f.told
	f.told = now
	if f.up.Frames+f.down.Frames == 0 {
		return
	}
	o := capture.Observation{
		Kind: capture.KindFlow, Proto: f.proto, MAC: f.client, Target: f.server, First: min(since, f.last), Time: f.last,
		Addr: f.key.from, Peer: f.key.to, Port: f.key.port, PeerPort: f.key.peerPort, Up: f.up, Down: f.down,
		Title: uint16(f.title), Name: f.name,
	}
	if f.turned {
		o.MAC, o.Target, o.Addr, o.Peer = o.Target, o.MAC, o.Peer, o.Addr
		o.Port, o.PeerPort, o.Up, o.Down = o.PeerPort, o.Port, o.Down, o.Up
	}
	emit(&o)
	f.up, f.down = capture.Count{}, capture.Count{}
}
