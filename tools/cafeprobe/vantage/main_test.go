package vantage

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"cafeprobe/capture/capturetest"
)

func TestMain(m *testing.M) { capturetest.InNamespace(m) }

// namespace ends a test that cannot have a network namespace, and keeps the kernel's own IPv6 from the wire.
func namespace(t testing.TB) {
	t.Helper()
	capturetest.Namespace(t)
	for _, f := range []string{"all", "default"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+f+"/disable_ipv6", []byte("1"), 0); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t testing.TB, line string) {
	t.Helper()
	word := strings.Fields(line)
	if out, err := exec.Command(word[0], word[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
}

// bridge makes a switch. With no ageing time it learns nothing and floods every frame: each port is a mirror.
func bridge(t testing.TB, name string, ageing int) {
	t.Helper()
	run(t, fmt.Sprintf("ip link add %s type bridge ageing_time %d mcast_snooping 0", name, ageing))
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", name).Run() })
	run(t, "ip link set "+name+" up")
}

// plug makes a cable from a port of a switch to an end of that name.
func plug(t testing.TB, sw, end string) {
	t.Helper()
	port := "p-" + end
	run(t, "ip link add "+port+" type veth peer name "+end)
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", port).Run() })
	run(t, "ip link set "+port+" master "+sw)
	run(t, "ip link set "+port+" up")
	run(t, "ip link set "+end+" up")
}
