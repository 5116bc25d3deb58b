// Package wire makes frames of what is played in a room: a capture.Source that hands them out in the order of their times,
// each with valid lengths and checksums, in memory that does not grow with the time.
//
// Payloads are zeros but for their first octets: nothing that the box does depends on them, and files of them are small.
package wire

import (
	"container/heap"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"cafeprobe/capture"
	"cafeprobe/tools/sim"
)

// Source hands out the frames of a room that the box can hear. Use New. It is not safe for concurrent use.
type Source struct {
	room     *sim.Room
	stage    *sim.Stage
	messages *Messages
	g        *rand.Rand
	acts     []sim.Act // of this minute, those not begun
	end      int64     // of this minute
	over     bool
	going    queue
	free     []*talk
	flows    map[key]*flow
	f        frame
}

// key is a connection.
type key struct {
	who            int32
	addr           netip.Addr
	port, peerPort uint16
}

// New returns a Source of a room. Each gives the same frames.
func New(r *sim.Room) *Source {
	return &Source{
		room: r, stage: r.Stage(), messages: NewMessages(r), end: r.From(),
		g: rand.New(rand.NewPCG(r.Seed, 0x7769_7265)), flows: map[key]*flow{},
	}
}

// Next fills f with the next frame, or returns io.EOF.
func (s *Source) Next(f *capture.Frame) error {
	for {
		next := s.end
		if len(s.acts) > 0 {
			next = s.acts[0].At
		}
		switch {
		case len(s.going) > 0 && (s.over || s.going[0].at <= next):
			*f = capture.Frame{Link: capture.LinkEthernet, Time: s.going[0].at}
			f.Data = s.step()
			f.Len = len(f.Data)
			if f.Time >= s.room.To() {
				continue
			}
			return nil
		case s.over:
			return io.EOF
		case len(s.acts) > 0:
			s.begin(&s.acts[0])
			s.acts = s.acts[1:]
		default:
			s.minute()
		}
	}
}

// minute takes the acts of the next minute, and forgets connections that were silent for long.
func (s *Source) minute() {
	start, acts, ok := s.stage.Minute(true)
	s.acts, s.over, s.end = acts, !ok, start+int64(time.Minute)
	if start%int64(time.Hour) != 0 {
		return
	}
	for k, f := range s.flows {
		if start-f.used > int64(6*time.Hour) {
			delete(s.flows, k)
		}
	}
}

// begin begins an act, if the box can hear it.
func (s *Source) begin(a *sim.Act) {
	if !s.room.Sees(a) {
		return
	}
	t := &talk{}
	if n := len(s.free); n > 0 {
		t, s.free = s.free[n-1], s.free[:n-1]
	}
	if a.Say != sim.Talk {
		*t = talk{act: *a}
		heap.Push(&s.going, going{a.At, t})
		return
	}
	*t = newTalk(s.g, a, s.flow(a))
	heap.Push(&s.going, going{t.next(), t})
}

// flow returns the connection of a stretch, nil where it is of datagrams.
func (s *Source) flow(a *sim.Act) *flow {
	if !a.TCP {
		return nil
	}
	k := key{a.Who, a.Addr, a.Port, a.PeerPort}
	f := s.flows[k]
	if f == nil || a.Opens {
		f = &flow{up: s.g.Uint32(), down: s.g.Uint32()}
		s.flows[k] = f
	}
	if f.used = a.At; a.Ends {
		delete(s.flows, k)
	}
	return f
}

// step returns the octets of the frame that is due, and puts off its talk to the next.
func (s *Source) step() []byte {
	t := s.going[0].talk
	if a := &t.act; a.Say != sim.Talk {
		data := s.messages.Frame(a, t.up.k > 0)
		t.up.k++
		if s.going[0].at += max(a.For, int64(time.Millisecond)) / 2; t.up.k == 2 || a.Down.Frames == 0 {
			s.drop()
		} else {
			heap.Fix(&s.going, 0)
		}
		return data
	}
	client, server := ends(s.room, &t.act)
	t.frame(s.g, &s.f, client, server)
	if next := t.next(); next != math.MaxInt64 {
		s.going[0].at = next
		heap.Fix(&s.going, 0)
	} else {
		s.drop()
	}
	return s.f.b[:s.f.n]
}

// drop ends the talk that is due.
func (s *Source) drop() {
	g := heap.Pop(&s.going).(going)
	s.free = append(s.free, g.talk)
}

// going is a talk with the time of its next frame.
type going struct {
	at   int64
	talk *talk
}

// queue is a heap of talks by their next frames.
type queue []going

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push and Pop are container/heap's.
func (q *queue) Push(x any) { *q = append(*q, x.(going)) }

// Pop takes the last element off.
func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}
