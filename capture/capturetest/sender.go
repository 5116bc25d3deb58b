package capturetest

import (
	"errors"
	"net"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sender sends whole frames out of an interface, past its queues. Its methods are for any goroutine.
type Sender struct {
	fd    int
	index int
}

// NewSender returns a Sender for the interface of that name in the network namespace of the calling thread. It lives as long
// as the test.
func NewSender(t testing.TB, name string) *Sender {
	t.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	s := &Sender{fd, i.Index}
	err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: i.Index}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Send sends one frame. The address, which x/sys writes to, is each call's own.
func (s *Sender) Send(frame []byte) error {
	return unix.Sendto(s.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: s.index})
}

// mmsghdr is struct mmsghdr (sendmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	_   uint32 // msg_len
	_   [4]byte
}

// Flood sends a frame n times, as fast as one core can, and fails the test if the kernel took fewer.
func (s *Sender) Flood(t testing.TB, frame []byte, n int) {
	t.Helper()
	const burst = 64
	var iov [burst]unix.Iovec
	var msgs [burst]mmsghdr
	for i := range msgs {
		iov[i].Base = &frame[0]
		iov[i].SetLen(len(frame))
		msgs[i].hdr.Iov = &iov[i]
		msgs[i].hdr.SetIovlen(1)
	}
	for n > 0 {
		took, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&msgs)), uintptr(min(n, burst)), 0, 0, 0)
		switch e {
		case 0:
			n -= int(took)
		case unix.EINTR, unix.ENOBUFS, unix.EAGAIN:
		default:
			t.Fatalf("send: %v", e)
		}
	}
}
