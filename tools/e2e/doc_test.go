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

// programs is the folder of programs that are built for the tests.
var programs string

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
		programs = filepath.Dir(daemonPath)
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
	var err error
	if programs, err = os.MkdirTemp("", "cafeprobe-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programs)
	if daemonPath, err = built("cafeprobed", "cafeprobe/firmware/cafeprobed"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if os.Geteuid() != 0 {
		return m.Run()
	}
	runtime.LockOSThread() // the kernel kills the child when the thread that started it ends
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
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

// built builds a program as it is delivered, without the race detector and cgo, and returns its path.
func built(name, pkg string) (path string, err error) {
	path = filepath.Join(programs, name)
	cmd := exec.Command("go", "build", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}
