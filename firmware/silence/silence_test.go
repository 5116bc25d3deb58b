package silence

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cafeprobe/capture/capturetest"
)

func TestMain(m *testing.M) { capturetest.InNamespace(m, syscall.CLONE_NEWNS) }

// namespaces ends a test that cannot have namespaces, and makes /run its own.
func namespaces(t *testing.T) {
	t.Helper()
	capturetest.Namespace(t)
	check(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	check(t, unix.Mount("run", "/run", "tmpfs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount("/run", unix.MNT_DETACH) })
	capturetest.RunIP(t, "link set lo up")
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// heard returns how many frames the other end has received.
func heard(t *testing.T, name string) (n int) {
	t.Helper()
	b, err := exec.Command("ip", "-s", "-o", "link", "show", name).Output()
	check(t, err)
	fields := strings.Fields(string(b[strings.Index(string(b), "RX:"):]))
	for i, f := range fields {
		if strings.HasPrefix(f, "\\") { // the line under the heading: octets, packets
			_, err := fmt.Sscan(fields[i+2], &n)
			check(t, err)
			return n
		}
	}
	t.Fatalf("no counters in %q", b)
	return 0
}

// provoke does to the other end what makes machines talk: its own address is asked for, neighbours are looked for.
func provoke(t *testing.T) {
	t.Helper()
	for _, to := range []string{"198.18.0.1", "198.18.0.3", "255.255.255.255"} {
		c, err := net.Dial("udp", to+":9")
		if err != nil {
			continue
		}
		_, _ = c.Write([]byte("who is there"))
		c.Close()
	}
	time.Sleep(100 * time.Millisecond)
}

// TestSilent: a silenced port sends nothing when it comes up, when it is asked, and when somebody in its own namespace
// sends raw frames past every queue. The same provocation makes a port that is merely up talk.
func TestSilent(t *testing.T) {
	namespaces(t)
	far := func(port string) {
		capturetest.RunIP(t, "link add "+port+" type veth peer name far-"+port)
		capturetest.RunIP(t, "addr add 198.18.0.2/24 dev far-"+port)
		capturetest.RunIP(t, "link set far-"+port+" up")
		t.Cleanup(func() { _ = exec.Command("ip", "link", "del", "far-"+port).Run() })
	}
	hostile := func(name string) error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		check(t, err)
		defer unix.Close(fd)
		check(t, unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1))
		i, err := net.InterfaceByName(name)
		check(t, err)
		return unix.Sendto(fd, make([]byte, 60), 0, &unix.SockaddrLinklayer{Ifindex: i.Index})
	}
	f := func(port string, silent bool, up func() (sent func() uint64)) {
		t.Helper()
		far(port)
		sent := up()
		for range 5 {
			provoke(t)
		}
		got, counted := heard(t, "far-"+port), sent()
		if silent != (got == 0) || silent != (counted == 0) {
			t.Errorf("%s: the other end heard %d frames, the port's counter says %d; want silence: %v", port, got, counted, silent)
		}
	}
	f("loud", false, func() func() uint64 {
		capturetest.RunIP(t, "link set loud up")
		check(t, hostile("loud"))
		return func() (n uint64) {
			check(t, rtnetlink(func(c *conn) error {
				st, err := c.stats("loud")
				n = st.txPackets
				return err
			}))
			return n
		}
	})
	f("port", true, func() func() uint64 {
		p, err := Make("capture", "port", func() error {
			if err := hostile("port"); !errors.Is(err, unix.ENOBUFS) {
				t.Errorf("a raw frame past the queues: %v, want %v", err, unix.ENOBUFS)
			}
			return nil
		})
		check(t, err)
		t.Cleanup(func() { check(t, p.Close()) })
		return func() uint64 {
			n, err := p.Sent()
			check(t, err)
			return n
		}
	})
	// A second daemon, after the first was killed: the port is there, and is silenced anew.
	p, err := Make("capture", "port", func() error { return nil })
	check(t, err)
	check(t, p.Close())
	provoke(t)
	if n := heard(t, "far-port"); n != 0 {
		t.Errorf("after it was made again: %d frames", n)
	}
}

// TestMissing: an interface that is not there is named.
func TestMissing(t *testing.T) {
	namespaces(t)
	p, err := Make("capture", "nothing", func() error { return nil })
	if p != nil || !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("port %v, error %v, want none, and ErrAbsent that names the interface", p, err)
	}
}

// TestForbid runs a program that forbids itself to send. Before, all of it works; after, nothing does, and what a daemon
// does goes on.
func TestForbid(t *testing.T) {
	namespaces(t)
	bin := filepath.Join(t.TempDir(), "forbid")
	build := exec.Command("go", "build", "-o", bin, "./testdata/forbid")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command(bin).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	daemon := false
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		var when, what string
		var errno int
		if n, _ := fmt.Sscan(line, &when, &what, &errno); n < 3 {
			daemon = daemon || line == "daemon hello"
			continue
		}
		switch {
		case when == "before" && errno != 0 && what != "io_uring": // a kernel may have none
			t.Errorf("before, %s: %v, want it to work", what, unix.Errno(errno))
		case when == "after" && errno != int(unix.EPERM):
			t.Errorf("after, %s: %v, want %v", what, unix.Errno(errno), unix.EPERM)
		}
	}
	if !daemon {
		t.Errorf("a daemon's work did not go on: %s", out)
	}
}
