package afpacket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

func open(t testing.TB, name string, cfg Config) *Ring {
	t.Helper()
	r, err := Open(name, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// frame is a broadcast of n octets that says no in its first payload octets.
func frame(no uint32, n int) []byte {
	b := make([]byte, n)
	copy(b, "\xff\xff\xff\xff\xff\xff\x2c\xf0\x5d\x10\x00\x01\x88\xb5") // an EtherType for experiments
	binary.BigEndian.PutUint32(b[14:], no)
	return b
}

// next returns the next frame; a Ring that stays quiet for seconds fails the test.
func next(t testing.TB, r *Ring) capture.Frame {
	t.Helper()
	for range 20 {
		var f capture.Frame
		err := r.Next(&f)
		if err == nil {
			return f
		}
		if !errors.Is(err, capture.ErrQuiet) {
			t.Fatal(err)
		}
	}
	t.Fatalf("no frame in time, the interface is %v", r.State())
	return capture.Frame{}
}

// quiet drains r until nothing comes, and returns how many frames there were.
func quiet(t testing.TB, r *Ring) (n int) {
	t.Helper()
	var f capture.Frame
	for {
		switch err := r.Next(&f); {
		case err == nil:
			n++
		case errors.Is(err, capture.ErrQuiet):
			return n
		default:
			t.Fatal(err)
		}
	}
}

func TestRing(t *testing.T) {
	link(t)
	ip(t, "link set port mtu 9000")
	ip(t, "link set far mtu 9000")
	began := time.Now()
	r := open(t, "port", Config{Now: func() int64 { return int64(time.Since(began)) }, Quiet: 100 * time.Millisecond})
	if r.State() != Up {
		t.Errorf("state %v, want up", r.State())
	}
	s, out := capturetest.NewSender(t, "far"), capturetest.NewSender(t, "port")
	sizes := []int{60, 1514, 9014, 64, 700}
	for i, n := range sizes {
		s.Flood(t, frame(uint32(i), n), 1)
		out.Flood(t, frame(999, 60), 1) // our own end's, which a ring without PACKET_IGNORE_OUTGOING would see
	}
	octets := uint64(0)
	for i, n := range sizes {
		f := next(t, r)
		if want := frame(uint32(i), n); !bytes.Equal(f.Data, want) || f.Len != n || f.Link != capture.LinkEthernet || f.VLAN != 0 {
			t.Errorf("frame %d: %d of %d octets, % x…, VLAN %d, want %d", i, len(f.Data), f.Len, f.Data[:18], f.VLAN, n)
		}
		if age := time.Since(began) - time.Duration(f.Time); age < 0 || age > 10*time.Second {
			t.Errorf("frame %d is %v old by the caller's scale", i, age)
		}
		octets += uint64(n)
	}
	if n := quiet(t, r); n != 0 {
		t.Errorf("%d frames more", n)
	}
	if got, want := r.Stats(), (capture.Stats{Frames: uint64(len(sizes)), Octets: octets}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

// The kernel takes an 802.1Q tag out of a frame; the Ring says which it was. Priority tags name no VLAN.
func TestVLAN(t *testing.T) {
	link(t)
	r, s := open(t, "port", Config{}), capturetest.NewSender(t, "far")
	f := func(tci, want uint16) {
		t.Helper()
		plain := frame(uint32(tci), 100)
		tagged := append(bytes.Clone(plain[:12]), 0x81, 0, byte(tci>>8), byte(tci))
		s.Flood(t, append(tagged, plain[12:]...), 1)
		got := next(t, r)
		if got.VLAN != want || !bytes.Equal(got.Data, plain) {
			t.Errorf("tag %#x: VLAN %d, % x…, want %d, % x…", tci, got.VLAN, got.Data[:20], want, plain[:20])
		}
	}
	f(0x0007, 7)
	f(0x6fff, 0xfff)
	f(0xa000, 0)
}

// An interface that goes down, away, comes back, and gets another name is followed without a frame lost in between.
func TestStates(t *testing.T) {
	link(t)
	r := open(t, "port", Config{Quiet: 20 * time.Millisecond})
	await := func(want State) {
		t.Helper()
		for range 200 {
			var f capture.Frame
			if err := r.Next(&f); err != nil && !errors.Is(err, capture.ErrQuiet) {
				t.Fatal(err)
			}
			if r.State() == want {
				return
			}
		}
		t.Fatalf("state %v, want %v", r.State(), want)
	}
	no := uint32(0)
	hears := func() {
		t.Helper()
		no++
		capturetest.NewSender(t, "far").Flood(t, frame(no, 60), 1)
		if f := next(t, r); binary.BigEndian.Uint32(f.Data[14:]) != no {
			t.Errorf("frame % x, want number %d", f.Data, no)
		}
	}
	hears()
	ip(t, "link set port down")
	await(Down)
	ip(t, "link set port up")
	await(Up)
	hears()
	ip(t, "link set far down")
	await(NoCarrier)
	ip(t, "link set far up")
	await(Up)
	hears()
	ip(t, "link set port name other")
	hears()
	for range 2 {
		await(Up)
	}
	time.Sleep(watchPeriod)
	await(Up)
	if r.Name() != "other" {
		t.Errorf("name %q, want other", r.Name())
	}
	for range 2 {
		ip(t, "link del far")
		await(Gone)
		ip(t, "link add other type veth peer name far")
		ip(t, "link set other up")
		ip(t, "link set far up")
		await(Up)
		hears()
	}
	quiet(t, r)
	if st := r.Stats(); st.Frames != uint64(no) || st.Dropped != 0 {
		t.Errorf("stats %+v, want %d frames", st, no)
	}
}

// One that is not there is waited for.
func TestLate(t *testing.T) {
	capturetest.Namespace(t)
	r := open(t, "port", Config{Quiet: 10 * time.Millisecond})
	var f capture.Frame
	before := time.Now().UnixNano()
	if err := r.Next(&f); !errors.Is(err, capture.ErrQuiet) || f.Time < before || r.State() != Gone {
		t.Errorf("error %v, time %d, state %v, want none yet, the time, gone", err, f.Time, r.State())
	}
	link(t)
	capturetest.NewSender(t, "far").Flood(t, frame(1, 60), 1) // nobody listens yet: bind comes with the next look
	time.Sleep(20 * time.Millisecond)
	quiet(t, r)
	capturetest.NewSender(t, "far").Flood(t, frame(2, 60), 1)
	if f := next(t, r); f.Data[17] != 2 {
		t.Errorf("frame % x, want number 2", f.Data)
	}
}

// What does not fit is counted, to the frame: sent = seen + dropped.
func TestDropped(t *testing.T) {
	link(t)
	r, s := open(t, "port", Config{Blocks: 2, Quiet: 200 * time.Millisecond}), capturetest.NewSender(t, "far")
	sent, seen := 0, 0
	for _, n := range []int{20000, 3, 30000, 10} {
		s.Flood(t, frame(1, 64), n)
		sent += n
		if n < 100 { // a ring that was full goes on when there is room
			seen += quiet(t, r)
		}
	}
	seen += quiet(t, r)
	st := r.Stats()
	if int(st.Frames) != seen || seen+int(st.Dropped) != sent || st.Dropped == 0 || r.Freezes() == 0 {
		t.Errorf("sent %d, read %d, stats %+v, %d freezes: want all told of", sent, seen, st, r.Freezes())
	}
}

// TestHolds: a ring of the usual size holds what comes while nobody reads for some time, and all of it is the process's memory from the
// start on.
func TestHolds(t *testing.T) {
	link(t)
	f := func(size, frames int) {
		t.Helper()
		before := fileBacked(t)
		r, s := open(t, "port", Config{Retire: time.Minute, Quiet: 100 * time.Millisecond}), capturetest.NewSender(t, "far")
		if got := fileBacked(t) - before; got < Blocks*BlockSize/100*95 {
			t.Errorf("%d octets of memory more, want those of the ring, %d", got, Blocks*BlockSize)
		}
		s.Flood(t, frame(1, size), frames)
		if st := r.Stats(); st.Dropped != 0 {
			t.Errorf("of %d frames of %d octets that nobody reads yet %d are dropped", frames, size, st.Dropped)
		}
		s.Flood(t, frame(1, size), frames)
		if st := r.Stats(); st.Dropped == 0 {
			t.Errorf("of %d frames of %d octets that nobody reads yet none is dropped: the ring holds more than it is said to", 2*frames, size)
		}
	}
	f(60, 30_000)
	f(1514, 3_700)
}

// fileBacked returns the octets of the process's memory that are neither anonymous nor shared (RssFile of proc_pid_status(5)).
func fileBacked(t *testing.T) (octets int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "RssFile:")
	if _, err := fmt.Sscan(rest, &octets); err != nil {
		t.Fatalf("RssFile in %s: %v", b, err)
	}
	return octets << 10
}

// Ready brings what is there, never waits, and follows the interface.
func TestReady(t *testing.T) {
	link(t)
	r, s := open(t, "port", Config{Quiet: time.Hour, Retire: time.Millisecond}), capturetest.NewSender(t, "far")
	fs := make([]capture.Frame, 4)
	f := func(name string, want int) {
		t.Helper()
		got := 0
		for end := time.Now().Add(2 * time.Second); got < want && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			n, err := r.Ready(fs)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got += n
		}
		if n, err := r.Ready(fs); err != nil || got+n != want {
			t.Errorf("%s: %d frames, %v, want %d", name, got+n, err, want)
		}
	}
	f("nothing", 0)
	s.Flood(t, frame(1, 60), 10)
	f("three times as many as there is room for", 10)
	ip(t, "link set far down")
	for end := time.Now().Add(5 * time.Second); r.State() == Up && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		f("nothing plugged in", 0)
	}
	if st := r.State(); st != NoCarrier {
		t.Errorf("state %v, want %v", st, NoCarrier)
	}
}

// What a filter refuses is not there, and no frame gets in before it.
func TestFilter(t *testing.T) {
	link(t)
	s := capturetest.NewSender(t, "far")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				s.Flood(t, frame(0, 100), 64)
			}
		}
	}()
	r := open(t, "port", Config{Quiet: 20 * time.Millisecond, Filter: []bpf.Instruction{
		bpf.LoadAbsolute{Off: 14, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1},
		bpf.RetConstant{Val: 40},
		bpf.RetConstant{Val: 0},
	}})
	capturetest.NewSender(t, "far").Flood(t, frame(7, 100), 3)
	close(stop)
	<-stopped
	for range 3 {
		if f := next(t, r); len(f.Data) != 40 || f.Len != 100 || f.Data[17] != 7 {
			t.Errorf("frame % x of %d, want number 7, 40 octets of 100", f.Data, f.Len)
		}
	}
	if n := quiet(t, r); n != 0 {
		t.Errorf("%d frames that the filter refuses", n)
	}
}

// A block at a time comes what comes frame by frame.
func TestBatch(t *testing.T) {
	link(t)
	r, s := open(t, "port", Config{Quiet: 100 * time.Millisecond}), capturetest.NewSender(t, "far")
	const n = 1000
	for i := range n {
		s.Flood(t, frame(uint32(i), 60+i), 1)
	}
	fs := make([]capture.Frame, 64)
	calls := 0
	for got := 0; got < n; calls++ {
		k, err := r.Batch(fs)
		if err != nil {
			t.Fatalf("after %d: %v", got, err)
		}
		for _, f := range fs[:k] {
			if !bytes.Equal(f.Data, frame(uint32(got), 60+got)) {
				t.Fatalf("frame %d: % x…", got, f.Data[:20])
			}
			got++
		}
	}
	if calls > n/8 {
		t.Errorf("%d calls for %d frames", calls, n)
	}
	if k, err := r.Batch(fs); k != 0 || !errors.Is(err, capture.ErrQuiet) || fs[0].Time == 0 {
		t.Errorf("%d, %v at %d, want none yet and the time", k, err, fs[0].Time)
	}
}

// Reading takes no memory.
func TestNoAllocation(t *testing.T) {
	link(t)
	r, s := open(t, "port", Config{}), capturetest.NewSender(t, "far")
	s.Flood(t, frame(1, 60), 2000)
	var f capture.Frame
	if got := testing.AllocsPerRun(1000, func() {
		if err := r.Next(&f); err != nil {
			t.Error(err)
		}
	}); got != 0 {
		t.Errorf("%v allocations a frame, want 0", got)
	}
}

// Once a Ring is open the program needs no capability any more, whatever becomes of the interface.
func TestDroppedCapability(t *testing.T) {
	link(t)
	r := open(t, "port", Config{Quiet: 20 * time.Millisecond})
	ip(t, "link del far")
	ip(t, "link add port type veth peer name far")
	ip(t, "link set port up")
	ip(t, "link set far up")
	heard := make(chan error)
	go func() {
		runtime.LockOSThread() // and never back: the thread ends without its capabilities
		hdr, none := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, [2]unix.CapUserData{}
		if err := unix.Capset(&hdr, &none[0]); err != nil {
			heard <- err
			return
		}
		if _, err := Open("port", Config{}); !errors.Is(err, os.ErrPermission) {
			heard <- fmt.Errorf("another ring: %w, want no permission", err)
		}
		for {
			var f capture.Frame
			if err := r.Next(&f); !errors.Is(err, capture.ErrQuiet) {
				heard <- err
				return
			}
		}
	}()
	for s := capturetest.NewSender(t, "far"); ; time.Sleep(10 * time.Millisecond) {
		s.Flood(t, frame(1, 60), 1)
		select {
		case err := <-heard:
			if err != nil {
				t.Error(err)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Without a capability from the start it says what to do.
func TestCapability(t *testing.T) {
	if os.Getenv("AFPACKET_TEST_UNPRIVILEGED") != "" {
		if _, err := Open("lo", Config{}); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "CAP_NET_RAW") {
			t.Errorf("error %v, want one that names CAP_NET_RAW", err)
		}
		return
	}
	capturetest.Namespace(t)
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestCapability$", "-test.v")
	cmd.Env = append(os.Environ(), "AFPACKET_TEST_UNPRIVILEGED=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, Pdeathsig: unix.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: TestCapability")) {
		t.Errorf("%v\n%s", err, out)
	}
}
