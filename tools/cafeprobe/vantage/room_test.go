package vantage

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/afpacket"
	"cafeprobe/capture/capturetest"
	"cafeprobe/tools/cafeprobe/inspect"

	"github.com/google/gopacket/layers"
)

// fast is how much faster than the clock the room's time goes: a minute takes a second.
const fast = 60

// room is a café on bridges of this kernel, which decide what the probe's port shows. Its computers are frames: each talks
// with a server behind the router, calls the group once a room's minute, and asks for the gateway.
type room struct {
	t     *testing.T
	name  string // starts the names of its interfaces
	halt  func() // ends all computers
	stop  chan struct{}
	ended sync.WaitGroup
	began time.Time
}

func newRoom(t *testing.T, name string) *room {
	t.Helper()
	namespace(t)
	r := &room{t: t, name: name, stop: make(chan struct{}), began: time.Now()}
	r.halt = sync.OnceFunc(func() { close(r.stop); r.ended.Wait() })
	return r
}

// now is the room's time.
func (r *room) now() int64 { return r.began.UnixNano() + fast*int64(time.Since(r.began)) }

// probe opens the port that listens.
func (r *room) probe(sw string) *afpacket.Ring {
	r.t.Helper()
	end := r.name + "probe"
	plug(r.t, sw, end)
	ring, err := afpacket.Open(end, afpacket.Config{Blocks: 32, Retire: 30 * time.Millisecond, Quiet: 20 * time.Millisecond, Now: r.now})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { ring.Close() })
	return ring
}

// pc plugs the n-th computer into sw and lets it talk. router is where the router's answers to it come in.
func (r *room) pc(n byte, sw string, router *capturetest.Sender) {
	r.t.Helper()
	end := fmt.Sprintf("%spc%d", r.name, n)
	plug(r.t, sw, end)
	out, pc, server, gw := capturetest.NewSender(r.t, end), capturetest.PC(n), capturetest.Server(), capturetest.Router()
	group := capturetest.Host{MAC: capture.MAC{1, 0, 0x5e, 0, 0, 0xfc}, Addr: netip.AddrFrom4([4]byte{224, 0, 0, 252})}
	call := capturetest.UDP(r.t, pc, group, 5355, 5355, []byte("\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03may\x00\x00\x01\x00\x01"))
	ask := capturetest.ARP(r.t, layers.ARPRequest, pc, gw)
	const turns, size = 400, 1000 // of 40 s; made ahead: no test may fail in another goroutine
	question := make([][]byte, turns)
	answer := make([][]byte, turns)
	for i := range uint32(turns) {
		up := capturetest.Segment{SrcPort: 50000, DstPort: 443, ACK: true, Seq: 100 * i, Ack: size * i}
		down := capturetest.Segment{SrcPort: 443, DstPort: 50000, ACK: true, Seq: size * i, Ack: 100 * (i + 1)}
		question[i] = capturetest.TCP(r.t, pc, server, up, make([]byte, 100))
		answer[i] = capturetest.TCP(r.t, server, pc, down, make([]byte, size))
	}
	r.t.Cleanup(r.halt) // before the senders are closed
	r.ended.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for i := 0; i < turns; i++ {
			frames := []func() error{func() error { return out.Send(question[i]) }, func() error { return router.Send(answer[i]) }}
			if i%10 == 0 {
				frames = append(frames, func() error { return out.Send(call) }, func() error { return out.Send(ask) })
			}
			for _, send := range frames {
				if err := send(); err != nil {
					r.t.Errorf("%s: send: %v", end, err)
					return
				}
			}
			select {
			case <-r.stop:
				return
			case <-tick.C:
			}
		}
	})
}

// router plugs the router into sw and says hello, so that a switch that learns knows where it is.
func (r *room) router(sw, end string) *capturetest.Sender {
	r.t.Helper()
	plug(r.t, sw, r.name+end)
	s := capturetest.NewSender(r.t, r.name+end)
	if err := s.Send(capturetest.ARP(r.t, layers.ARPRequest, capturetest.Router(), capturetest.PC(250))); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// judge listens for so many of the room's minutes.
func (r *room) judge(ring *afpacket.Ring, minutes int, progress *lines) *Verdict {
	r.t.Helper()
	v, err := listen(context.Background(), ring, nil, time.Duration(minutes)*time.Minute/fast, progress)
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// lines keeps what was written as progress, with the time.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	when map[string]time.Time // the grade, and when it was first said after forget
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, grade, _ := strings.Cut(string(b), "so far ")
	if _, known := l.when[grade]; !known && l.when != nil {
		l.when[grade] = time.Now()
	}
	return l.text.Write(b)
}

func (v *Verdict) wants(t *testing.T, grade, word string, both, hidden int) {
	t.Helper()
	if v.Grade != grade || v.Word != word || v.Both != both || len(v.Hidden) != hidden {
		t.Errorf("%s by %s, %d both, hidden %v (%q), want %s by %s, %d, %d", v.Grade, v.Word, v.Both, v.Hidden, v.Why, grade, word, both, hidden)
	}
}

func TestMirror(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "a")
	bridge(t, "a-sw", 0)
	router := r.router("a-sw", "rt")
	for n := byte(1); n <= 5; n++ {
		r.pc(n, "a-sw", router)
	}
	ring := r.probe("a-sw")
	var out lines
	v := r.judge(ring, 10, &out)
	v.wants(t, "A", "mirror", 5, 0)
	if v.Status() != 0 {
		t.Errorf("status %d, want 0", v.Status())
	}
	if v.Dropped > 0 {
		t.Logf("%d frames not read in time: what the mirror loses is not judged", v.Dropped)
	} else if v.Loss == nil || v.Loss.Share > 0.001 || len(v.Advice) != 0 {
		t.Errorf("loss %+v, advice %q, want next to none, none", v.Loss, v.Advice)
	}
	if text := out.text.String(); !strings.Contains(text, "both directions 5") || !strings.Contains(text, "so far A") {
		t.Errorf("progress %q, want the stations and the grade", text)
	}
}

func TestPlainPort(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "b")
	bridge(t, "b-sw", 30000)
	router := r.router("b-sw", "rt")
	for n := byte(1); n <= 5; n++ {
		r.pc(n, "b-sw", router)
	}
	ring := r.probe("b-sw")
	v := r.judge(ring, 10, new(lines))
	v.wants(t, "C", "broadcasts", 0, 0)
	if v.Status() != 3 || len(v.Advice) == 0 || !strings.Contains(v.Advice[0], "mirror the port to the router") {
		t.Errorf("status %d, advice %q, want 3, and to mirror the router's port", v.Status(), v.Advice)
	}
}

// TestRemoved: the switch stops mirroring in the middle.
func TestRemoved(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "c")
	bridge(t, "c-sw", 0)
	router := r.router("c-sw", "rt")
	for n := byte(1); n <= 5; n++ {
		r.pc(n, "c-sw", router)
	}
	ring := r.probe("c-sw")
	out := &lines{}
	var removed time.Time
	r.ended.Go(func() {
		time.Sleep(6 * time.Second)
		run(t, "ip link set c-sw type bridge ageing_time 30000")
		out.mu.Lock()
		defer out.mu.Unlock()
		removed, out.when = time.Now(), map[string]time.Time{}
	})
	v := r.judge(ring, 24, out)
	v.wants(t, "BLIND", "broadcasts", 5, 0)
	out.mu.Lock()
	defer out.mu.Unlock()
	after := fast * out.when["BLIND"].Sub(removed)
	t.Logf("BLIND %v of the room's time after the mirror was removed", after)
	if after < 9*time.Minute || after > 15*time.Minute {
		t.Errorf("BLIND after %v, want within 15 minutes", after)
	}
	if v.Status() != 4 || len(v.Advice) == 0 {
		t.Errorf("status %d, advice %q, want 4 and some", v.Status(), v.Advice)
	}
}

// TestSecondSwitch: two computers are on a switch that goes to the router by a port of its own; the mirror shows what they
// call out, and nothing that they say to the router.
func TestSecondSwitch(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "d")
	bridge(t, "d-sw", 0)
	bridge(t, "d-two", 30000)
	run(t, "ip link add d-up type veth peer name d-down")
	run(t, "ip link set d-up master d-sw")
	run(t, "ip link set d-down master d-two")
	run(t, "bridge link set dev d-down learning off") // the router is where its own port is
	run(t, "ip link set d-up up")
	run(t, "ip link set d-down up")
	router, second := r.router("d-sw", "rt"), r.router("d-two", "rt2")
	for n := byte(1); n <= 4; n++ {
		r.pc(n, "d-sw", router)
	}
	for n := byte(5); n <= 6; n++ {
		r.pc(n, "d-two", second)
	}
	ring := r.probe("d-sw")
	v := r.judge(ring, 14, new(lines))
	v.wants(t, "A", "second-switch", 4, 2)
	for _, want := range []byte{5, 6} {
		if m := capturetest.PC(want).MAC.String(); !strings.Contains(strings.Join(v.Hidden, " "), m) {
			t.Errorf("hidden %v, want %s among them", v.Hidden, m)
		}
	}
}

// TestCut: who does not wait gets the verdict so far, with what was heard last.
func TestCut(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "f")
	bridge(t, "f-sw", 0)
	router := r.router("f-sw", "rt")
	r.pc(1, "f-sw", router)
	ring := r.probe("f-sw")
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	v, err := listen(ctx, ring, nil, time.Hour, new(lines))
	if err != nil {
		t.Fatal(err)
	}
	v.wants(t, "A", "mirror", 1, 0)
	if v.Seconds > 60 {
		t.Errorf("ended after %.1f s, want soon after it was cut", v.Seconds)
	}
}

// TestAdvice: what is lost by the mirror, and what by the computer that listens, is told apart.
func TestAdvice(t *testing.T) {
	f := func(name string, loss *inspect.Loss, dropped uint64, want ...string) {
		t.Helper()
		v := &Verdict{Vantage: inspect.Vantage{Grade: "A", Word: "mirror", Loss: loss}, Frames: 10_000, Dropped: dropped, Link: "up"}
		got := advice(v)
		if len(got) != len(want) {
			t.Fatalf("%s: advice %q, want %d pieces", name, got, len(want))
		}
		for i := range got {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("%s: advice %q, want one with %q", name, got[i], want[i])
			}
		}
	}
	f("nothing", nil, 0)
	f("little", &inspect.Loss{Share: 0.002, Octets: 1e6}, 0)
	f("by the mirror", &inspect.Loss{Share: 0.05, Octets: 1e6}, 0, "at least the same speed")
	f("by the listener", &inspect.Loss{Share: 0.05, Octets: 1e6}, 500, "too slow")
	f("by both", &inspect.Loss{Share: 0.2, Octets: 1e6}, 100, "at least the same speed", "too slow")
}

// TestNothing: a port that is up and shows nothing, and one that is down.
func TestNothing(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "e")
	bridge(t, "e-sw", 0)
	ring := r.probe("e-sw")
	v := r.judge(ring, 1, new(lines))
	v.wants(t, "BLIND", "no-frames", 0, 0)
	if v.Status() != 4 || len(v.Advice) != 1 || !strings.Contains(v.Advice[0], "destination") {
		t.Errorf("status %d, advice %q, want 4, and to look at the mirror's destination", v.Status(), v.Advice)
	}
	run(t, "ip link set p-eprobe down")
	time.Sleep(1100 * time.Millisecond) // looked at once a second
	if v = r.judge(ring, 1, new(lines)); v.Link != "no-carrier" || len(v.Advice) != 1 || !strings.Contains(v.Advice[0], "cable") {
		t.Errorf("link %s, advice %q, want no carrier, and to look at the cable", v.Link, v.Advice)
	}
}
