package afpacket

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const nestedEnv = "AFPACKET_TEST_NAMESPACE" // set in the process that runs the tests

// TestMain runs the tests in a process with a network namespace of its own, which ends with it. Without root those that
// need one say so.
func TestMain(m *testing.M) {
	if os.Geteuid() != 0 || os.Getenv(nestedEnv) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), nestedEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		if _, ok := err.(*exec.ExitError); !ok {
			fmt.Fprintln(os.Stderr, "network namespace:", err)
		}
		os.Exit(1)
	}
}

// namespace ends a test that cannot have a network namespace.
func namespace(t testing.TB) {
	t.Helper()
	if os.Getenv(nestedEnv) == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("not root, and this is CI: network namespaces cannot be made")
		}
		t.Skip("not root: this test makes a network namespace")
	}
}

// ip runs ip(8).
func ip(t testing.TB, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// link makes a pair of interfaces that are up, "port" and the other end "far", silent of themselves.
func link(t testing.TB) {
	t.Helper()
	namespace(t)
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
