package cafe

import (
	"cmp"
	"strings"

	"cafeprobe/capture"
)

// system is a family of operating systems.
type system uint8

const (
	systemUnknown system = iota
	systemWindows
	systemLinux
	systemAndroid
	systemApple // macOS and iOS: DHCP and TCP are the same
	systems
)

var systemNames = [systems]string{"", "Windows", "Linux", "Android", "Apple"}

// systemOf returns the family that a KindSystem names.
func systemOf(name string) system {
	for i, n := range systemNames {
		if n == name {
			return system(i)
		}
	}
	return systemUnknown
}

// leaseRows tell the system of a DHCP client by the beginning of its vendor class (option 60) or of its parameter list (option
// 55). All were seen in the shared captures with systems that are known there by other facts: with how many clients.
var leaseRows = []struct {
	class  string
	params string
	is     system
}{
	{"MSFT 5.0", "", systemWindows},                           // 15
	{"android-dhcp", "", systemAndroid},                       // 1
	{"dhcpcd-5.5.6", "", systemAndroid},                       // 1: Android up to 6
	{"dhcpcd", "", systemLinux},                               // 1
	{"udhcp", "", systemLinux},                                // 13
	{"", "\x01\x03\x06\x0f\x1f\x21\x2b", systemWindows},       // 9: 10 and later
	{"", "\x01\x0f\x03\x06\x2c\x2e\x2f\x1f", systemWindows},   // 6: 2000 to 8.1
	{"", "\x01\x03\x06\x0f\x1a\x1c\x33\x3a", systemAndroid},   // 1: 7 and later
	{"", "\x01\x21\x03\x06\x0f\x1c\x33\x3a", systemAndroid},   // 1: up to 6
	{"", "\x01\x79\x03\x06\x0f\x77\xfc", systemApple},         // 3: iPhone, iMac
	{"", "\x01\x03\x06\x0f\x77\x5f\xfc\x2c\x2e", systemApple}, // 1: older macOS
	{"", "\x01\x1c\x02\x03\x0f\x06", systemLinux},             // 6: ISC dhclient
}

// leaseSystem returns the system of a DHCP client, unknown where the message does not show it. What boots says nothing of
// what it will run.
func leaseSystem(d *capture.DHCP) system {
	for _, r := range leaseRows {
		if r.class != "" && strings.HasPrefix(d.VendorClass, r.class) || r.params != "" && strings.HasPrefix(d.Params, r.params) {
			return r.is
		}
	}
	return systemUnknown
}

// tally counts, by system, the minutes in which SYNs were a system's. A station with several, as one with virtual machines
// behind its card or one that two share, is what it is most of the time.
type tally [systems]uint16

func (t *tally) add(s system) {
	if s == systemUnknown {
		return
	}
	if t[s]++; t[s] == 1<<15 { // the old counts half
		for i := range t {
			t[i] /= 2
		}
	}
}

// most returns the system of more than half of the minutes.
func (t *tally) most() system {
	all := 0
	for _, n := range t {
		all += int(n)
	}
	for s, n := range t {
		if int(n)*2 > all {
			return system(s)
		}
	}
	return systemUnknown
}

// system returns what runs on the station: what its DHCP client says weighs more than how its TCP looks, since a router's
// or a proxy's SYNs are those of others.
func (c *Clues) system() system { return cmp.Or(c.Leases, c.SYNs.most()) }

// releases are the names of the versions that browser announcements have ([MS-BRWS] §2.2.1).
var releases = []struct{ version, name string }{
	{"Windows NT 10.0", "Windows 10 or 11"},
	{"Windows NT 6.3", "Windows 8.1"},
	{"Windows NT 6.2", "Windows 8"},
	{"Windows NT 6.1", "Windows 7"},
	{"Windows NT 6.0", "Windows Vista"},
	{"Windows NT 5.1", "Windows XP"},
	{"Windows NT 5.0", "Windows 2000"},
}

// announced notes the version that a browser announcement has. Samba, which is no Windows, says so.
func (c *Clues) announced(version string) {
	if strings.HasPrefix(version, "Windows ") {
		c.Release = version
	}
}

// OS names the operating system of s where a fact says so, else it is empty: a release where one was said, else the family.
func (s *Station) OS() string {
	c := &s.Clues
	is := c.system()
	switch {
	case c.Release != "" && (is == systemUnknown || is == systemWindows):
		for _, r := range releases {
			if r.version == c.Release {
				return r.name
			}
		}
		return c.Release
	case is == systemAndroid && strings.HasPrefix(s.DHCP.VendorClass, "android-dhcp-"):
		return "Android " + strings.TrimPrefix(s.DHCP.VendorClass, "android-dhcp-")
	}
	return systemNames[is]
}
