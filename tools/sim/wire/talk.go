package wire

import (
	"math"
	"math/rand/v2"

	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/shape"
)

// offsets of the first frames of a TCP connection, nanoseconds: SYN, ACK and hello, and what comes back. The others come
// after all of these. sim.Act says so too.
var (
	firstUp   = [3]int64{0, 21e6, 22e6}
	firstDown = [2]int64{20e6, 42e6}
)

const settled = int64(50e6)

// way is one direction of a stretch.
type way struct {
	n, k   uint64 // frames in all, and sent
	octets uint64 // left
	next   int64  // when the next comes; MaxInt64 for never
}

// talk is a stretch of a talk that goes on: its frames one by one.
type talk struct {
	act      sim.Act
	up, down way
	flow     *flow
	hello    []byte
}

// flow is a TCP connection: what each side has sent.
type flow struct {
	up, down uint32 // next sequence numbers
	used     int64
}

func newTalk(g *rand.Rand, a *sim.Act, f *flow) talk {
	t := talk{act: *a, flow: f}
	t.up = way{n: a.Up.Frames, octets: a.Up.Octets}
	t.down = way{n: a.Down.Frames, octets: a.Down.Octets}
	if a.Opens {
		t.hello = hello(g, a)
	}
	t.up.next = t.time(g, &t.up, false)
	t.down.next = t.time(g, &t.down, true)
	return t
}

// next returns when the next frame comes.
func (t *talk) next() int64 { return min(t.up.next, t.down.next) }

// time returns when frame w.k of a direction comes.
func (t *talk) time(g *rand.Rand, w *way, down bool) int64 {
	a := &t.act
	if w.k >= w.n {
		return math.MaxInt64
	}
	each := float64(a.For) / float64(w.n)
	shake := 0.5
	if !a.TCP {
		shake += 0.7 * (g.Float64() - 0.5)
	}
	at := a.At + int64(each*(float64(w.k)+shake))
	switch {
	case !a.TCP && down && w.k == 0 && t.up.n > 0: // the client is first
		return max(at, t.up.next+1e6)
	case !a.TCP && !down && w.k == 0 && a.Opens:
		return a.At
	case !a.TCP || !a.Opens:
		return at
	case down && w.k < uint64(len(firstDown)):
		return a.At + firstDown[w.k]
	case !down && w.k < uint64(len(firstUp)):
		return a.At + firstUp[w.k]
	}
	return max(at, a.At+settled+int64(w.k))
}

// frame puts the next frame into f.
func (t *talk) frame(g *rand.Rand, f *frame, client, server end) {
	down := t.down.next < t.up.next
	w := &t.up
	if down {
		w = &t.down
	}
	if t.act.TCP {
		t.segment(g, f, w, down, client, server)
	} else {
		t.datagram(g, f, w, down, client, server)
	}
	w.k++
	w.octets -= min(w.octets, uint64(f.n))
	w.next = max(w.next, t.time(g, w, down))
}

// size draws the size of a frame, so that what is left is used up.
func (w *way) size(g *rand.Rand) int {
	mean := float64(w.octets) / float64(w.n-w.k)
	if w.n-w.k > 1 {
		mean *= 0.75 + 0.5*g.Float64()
	}
	return int(min(max(mean, least), most))
}

func (t *talk) datagram(g *rand.Rand, f *frame, w *way, down bool, client, server end) {
	var head [12]byte
	be.PutUint64(head[:], g.Uint64()>>8|plain) // no header of QUIC, DTLS or STUN
	body, size := head[:], w.size(g)-etherLen-ip4Len-udpLen
	if t.hello != nil && !down && w.k == 0 {
		body, size = t.hello, len(t.hello)
	}
	if down {
		client, server = server, client
	}
	f.udp(client, server, body, size)
}

func (t *talk) segment(g *rand.Rand, f *frame, w *way, down bool, client, server end) {
	flags, body, size := uint8(ack), []byte(nil), 0
	a := &t.act
	switch {
	case a.Opens && w.k == 0:
		flags = syn
		if down {
			flags |= ack
		}
	case a.Opens && w.k == 1 && !down:
	case a.Opens && w.k == 2 && !down && t.hello != nil:
		flags, body = flags|psh, t.hello
	case a.Opens && w.k == 1 && down && a.Hello == shape.TLS:
		flags, body = flags|psh, serverHello(g)
		size = len(body) + 200
	case a.Opens && w.k == 1 && down && a.PeerPort == PortISCSI:
		flags, body, size = flags|psh, loginResponse(), iscsiHeader
	case a.Ends && w.k == w.n-1:
		flags |= fin
	default:
		if size = w.size(g) - etherLen - ip4Len - tcpLen; size <= 12 { // an acknowledgement alone
			size = 0
		}
	}
	size = max(size, len(body))
	own, other := &t.flow.up, &t.flow.down
	from, to := client, server
	if down {
		own, other, from, to = other, own, server, client
	}
	acked := *other
	if flags&ack == 0 {
		acked = 0
	}
	f.tcp(from, to, *own, acked, flags, body, size)
	*own += uint32(size)
	if flags&(syn|fin) != 0 {
		*own++
	}
}

// ends returns the two ends of a talk in a room.
func ends(r *sim.Room, a *sim.Act) (client, server end) {
	c, s := &r.Stations[a.Who], &r.Stations[a.To]
	client, server = end{c.MAC, c.Addr, a.Port, c.Runs()}, end{s.MAC, a.Addr, a.PeerPort, sim.Linux}
	if a.Addr == s.Addr {
		server.runs = s.Runs()
	}
	return client, server
}
