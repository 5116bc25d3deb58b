package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// prefix starts the name of every namespace that a lab makes; the number of its process follows.
const prefix = "cafelab-"

// needed are the programs of the lab and the Debian package that each comes from.
var needed = []struct{ program, pkg string }{
	{"ip", "iproute2"},
	{"ethtool", "ethtool"},
	{"dnsmasq", "dnsmasq-base"},
	{"dhclient", "isc-dhcp-client"},
	{"nmbd", "samba"},
	{"avahi-daemon", "avahi-daemon"},
	{"qemu-system-x86_64", "qemu-system-x86"},
	{"curl", "curl"},
	{"chromium", "chromium"},
}

// checkHost says everything that this computer lacks for the lab, and how to get it.
func checkHost() error {
	var missing []error
	if os.Geteuid() != 0 {
		missing = append(missing, errors.New("it makes network namespaces: run it as root"))
	}
	for _, n := range needed {
		if _, err := exec.LookPath(n.program); err != nil {
			missing = append(missing, fmt.Errorf("%s is missing: apt-get install --no-install-recommends %s", n.program, n.pkg))
		}
	}
	for file, pkg := range map[string]string{guestROM: "ipxe-qemu", "/dev/net/tun": ""} {
		if _, err := os.Stat(file); err == nil {
			continue
		}
		remedy := "load the kernel's tun driver: modprobe tun"
		if pkg != "" {
			remedy = "apt-get install --no-install-recommends " + pkg
		}
		missing = append(missing, fmt.Errorf("%s is missing: %s", file, remedy))
	}
	return errors.Join(missing...)
}

// ip runs iproute2's ip.
func ip(args ...string) error { return run("ip", args...) }

// run runs a short command and returns its complaint as part of the error.
func run(program string, args ...string) error {
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// output runs a short command and returns what it prints.
func output(program string, args ...string) ([]byte, error) {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return out, nil
}

// addNamespace makes a namespace whose name is this process's own. The resolver of what runs in it is the café's router.
func (l *lab) addNamespace(name string) (string, error) {
	ns := prefix + strconv.Itoa(os.Getpid()) + "-" + name
	if err := ip("netns", "add", ns); err != nil {
		return "", fmt.Errorf("make a network namespace (in a container, give it CAP_SYS_ADMIN and CAP_NET_ADMIN): %w", err)
	}
	l.namespaces = append(l.namespaces, ns)
	etc := filepath.Join("/etc/netns", ns)
	if err := os.MkdirAll(etc, 0o755); err != nil {
		return "", err
	}
	err := os.WriteFile(filepath.Join(etc, "resolv.conf"), []byte("nameserver "+routerAddr+"\n"), 0o644)
	return ns, err
}

// removeNamespace kills what still runs in a namespace that a lab made, and removes it. Whatever runs there was started
// by a lab, for nobody else knows the name.
func removeNamespace(ns string) {
	killIn(ns, syscall.SIGKILL)
	_ = ip("netns", "delete", ns)
	_ = os.RemoveAll(filepath.Join("/etc/netns", ns))
	_ = os.Remove("/etc/netns") // stays if somebody else uses it
}

// killIn signals all processes of a namespace.
func killIn(ns string, sig syscall.Signal) {
	out, err := exec.Command("ip", "netns", "pids", ns).Output()
	if err != nil {
		return
	}
	for _, word := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 1 {
			_ = syscall.Kill(pid, sig)
		}
	}
}

// reap removes the namespaces of labs that are gone: their process number is in the name.
func reap() {
	found, _ := filepath.Glob("/run/netns/" + prefix + "*-*")
	for _, path := range found {
		ns := filepath.Base(path)
		number, _, _ := strings.Cut(strings.TrimPrefix(ns, prefix), "-")
		if pid, err := strconv.Atoi(number); err != nil || pid != os.Getpid() && syscall.Kill(pid, 0) == nil {
			continue
		}
		removeNamespace(ns)
	}
}
