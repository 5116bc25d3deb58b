package remote

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"cafeprobe/capture"
)

const (
	batch = 64       // datagrams that one call of the kernel brings at most
	slot  = 16 << 10 // octets that are kept of one: more than a jumbo frame and its wrapping
	ctlen = 64       // octets for what the kernel says beside it: a time
)

// mmsghdr is struct mmsghdr (recvmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32 // octets that the datagram had
}

// socket is one socket and the datagrams that were read from it last.
//
// golang.org/x/net/ipv4's ReadBatch would do, but makes an address on the heap for every datagram.
type socket struct {
	fd    int
	kind  Format // TZSP or VXLAN; GRETAP for all that come by GRE
	port  uint16 // of UDP; 0 for GRE
	strip bool   // datagrams begin with an IPv4 header: a raw socket of IPv4
	msgs  [batch]mmsghdr
	iovs  [batch]unix.Iovec
	names [batch]unix.RawSockaddrInet6 // large enough for IPv4's too
	ctls  [batch][ctlen / 8]uint64
	bufs  []byte // batch slots

	frames [batch]capture.Frame // what the datagrams carry, in their order
	n, at  int                  // how many there are, the next to be handed out

	kernel uint32 // the kernel's counter of what it dropped, which wraps
	queue  uint64 // what that comes to
	lost   uint64 // frames that never came, by their numbers
}

// newSocket returns a socket that is not open yet. The octets of bufs are the machine's only once they were written to.
func newSocket(kind Format, port uint16) *socket {
	k := &socket{fd: -1, kind: kind, port: port, bufs: make([]byte, batch*slot)}
	for i := range k.msgs {
		k.iovs[i].Base = &k.bufs[i*slot]
		k.iovs[i].SetLen(slot)
		k.msgs[i].hdr.Iov = &k.iovs[i]
		k.msgs[i].hdr.SetIovlen(1)
		k.msgs[i].hdr.Name = (*byte)(unsafe.Pointer(&k.names[i]))
		k.msgs[i].hdr.Control = (*byte)(unsafe.Pointer(&k.ctls[i]))
	}
	return k
}

// open makes the socket, and binds it to listen.
func (k *socket) open(listen netip.Addr, buffer int) error {
	family, kind, proto := unix.AF_INET, unix.SOCK_DGRAM, 0
	if listen.Is6() {
		family = unix.AF_INET6
	}
	if k.port == 0 {
		kind, proto = unix.SOCK_RAW, unix.IPPROTO_GRE
		k.strip = family == unix.AF_INET
	}
	var err error
	k.fd, err = unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("open a raw socket for GRE: %w (CAP_NET_RAW is needed: run as root)", os.ErrPermission)
	}
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	// A program without CAP_NET_ADMIN gets what net.core.rmem_max allows.
	if unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
		err = unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	if err == nil {
		err = unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1)
	}
	if err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := k.bind(listen); err != nil {
		return fmt.Errorf("bind %s: %w", k.name(listen), err)
	}
	// Without a peer Linux calls that an error, and shuts UDP down all the same. A raw socket does not care.
	if err := unix.Shutdown(k.fd, unix.SHUT_WR); err != nil && !errors.Is(err, unix.ENOTCONN) {
		return os.NewSyscallError("shutdown", err)
	}
	return nil
}

// bind binds to an address that the box may get later only.
func (k *socket) bind(listen netip.Addr) error {
	if listen.Is4() {
		if err := unix.SetsockoptInt(k.fd, unix.SOL_IP, unix.IP_FREEBIND, 1); err != nil {
			return err
		}
		return unix.Bind(k.fd, &unix.SockaddrInet4{Port: int(k.port), Addr: listen.As4()})
	}
	if err := unix.SetsockoptInt(k.fd, unix.SOL_IPV6, unix.IPV6_FREEBIND, 1); err != nil {
		return err
	}
	if k.port != 0 { // a raw socket is of one version anyway, and refuses to be told
		if err := unix.SetsockoptInt(k.fd, unix.SOL_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return err
		}
	}
	return unix.Bind(k.fd, &unix.SockaddrInet6{Port: int(k.port), Addr: listen.As16()})
}

func (k *socket) name(listen netip.Addr) string {
	if k.port == 0 {
		return listen.String() + ", GRE"
	}
	return netip.AddrPortFrom(listen, k.port).String() + ", UDP"
}

// read reads what is there, up to a batch, and returns how many datagrams.
func (k *socket) read() (int, error) {
	for i := range k.msgs {
		h := &k.msgs[i].hdr
		h.Namelen = uint32(unsafe.Sizeof(k.names[i]))
		h.SetControllen(ctlen)
	}
	const flags = unix.MSG_DONTWAIT | unix.MSG_TRUNC // of one that is too long its length is told
	n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(k.fd), uintptr(unsafe.Pointer(&k.msgs)), batch, flags, 0, 0)
	switch e {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR, unix.ENETDOWN, unix.ENOBUFS, unix.ENOMEM: // it passes
		return 0, nil
	}
	return 0, os.NewSyscallError("recvmmsg", e)
}

// datagram returns datagram i, as much of it as was kept and how long it was, without the IP header of a raw socket.
func (k *socket) datagram(i int) (b []byte, n int) {
	n = int(k.msgs[i].len)
	b = k.bufs[i*slot : i*slot+min(n, slot)]
	if k.strip && len(b) > 0 {
		header := min(4*int(b[0]&15), len(b))
		b, n = b[header:], n-header
	}
	return b[:len(b):len(b)], n
}

// from returns the sender of datagram i.
func (k *socket) from(i int) netip.Addr {
	name := &k.names[i]
	if name.Family == unix.AF_INET {
		return netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr)
	}
	return netip.AddrFrom16(name.Addr)
}

// stamp returns when the kernel received datagram i, UTC; 0 when it does not say.
func (k *socket) stamp(i int) int64 {
	const head = unix.SizeofCmsghdr
	c := (*unix.Cmsghdr)(unsafe.Pointer(&k.ctls[i]))
	if k.msgs[i].hdr.Controllen < head+16 || c.Level != unix.SOL_SOCKET || c.Type != unix.SO_TIMESTAMPNS_NEW {
		return 0
	}
	t := (*[2]int64)(unsafe.Add(unsafe.Pointer(c), head)) // struct __kernel_timespec, of 64 bits everywhere
	return t[0]*1e9 + t[1]
}

// dropped returns how many datagrams found no room since open.
func (k *socket) dropped() uint64 {
	const drops = 8 // SK_MEMINFO_DROPS (linux/sock_diag.h), the last of nine
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(k.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if e == 0 && size == uint32(unsafe.Sizeof(info)) {
		k.queue += uint64(info[drops] - k.kernel)
		k.kernel = info[drops]
	}
	return k.queue
}
