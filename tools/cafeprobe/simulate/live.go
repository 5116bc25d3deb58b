package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"cafeprobe/capture"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/wire"

	"golang.org/x/sys/unix"
)

// ErrInUse is returned by Send for an interface that has an address: somebody talks over it, and a made-up café would answer
// there for real stations.
var ErrInUse = errors.New("has an address: give an interface of a test bench, such as one end of a veth pair in a " +
	"namespace of its own")

// Send plays a room to an interface, at its own pace times speed, until it is over or ctx is done.
func Send(ctx context.Context, r *sim.Room, name string, speed float64) (c Counts, err error) {
	fd, err := open(name)
	if err != nil {
		return c, fmt.Errorf("send to %s: %w", name, err)
	}
	defer unix.Close(fd)
	src, began := wire.New(r), time.Now()
	for {
		var f capture.Frame
		if err := src.Next(&f); errors.Is(err, io.EOF) {
			return c, nil
		} else if err != nil {
			return c, err
		}
		if !wait(ctx, began.Add(time.Duration(float64(f.Time-r.From())/speed))) {
			return c, ctx.Err()
		}
		if _, err := unix.Write(fd, f.Data); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return c, fmt.Errorf("send to %s: %w", name, err)
		}
		c.add(&f)
		c.Took = time.Since(began)
	}
}

// wait waits until a time and reports whether ctx still goes on.
func wait(ctx context.Context, until time.Time) bool {
	d := time.Until(until)
	if d < 200*time.Microsecond { // frames that are due in one wake-up go out together
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// open opens a packet socket that sends to an interface, and receives nothing.
func open(name string) (fd int, err error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	addrs, err := i.Addrs()
	if err != nil {
		return 0, err
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); !ok || !n.IP.IsLinkLocalUnicast() {
			return 0, ErrInUse
		}
	}
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) {
		return 0, fmt.Errorf("open a packet socket: %w (CAP_NET_RAW is needed: run as root)", os.ErrPermission)
	}
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: i.Index}); err != nil {
		return 0, errors.Join(os.NewSyscallError("bind", err), unix.Close(fd))
	}
	return fd, nil
}
