package e2e

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cafeprobe/capture/capturetest"
)

// mirror is a mirror port with a cable: one end of a veth pair is the box's capture port, the other, far, is in a network
// namespace of its own in which nothing else is. Whatever comes in there the box has sent.
type mirror struct {
	t     *testing.T
	far   string       // the far end's namespace
	box   string       // the namespace that the daemon puts the capture port into
	send  int          // a packet socket there
	heard atomic.Int64 // frames that came in there
	first atomic.Pointer[string]
	gone  int // frames counted by interfaces that were removed since
}

const (
	portName = "cap0"
	portMAC  = "2c:f0:5d:00:ca:fe"
	farName  = "far0"
)

// newMirror makes the namespaces and begins to listen at the far end, then lays the cable. A silent far end says nothing of
// itself; else its kernel speaks IPv4 and IPv6.
func newMirror(t *testing.T, silent bool) *mirror {
	t.Helper()
	needRoot(t)
	m := &mirror{t: t, far: "far", box: "capture"}
	run(t, "ip", "netns", "add", m.far)
	t.Cleanup(func() {
		_ = exec.Command("ip", "link", "delete", portName).Run() // where the port is the uplink as well it is here, and ends late
		for _, ns := range []string{m.far, m.box} {
			_ = exec.Command("ip", "netns", "delete", ns).Run() // the second is the daemon's, if it made it
		}
	})
	if silent {
		run(t, "ip", "netns", "exec", m.far, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
	}
	capturetest.Within(t, m.far, func() {
		m.send = m.socket(0)
		go m.listen(m.socket(unix.ETH_P_ALL))
	})
	m.lay()
	return m
}

// socket opens a packet socket in the calling thread's namespace.
func (m *mirror) socket(protocol uint16) int {
	m.t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(protocol>>8|protocol<<8))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { unix.Close(fd) })
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}),
	)
	if err != nil {
		m.t.Fatal(err)
	}
	return fd
}

// listen counts what comes in until the socket is closed.
func (m *mirror) listen(fd int) {
	buf := make([]byte, 256)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		switch {
		case err == nil:
			what := hex.EncodeToString(buf[:n])
			m.first.CompareAndSwap(nil, &what)
			m.heard.Add(1)
		case errors.Is(err, unix.EBADF):
			return
		}
	}
}

// lay makes the cable. The box's end is down and among its daemon's interfaces, as one that was just plugged in.
func (m *mirror) lay() {
	m.t.Helper()
	run(m.t, "ip", "link", "add", portName, "address", portMAC, "type", "veth", "peer", "name", farName, "netns", m.far)
	run(m.t, "ip", "netns", "exec", m.far, "ethtool", "-K", farName, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
	run(m.t, "ip", "-n", m.far, "addr", "add", "198.18.0.1/24", "dev", farName)
	run(m.t, "ip", "-n", m.far, "link", "set", farName, "up")
}

// cut removes the cable, both ends.
func (m *mirror) cut() {
	m.t.Helper()
	m.gone += m.counter()
	run(m.t, "ip", "-n", m.far, "link", "delete", farName)
}

// counter returns how many frames the far end's interface has received since it exists.
func (m *mirror) counter() int {
	m.t.Helper()
	var links []struct {
		Stats64 struct{ Rx struct{ Packets int } }
	}
	out := run(m.t, "ip", "-n", m.far, "-s", "-j", "link", "show", "dev", farName)
	if err := json.Unmarshal([]byte(out), &links); err != nil || len(links) != 1 {
		m.t.Fatalf("counters %q: %v", out, err)
	}
	return links[0].Stats64.Rx.Packets
}

// wantSent fails the test unless the box has sent so many frames since the mirror was made, counted twice: by the far
// end's interface, and by a socket that got each.
func (m *mirror) wantSent(want int) {
	m.t.Helper()
	time.Sleep(200 * time.Millisecond)
	counted, heard := m.gone+m.counter(), int(m.heard.Load())
	if counted == want && heard == want {
		return
	}
	first := "none"
	if f := m.first.Load(); f != nil {
		first = *f
	}
	m.t.Errorf("the far end counted %d frames from the capture port and heard %d, want %d; the first: %s", counted, heard, want, first)
}

// transmit sends frame out of the far end. It reports false where that is gone, down or busy.
func (m *mirror) transmit(frame []byte) bool { return transmit(m.send, farName, frame) == nil }

func transmit(fd int, name string, frame []byte) error {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr); err != nil {
		return err
	}
	return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: int(ifr.Uint32())})
}

// sendFromBox sends frame out of the capture port, as somebody would who got into its namespace with all rights.
func (m *mirror) sendFromBox(frame []byte) (err error) {
	m.t.Helper()
	capturetest.Within(m.t, m.box, func() { err = transmit(m.socket(0), portName, frame) })
	return err
}

// port sets the capture port's interface in the daemon's namespace. It reports whether that is there.
func (m *mirror) port(args string) bool {
	return exec.Command("ip", strings.Fields("-n "+m.box+" link set "+portName+" "+args)...).Run() == nil
}

// farEnd sets the far end's interface.
func (m *mirror) farEnd(args string) {
	m.t.Helper()
	run(m.t, "ip", strings.Fields("-n "+m.far+" link set "+farName+" "+args)...)
}

// mac returns s as octets.
func mac(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return m
}
