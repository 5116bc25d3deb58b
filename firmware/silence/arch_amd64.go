package silence

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_X86_64
	x32       = true // the same architecture has a second table of calls, from 0x40000000 on
)

// others are this machine's own forms of calls that are denied.
var others = []uint32{unix.SYS_DUP2}
