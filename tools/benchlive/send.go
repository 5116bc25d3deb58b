package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// burst is how many frames the kernel is given at a time.
const burst = 64

// mmsghdr is struct mmsghdr (sendmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

// send sends frames of n octets for d, at rate a second or as fast as it goes, past the queueing discipline.
func send(n int, rate float64, d time.Duration) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		return os.NewSyscallError("setsockopt PACKET_QDISC_BYPASS", err)
	}
	i, err := net.InterfaceByName(farName)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: i.Index}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	s := newSender(fd, n)
	began := time.Now()
	for {
		passed := time.Since(began)
		if passed >= d {
			return json.NewEncoder(os.Stdout).Encode(sent{Frames: s.took, Seconds: passed.Seconds()})
		}
		due := uint64(burst)
		if rate > 0 {
			if all := uint64(rate * passed.Seconds()); all <= s.took {
				continue
			} else {
				due = min(due, all-s.took)
			}
		}
		if err := s.send(int(due)); err != nil {
			return err
		}
	}
}

// sender has the frames of a café at play, and sends one after the other.
type sender struct {
	fd   int
	msgs []mmsghdr // of all frames, and the first burst again
	iov  []unix.Iovec
	at   int
	took uint64
}

// The café: each computer plays on one server, both directions.
const (
	computers = 100
	frames    = 2 * computers
)

func newSender(fd, n int) *sender {
	s := &sender{fd: fd, msgs: make([]mmsghdr, frames+burst), iov: make([]unix.Iovec, frames+burst)}
	for i := range s.msgs {
		f := datagram(byte(i%frames/2), i%2 == 1, n)
		s.iov[i].Base = &f[0]
		s.iov[i].SetLen(n)
		s.msgs[i].hdr.Iov = &s.iov[i]
		s.msgs[i].hdr.SetIovlen(1)
	}
	return s
}

// send sends the next n frames, at most burst.
func (s *sender) send(n int) error {
	took, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.msgs[s.at])), uintptr(n), 0, 0, 0)
	switch e {
	case 0:
		s.took += uint64(took)
		s.at = (s.at + int(took)) % frames
	case unix.EINTR, unix.ENOBUFS, unix.EAGAIN:
	default:
		return fmt.Errorf("send: %w", e)
	}
	return nil
}

// datagram is a frame of n octets between a computer, from a port of its own, and a game's server behind the router: Ethernet, IPv4 (RFC 791), UDP
// without a checksum (RFC 768).
func datagram(computer byte, down bool, n int) []byte {
	b := make([]byte, n)
	pc, router := []byte{0x2c, 0xf0, 0x5d, 0x10, 0, computer}, []byte{0x4c, 0x5e, 0x0c, 0, 0, 1}
	addr, server := []byte{192, 168, 1, 100 + computer}, []byte{198, 51, 100, 10}
	from, to, src, dst := pc, router, addr, server
	own, game := 50000+uint32(computer), uint32(5107)
	ports := own<<16 | game
	if down {
		from, to, src, dst = router, pc, server, addr
		ports = game<<16 | own
	}
	copy(b, to)
	copy(b[6:], from)
	copy(b[12:], []byte{0x08, 0x00, 0x45, 0})
	binary.BigEndian.PutUint16(b[16:], uint16(n-14))
	b[22], b[23] = 64, 17
	copy(b[26:], src)
	copy(b[30:], dst)
	sum := uint32(0)
	for i := 14; i < 34; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(b[24:], ^uint16(sum+sum>>16))
	binary.BigEndian.PutUint32(b[34:], ports)
	binary.BigEndian.PutUint16(b[38:], uint16(n-34))
	return b
}
