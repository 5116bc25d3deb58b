package checktest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture/capturetest"
	"cafeprobe/firmware/clock/sntp/sntptest"
	"cafeprobe/tools/province/ca"
	"cafeprobe/tools/provision"
)

// Where things are in the world outside the cafés (RFC 5737).
const (
	worldName    = "world"
	provinceAddr = "203.0.113.10"
	provinceHost = "box.example.vn"
	provinceName = "ha-giang"
)

// Time servers: those that are right, and those that agree on a time that is over, or on one after that of a certificate (ca.Life). The
// programs do not say when they were built: before that a box believes no time.
var (
	right  = []string{"203.0.113.21", "203.0.113.22", "203.0.113.23", "203.0.113.24"}
	early  = []string{"203.0.113.31", "203.0.113.32", "203.0.113.33", "203.0.113.34"}
	late   = []string{"203.0.113.41", "203.0.113.42", "203.0.113.43", "203.0.113.44"}
	nobody = []string{"203.0.113.51", "203.0.113.52", "203.0.113.53", "203.0.113.54"} // addresses at which none is
	lieBy  = 200 * 24 * time.Hour
)

// world is what is outside: a province that serves boxes over TLS, and time servers.
type world struct {
	programs
	dir   string
	room  *provision.Room // what a technician is given for the boxes
	wrong string          // another province's CA
}

// newWorld makes a world in which the province expects so many boxes.
func newWorld(t *testing.T, boxes int) *world {
	t.Helper()
	w := &world{programs: build(t), dir: t.TempDir()}
	namespace(t, worldName)
	for _, a := range slices.Concat([]string{provinceAddr}, right, early, late) {
		sh(t, "ip -n "+worldName+" addr add "+a+"/32 dev lo")
	}
	for i := range right {
		timeServer(t, right[i], 0)
		timeServer(t, early[i], -lieBy)
		timeServer(t, late[i], lieBy)
	}
	province := filepath.Join(w.dir, "province")
	said := filepath.Join(w.dir, "province.log")
	start(t, worldName, said, nil, w.tool, "province", "serve", "--dir", province, "--name", provinceName, "--mqtt", "127.0.0.1:1883",
		"--web", "127.0.0.1:8080", "--tls", provinceAddr+":8883", "--enroll", provinceAddr+":8443", "--host", provinceHost)
	await(t, "the province serves", func() bool { b, _ := os.ReadFile(said); return strings.Contains(string(b), "until Ctrl-C") })

	file := filepath.Join(w.dir, "room.yaml")
	args := []string{
		"province", "room", "--dir", province, "--name", provinceName, "--broker", "ssl://" + provinceHost + ":8883",
		"--enroll", "https://" + provinceHost + ":8443", "--out", file,
	}
	for i := range boxes {
		args = append(args, boxID(i))
	}
	if out, err := exec.Command(w.tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("province room: %v: %s", err, out)
	}
	var err error
	if w.room, err = provision.LoadRoom(file); err != nil {
		t.Fatal(err)
	}
	w.wrong = filepath.Join(w.dir, "wrong.pem")
	other, err := ca.Open(filepath.Join(w.dir, "other"), "cao-bang", ca.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := os.WriteFile(w.wrong, other.Root(), 0o644); err != nil {
		t.Fatal(err)
	}
	return w
}

func boxID(n int) string { return fmt.Sprintf("b-%08x", 0xcafe00+n) }

// await waits until f is true.
func await(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// timeServer answers at an address of the world what the machine takes for UTC, moved by as much (SNTP, RFC 5905 §14).
func timeServer(t testing.TB, addr string, by time.Duration) {
	t.Helper()
	capturetest.Within(t, worldName, func() {
		pc, err := net.ListenPacket("udp4", addr+":123")
		if err != nil {
			t.Fatal(err)
		}
		sntptest.Serve(t, pc, by)
	})
}
