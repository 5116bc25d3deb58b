// Package silence makes a capture port that cannot send. What each layer is for was measured (an interface that is merely
// up sent 27 frames in ten seconds; one with IPv6 disabled before it came up, and no address, none; against a program that
// sends raw frames past the queueing discipline, only a drop at netfilter's egress hook held):
//
//   - the port lives in a network namespace of its own, in which nothing else is;
//   - IPv6 is disabled there before the port comes up, it has no address, ARP and multicast are off;
//   - netfilter drops whatever would leave it, from whomever;
//   - the program that listens gives up every capability, and may not write to the socket it listens on (Forbid);
//   - the port's counter of sent frames is read all the time (Port.Sent).
//
// Merging of segments is turned off, so that frames are seen as they were on the wire, and pause frames where the driver
// lets them be, since those are frames too.
//
// The few netlink messages that this takes are made here with the standard library's reader of answers.
package silence

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Dir is where named network namespaces are, as ip-netns(8) makes them.
const Dir = "/run/netns"

// Port is an interface that was silenced. Sent is for any goroutine.
type Port struct {
	Name string
	mu   sync.Mutex // one question at a time
	link *conn      // in the port's namespace, opened before capabilities went
}

// Close ends the reading of the port's counters. The port stays where it is, and silent.
func (p *Port) Close() error { return p.link.close() }

// Sent returns how many frames the port has sent since it exists.
func (p *Port) Sent() (frames uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	st, err := p.link.stats(p.Name)
	return st.txPackets, err
}

// ErrAbsent is wrapped by what Make returns where the interface is in neither namespace, or goes away meanwhile: Make may be
// called again when it comes.
var ErrAbsent = errors.New("no such interface")

// Make moves the interface of that name into the network namespace ns, which it makes where it is absent, silences it
// there, and brings it up; then it calls open in that namespace. An interface that is there already is silenced anew. It
// takes CAP_SYS_ADMIN and CAP_NET_ADMIN.
func Make(ns, name string, open func() error) (*Port, error) {
	path := filepath.Join(Dir, ns)
	if err := makeNamespace(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open network namespace: %w", err)
	}
	defer f.Close()
	if _, err := net.InterfaceByName(name); err == nil {
		// It is downed first: once moved, it must not be up before it is silent.
		if err := rtnetlink(func(c *conn) error { return c.move(name, int(f.Fd())) }); err != nil {
			return nil, gone(name, fmt.Errorf("move %s to network namespace %s: %w", name, ns, err))
		}
	}
	p := &Port{Name: name}
	err = within(f, func() (err error) {
		if err := quiet(name); err != nil {
			return gone(name, fmt.Errorf("silence %s in network namespace %s: %w", name, ns, err))
		}
		if p.link, err = dial(unix.NETLINK_ROUTE); err != nil {
			return err
		}
		return open()
	})
	if err == nil {
		return p, nil
	}
	if p.link != nil {
		err = errors.Join(err, p.link.close())
	}
	return nil, err
}

// gone returns err as one that wraps ErrAbsent, if there is no interface of that name in the calling thread's namespace.
func gone(name string, err error) error {
	list, listErr := net.Interfaces()
	if listErr != nil || slices.ContainsFunc(list, func(i net.Interface) bool { return i.Name == name }) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrAbsent, err)
}

// within calls f on a thread of the network namespace ns. The thread ends with it, whatever f did to it.
func within(ns *os.File, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter network namespace %s: %w", ns.Name(), err)
			return
		}
		done <- f()
	}()
	return <-done
}

// makeNamespace makes a network namespace at path unless there is one. It lives until path is unmounted: a daemon that
// dies does not let its port fall back among the others.
func makeNamespace(path string) error {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) == nil && st.Type == unix.NSFS_MAGIC {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make network namespace: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return fmt.Errorf("make network namespace: %w", err)
	}
	f.Close()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- unix.Mount(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()), path, "", unix.MS_BIND, "")
	}()
	if err := <-done; err != nil {
		return errors.Join(fmt.Errorf("make network namespace %s: %w (CAP_SYS_ADMIN is needed: run as root)", path, err), os.Remove(path))
	}
	return nil
}

// quiet silences the interface of that name in the calling thread's namespace, and only then brings it up.
func quiet(name string) error {
	for _, which := range []string{"all", "default", name} {
		err := os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // a kernel without IPv6
			return err
		}
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	if as, err := i.Addrs(); err != nil || len(as) > 0 {
		return fmt.Errorf("it has addresses %v, %w", as, err)
	}
	if err := dropEgress(name); err != nil {
		return fmt.Errorf("drop what leaves it: %w", err)
	}
	if err := offload(name); err != nil {
		return err
	}
	return rtnetlink(func(c *conn) error { return c.up(name) })
}
