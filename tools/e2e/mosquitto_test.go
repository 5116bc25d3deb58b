package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program returns the path of a program of Debian's mosquitto. Where it is absent the test is skipped, but in CI
// (environment CI set) it fails.
func program(t testing.TB, name string) string {
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

// broker is a mosquitto with a folder and a port of its own.
type broker struct {
	t    *testing.T
	addr string
	conf string
	cmd  *exec.Cmd
}

// mosquitto starts a broker on loopback that ends with the test. more are lines of its configuration.
func mosquitto(t *testing.T, more ...string) *broker {
	t.Helper()
	program(t, "mosquitto")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{t: t, addr: l.Addr().String(), conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	l.Close()
	_, port, _ := strings.Cut(b.addr, ":")
	conf := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stderr\nlog_type error\n", port)
	conf += strings.Join(append(more, ""), "\n")
	if os.Geteuid() == 0 {
		conf += "user root\n" // its folder is the test's; another user could not read the file
	}
	if err := os.WriteFile(b.conf, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	b.start()
	t.Cleanup(b.kill)
	return b
}

func (b *broker) url() string { return "tcp://" + b.addr }

func (b *broker) start() {
	b.t.Helper()
	b.cmd = exec.Command(program(b.t, "mosquitto"), "-c", b.conf)
	b.cmd.Stderr = b.t.Output()
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	until(b.t, 10*time.Second, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", b.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// kill ends the broker as a power cut would.
func (b *broker) kill() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait() // says that it was killed
}

// until waits for done, and fails the test if it does not come within d.
func until(t testing.TB, d time.Duration, what string, done func() bool) {
	t.Helper()
	for began := time.Now(); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > d {
			t.Fatalf("%s: not within %v", what, d)
		}
	}
}
