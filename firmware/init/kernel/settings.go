package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// settings are what a box has otherwise than the kernel's defaults, below /proc/sys.
var settings = []struct{ path, value string }{
	{"kernel/printk_devkmsg", "on"}, // PID 1 bounds what it says itself: Lines
	{"kernel/panic", "10"},
	{"kernel/panic_on_oops", "1"}, // a kernel that tripped is started anew, and says so: half a box helps nobody
	{"kernel/sysrq", "0"},
	{"kernel/kptr_restrict", "2"},
	{"kernel/dmesg_restrict", "1"},
	{"kernel/unprivileged_bpf_disabled", "1"},
	{"kernel/kexec_load_disabled", "1"},
	{"kernel/yama/ptrace_scope", "3"},
	{"kernel/core_pattern", ""}, // no core: it would hold keys
	{"vm/panic_on_oom", "0"},
	{"net/ipv4/ip_forward", "0"},
	{"net/ipv4/ip_unprivileged_port_start", "443"}, // the owner's page, which the daemon serves without a capability; IPv6's too
	{"net/ipv4/conf/all/accept_redirects", "0"},
	{"net/ipv4/conf/default/accept_redirects", "0"},
	{"net/ipv4/conf/all/send_redirects", "0"},
	{"net/ipv4/conf/default/send_redirects", "0"},
	{"net/ipv6/conf/all/accept_redirects", "0"},
	{"net/ipv6/conf/default/accept_redirects", "0"},
}

// Configure gives the kernel a box's settings, name and Ctrl-Alt-Del, which it passes on as a signal instead of resetting at once. What a
// kernel does not have is left out.
func Configure(root, host string) error {
	var errs []error
	for _, s := range settings {
		err := os.WriteFile(filepath.Join(root, "proc/sys", s.path), []byte(s.value+"\n"), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("setting %s: %w", s.path, err))
		}
	}
	if err := unix.Sethostname([]byte(host)); err != nil {
		errs = append(errs, fmt.Errorf("host name: %w", err))
	}
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF); err != nil {
		errs = append(errs, fmt.Errorf("Ctrl-Alt-Del: %w", err))
	}
	return errors.Join(errs...)
}

// Seal forbids to load modules from now on.
func Seal(root string) error {
	err := os.WriteFile(filepath.Join(root, "proc/sys/kernel/modules_disabled"), []byte("1\n"), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forbid modules: %w", err)
	}
	return nil
}
