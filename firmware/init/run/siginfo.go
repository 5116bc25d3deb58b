package run

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// childOf returns the process that waitid(2) found, 0 for none: si_pid, the first word of the union behind signo, errno and code,
// which is aligned as a pointer is (asm-generic/siginfo.h).
func childOf(info *unix.Siginfo) int {
	const word = unsafe.Sizeof(uintptr(0))
	at := (3*unsafe.Sizeof(int32(0)) + word - 1) / word * word
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), at)))
}
