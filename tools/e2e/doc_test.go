// Package e2e runs whole programs against each other, as they run at a café and at a province: cafeprobed built and
// started, a real mosquitto, a province. It has tests only.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// daemonPath is cafeprobed, built once for all tests; its path goes to the process that runs them in daemonVariable.
var daemonPath = os.Getenv(daemonVariable)

const daemonVariable = "CAFEPROBE_E2E_DAEMON"

// TestMain runs the tests, or plays the role that one of them has started this program for.
func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleVariable)]; role != nil {
		if err := role(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if daemonPath != "" {
		if err := ownRun(); err != nil {
			fmt.Fprintln(os.Stderr, "namespaces of the tests:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	os.Exit(build(m))
}

// build builds what the tests run, and runs them: as root in a process with network and mount namespaces of its own, so
// that no interface and no namespace of theirs is ever among the machine's, and all end with that process.
func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cafeprobe-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	daemonPath = filepath.Join(dir, "cafeprobed")
	cmd := exec.Command("go", "build", "-o", daemonPath, "cafeprobe/firmware/cafeprobed")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build cafeprobed: %v\n%s", err, out)
		return 1
	}
	if os.Geteuid() != 0 {
		return m.Run()
	}
	runtime.LockOSThread() // the kernel kills the child when the thread that started it ends
	cmd = exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), daemonVariable+"="+daemonPath)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		if _, ended := err.(*exec.ExitError); !ended {
			fmt.Fprintln(os.Stderr, "tests in namespaces:", err)
		}
		return 1
	}
	return 0
}

// ownRun gives this process, which has namespaces of its own, a loopback interface and a /run, where named network
// namespaces are.
func ownRun() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("run", "/run", "tmpfs", 0, ""); err != nil {
		return err
	}
	return exec.Command("ip", "link", "set", "lo", "up").Run()
}
