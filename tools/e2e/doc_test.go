// Package e2e runs whole programs against each other, as they run at a café and at a province: cafeprobed built and
// started, a real mosquitto, a province. It has tests only.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// daemonPath is cafeprobed, built once for all tests.
var daemonPath string

// TestMain runs the tests, or plays the role that one of them has started this program for.
func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleVariable)]; role != nil {
		if err := role(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(build(m))
}

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
	return m.Run()
}
