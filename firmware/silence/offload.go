package silence

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The requests of SIOCETHTOOL that switch one thing: struct ethtool_value (linux/ethtool.h).
const (
	setFlags = unix.ETHTOOL_SFLAGS
	getFlags = unix.ETHTOOL_GFLAGS
	flagLRO  = 1 << 15
)

type ethtoolValue struct{ cmd, data uint32 }

// pauseParam is struct ethtool_pauseparam.
type pauseParam struct{ cmd, autoneg, rx, tx uint32 }

// offload turns off what the driver lets be turned off: merging received segments, and pause frames.
func offload(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := ethtool(fd, name, unsafe.Pointer(&ethtoolValue{cmd: unix.ETHTOOL_SGRO})); err != nil {
		return fmt.Errorf("turn GRO off: %w", err)
	}
	flags := ethtoolValue{cmd: getFlags}
	if err := ethtool(fd, name, unsafe.Pointer(&flags)); err != nil {
		return fmt.Errorf("read its flags: %w", err)
	}
	if flags.data&flagLRO != 0 {
		flags.cmd, flags.data = setFlags, flags.data&^flagLRO
		if err := ethtool(fd, name, unsafe.Pointer(&flags)); err != nil {
			return fmt.Errorf("turn LRO off: %w", err)
		}
	}
	// Many drivers have no pause frames to turn off, or do not let it be done.
	err = ethtool(fd, name, unsafe.Pointer(&pauseParam{cmd: unix.ETHTOOL_SPAUSEPARAM}))
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

// ethtool passes a request to the driver of the interface (netdevice(7), linux/ethtool.h).
func ethtool(fd int, name string, request unsafe.Pointer) error {
	var ifr struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24 - unsafe.Sizeof(request)]byte
	}
	copy(ifr.name[:unix.IFNAMSIZ-1], name)
	ifr.data = request
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&ifr))); e != 0 {
		return e
	}
	return nil
}
