package afpacket

import (
	"net"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sender sends frames out of an interface, as fast as one core can.
type sender struct {
	fd   int
	iov  [burst]unix.Iovec
	msgs [burst]mmsghdr
}

const burst = 64

// mmsghdr is struct mmsghdr (sendmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	_   uint32 // msg_len
	_   [4]byte
}

func newSender(t testing.TB, name string) *sender {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: i.Index}); err != nil {
		t.Fatal(err)
	}
	return &sender{fd: fd}
}

// send sends frame n times and fails the test if the kernel took fewer.
func (s *sender) send(t testing.TB, frame []byte, n int) {
	t.Helper()
	for i := range s.msgs {
		s.iov[i].Base = &frame[0]
		s.iov[i].SetLen(len(frame))
		s.msgs[i].hdr.Iov = &s.iov[i]
		s.msgs[i].hdr.SetIovlen(1)
	}
	for n > 0 {
		took, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.msgs)), uintptr(min(n, burst)), 0, 0, 0)
		switch e {
		case 0:
			n -= int(took)
		case unix.EINTR, unix.ENOBUFS, unix.EAGAIN:
		default:
			t.Fatalf("send: %v", e)
		}
	}
}
