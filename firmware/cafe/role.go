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
	Disk       bool // its disk is on a server
	Pool       bool // its address is one of a row that somebody gave out
	Windows    bool // DHCP vendor class MSFT 5.0
	PCName     bool // a name in a protocol that PCs speak, or a question in NetBIOS
	Phone      bool // by its DHCP vendor class
	PhoneName  bool // by its name
	Printer    bool
	Embedded   bool // DHCP client of embedded Linux
	Router     bool // advertises itself as a router
	DHCPServer bool
	FileServer bool // iSCSI, TFTP or PXE: serves disks or boot files
	BootServer bool // PCs that boot ask for its address first
	SMBServer  bool
	Asked      bool   // several ask for its address
	Wakes      bool   // sent a magic packet for another: cafés' management programs wake PCs from the cashier's
	Calls      Role   // what it calls itself in the café's words, and nobody else does; else unknown
	Leases     system // by its DHCP client
	SYNs       tally  // by how it opens TCP connections
	Release    string // by its browser announcements: "Windows NT 6.1"
	Passes     passes // what it hands on for others

	word Role // what it calls itself
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
	if s := leaseSystem(d); s != systemUnknown {
		c.Leases = s
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
			c.PhoneName = true
		}
	}
	c.called(name)
	digits := hex.EncodeToString(m[:])
	for _, p := range printerNames {
		if name == p.word+digits[len(digits)-p.digits:] {
			c.Printer = true
		}
	}
}

// ownNames are Vietnamese and English words for the computer at the counter ("thu ngân", "quầy") and the one that serves the
// others ("máy chủ"). That cafés use them is assumed.
var ownNames = []struct {
	word string
	is   Role
}{
	{"thungan", RoleCashier},
	{"thu-ngan", RoleCashier},
	{"cashier", RoleCashier},
	{"quay", RoleCashier},
	{"maychu", RoleServer},
	{"may-chu", RoleServer},
	{"server", RoleServer},
}

// called notes what s calls itself.
func (c *Clues) called(name string) {
	name = strings.ToLower(name)
	for _, n := range ownNames {
		if name == n.word {
			c.word = n.is
		}
	}
}

func (c *Clues) name(o *capture.Observation) {
	switch o.Origin {
	case capture.OriginNBNS, capture.OriginBrowser, capture.OriginSteam:
		c.PCName = true
		c.called(o.Name)
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
// only they do; a server of boot files outweighs the Windows it may run, and the packets by which it wakes others. Names,
// which everybody can choose, say no more than what a station that looks like a PC does.
func (c *Clues) role(s *Station) Role {
	is := c.system()
	windows := c.Windows || is == systemWindows
	pc := c.Booted || windows || c.PCName
	switch {
	case c.routes(s.MAC):
		return RoleRouter
	case c.FileServer || c.BootServer:
		return RoleServer
	case pc && !s.somebodys() && c.Wakes:
		return RoleCashier
	case c.Booted || c.Disk:
		return RolePC
	case c.Phone || is == systemAndroid || is == systemApple || c.PhoneName && !windows:
		return RolePhone
	case c.Printer:
		return RolePrinter
	case s.somebodys():
		return RolePhone
	case pc && c.Calls != RoleUnknown:
		return c.Calls
	case pc:
		return RolePC
	case c.SMBServer:
		return RoleServer
	case c.Asked:
		return RoleRouter // on a plain port nothing else may show it
	case c.Embedded:
		return RoleOther
	}
	return RoleUnknown
}

// somebodys reports whether the address of s is one that a device made up for itself, as phones and laptops do on Wi-Fi:
// somebody's own until it shows otherwise. A computer that boots from a server may be given such an address by it.
func (s *Station) somebodys() bool {
	return s.MAC.IsLocal() && !s.Clues.Booted && !s.Clues.Disk && !s.Clues.Pool
}

// pooled is how many stations a row of addresses has at least. Addresses that devices make up are random but for two bits:
// of a hundred, three with four octets in common come about once in 10¹² cafés.
const pooled = 3

// neighbourly looks at what only shows beside the other stations: whether s has one of a row of addresses, who asked for it
// while they booted, and whether it alone calls itself what it does.
func (c *Cafe) neighbourly(s *Station) {
	k := &s.Clues
	k.Asked, k.BootServer = false, false
	for i := range s.Addrs {
		a := &s.Addrs[i]
		asked, booted := len(c.vantage.asked[a.Addr]) >= gatewayAsked, len(c.vantage.booters[a.Addr]) >= gatewayAsked
		if a.Origin == capture.OriginARP && (asked || booted) && !c.taken(s, a) {
			k.Asked, k.BootServer = k.Asked || asked, k.BootServer || booted
		}
	}
	row := s.MAC.IsLocal() && !k.Pool
	if !row && k.word == RoleUnknown {
		return
	}
	alike, same := 0, 0
	for _, o := range c.stations {
		if o.Confirmed && [4]byte(o.MAC[:4]) == [4]byte(s.MAC[:4]) && o.Clues.system() == systemWindows {
			alike++
		}
		if o.Confirmed && o.Clues.word == k.word {
			same++
		}
	}
	k.Pool = k.Pool || row && alike >= pooled
	k.Calls = RoleUnknown
	if same <= 1 {
		k.Calls = k.word
	}
}
