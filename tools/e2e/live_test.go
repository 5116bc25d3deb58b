package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/clock/sntp/sntptest"
	"cafeprobe/firmware/config"
	"cafeprobe/uplink"
)

// timeServer is a time server on loopback that says what the machine takes for UTC.
func timeServer(t *testing.T) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sntptest.Serve(t, pc, 0)
	return pc.LocalAddr().String()
}

// TestLive: a daemon on a capture port tells what became of the port, counts each frame that came while it lived, loses no
// record when it is killed, and says goodbye when it is told to end.
func TestLive(t *testing.T) {
	m := newMirror(t, true)
	p := newSite(t, t.TempDir(), "")
	b := p.listener(t, m, timeServer(t), timeServer(t), timeServer(t))
	frames := cafeFrames(t)

	const killed = 2
	links := &linkRecords{p: p, b: b}
	for range killed {
		l := b.listen(t)
		links.await(t, true)
		m.replay(frames)
		m.counted(l, len(frames))
		l.kill()
	}
	l := b.listen(t)
	links.await(t, true)
	m.farEnd("down")
	links.await(t, false)
	m.farEnd("up")
	links.await(t, true)
	m.replay(frames)
	m.counted(l, len(frames))
	p.awaitTold(t, b, uplink.KindAnchor, 1)
	l.end()

	l = b.listen(t)
	boots := p.awaitTold(t, b, uplink.KindBoot, killed+2)
	offs := p.awaitTold(t, b, uplink.KindOff, killed+1)
	for i, body := range boots {
		want := uplink.BootCrash
		switch i {
		case 0:
			want = ""
		case killed + 1:
			want = uplink.BootRestart
		}
		if got := body.(*uplink.Boot).Why; got != want {
			t.Errorf("boot %d: why %q, want %q", i+1, got, want)
		}
	}
	for i, body := range offs {
		if got, want := body.(*uplink.Off).Clean, i == killed; got != want {
			t.Errorf("off %d: clean %v, want %v", i+1, got, want)
		}
	}
	if n := len(p.told(t, b, uplink.KindSecurity)); n != 0 {
		t.Errorf("%d security records, want none", n)
	}
	l.await("all is receipted", func(pr progress) bool { return pr.Records > 0 && pr.Receipted == pr.Records })
	l.end()
	p.stop()
	want := b.spooled(t)
	// A record that is written as the daemon ends, in order, waits for its next start.
	if list, err := differences(p.dir, want[:len(want)-1]); err == nil && len(list) == 0 {
		want = want[:len(want)-1]
	}
	sameInStore(t, p.dir, want)
	m.wantSent(0)
}

// linkRecords is what the province was told of the capture port's link.
type linkRecords struct {
	p    *site
	b    *box
	seen int
}

// await waits for records beyond those seen already, of which the last says that the link is up, or that it is not. A port
// that has just been brought up has no carrier yet, and says so first.
func (r *linkRecords) await(t *testing.T, up bool) {
	t.Helper()
	for range 3 {
		list := r.p.awaitTold(t, r.b, uplink.KindLink, r.seen+1)
		r.seen = len(list)
		if l := list[r.seen-1].(*uplink.Link); l.Port == "capture" && l.Up == up {
			return
		}
	}
	t.Fatalf("%d link records, none says that the capture port's link is up: %v", r.seen, up)
}

// replay sends frames at a moderate pace, 10 000 a second.
func (m *mirror) replay(frames [][]byte) {
	m.t.Helper()
	const each = 10
	for i, f := range frames {
		for !m.transmit(f) {
			time.Sleep(time.Millisecond)
		}
		if i%each == each-1 {
			time.Sleep(time.Millisecond)
		}
	}
}

// counted waits until l has seen want frames, and fails the test if one more comes or one was dropped.
func (m *mirror) counted(l *life, want int) {
	m.t.Helper()
	l.await("the frames are seen", func(p progress) bool { return int(p.Frames+p.Dropped) >= want })
	time.Sleep(300 * time.Millisecond)
	p := l.await("and no more", func(progress) bool { return true })
	if int(p.Frames) != want || p.Dropped != 0 || p.Sent != 0 {
		m.t.Errorf("sent %d frames, the daemon has seen %d, dropped %d, sent %d", want, p.Frames, p.Dropped, p.Sent)
	}
}

// TestPortThatComesLate: a daemon whose capture port is not there starts all the same, tells the province that it sees nothing,
// and goes on by itself, without any right left, when the interface comes. It is silent then as ever.
func TestPortThatComesLate(t *testing.T) {
	m := newMirror(t, true)
	m.cut()
	p := newSite(t, t.TempDir(), "")
	b := p.listener(t, m)
	b.configure(t, func(c *config.Config) { c.Cafe.Summary = config.Duration(time.Second) })
	frames := cafeFrames(t)

	l := b.listen(t)
	links := &linkRecords{p: p, b: b}
	links.await(t, false)
	seen := p.awaitTold(t, b, uplink.KindVantage, 1)
	if v := seen[0].(*uplink.Vantage); v.Class != "BLIND" || v.Why != "no-frames" {
		t.Errorf("vantage %s by %s while there is no port, want BLIND by no-frames", v.Class, v.Why)
	}
	l.await("all is receipted", func(pr progress) bool { return pr.Records > 0 && pr.Receipted == pr.Records })
	m.lay()
	links.await(t, true)
	if got := capabilities(t, l.cmd.Process.Pid); got != 0 {
		t.Errorf("capabilities %#x once the port is open, want none", got)
	}
	m.replay(frames)
	m.counted(l, len(frames))
	seen = p.awaitTold(t, b, uplink.KindVantage, 2)
	if v := seen[1].(*uplink.Vantage); v.Class == "BLIND" {
		t.Errorf("vantage %s by %s when the port is there, want it seeing", v.Class, v.Why)
	}
	l.end()
	if n := len(p.told(t, b, uplink.KindBoot)); n != 1 {
		t.Errorf("%d boot records, want that of the one life", n)
	}
	m.wantSent(0)
}

// TestSharedPortThatComesLate: where the port is the uplink as well the daemon begins another life when it comes, since what is
// sent to the port's own address proves no mirror.
func TestSharedPortThatComesLate(t *testing.T) {
	m := newMirror(t, true)
	m.cut()
	p := newSite(t, t.TempDir(), "")
	b := p.listener(t, m)
	b.configure(t, func(c *config.Config) { c.Capture.Shared = true })
	frames := cafeFrames(t)

	l := b.listen(t)
	links := &linkRecords{p: p, b: b}
	links.await(t, false)
	m.lay()
	run(t, "ip", "link", "set", portName, "up")
	links.await(t, true)
	boots := p.awaitTold(t, b, uplink.KindBoot, 2)
	if why := boots[1].(*uplink.Boot).Why; why != uplink.BootRestart || len(boots) != 2 {
		t.Errorf("%d boots, the second of why %q, want two and %q", len(boots), why, uplink.BootRestart)
	}
	if got := capabilities(t, l.cmd.Process.Pid); got != 0 {
		t.Errorf("capabilities %#x once the port is open, want none", got)
	}
	seen := l.await("it counts", func(progress) bool { return true }).Frames
	m.replay(frames)
	l.await("the frames are seen", func(pr progress) bool { return pr.Frames >= seen+uint64(len(frames)) })
	l.end()
}

// configure changes the box's configuration.
func (b *box) configure(t *testing.T, change func(*config.Config)) {
	t.Helper()
	c, err := config.Load(b.conf)
	if err != nil {
		t.Fatal(err)
	}
	change(&c)
	text, err := json.Marshal(c)
	if err == nil {
		err = os.WriteFile(b.conf, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// capabilities returns the effective capabilities of the process pid (capabilities(7)).
func capabilities(t *testing.T, pid int) (set uint64) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "CapEff:")
	if _, err := fmt.Sscanf(rest, "%x", &set); err != nil {
		t.Fatal(err)
	}
	return set
}
