// Package checktest runs cafeprobe check on boxes in cafés of network namespaces, each with one thing wrong: a switch of the kernel's, made-up
// PCs, a router with DHCP, DNS and a firewall, a province, time servers; and a box, which is cafeprobed under what of PID 1 can be played. It
// has tests only.
package checktest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cafeprobe/capture/capturetest"

	"golang.org/x/sys/unix"
)

// atOnce is how many cafés there may be at a time: they mostly wait.
const atOnce = "32"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic("BUG: " + err.Error())
	}
	capturetest.InNamespace(m, syscall.CLONE_NEWNS)
}

// needed are the programs that the tests run beside the project's own.
var needed = []string{"ip", "ethtool", "nft", "dnsmasq", "nsenter", "unshare"}

// machine gives the tests a /run of their own, where named network namespaces are, and makes sure that they can run.
func machine(t *testing.T) {
	t.Helper()
	capturetest.Namespace(t)
	for _, p := range needed {
		if _, err := exec.LookPath(p); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("no %s, and this is CI: make packages-test", p)
		}
		t.Skipf("no %s: make packages-test", p)
	}
	err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("run", "/run", "tmpfs", 0, ""))
	if err != nil {
		t.Fatal(err)
	}
	sh(t, "ip link set lo up")
}

// programs are the project's, as they are delivered.
type programs struct{ tool, daemon, init string }

func build(t *testing.T) (p programs) {
	t.Helper()
	dir := t.TempDir()
	p = programs{filepath.Join(dir, "cafeprobe"), filepath.Join(dir, "cafeprobed"), filepath.Join(dir, "init")}
	for _, args := range [][]string{
		{"build", "-buildvcs=false", "-o", dir, "cafeprobe/tools/cafeprobe", "cafeprobe/firmware/cafeprobed"},
		{"test", "-c", "-o", p.init, "cafeprobe/firmware/init"},
	} {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return p
}

// sh runs commands, each a line of words without quotes.
func sh(t testing.TB, lines ...string) {
	t.Helper()
	for _, line := range lines {
		word := strings.Fields(line)
		if out, err := exec.Command(word[0], word[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
	}
}

// nft gives the packet filter of a namespace rules.
func nft(t testing.TB, ns, rules string) {
	t.Helper()
	cmd := exec.Command("nsenter", "--net=/run/netns/"+ns, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s\n%s", err, out, rules)
	}
}

// namespace makes a network namespace, whose kernel says nothing by itself, until the test ends.
func namespace(t testing.TB, name string) {
	t.Helper()
	sh(t, "ip netns add "+name)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", name).Run() })
	setting(t, name, "net/ipv6/conf/all/disable_ipv6", "1")
	setting(t, name, "net/ipv6/conf/default/disable_ipv6", "1")
	sh(t, "ip -n "+name+" link set lo up")
}

func setting(t testing.TB, ns, name, value string) {
	t.Helper()
	out, err := exec.Command("nsenter", "--net=/run/netns/"+ns, "sh", "-c", fmt.Sprintf("echo %s >/proc/sys/%s", value, name)).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// start starts a program in a network namespace; it ends with the test at the latest. What it says goes to a file.
func start(t testing.TB, ns, log string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command("nsenter", append([]string{"--net=/run/netns/" + ns}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if text, err := os.ReadFile(log); err == nil && t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(log), text)
		}
	})
	return cmd
}
