// Package mosquittotest runs a real mosquitto, and other programs of Debian's, in tests.
package mosquittotest

import (
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Program returns the path of a program that `make packages-test` installs. Where it is absent the test is skipped, but in
// CI (environment CI set) it fails.
func Program(t testing.TB, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is absent and this is CI: make packages-test installs it", name)
	}
	t.Skipf("%s is absent: make packages-test installs it", name)
	return ""
}

// FreeAddr returns a loopback address whose port is free, and stays so while who listens there is dead: no outgoing
// connection is given one below 32768 (net.ipv4.ip_local_port_range).
func FreeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(22_000))))
		if err == nil {
			l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port of 100 that were tried")
	return ""
}

// Command returns a program that dies with the test, whatever becomes of the test.
func Command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Broker is a mosquitto that can be killed and started again.
type Broker struct {
	t    *testing.T
	addr string
	conf string
	cmd  *exec.Cmd
}

// Run starts a mosquitto with the configuration file conf, by which it listens at addr. It ends with the test.
func Run(t *testing.T, conf, addr string) *Broker {
	t.Helper()
	b := &Broker{t: t, addr: addr, conf: conf}
	b.Start()
	t.Cleanup(b.Kill)
	return b
}

// Addr returns host:port.
func (b *Broker) Addr() string { return b.addr }

// Start starts the broker again after Kill, and returns when it listens.
func (b *Broker) Start() {
	b.t.Helper()
	b.cmd = Command(Program(b.t, "mosquitto"), "-c", b.conf)
	b.cmd.Stdout, b.cmd.Stderr = b.t.Output(), b.t.Output()
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", b.addr)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("mosquitto does not listen after 10 s: %v", err)
		}
	}
}

// Kill ends the broker as a power cut would.
func (b *Broker) Kill() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait() // says that it was killed
}

// Reread has the broker read certificates, CRL and rights anew.
func (b *Broker) Reread() {
	b.t.Helper()
	if err := b.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		b.t.Fatal(err)
	}
}
