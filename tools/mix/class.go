package mix

import "strings"

// The classes of flows.
const (
	classGame = iota
	classWeb
	classQUIC
	classDisk
	classDNS
	classGroup
	classARP
	classBoot
)

// classes says how much of the café's frames each class is. Games play, others browse and watch; computers without disks read
// theirs from the server; questions for names and addresses, and what is called to all, are few frames of many. The shares were
// chosen for a mean of 550 octets.
var classes = []struct {
	name  string
	share float64
}{
	{"game", 0.34},
	{"web", 0.33},
	{"quic", 0.12},
	{"disk", 0.18},
	{"dns", 0.01},
	{"group", 0.012},
	{"arp", 0.0077},
	{"boot", 0.0003},
}

// sources are the captures that are read, by the beginning of their names: the class of what no port tells, and whether it is
// computers of a café's kind that say in them who they are, to groups and over DHCP.
var sources = []source{
	{"game-", classGame, false},
	{"app-discord", classGame, false},    // voice: datagrams of a game's size and pace
	{"app-teamspeak3", classGame, false}, // likewise
	{"app-", classWeb, false},
	{"quic-", classQUIC, false},
	{"tls-", classWeb, false},
	{"dns-", classWeb, false},
	{"ipv6-", classWeb, false},
	{"name-dos_win98", classWeb, true},
	{"name-llmnr", classWeb, true},
	{"name-nbns", classWeb, true},
	{"name-netbios", classWeb, true},
	{"name-smb_v2", classWeb, true},
	{"name-ssdp", classWeb, true},
	{"pxe-", classWeb, true},
	{"lan-1kxun", classWeb, true},
	{"lan-android", classWeb, false},
	{"lan-telegram", classWeb, false},
	{"lan-wechat", classWeb, false},
	{"lan-iot_lan_day_2016_09_05", classWeb, false}, // TLS, and downloads of small things
	{"lan-output_eve_ftp", classWeb, true},
	{"lan-smb2", classWeb, true},
	{"lan-wireshark_smb", classWeb, true},
}

type source struct {
	prefix string
	class  int
	pcs    bool
}

// sourceOf returns the row of sources for a file of that name. ok is false for one that is not read.
func sourceOf(name string) (from source, ok bool) {
	for _, s := range sources {
		if strings.HasPrefix(name, s.prefix) {
			return s, true
		}
	}
	return source{}, false
}

// Ports that tell a class (IANA).
const (
	portDNS        = 53
	portDHCPServer = 67
	portDHCPClient = 68
	portHTTPS      = 443
	portNetBIOS    = 139
	portNBNS       = 137
	portBrowser    = 138
	portSMB        = 445
	portISCSI      = 3260
)

// classOf returns the class of a flow to port, found in a capture of class.
func classOf(proto uint8, port uint16, class int) int {
	switch port {
	case portDNS:
		return classDNS
	case portNBNS, portBrowser:
		return classGroup
	case portNetBIOS, portSMB:
		return classDisk
	case portHTTPS:
		if proto == protoUDP {
			return classQUIC
		}
		return classWeb
	}
	if class == classQUIC && proto == protoTCP {
		return classWeb
	}
	return class
}
