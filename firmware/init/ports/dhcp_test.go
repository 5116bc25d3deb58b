package ports

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cafeprobe/capture/capturetest"
)

// dnsmasq runs a DHCP server at the far end, and returns what it says and a function that ends it.
func dnsmasq(t *testing.T, args ...string) (said <-chan string, stop func()) {
	t.Helper()
	path, err := exec.LookPath("dnsmasq")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("no dnsmasq: apt-get install dnsmasq-base")
	}
	cmd := exec.Command("ip", append([]string{
		"netns", "exec", "server", path, "-k", "--conf-file=/dev/null", "--port=0", "--interface=far", "--bind-interfaces", "--no-ping",
		"--dhcp-leasefile=" + filepath.Join(t.TempDir(), "leases"), "--log-facility=-", "--log-dhcp", "--user=root", "--dhcp-authoritative",
	}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StderrPipe()
	check(t, err)
	check(t, cmd.Start())
	lines := make(chan string, 1000)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
		close(lines)
	}()
	ended := false
	stop = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	return lines, stop
}

// await reads what the server says until it says each of words, in that order, and returns all of it.
func await(t *testing.T, said <-chan string, words ...string) (all string) {
	t.Helper()
	late := time.After(time.Minute)
	for len(words) > 0 {
		select {
		case l, ok := <-said:
			if !ok {
				t.Fatalf("the server ended, before %q:\n%s", words[0], all)
			}
			all += l + "\n"
			if strings.Contains(l, words[0]) {
				words = words[1:]
			}
		case <-late:
			t.Fatalf("the server does not say %q:\n%s", words[0], all)
		}
	}
	return all
}

// TestDHCP: the uplink gets an address, is asked again when the cable was put in, and asks the server that gave it.
func TestDHCP(t *testing.T) {
	network(t)
	said, stop := dnsmasq(t, "--dhcp-range=192.168.88.50,192.168.88.50,10m", "--dhcp-option=6,192.168.88.1,192.168.88.9")
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	ctx, cancel := context.WithCancel(t.Context())
	kick := make(chan struct{})
	leases := make(chan Lease, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		DHCP(ctx, Uplink, "cafeprobe", resolv, kick, slog.New(slog.NewTextHandler(io.Discard, nil)), func(l Lease) { leases <- l })
	}()
	await(t, said, "DHCPDISCOVER", "DHCPREQUEST", "DHCPACK(far) 192.168.88.50")
	l := <-leases
	if got, want := state(t, Uplink, resolv), "192.168.88.50/24 via 192.168.88.1 dns 192.168.88.1 dns 192.168.88.9"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if left := time.Until(l.Until); left < 9*time.Minute || left > 10*time.Minute {
		t.Errorf("the lease ends in %v, want 10m", left)
	}
	kick <- struct{}{}
	if all := await(t, said, "DHCPACK(far) 192.168.88.50"); strings.Contains(all, "DHCPDISCOVER") {
		t.Errorf("a renewal begins anew:\n%s", all)
	}
	<-leases

	// Another network behind the same cable: the old address is refused, and another one given.
	stop()
	for range said {
	}
	capturetest.RunIP(t, "-n server addr flush dev far")
	capturetest.RunIP(t, "-n server addr add 10.20.0.1/16 dev far")
	said, _ = dnsmasq(t, "--dhcp-range=10.20.0.60,10.20.0.60,10m")
	await(t, said, "DHCP, IP range")
	kick <- struct{}{}
	await(t, said, "DHCPACK(far) 10.20.0.60")
	if l := <-leases; l.Address != netip.MustParsePrefix("10.20.0.60/16") {
		t.Errorf("lease %+v", l)
	}
	if got := state(t, Uplink, resolv); !strings.HasPrefix(got, "10.20.0.60/16 via 10.20.0.1") {
		t.Errorf("got %q", got)
	}
	cancel()
	<-done
}
