package capturetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
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

// RunIP runs ip(8).
func RunIP(t testing.TB, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}
