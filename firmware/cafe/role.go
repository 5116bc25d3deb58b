package cafe

import (
	"encoding/hex"
	"strings"

	"cafeprobe/capture"
)

// Role is what a station is for.
type Role uint8

// The roles.
const (
	RoleUnknown Role = iota
	RolePC
	RoleRouter
	RoleServer
	RoleCashier
	RolePhone
	RolePrinter
	RoleOther
)

// String returns the role's word in inspect's document.
func (r Role) String() string {
	return [...]string{"unknown", "pc", "router", "server", "cashier", "phone", "printer", "other"}[r]
}

// Clues are the signs by which a role is judged.
type Clues struct {
	Booted     bool // its PXE ROM asked for a boot server: only a PC does
	Windows    bool // DHCP vendor class MSFT 5.0, NetBIOS or browser names
	PCName     bool // a name in a protocol that PCs speak
	Phone      bool
	Printer    bool
	Embedded   bool // DHCP client of embedded Linux
	Router     bool // advertises itself as a router
	DHCPServer bool
	FileServer bool // iSCSI, TFTP or PXE: serves disks or boot files
	SMBServer  bool
	Wakes      bool   // sent a magic packet for another: cafés' management programs wake PCs from the cashier's
	Passes     passes // what it hands on for others
}

// vendorClues are the DHCP vendor classes (option 60) that tell a kind of device, by their beginning. Each was seen in
// captures of such devices.
var vendorClues = []struct {
	prefix string
	set    func(c *Clues)
}{
	{"PXEClient", func(c *Clues) { c.Booted = true }},
	{"MSFT 5.0", func(c *Clues) { c.Windows = true }},
	{"android-dhcp", func(c *Clues) { c.Phone = true }},
	{"dhcpcd-5.5.6", func(c *Clues) { c.Phone = true }}, // Android up to 6
	{"Mfg=", func(c *Clues) { c.Printer = true }},       // Xerox and others: Mfg=…;Typ=Printer
	{"Hewlett-Packard JetDirect", func(c *Clues) { c.Printer = true }},
	{"udhcp", func(c *Clues) { c.Embedded = true }},
}

// phoneNames are beginnings of host names that phones give themselves when nobody changes them.
var phoneNames = []string{"iphone", "ipad", "android-", "galaxy-", "redmi", "oppo-", "vivo-", "realme"}

func (c *Clues) dhcp(d *capture.DHCP) {
	for _, v := range vendorClues {
		if strings.HasPrefix(d.VendorClass, v.prefix) {
			v.set(c)
		}
	}
	c.hostname(d.Hostname, d.Client)
}

// printerNames are what printers call themselves out of the box: a word, then the last digits of their own MAC address.
// That the digits are the station's own makes the name one that nobody chose.
var printerNames = []struct {
	word   string
	digits int
}{
	{"brn", 12}, {"brw", 12}, // Brother, wired and wireless: Network User's Guide, "node name"
	{"npi", 6},   // HP Jetdirect: Administrator's Guide, "host name"
	{"epson", 6}, // Epson: Network Guide, "printer name"
}

func (c *Clues) hostname(name string, m capture.MAC) {
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	for _, p := range phoneNames {
		if strings.HasPrefix(name, p) {
			c.Phone = true
		}
	}
	digits := hex.EncodeToString(m[:])
	for _, p := range printerNames {
		if name == p.word+digits[len(digits)-p.digits:] {
			c.Printer = true
		}
	}
}

func (c *Clues) name(o *capture.Observation) {
	switch o.Origin {
	case capture.OriginNBNS, capture.OriginBrowser, capture.OriginSteam:
		c.PCName = true
	case capture.OriginDHCP, capture.OriginMDNS:
		c.hostname(o.Name, o.MAC)
	}
}

func (c *Clues) serve(o capture.Origin) {
	switch o {
	case capture.OriginDHCP:
		c.DHCPServer = true
	case capture.OriginISCSI, capture.OriginTFTP, capture.OriginPXE:
		c.FileServer = true
	case capture.OriginSMB:
		c.SMBServer = true
	}
}

// isVirtualRouter reports whether m is an address that routers share and pass to each other: VRRP and CARP (RFC 5798
// §7.3), HSRP of both versions.
func isVirtualRouter(m capture.MAC) bool {
	return m[0] == 0 && (m[1] == 0 && m[2] == 0x5e && m[3] == 0 && (m[4] == 1 || m[4] == 2) ||
		m[1] == 0 && m[2] == 0x0c && (m[3] == 0x07 && m[4] == 0xac || m[3] == 0x9f && m[4]>>4 == 0xf))
}

// role weighs the clues. Who hands on for many is a router whatever else it does; a PXE ROM and a phone are told by what
// only they do; a server of boot files outweighs the Windows it may run, and the packets by which it wakes others.
func (c *Clues) role(s *Station) Role {
	switch {
	case c.routes(s.MAC):
		return RoleRouter
	case c.FileServer:
		return RoleServer
	case c.Booted:
		return RolePC
	case c.Phone:
		return RolePhone
	case c.Printer:
		return RolePrinter
	case c.Wakes && (c.Windows || c.PCName):
		return RoleCashier
	case c.Windows || c.PCName:
		return RolePC
	case c.SMBServer:
		return RoleServer
	case s.MAC.IsLocal():
		return RolePhone // randomised: somebody's own device until it shows otherwise
	case c.Embedded:
		return RoleOther
	}
	return RoleUnknown
}

// OS names the operating system of s where a fact says so, else it is empty.
func (s *Station) OS() string {
	switch v := s.DHCP.VendorClass; {
	case s.Clues.Windows:
		return "Windows"
	case strings.HasPrefix(v, "android-dhcp-"):
		return "Android " + v[len("android-dhcp-"):]
	case strings.HasPrefix(v, "android-dhcp"), strings.HasPrefix(v, "dhcpcd-5.5.6"):
		return "Android"
	case strings.HasPrefix(v, "dhcpcd"), strings.HasPrefix(v, "udhcp"):
		return "Linux"
	}
	return ""
}
