package ports

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"cafeprobe/capture/capturetest"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { capturetest.InNamespace(m, syscall.CLONE_NEWNS) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPlace(t *testing.T) {
	p := Place{Capture: "0000:00:04.0", Uplink: "/fe300000.ethernet/"}
	f := func(path, want string) {
		t.Helper()
		if got := p.Name(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	f("/sys/devices/pci0000:00/0000:00:04.0/virtio2", Capture)
	f("/sys/devices/platform/fe300000.ethernet", Uplink)
	f("/sys/devices/pci0000:00/0000:00:04.01/virtio2", "")
	f("/sys/devices/pci0000:00/x0000:00:04.0", "")
	f("", "")
	if got := (Place{}).Name("/sys/devices/x"); got != "" {
		t.Errorf("a board without ports: %q", got)
	}
}

// TestAssign: names go by place, whatever the kernel called the interfaces, and whoever bears a name that is not his makes room.
func TestAssign(t *testing.T) {
	place := Place{Capture: "c", Uplink: "u"}
	f := func(name string, list []Interface, want, have string) {
		t.Helper()
		names := map[string]string{} // by path
		for _, i := range list {
			names[i.Path] = i.Name
		}
		got, err := Assign(place, list, func(from, to string) error {
			for p, n := range names {
				if n == to {
					return errors.New(to + " is taken, by " + p)
				}
			}
			for p, n := range names {
				if n == from {
					names[p] = to
				}
			}
			return nil
		})
		var all, given []string
		for p, n := range names {
			all = append(all, p+"="+n)
		}
		for n, ok := range got {
			if ok {
				given = append(given, n)
			}
		}
		slices.Sort(all)
		slices.Sort(given)
		if err != nil || strings.Join(all, " ") != want || strings.Join(given, " ") != have {
			t.Errorf("%s: %v, have %v, %v; want %s, have %s", name, all, given, err, want, have)
		}
	}
	f("as found", []Interface{{"eth0", "/u"}, {"eth1", "/c"}}, "/c=cap0 /u=up0", "cap0 up0")
	f("named", []Interface{{"up0", "/u"}, {"cap0", "/c"}}, "/c=cap0 /u=up0", "cap0 up0")
	f("exchanged", []Interface{{"cap0", "/u"}, {"up0", "/c"}}, "/c=cap0 /u=up0", "cap0 up0")
	f("one", []Interface{{"eth0", "/u"}}, "/u=up0", "up0")
	f("a stranger", []Interface{{"eth0", "/x"}, {"eth1", "/u"}}, "/u=up0 /x=eth0", "up0")
	f("a stranger of that name", []Interface{{"cap0", "/x"}, {"eth1", "/u"}}, "/u=up0 /x=spare-cap0", "up0")
	f("two of a place", []Interface{{"eth0", "/1/u"}, {"eth1", "/2/u"}}, "/1/u=up0 /2/u=eth1", "up0")
	f("none", nil, "", "")
}

func TestFind(t *testing.T) {
	sys := fstest.MapFS{"class/net/eth0/x": {}, "class/net/lo/x": {}}
	list, err := Find(sys, func(p string) (string, error) {
		if p == "class/net/eth0/device" {
			return "/sys/devices/u", nil
		}
		return "", os.ErrNotExist
	})
	if err != nil || len(list) != 1 || list[0] != (Interface{"eth0", "/sys/devices/u"}) {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := Find(fstest.MapFS{}, nil); err == nil {
		t.Error("no sysfs, no error")
	}
}

// network makes a cable from an interface called up0 to one in a namespace called server.
func network(t *testing.T) {
	t.Helper()
	capturetest.Namespace(t)
	check(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	check(t, unix.Mount("run", "/run", "tmpfs", 0, ""))
	t.Cleanup(func() {
		_ = exec.Command("ip", "link", "del", Uplink).Run()
		_ = exec.Command("ip", "netns", "del", "server").Run()
		_ = unix.Unmount("/run", unix.MNT_DETACH)
	})
	for _, args := range []string{
		"netns add server", "link add eth7 type veth peer name far netns server", "-n server addr add 192.168.88.1/24 dev far", "-n server link set far up",
	} {
		capturetest.RunIP(t, args)
	}
	check(t, Rename("eth7", Uplink))
	check(t, Up(Uplink))
}

// state returns the addresses, routes and name servers that there are.
func state(t *testing.T, name, resolv string) string {
	t.Helper()
	l, err := netlink.LinkByName(name)
	check(t, err)
	addrs, err := netlink.AddrList(l, netlink.FAMILY_V4)
	check(t, err)
	routes, err := netlink.RouteList(l, netlink.FAMILY_V4)
	check(t, err)
	var out []string
	for _, a := range addrs {
		out = append(out, a.IPNet.String())
	}
	for _, r := range routes {
		if r.Gw != nil {
			out = append(out, "via "+r.Gw.String())
		}
	}
	b, _ := os.ReadFile(resolv)
	return strings.Join(append(out, strings.Fields(strings.ReplaceAll(string(b), "nameserver ", "dns "))...), " ")
}

// TestApply: the interface has the last address alone, and what a lease that ran out left is gone.
func TestApply(t *testing.T) {
	network(t)
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	f := func(text, want string) {
		t.Helper()
		s, err := ParseSettings([]byte(text))
		check(t, err)
		check(t, Apply(Uplink, Lease{Settings: s}, resolv))
		check(t, Apply(Uplink, Lease{Settings: s}, resolv)) // each minute again
		if got := state(t, Uplink, resolv); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	f(`{"address":"192.168.88.10/24","gateway":"192.168.88.1","dns":["192.168.88.1","8.8.8.8"]}`,
		"192.168.88.10/24 via 192.168.88.1 dns 192.168.88.1 dns 8.8.8.8")
	f(`{"address":"192.168.88.11/24","gateway":"192.168.88.2"}`, "192.168.88.11/24 via 192.168.88.2")
	f(`{"address":"10.9.0.2/16"}`, "10.9.0.2/16")
	check(t, Clear(Uplink))
	if got := state(t, Uplink, resolv); got != "" {
		t.Errorf("cleared: %q", got)
	}
	if err := Apply("none", Lease{}, resolv); err == nil {
		t.Error("no error of an interface that is not there")
	}
}

// TestTagged: a VLAN's interface is made once, and goes on being the same.
func TestTagged(t *testing.T) {
	network(t)
	for range 2 {
		name, err := Tagged(Uplink, 12)
		if errors.Is(err, unix.EOPNOTSUPP) {
			t.Skip("this machine's kernel has no VLANs (8021q)")
		}
		if err != nil || name != "up0.12" {
			t.Fatalf("%q, %v", name, err)
		}
	}
}

// TestWatch: an interface that comes, and a cable that is put in, are told.
func TestWatch(t *testing.T) {
	network(t)
	done := make(chan struct{})
	told := make(chan string, 64)
	ended := make(chan error, 1)
	go func() {
		ended <- Watch(done, func(name string, carrier bool) {
			if carrier {
				name += "+"
			}
			select {
			case told <- name:
			default:
			}
		})
	}()
	// Watch begins some time; so what it is to tell is done until it does.
	seen := map[string]bool{}
	for !seen["eth9"] || !seen["up0"] || !seen["up0+"] {
		for _, args := range []string{"link add eth9 type veth peer name eth10", "link del eth9", "-n server link set far down", "-n server link set far up"} {
			capturetest.RunIP(t, args)
		}
		for len(told) > 0 {
			seen[<-told] = true
		}
	}
	close(done)
	check(t, <-ended)
}
