package pipeline

import (
	"encoding/binary"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/firmware/cafe"
	"cafeprobe/tools/soak/hold"
)

// The café in which floods come: so many stations play, each sending and getting so many frames a second. Most are on
// when the flood begins, the others come on in the middle of it.
const (
	players   = 100
	late      = 20 // of them
	playRate  = 3
	calm      = 150 // seconds before the flood: all stations that are on are confirmed by then
	playPort  = 50000
	gamePort  = 5107
	floodPort = 40000
)

// flood is a source of frames: a café's, and from the second calm on those of a flood between them.
type flood struct {
	up, down [players][]byte
	made     func(n uint64) []byte // the n-th frame of the flood
	frames   uint64                // of the flood, in all
	rate     int                   // of them a second
	every    func(second int)      // called before the first frame of each second; nil: nobody
	swell    func()                // called before every frame of the flood; nil: nobody

	second, i    int // where it stands
	sent, octets uint64
	n            uint64
}

// newFlood returns a flood of so many frames, which made makes of their numbers.
func newFlood(t *testing.T, frames uint64, rate int, made func(n uint64) []byte) *flood {
	f := &flood{made: made, frames: frames, rate: rate}
	for i := range f.up {
		pc := capturetest.PC(byte(i))
		f.up[i] = capturetest.UDP(t, pc, capturetest.Server(), playPort, gamePort, make([]byte, 60))
		f.down[i] = capturetest.UDP(t, capturetest.Server(), pc, gamePort, playPort, make([]byte, 120))
	}
	return f
}

// comesOn returns the second in which station i comes on.
func (f *flood) comesOn(i int) int {
	if i < players-late {
		return 0
	}
	return calm + int(f.frames)/f.rate/2
}

// Next spreads the frames of a second over it.
func (f *flood) Next(fr *capture.Frame) error {
	for {
		const real = 2 * playRate * players
		all := real
		if f.second >= calm {
			all += f.rate
		}
		if f.i == all {
			f.i = 0
			f.second++
			continue
		}
		if f.i == 0 && f.every != nil {
			f.every(f.second)
		}
		i := f.i
		f.i++
		fr.Time = capturetest.At.UnixNano() + int64(f.second)*int64(time.Second) + int64(i)*int64(time.Second)/int64(all)
		switch place := i * real / all; {
		case place == (i+1)*real/all: // no frame of a station is due
			if f.n == f.frames {
				return io.EOF
			}
			if f.swell != nil {
				f.swell()
			}
			fr.Data = f.made(f.n)
			f.n++
		case f.second < f.comesOn(place%players):
			continue
		case place/players%2 == 0:
			fr.Data = f.up[place%players]
		default:
			fr.Data = f.down[place%players]
		}
		fr.Len, fr.Link = len(fr.Data), capture.LinkEthernet
		f.sent++
		f.octets += uint64(fr.Len)
		return nil
	}
}

// madeUpStations makes frames that each come from an address of their own, with an IP address of its own and to the router:
// of n, scattered, so that a table's sets fill unevenly, as random ones do.
func madeUpStations(t *testing.T) func(n uint64) []byte {
	data := capturetest.UDP(t, capturetest.PC(0), capturetest.Server(), floodPort, gamePort, make([]byte, 60))
	data[40], data[41] = 0, 0 // no UDP checksum; that of the IPv4 header is made below
	return func(n uint64) []byte {
		h := (n + 1) * 0x9e3779b97f4a7c15
		var mac [8]byte
		binary.BigEndian.PutUint64(mac[:], h)
		copy(data[6:12], mac[:6])
		data[6] &^= 3 // a vendor's, and of one station
		binary.BigEndian.PutUint32(data[26:30], 10<<24|uint32(n)&0xffffff)
		sumIPv4(data[14:34])
		return data
	}
}

// madeUpFlows makes frames of the stations that were on before, each to an address and a port that no frame went to before.
func madeUpFlows(t *testing.T) func(n uint64) []byte {
	var data [players - late][]byte
	for i := range data {
		data[i] = capturetest.UDP(t, capturetest.PC(byte(i)), capturetest.Server(), floodPort, gamePort, make([]byte, 60))
		data[i][40], data[i][41] = 0, 0
	}
	return func(n uint64) []byte {
		b := data[n%uint64(len(data))]
		binary.BigEndian.PutUint32(b[30:34], 20<<24|uint32(n)&0xffffff)
		sumIPv4(b[14:34])
		return b
	}
}

// sumIPv4 writes the checksum of an IPv4 header without options (RFC 791 §3.1).
func sumIPv4(h []byte) {
	h[10], h[11] = 0, 0
	var sum uint32
	for i := 0; i < len(h); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(h[10:], ^uint16(sum))
}

// tally adds up what observations say.
type tally struct {
	all, ticks uint64
	active     capture.Count // what stations sent
	flows      capture.Count // what flows carried
	played     uint64        // frames of that, of the stations' own flows
}

func (y *tally) take(o *capture.Observation) {
	y.all++
	switch o.Kind {
	case capture.KindTick:
		y.ticks++
	case capture.KindActivity:
		y.active.Frames += o.Up.Frames
		y.active.Octets += o.Up.Octets
	case capture.KindFlow:
		y.flows.Frames += o.Up.Frames + o.Down.Frames
		y.flows.Octets += o.Up.Octets + o.Down.Octets
		if o.Port == playPort {
			y.played += o.Up.Frames + o.Down.Frames
		}
	}
}

// unbroken fails the test unless each of the café's stations is remembered with one session, from when it came on to the end.
func (f *flood) unbroken(t *testing.T, c *cafe.Cafe) {
	t.Helper()
	broken := 0
	for i := range players {
		s, ok := c.Known(capturetest.PC(byte(i)).MAC)
		if !ok || !s.Confirmed || len(s.Sessions) != 1 {
			broken++
			continue
		}
		begun := time.Unix(0, s.Sessions[0].Start).Sub(capturetest.At.Add(time.Duration(f.comesOn(i)) * time.Second))
		ended := time.Unix(0, s.Sessions[0].End).Sub(capturetest.At.Add(time.Duration(f.second) * time.Second))
		if begun.Abs() > 2*time.Second || ended.Abs() > 2*time.Second || s.Sessions[0].Closed != cafe.CauseEnd {
			broken++
			t.Logf("station %d: session %v after it came on to %v after the end, ended by %s", i, begun, ended, s.Sessions[0].Closed)
		}
	}
	hold.Equal(t, "stations of the café lost, or their sessions broken", broken, 0, "stations")
}

// heap returns the octets that live objects take.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// floodFrames is how many frames a flood has: a million in every run, full where SOAK is set.
func floodFrames(full uint64) uint64 {
	if os.Getenv("SOAK") != "" {
		return full
	}
	return min(full, 1_000_000)
}

// drown lets the flood over a pipeline that waits, and holds it to its memory, its stations and its counters.
func drown(t *testing.T, f *flood) {
	var y tally
	var before, most uint64
	f.every = func(second int) {
		switch at := second - calm; {
		case at == 0:
			before = heap()
		case at > 0 && at%30 == 0:
			most = max(most, heap())
		}
	}
	p := New(Config{Tap: y.take, Seed: 7})
	if err := p.Run(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	most = max(most, heap())
	st := p.Stats()
	hold.AtMost(t, "memory that the flood takes", most-min(before, most), 3<<20, "octets")
	f.unbroken(t, p.Cafe())
	hold.Equal(t, "frames counted", st.Frames, f.sent, "frames")
	hold.Equal(t, "octets counted", st.Octets, f.octets, "octets")
	hold.Equal(t, "frames counted by station", y.active.Frames, f.sent, "frames")
	hold.Equal(t, "octets counted by station", y.active.Octets, f.octets, "octets")
	hold.Equal(t, "frames counted by flow", y.flows.Frames, f.sent, "frames")
	hold.Equal(t, "octets counted by flow", y.flows.Octets, f.octets, "octets")
	hold.Equal(t, "frames of the café's own flows", y.played, f.sent-f.frames, "frames")
	hold.Equal(t, "dropped, or found malformed", st.Dropped+st.Malformed, 0, "")
	if n := len(p.Cafe().Stations()); n > 1024 {
		t.Errorf("%d stations are remembered, want at most 1024", n)
	}
	t.Logf("heap %d octets before the flood, at most %d in it; %d flows evicted, %d observations", before, most, st.Evicted, y.all)
	runtime.KeepAlive(p)
}

// TestFloodOfStations: a million made-up source addresses.
func TestFloodOfStations(t *testing.T) {
	drown(t, newFlood(t, 1_000_000, 2500, madeUpStations(t)))
}

// TestFloodOfFlows: ten million flows of one frame each, a million where SOAK is not set.
func TestFloodOfFlows(t *testing.T) {
	n := floodFrames(10_000_000)
	drown(t, newFlood(t, n, int(n/400), madeUpFlows(t)))
}

// TestFloodLive: a slow side that takes a small part of what a flood gives it. What it took and what is counted as dropped are
// together what the hot side put, to the observation; time goes on, and no station of the café is lost.
func TestFloodLive(t *testing.T) {
	const frames, rate = 200_000, 1000
	var want tally
	f := newFlood(t, frames, rate, madeUpStations(t))
	if err := New(Config{Tap: want.take, Seed: 7}).Run(t.Context(), f); err != nil { // the same, with all the time it wants
		t.Fatal(err)
	}
	var got tally
	f = newFlood(t, frames, rate, madeUpStations(t))
	p := New(Config{Live: true, Tap: f.slowly(&got), Seed: 7})
	if err := p.Run(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	st := p.Stats()
	hold.AtLeast(t, "dropped of a flood", st.Dropped, want.all/2, "observations")
	hold.Equal(t, "taken or dropped", got.all+st.Dropped, want.all, "observations")
	hold.Equal(t, "seconds told", got.ticks, want.ticks, "ticks")
	hold.Equal(t, "frames counted", st.Frames, f.sent, "frames")
	f.unbroken(t, p.Cafe())
}

// slowly returns a tap that counts into y, and during the flood takes 400 observations in the time of 1 000 of its frames, of
// which each gives two. The two sides wait for each other, so the machine's speed has no say in it: the tap for its turn, the
// flood for a tap that is four turns behind, and before it, at each second, for one that has not heard of the last.
func (f *flood) slowly(y *tally) func(*capture.Observation) {
	const frames, taken = 1000, 400
	turns, seconds := make(chan struct{}, 4), make(chan struct{}, 1)
	var flooded atomic.Bool
	left, n := 0, 0
	f.every = func(second int) {
		if second > 0 && second < calm {
			<-seconds
		}
	}
	f.swell = func() {
		flooded.Store(true)
		n++
		if n%frames == 0 {
			turns <- struct{}{}
		}
		if uint64(n) == f.frames {
			close(turns)
		}
	}
	return func(o *capture.Observation) {
		y.take(o)
		if !flooded.Load() {
			if o.Kind == capture.KindTick {
				select {
				case seconds <- struct{}{}:
				default:
				}
			}
			return
		}
		if left--; left < 0 {
			<-turns
			left = taken
		}
	}
}
