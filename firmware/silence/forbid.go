package silence

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Forbid takes from the whole process, for good, what it would need to send a frame out of what it listens to: all
// capabilities, and the system calls that write to fds, the sockets that it listens to, at most maxFDs, or make another
// descriptor of one. Sockets can only be made for IP and netlink. What is forbidden returns EPERM. It needs a program that is
// built without cgo.
func Forbid(fds ...int) error {
	if len(fds) > maxFDs {
		return fmt.Errorf("system call filter: %d sockets, want at most %d", len(fds), maxFDs)
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	prog, err := assemble(program(fds))
	if err != nil {
		return fmt.Errorf("system call filter: %w", err)
	}
	if _, _, e := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); e != 0 {
		return fmt.Errorf("set no_new_privs: %w", e)
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(prog)
	if e != 0 {
		return fmt.Errorf("set the system call filter: %w", e)
	}
	return nil
}

// dropCapabilities leaves every thread without any.
func dropCapabilities() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, e := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&hdr)), uintptr(unsafe.Pointer(&none)), 0)
	runtime.KeepAlive(&hdr)
	if e != 0 {
		return fmt.Errorf("drop capabilities: %w", e)
	}
	return nil
}

// Offsets in struct seccomp_data (linux/seccomp.h). An argument is 64 bits; a descriptor is in its lower half, which comes
// first on all machines that a box is made of.
const (
	dataNumber = 0
	dataArch   = 4
	dataArgs   = 16
)

func arg(n uint32) uint32 { return dataArgs + 8*n }

const (
	allow = unix.SECCOMP_RET_ALLOW
	deny  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
)

// maxFDs bounds how many sockets a filter can tell: a jump reaches over 255 instructions.
const maxFDs = 64

// program returns the filter for the sockets fds. Each rule ends in a verdict or falls through to the next.
func program(fds []int) []bpf.Instruction {
	is := []bpf.Instruction{
		bpf.LoadAbsolute{Off: dataArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS}, // numbers of another instruction set: not ours
		bpf.LoadAbsolute{Off: dataNumber, Size: 4},
	}
	if x32 {
		is = append(is, bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 0x40000000, SkipTrue: 1}, bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS})
	}
	for _, nr := range forbidden {
		is = append(is, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: nr, SkipTrue: 1}, bpf.RetConstant{Val: deny})
	}
	for _, c := range writes {
		n := uint8(len(fds))
		is = append(is, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: c.number, SkipTrue: n + 3}, bpf.LoadAbsolute{Off: arg(c.fd), Size: 4})
		for i, fd := range fds { // to the last of the three, past those that are left and the second
			is = append(is, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(fd), SkipTrue: n - uint8(i)})
		}
		is = append(is, bpf.RetConstant{Val: allow}, bpf.RetConstant{Val: deny})
	}
	is = append(is, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.SYS_SOCKET, SkipTrue: 5}, bpf.LoadAbsolute{Off: arg(0), Size: 4})
	for i, family := range []uint32{unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK} {
		is = append(is, bpf.JumpIf{Cond: bpf.JumpEqual, Val: family, SkipTrue: uint8(3 - i)})
	}
	return append(is, bpf.RetConstant{Val: deny}, bpf.RetConstant{Val: allow})
}

// call is a system call that would send through, or copy, the descriptor that is its argument fd, counted from 0.
type call struct {
	number uint32
	fd     uint32
}

var writes = []call{
	{unix.SYS_WRITE, 0},
	{unix.SYS_WRITEV, 0},
	{unix.SYS_PWRITE64, 0},
	{unix.SYS_PWRITEV, 0},
	{unix.SYS_PWRITEV2, 0},
	{unix.SYS_SENDTO, 0},
	{unix.SYS_SENDMSG, 0},
	{unix.SYS_SENDMMSG, 0},
	{unix.SYS_SENDFILE, 0},
	{unix.SYS_VMSPLICE, 0},
	{unix.SYS_TEE, 1},
	{unix.SYS_SPLICE, 2},
	{unix.SYS_DUP, 0},
	{unix.SYS_DUP3, 0},
	{unix.SYS_FCNTL, 0},
}

// forbidden are calls by which a descriptor could come in another way, or the rules be gone around.
var forbidden = append([]uint32{
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_SOCKETPAIR, // a descriptor sent through one comes out under another number
	unix.SYS_PIDFD_GETFD, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_SETNS, unix.SYS_UNSHARE, unix.SYS_BPF,
}, others...)

func assemble(is []bpf.Instruction) ([]unix.SockFilter, error) {
	raw, err := bpf.Assemble(is)
	if err != nil {
		return nil, err
	}
	prog := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		prog[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return prog, nil
}
