package afpacket

import (
	"os"
	"os/exec"
	"testing"

	"cafeprobe/capture/capturetest"
)

func TestMain(m *testing.M) { capturetest.InNamespace(m) }

// link makes a pair of interfaces that are up, "port" and the other end "far", silent of themselves.
func link(t testing.TB) {
	t.Helper()
	capturetest.Namespace(t)
	for _, f := range []string{"all", "default"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+f+"/disable_ipv6", []byte("1"), 0); err != nil {
			t.Fatal(err)
		}
	}
	ip(t, "link add port type veth peer name far")
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", "far").Run() }) // a test may have done so
	ip(t, "link set port up")
	ip(t, "link set far up")
}

func ip(t testing.TB, args string) {
	t.Helper()
	capturetest.RunIP(t, args)
}
