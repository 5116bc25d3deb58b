package e2e

import (
	"bufio"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/pcapfile"
	"cafeprobe/firmware/config"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/wire"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

const (
	crowdLeast = 500        // stations
	crowdMost  = 40_000_000 // octets that a box may take up with them
)

// TestCrowd: cafeprobed as it runs on a box stays within 40 MB with more than 500 stations of a busy evening, the pages of the
// spool's files that are mapped among them. CROWD_MINUTES makes the evening longer.
func TestCrowd(t *testing.T) {
	minutes := 3
	if n, err := strconv.Atoi(os.Getenv("CROWD_MINUTES")); err == nil {
		minutes = n
	}
	frames := newCrowd(t, 167, minutes)
	fifo := filepath.Join(t.TempDir(), "frames.pcap")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	id, err := spool.NewIdentity(uplink.Address{Province: "e2e", Box: "b-0000e2e5"}, make(ed25519.PublicKey, ed25519.PublicKeySize))
	if err != nil {
		t.Fatal(err)
	}
	b := provision(t, id, config.Uplink{Broker: "tcp://127.0.0.1:9"}, replayOf(fifo, 0), config.Clock{})
	cmd := exec.Command(daemonPath, "-config", b.conf, "-log", "ERROR")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	pid, most := strconv.Itoa(cmd.Process.Pid), memory{}
	frames.into(t, fifo, func() {
		m := memoryOf(t, pid)
		most = memory{max(most.Resident, m.Resident), m.Peak, max(most.Anonymous, m.Anonymous)}
	})
	t.Logf("%d stations, %d frames: VmHWM %.1f MB, VmRSS %.1f MB, RssAnon %.1f MB at most; %v of processor time", len(frames.stations),
		frames.n, float64(most.Peak)/1e6, float64(most.Resident)/1e6, float64(most.Anonymous)/1e6, worked(t, pid))
	if len(frames.stations) < crowdLeast {
		t.Errorf("%d stations sent something, want %d at least", len(frames.stations), crowdLeast)
	}
	if most.Peak > crowdMost {
		t.Errorf("VmHWM %.1f MB, want at most %.1f", float64(most.Peak)/1e6, crowdMost/1e6)
	}
}

// TestCrowdLive: the same on a capture port, whose ring is the process's memory too: frames come through a cable as fast as in
// the café, and each is accounted for. CROWD_MINUTES makes the evening longer, CROWD_BLOCKS the ring another than that of a box.
func TestCrowdLive(t *testing.T) {
	if !long() {
		t.Skip("SOAK is not set: it takes two minutes")
	}
	span := time.Minute
	if n, err := strconv.Atoi(os.Getenv("CROWD_MINUTES")); err == nil {
		span = time.Duration(n) * time.Minute
	}
	m := newMirror(t, true)
	frames := newCrowd(t, 175, int(span/time.Minute)+1)
	id, err := spool.NewIdentity(uplink.Address{Province: "e2e", Box: "b-0000e2e6"}, make(ed25519.PublicKey, ed25519.PublicKeySize))
	if err != nil {
		t.Fatal(err)
	}
	blocks := config.Blocks
	if n, err := strconv.Atoi(os.Getenv("CROWD_BLOCKS")); err == nil {
		blocks = n
	}
	b := provision(t, id, config.Uplink{Broker: "tcp://127.0.0.1:9"}, config.Capture{
		Interface: portName, Namespace: m.box, Blocks: blocks, Quality: uplink.QualityCoarse,
	}, config.Clock{})
	b.configure(t, func(c *config.Config) { c.Uplink.Retry = config.Duration(time.Minute) })
	l := b.listen(t)
	l.await("it listens", func(progress) bool { return m.port("up") })
	stood := frames.through(t, m, span)
	end := l.await("the frames are seen", func(p progress) bool { return int(p.Frames+p.Dropped) >= frames.n })
	pid := strconv.Itoa(l.cmd.Process.Pid)
	most := memoryOf(t, pid)
	t.Logf("%d stations, %d frames of %d MB in %v and %v in which nothing could be sent; a ring of %d blocks",
		len(frames.stations), frames.n, frames.octets/1e6, span, stood.Round(time.Millisecond), blocks)
	t.Logf("VmHWM %.1f MB, RssAnon %.1f MB at the end; %v of processor time", float64(most.Peak)/1e6,
		float64(most.Anonymous)/1e6, worked(t, pid))
	if len(frames.stations) < crowdLeast {
		t.Errorf("%d stations sent something, want %d at least", len(frames.stations), crowdLeast)
	}
	if most.Peak > crowdMost {
		t.Errorf("VmHWM %.1f MB, want at most %.1f", float64(most.Peak)/1e6, crowdMost/1e6)
	}
	t.Logf("%d frames are seen and %d found no room in the ring", end.Frames, end.Dropped)
	if int(end.Frames+end.Dropped) != frames.n {
		t.Errorf("%d frames were sent: the daemon has seen %d and dropped %d", frames.n, end.Frames, end.Dropped)
	}
	l.end()
}

// through sends the frames of span through m's cable, each when it is due. Where others use the machine and it falls behind, the
// evening stands still for so long, which it returns: what was held up is not sent all at once, as no café sends.
func (c *crowdFrames) through(t *testing.T, m *mirror, span time.Duration) (stood time.Duration) {
	t.Helper()
	const tick = 5 * time.Millisecond // timers are no finer where others use the machine
	var s *capturetest.Sender
	capturetest.Within(t, m.far, func() { s = capturetest.NewSender(t, farName) })
	var first int64
	began := time.Now()
	for {
		var f capture.Frame
		if err := c.src.Next(&f); err != nil {
			t.Fatal(err)
		}
		if first == 0 {
			first = f.Time
		}
		due := time.Duration(f.Time - first)
		if due > span {
			return stood
		}
		switch behind := time.Since(began) - due; {
		case behind < -tick:
			time.Sleep(-behind)
		case behind > 2*tick:
			began, stood = began.Add(behind), stood+behind
		}
		if m := capture.MAC(f.Data[6:12]); !m.IsGroup() {
			c.stations[m] = true
		}
		if err := s.Send(f.Data); err != nil {
			t.Fatal(err)
		}
		c.n++
		c.octets += len(f.Data)
	}
}

// crowdFrames are the frames of rooms that are full.
type crowdFrames struct {
	src      capture.Source
	stations map[capture.MAC]bool // that sent something
	n        int
	octets   int
}

// newCrowd makes five rooms of so many PCs, of which at that hour more than half are on.
func newCrowd(t *testing.T, stations, minutes int) *crowdFrames {
	t.Helper()
	var rooms []*sim.Room
	for seed := range uint64(5) {
		r, err := sim.New(700+seed, sim.Options{
			Stations: stations, From: time.Date(2026, 11, 27, 13, 0, 0, 0, time.UTC), For: time.Duration(minutes) * time.Minute,
			MirrorLost: sim.No, PowerCut: sim.No, Outage: sim.No,
		})
		if err != nil {
			t.Fatal(err)
		}
		rooms = append(rooms, r)
	}
	return &crowdFrames{src: wire.Together(rooms...), stations: map[capture.MAC]bool{}}
}

// into writes the frames to the pipe at path, as a capture that nothing reads ahead of, and looks meanwhile and at the end. What
// is behind the first 600 octets of a frame nothing reads.
func (c *crowdFrames) into(t *testing.T, path string, look func()) {
	t.Helper()
	out, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	buf := bufio.NewWriterSize(out, 1<<20)
	w, err := pcapfile.NewWriter(buf, capture.LinkEthernet)
	if err != nil {
		t.Fatal(err)
	}
	for {
		var f capture.Frame
		if err := c.src.Next(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if m := capture.MAC(f.Data[6:12]); !m.IsGroup() {
			c.stations[m] = true
		}
		f.Data = f.Data[:min(len(f.Data), 600)]
		if err := w.Write(&f); err != nil {
			t.Fatal(err)
		}
		if c.n++; c.n%200_000 == 0 {
			look()
		}
	}
	if err := buf.Flush(); err != nil {
		t.Fatal(err)
	}
	look()
}
