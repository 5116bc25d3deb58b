package slot

import "golang.org/x/sys/unix"

// forget has the kernel drop what it holds in memory of an open file or device, which was synced. BLKFLSBUF does it for a device
// and asks for CAP_SYS_ADMIN; the advice does it for what nobody else uses. Where neither works the comparison is of memory.
func forget(fd int) {
	_ = unix.IoctlSetInt(fd, unix.BLKFLSBUF, 0)
	_ = unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)
}
