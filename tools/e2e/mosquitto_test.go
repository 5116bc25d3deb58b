package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/tools/province/mosquitto/mosquittotest"
)

// broker is a mosquitto that takes anybody.
type broker struct{ *mosquittotest.Broker }

// mosquitto starts a broker on loopback that ends with the test. more are lines of its configuration.
func mosquitto(t *testing.T, more ...string) broker {
	t.Helper()
	addr := mosquittotest.FreeAddr(t)
	_, port, _ := strings.Cut(addr, ":")
	conf := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stderr\nlog_type error\n", port)
	conf += strings.Join(append(more, ""), "\n")
	if os.Geteuid() == 0 {
		conf += "user root\n" // its folder is the test's; another user could not read the file
	}
	path := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return broker{mosquittotest.Run(t, path, addr)}
}

func (b broker) url() string { return "tcp://" + b.Addr() }

// until waits for done, and fails the test if it does not come within d.
func until(t testing.TB, d time.Duration, what string, done func() bool) {
	t.Helper()
	for began := time.Now(); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > d {
			t.Fatalf("%s: not within %v", what, d)
		}
	}
}
