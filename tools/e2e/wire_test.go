package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// cable is two network namespaces with a link between them, made by a test and removed by it.
type cable struct {
	here, there string // names of the namespaces
}

const (
	hereAddr  = "198.18.0.1" // RFC 2544's range for tests
	thereAddr = "198.18.0.2"
)

// newCable makes a link whose frames are as on a wire: no segment is larger than the MTU, so that the kernel's counters
// count what a wire would carry.
func newCable(t *testing.T, name string) *cable {
	t.Helper()
	needRoot(t)
	name = "cafee2e-" + strconv.Itoa(os.Getpid()) + "-" + name
	c := &cable{here: name + "-a", there: name + "-b"}
	t.Cleanup(func() {
		for _, ns := range []string{c.here, c.there} {
			_ = exec.Command("ip", "netns", "delete", ns).Run() // not made, if something failed before
		}
	})
	run(t, "ip", "netns", "add", c.here)
	run(t, "ip", "netns", "add", c.there)
	run(t, "ip", "-n", c.here, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", c.there)
	for ns, addr := range map[string]string{c.here: hereAddr, c.there: thereAddr} {
		run(t, "ip", "netns", "exec", ns, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")
		run(t, "ip", "netns", "exec", ns, "ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off", "gro", "off")
		run(t, "ip", "-n", ns, "addr", "add", addr+"/30", "dev", "eth0")
		run(t, "ip", "-n", ns, "link", "set", "lo", "up")
		run(t, "ip", "-n", ns, "link", "set", "eth0", "up")
	}
	return c
}

// needRoot ends a test that cannot have network namespaces.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("not root, and this is CI: network namespaces cannot be made")
	}
	t.Skip("not root: this test makes network namespaces")
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// octets returns what has crossed the link, both ways, at IP level: the kernel's counters without the 14 octets of each
// frame's Ethernet header.
func (c *cable) octets(t *testing.T) (n int) {
	t.Helper()
	const path = "/sys/class/net/eth0/statistics/"
	out := run(t, "ip", "netns", "exec", c.there, "cat", path+"rx_bytes", path+"tx_bytes", path+"rx_packets", path+"tx_packets")
	var rx, tx, rxFrames, txFrames int
	if _, err := fmt.Sscan(out, &rx, &tx, &rxFrames, &txFrames); err != nil {
		t.Fatalf("counters %q: %v", out, err)
	}
	return rx + tx - 14*(rxFrames+txFrames)
}
