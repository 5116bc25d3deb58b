// Package tty opens the box's serial port, at which a technician is answered in frames of firmware/console. There is no shell behind it.
package tty

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Open opens a terminal for frames: nothing that it hears is echoed, edited or taken for a signal. Its speed stays what the kernel and
// the boot loader have made it.
func Open(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0) // so that Close ends a Read
	if err != nil {
		return nil, fmt.Errorf("open console %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open console %s: %w", path, err)
	}
	t.Iflag &^= unix.ISTRIP | unix.INLCR | unix.IXON | unix.IXOFF | unix.BRKINT | unix.PARMRK
	t.Iflag |= unix.ICRNL | unix.IGNBRK
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag |= unix.CLOCAL | unix.CREAD
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		f.Close()
		return nil, fmt.Errorf("open console %s: %w", path, err)
	}
	return f, nil
}
