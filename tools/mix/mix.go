// Package mix makes the frames of a full café, as many as are asked for: what tools are timed with, and what the box is let
// run on for simulated days. The flows are those of real captures, given to the café's own stations again and again: every
// copy with the addresses of its station, a port of its own and checksums that hold, the frames at the pace they had. Disks
// over iSCSI, which those captures lack, are built by RFC 7143 around octets that others carried.
//
// Nothing depends on the clock or on the order of a map: the same Config and the same captures give the same octets. A Source
// holds the captures (some ten megabytes), not what it makes of them.
package mix

import (
	"cmp"
	"container/heap"
	"io"
	"math/rand/v2"
	"time"

	"cafeprobe/capture"
)

// Config configures a Source.
type Config struct {
	Captures string  // folder of the captures whose flows are played
	Seed     uint64  // of all choices
	Frames   int     // of the café; 0: none
	Flood    int     // flows of one frame, of made-up ends, evenly over the second half of the café's frames; with Frames 0, alone
	Stations int     // computers of the café, 1 to 200; 0 means 100
	Rate     float64 // bit/s of frames; 0 means 100 000 000
}

// Start is the time of the first frame: half a minute before a full one, so that a café of one minute is heard in two.
var Start = time.Date(2026, 9, 1, 8, 0, 30, 0, time.UTC)

const (
	defaultStations = 100
	maxStations     = 200 // of a /24, with the router, the server and the leases that others hold
	defaultRate     = 100e6
	mean            = 550 // octets of a frame

	// leave is how long a flow counts as one that is on, at least: a flow of one frame would never be seen to be.
	leave = int64(time.Second)
)

// Source is a capture.Source of made-up frames. Use New. It is not safe for concurrent use.
type Source struct {
	cfg   Config
	lib   *library
	cafe  *cafe
	rng   *rand.Rand
	on    acts
	pace  []float64 // frames a second of the flows that are on, by class
	acts  uint64    // flows started
	free  int64     // when the wire is free for the next frame
	boots int       // of the station that boots next
	class int       // of the frame that was played last
	left  struct{ frames, flood int }
	buf   []byte
}

// act is one flow that is on.
type act struct {
	script *script
	id     uint64 // orders acts of one time
	at     int64  // when its next frame is due
	until  int64  // it counts as on until then, also when it has said all
	next   int    // line
	ends   ends
}

// acts is a heap: the act that is due first comes first.
type acts []*act

func (h acts) Len() int      { return len(h) }
func (h acts) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *acts) Push(x any)   { *h = append(*h, x.(*act)) }
func (h acts) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].id < h[j].id
}

func (h *acts) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// New reads the captures of cfg, unless the flood alone is asked for, and returns a Source. An error tells of a folder without
// captures, or of one that cannot be read.
func New(cfg Config) (*Source, error) {
	cfg.Stations = cmp.Or(cfg.Stations, defaultStations)
	cfg.Rate = cmp.Or(cfg.Rate, defaultRate)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Source{
		cfg: cfg, cafe: newCafe(cfg.Stations), rng: rand.New(rand.NewPCG(cfg.Seed, 0x6d6978)), free: Start.UnixNano(),
		pace: make([]float64, len(classes)), buf: make([]byte, 0, maxFrame),
	}
	s.left.frames, s.left.flood = cfg.Frames, cfg.Flood
	if cfg.Frames > 0 {
		var err error
		if s.lib, err = load(cfg.Captures); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Next fills f with the next frame. It returns io.EOF when all have come, and no other error.
func (s *Source) Next(f *capture.Frame) error {
	var b []byte
	var at int64
	switch {
	case s.floods():
		s.left.flood--
		at, b = s.free, s.stray()
	case s.left.frames > 0:
		s.left.frames--
		at, b = s.play()
	default:
		return io.EOF
	}
	*f = capture.Frame{Time: at, Data: b, Len: len(b), Link: capture.LinkEthernet}
	s.free = at + int64(float64(8*len(b))/s.cfg.Rate*1e9)
	return nil
}

// floods reports whether the next frame is the flood's: over the second half of the café's frames it goes in step with them.
func (s *Source) floods() bool {
	half := s.cfg.Frames - s.cfg.Frames/2
	if s.left.flood == 0 || s.left.frames > half {
		return false
	}
	return half == 0 || int64(s.left.flood)*int64(half) > int64(s.left.frames)*int64(s.cfg.Flood)
}

// play makes the café's next frame and returns it with its time. While the wire has room more flows start.
func (s *Source) play() (int64, []byte) {
	for {
		for len(s.on) == 0 || s.on[0].at > s.free {
			s.start(s.furthest())
		}
		a := s.on[0]
		if a.next == len(a.script.lines) {
			heap.Pop(&s.on)
			s.end(a.script)
			continue
		}
		at := max(a.at, s.free)
		s.class = a.script.class
		s.buf = s.cafe.frame(s.buf[:0], a.script, &a.script.lines[a.next], &a.ends)
		if a.next++; a.next < len(a.script.lines) {
			a.at = at + a.script.lines[a.next].gap
		} else {
			a.at = max(at, a.until)
		}
		heap.Fix(&s.on, 0)
		return at, s.buf
	}
}

// end notes that a flow of sc is over. If its class is behind its share now, another one starts though the wire may have no
// room: else long flows, once there are too many, would leave none to the short ones.
func (s *Source) end(sc *script) {
	s.pace[sc.class] -= sc.pace
	for s.pace[sc.class] < classes[sc.class].share*s.cfg.Rate/8/mean {
		s.start(sc.class)
	}
}

// furthest returns the class that is furthest behind its share.
func (s *Source) furthest() (class int) {
	behind := func(i int) float64 { return s.pace[i] / classes[i].share }
	for i := range classes {
		if behind(i) < behind(class) {
			class = i
		}
	}
	return class
}

// start lets a flow of class begin, of any station.
func (s *Source) start(class int) {
	sc := s.lib.draw(class, s.rng)
	s.pace[class] += sc.pace
	who := s.rng.IntN(len(s.cafe.stations))
	if class == classBoot { // each boots once before one does a second time
		who = s.boots % len(s.cafe.stations)
		s.boots++
	}
	a := &act{script: sc, id: s.acts, at: s.free, until: s.free + leave, ends: s.cafe.cast(sc, who, s.rng)}
	if class == classGame && sc.proto == protoUDP { // a game has no pace of its own at its start, nor a handshake
		a.next = s.rng.IntN((len(sc.lines) + 1) / 2)
	}
	s.acts++
	heap.Push(&s.on, a)
}
