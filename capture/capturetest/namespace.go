package capturetest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const nestedEnv = "CAPTURETEST_NAMESPACE" // set in the process that runs the tests

// InNamespace is a TestMain that runs the tests in a process with a network namespace of its own, which ends with it, and with
// those besides that flags name (syscall.CLONE_NEWNS). Without root they run as they are: see Namespace.
func InNamespace(m *testing.M, flags ...uintptr) {
	if os.Geteuid() != 0 || os.Getenv(nestedEnv) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), nestedEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	for _, f := range flags {
		cmd.SysProcAttr.Cloneflags |= f
	}
	if err := cmd.Run(); err != nil {
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
			fmt.Fprintln(os.Stderr, "namespaces of the tests:", err)
		}
		os.Exit(1)
	}
}

// Namespace ends a test that has no network namespace of its own: not root, or no InNamespace. In CI it fails.
func Namespace(t testing.TB) {
	t.Helper()
	if os.Getenv(nestedEnv) == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("not root, and this is CI: network namespaces cannot be made")
		}
		t.Skip("not root: this test makes a network namespace")
	}
}

// Within calls f on the calling thread while that is in the network namespace of that name, as ip-netns(8) makes them. The
// thread then goes on in its own: were it to end, the kernel would end the programs that it has started.
func Within(t testing.TB, name string, f func()) {
	t.Helper()
	runtime.LockOSThread()
	own, err1 := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	there, err2 := os.Open("/run/netns/" + name)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err)
		}
		runtime.UnlockOSThread()
	}()
	f()
}

// Device makes an interface of a kind, with what ip(8) takes of it, in a network namespace. It reports false, and the test's log
// says so, where the kernel has no such devices.
func Device(t testing.TB, namespace, name, kind string) bool {
	t.Helper()
	args := append([]string{"-n", namespace, "link", "add", name, "type"}, strings.Fields(kind)...)
	out, err := exec.Command("ip", args...).CombinedOutput()
	if bytes.Contains(out, []byte("Unknown device type")) || bytes.Contains(out, []byte("not supported")) {
		t.Logf("this kernel has no devices of type %s (%s): a socket sends what one would", strings.Fields(kind)[0], bytes.TrimSpace(out))
		return false
	}
	if err != nil {
		t.Fatalf("ip link add type %s: %v: %s", kind, err, out)
	}
	return true
}

// RunIP runs ip(8).
func RunIP(t testing.TB, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}
