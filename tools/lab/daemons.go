package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// startNMBD lets a station register a NetBIOS name and announce itself to browsers, as Windows does, with Samba's nmbd.
func (l *lab) startNMBD(h *host, name string) error {
	dir := filepath.Join(l.dir, h.name+"-nmbd")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	conf := "[global]\n" + fmt.Sprintf("netbios name = %s\nworkgroup = WORKGROUP\nserver string =\ninterfaces = eth0\n"+
		"bind interfaces only = yes\nlocal master = yes\nos level = 20\n", name)
	for _, which := range []string{"lock directory", "state directory", "cache directory", "pid directory", "private dir"} {
		conf += which + " = " + dir + "\n"
	}
	file := filepath.Join(dir, "smb.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		return err
	}
	_, err := l.start(h.ns, h.name+"-nmbd", "nmbd", "--foreground", "--no-process-group", "--debug-stdout", "-s", file)
	return err
}

// startAvahi lets a station say its name and a service by multicast DNS. It has no bus and keeps root: the namespace is
// all that it can reach.
func (l *lab) startAvahi(h *host, name string) error {
	conf := fmt.Sprintf("[server]\nhost-name=%s\nallow-interfaces=eth0\nuse-ipv4=yes\nuse-ipv6=yes\nenable-dbus=no\n"+
		"[publish]\npublish-workstation=no\npublish-hinfo=no\n[rlimits]\n", name)
	file := filepath.Join(l.dir, h.name+"-avahi.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		return err
	}
	// avahi-daemon knows one place for its process number and one for services; a private /run and services folder
	// keep it away from the host's own.
	services := filepath.Join(l.dir, "services")
	if err := os.MkdirAll(services, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(services, "ipp.service"), []byte(printerService), 0o644); err != nil {
		return err
	}
	_, err := l.start(h.ns, h.name+"-avahi", "unshare", "--mount", "sh", "-c",
		`mount -t tmpfs none /run && mount --bind "$1" /etc/avahi/services && exec avahi-daemon --no-drop-root --no-chroot -f "$0"`,
		file, services)
	return err
}

const printerService = `<?xml version="1.0" standalone="no"?>
<!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group>
  <name>Brother HL-L2321D</name>
  <service>
    <type>_ipp._tcp</type>
    <port>631</port>
    <txt-record>ty=Brother HL-L2321D series</txt-record>
  </service>
</service-group>
`
