// Command forbid opens a packet socket on lo, one for GRE and one of UDP, forbids itself to send through them, and prints what it still can do: a line
// for each attempt, "name errno".
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"unsafe"

	"golang.org/x/sys/unix"

	"cafeprobe/firmware/silence"
)

var frame = append([]byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5"), make([]byte, 46)...)

func main() {
	if len(os.Args) > 1 { // started by itself, below
		return
	}
	lo, err := net.InterfaceByName("lo")
	fatal(err)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	fatal(err)
	fatal(unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: lo.Index}))
	udp, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	fatal(err)
	heard, err := net.ListenPacket("udp", "127.0.0.1:0") // without it each second datagram would be refused
	fatal(err)
	defer heard.Close()
	port := heard.LocalAddr().(*net.UDPAddr).Port
	fatal(unix.Connect(udp, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}))
	other, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_GRE)
	fatal(err)
	fatal(unix.Connect(other, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	fds := []int{fd, other, udp}
	for _, fd := range fds {
		attempts(fd, "before ")
	}
	fatal(silence.Forbid(fds...))
	for _, fd := range fds {
		attempts(fd, "after ")
	}
	whatADaemonDoes()
}

func attempts(fd int, when string) {
	try := func(name string, nr uintptr, args ...uintptr) {
		a := append(args, 0, 0, 0, 0, 0, 0)
		r, _, e := unix.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		fmt.Println(when+name, int(e))
		if e == 0 && (name == "dup" || name == "dup3" || name == "dupfd" || name == "packet" || name == "xdp" || name == "io_uring") {
			unix.Close(int(r))
		}
	}
	p, n, s := uintptr(unsafe.Pointer(&frame[0])), uintptr(len(frame)), uintptr(fd)
	iov := unix.Iovec{Base: &frame[0]}
	iov.SetLen(len(frame))
	hdr := unix.Msghdr{Iov: &iov}
	hdr.SetIovlen(1)
	mm := struct {
		h unix.Msghdr
		n uint32
		_ uint32
	}{h: hdr}
	try("write", unix.SYS_WRITE, s, p, n)
	try("writev", unix.SYS_WRITEV, s, uintptr(unsafe.Pointer(&iov)), 1)
	try("sendto", unix.SYS_SENDTO, s, p, n)
	try("sendmsg", unix.SYS_SENDMSG, s, uintptr(unsafe.Pointer(&hdr)))
	try("sendmmsg", unix.SYS_SENDMMSG, s, uintptr(unsafe.Pointer(&mm)), 1)
	try("dup", unix.SYS_DUP, s)
	try("dup3", unix.SYS_DUP3, s, 99)
	try("dupfd", unix.SYS_FCNTL, s, unix.F_DUPFD, 0)
	try("packet", unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_RAW)
	try("unix", unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM)
	try("raw", unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_RAW, 1)
	var params [120]byte
	try("io_uring", unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)))
	if when == "after " { // before, it would leave this namespace for good
		try("unshare", unix.SYS_UNSHARE, unix.CLONE_NEWNET)
	}
}

// whatADaemonDoes must go on working: files, IP sockets, other programs.
func whatADaemonDoes() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(err)
	go func() {
		c, err := l.Accept()
		fatal(err)
		_, err = c.Write([]byte("hello"))
		fatal(err)
		c.Close()
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	fatal(err)
	b := make([]byte, 5)
	_, err = c.Read(b)
	fatal(err)
	f, err := os.CreateTemp("", "forbid")
	fatal(err)
	_, err = f.WriteString("x")
	fatal(err)
	fatal(f.Close())
	fatal(os.Remove(f.Name()))
	fatal(exec.Command("/proc/self/exe", "child").Run())
	fmt.Println("daemon", string(b))
}

func fatal(err error) {
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}
