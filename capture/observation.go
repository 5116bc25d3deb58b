package capture

import (
	"net/netip"
	"time"
)

// Observation is one fact that the wire showed. It is a value: it holds no slice of packet octets, so no payload
// crosses from the hot side to the slow side (a test walks the type). Strings are copies of at most MaxName octets.
//
// Kind says which of the other fields are set; the rest are zero.
type Observation struct {
	Kind     Kind
	Origin   Origin   // the protocol that said so
	Evidence Evidence // KindEvidence: what the station did
	Proto    uint8    // KindFlow, KindQuery: IP protocol number
	VLAN     uint16   // outermost 802.1Q VLAN id, 0 for none
	Group    bool     // the frame went to a multicast or broadcast MAC
	MAC      MAC      // the station: outer Ethernet source of the frame; zero on links without MAC addresses
	Target   MAC      // KindWake: the MAC to be woken; KindFlow: outer Ethernet destination
	Time     int64    // when, nanoseconds since the Unix epoch; the last frame's where there were several
	First    int64    // KindActivity: the first frame's time; KindFlow: since when Up and Down are counted

	// Addr is the innermost address of the station or client that the fact is about.
	Addr netip.Addr
	// Peer is the other side: the server of a flow or a query.
	Peer     netip.Addr
	Port     uint16 // KindFlow: client's port
	PeerPort uint16 // KindFlow, KindQuery, KindService: server's port
	Title    uint16 // KindFlow: the title.ID of Name, which says of which use; 0 for none

	// Name is the name said or asked for: a host name, a QNAME, an SNI, a Host. Decoded text, valid UTF-8.
	Name string
	DHCP *DHCP // KindDHCP

	Up, Down Count // KindActivity: Up is what was sent; KindFlow: client to server, and back
}

// MaxName bounds every string of an Observation, in octets: a QNAME has 253 (RFC 1035 §2.3.4), a Host may have more.
const MaxName = 256

// When returns o.Time as a time.Time in UTC.
func (o *Observation) When() time.Time { return time.Unix(0, o.Time).UTC() }

// Count counts frames, and their octets on the wire.
type Count struct {
	Frames, Octets uint64
}

// Kind says what an Observation tells.
type Kind uint8

// The kinds of observation.
const (
	KindNone     Kind = iota
	KindTick          // time has come to Time; nothing else happened
	KindActivity      // MAC sent Up between First and Time
	KindAddr          // MAC uses Addr; Origin says what showed it
	KindName          // MAC (Addr) calls itself Name; Origin says in which protocol
	KindDHCP          // a DHCPv4 or DHCPv6 message: DHCP
	KindQuery         // client Addr asked for, or opened a flow to, Name; Origin: dns, sni, quic_sni, dtls_sni, http_host
	KindAgent         // client Addr calls its program Name: User-Agent; its system where Origin is browser: "Windows NT 6.1"
	KindService       // MAC (Addr) serves Origin on PeerPort
	KindEvidence      // MAC did Evidence
	KindWake          // MAC asked Target to wake (Wake-on-LAN)
	KindFlow          // a flow ended or its active time-out came: Addr:Port → Peer:PeerPort, Proto, Up, Down; Name is its title
	KindSystem        // the SYNs of MAC are those of the system Name: Windows, Linux, Android, Apple
	KindLoss          // of the TCP payload acknowledged from First to Time, Up came by here and Down.Octets did not
)

// OfSender reports whether observations of kind k are facts about the interface that sent the frame, rather than about
// what it carries. (A DHCP message names its client itself.)
func (k Kind) OfSender() bool {
	switch k {
	case KindAddr, KindName, KindService, KindEvidence, KindWake, KindSystem:
		return true
	}
	return false
}

// Origin is the protocol an observation comes from.
type Origin uint8

// The origins, and what String says of them. Names of `from` and `kind` in inspect's document are these.
const (
	OriginNone Origin = iota
	OriginARP
	OriginIP
	OriginND
	OriginDHCP
	OriginDHCP6
	OriginNBNS
	OriginBrowser
	OriginLLMNR
	OriginMDNS
	OriginSSDP
	OriginWSD
	OriginSteam
	OriginDNS
	OriginSNI
	OriginQUIC
	OriginDTLS
	OriginHTTP
	OriginTFTP
	OriginPXE
	OriginNTP
	OriginISCSI
	OriginSMB
	OriginLLDP
	OriginCDP
)

var originNames = [...]string{
	"", "arp", "ip", "nd", "dhcp", "dhcp6", "nbns", "browser", "llmnr", "mdns", "ssdp", "wsd", "steam",
	"dns", "sni", "quic_sni", "dtls_sni", "http_host", "tftp", "pxe", "ntp", "iscsi", "smb", "lldp", "cdp",
}

// String returns the origin's word in inspect's document.
func (o Origin) String() string {
	if int(o) < len(originNames) {
		return originNames[o]
	}
	return "unknown"
}

// Evidence is something a station did that bears on whether its CPU runs and whether somebody uses it.
type Evidence uint8

// The evidence. Replies are kept apart from what a station does of itself: network cards answer ARP and ND while the
// computer sleeps, so a reply proves nothing.
const (
	EvidenceNone            Evidence = iota
	EvidenceARPRequest               // asked who has an address
	EvidenceARPProbe                 // probed an address before use (RFC 5227)
	EvidenceARPAnnounce              // announced its own address (RFC 5227: gratuitous ARP)
	EvidenceARPReply                 // answered: proves nothing
	EvidenceRouterSolicit            // ICMPv6 RS
	EvidenceRouterAdvert             // ICMPv6 RA: a router
	EvidenceNeighborSolicit          // ICMPv6 NS
	EvidenceDAD                      // ICMPv6 NS from ::, duplicate address detection
	EvidenceNeighborAdvert           // ICMPv6 NA: proves nothing when solicited
	EvidenceMLD                      // joined or reports an IPv6 group
	EvidenceIGMP                     // joined or reports an IPv4 group
	EvidenceIGMPQuery                // asks for reports: a router or switch
	EvidenceReset                    // TCP RST
	EvidenceFinish                   // TCP FIN
	EvidenceNTPClient                // asked for the time
	EvidencePXEBoot                  // asked a boot server for its files
	EvidenceMLDQuery                 // asks for reports of IPv6 groups: a router or switch
	EvidenceGoodbye                  // took leave: NetBIOS release, mDNS TTL 0, SSDP byebye, WSD Bye, Steam offline
	EvidenceGameRunning              // its Steam client says that a game runs
	EvidenceScreenLocked             // its Steam client says that the screen is locked
)

// DHCP is one DHCPv4 (RFC 2131) or DHCPv6 (RFC 8415) message. Addresses that are absent or zero are invalid
// netip.Addrs. Octet-valued facts are copied into strings.
type DHCP struct {
	V6          bool
	Message     string // DISCOVER … INFORM, LEASEQUERY…, or SOLICIT … of RFC 8415; "BOOTP" where option 53 is absent
	FromServer  bool   // op is BOOTREPLY, or the message type is a server's
	Relayed     bool   // giaddr set, or inside RELAY-FORW
	XID         uint32
	Client      MAC          // chaddr; DHCPv6: the client's interface as frame or relay agent show it, else the DUID's
	ClientAddr  netip.Addr   // ciaddr: what the client has
	YourAddr    netip.Addr   // yiaddr, or IAADDR: what it gets
	Requested   netip.Addr   // option 50, or IAADDR of a DHCPv6 client: what it asks for
	ServerID    netip.Addr   // option 54
	Prefix      netip.Prefix // IAPREFIX: what a router is delegated, or asks for
	Lease       time.Duration
	Hostname    string // option 12
	FQDN        string // option 81, or DHCPv6 option 39
	VendorClass string // option 60, or DHCPv6 option 16
	UserClass   string // option 77, or DHCPv6 option 15
	ClientID    string // option 61 or DUID, lower-case hexadecimal without separators
	ServerDUID  string // DUID of the DHCPv6 server, likewise
	ClientUUID  string // option 97, 8-4-4-4-12 as SMBIOS prints it (first three groups little-endian on the wire)
	Arch        uint16 // option 93, or DHCPv6 option 61: the first where there are several
	HasArch     bool
	Bootfile    string // option 67 or the file field, or DHCPv6 option 59
	Params      string // option 55: one octet an option code, in the client's order
	// Order holds the codes of all options in the order they came, pads left out, then of those in the file and sname
	// fields. A 0 (behind those of the options field) says that the End option was there: tshark prints it so.
	Order string
}
