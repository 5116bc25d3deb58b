package decode

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"cafeprobe/capture"
)

// The BOOTP message (RFC 951 §3, RFC 2131 §2): offsets of its fields, in octets.
const (
	bootpXID     = 4
	bootpCiaddr  = 12
	bootpYiaddr  = 16
	bootpGiaddr  = 24
	bootpChaddr  = 28
	bootpSname   = 44
	bootpFile    = 108
	bootpCookie  = 236 // the fixed part ends here
	bootpOptions = 240
	bootpLen     = 300 // all of an RFC 951 message, whose vendor area is 64 octets

	bootRequest = 1
	bootReply   = 2
)

// magicCookie opens the options (RFC 2132 §2). Without it the vendor area holds something else.
var magicCookie = [4]byte{99, 130, 83, 99}

// The options that are read (RFC 2132; others as named in DHCP).
const (
	optPad         = 0
	optHostname    = 12
	optRequested   = 50
	optLease       = 51
	optOverload    = 52
	optMessage     = 53
	optServerID    = 54
	optParams      = 55
	optVendorClass = 60
	optClientID    = 61
	optBootfile    = 67
	optUserClass   = 77 // RFC 3004
	optFQDN        = 81 // RFC 4702
	optArch        = 93 // RFC 4578 §2.1
	optUUID        = 97 // RFC 4578 §2.3
	optEnd         = 255
)

// dhcp4Messages are the values of option 53 (IANA "DHCP Message Type 53 Values"): RFC 2132 §9.6, RFC 3203 (9), RFC 4388
// (10–13), RFC 6926 (14, 15), RFC 7724 (16–18).
var dhcp4Messages = [...]string{
	1: "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM", "FORCERENEW",
	"LEASEQUERY", "LEASEUNASSIGNED", "LEASEUNKNOWN", "LEASEACTIVE", "BULKLEASEQUERY", "LEASEQUERYDONE",
	"ACTIVELEASEQUERY", "LEASEQUERYSTATUS", "TLS",
}

// dhcp4 reads BOOTP, DHCPv4 and PXE (ports 67, 68, 4011) and says what a message tells about its client and its server.
func dhcp4(d *Decoder, p *Packet) bool {
	m := new(capture.DHCP)
	var o dhcpOptions
	if !parseDHCP4(p, m, &o) {
		return false
	}
	// A message longer than BOOTP's that was cut short in front of its options is DHCP of a type nobody can tell.
	if len(p.Payload) >= bootpOptions || p.PayloadLen <= bootpLen {
		d.emit(capture.Observation{Kind: capture.KindDHCP, Origin: capture.OriginDHCP, DHCP: m})
	}
	if m.FromServer {
		d.dhcp4Server(p, m, &o)
	} else {
		d.dhcp4Client(p, m)
	}
	return true
}

// dhcp4Server says what a BOOTREPLY tells: who serves, and which address the client has from now on. A relay agent that
// hands the reply on to the client's segment counts as the server there: the client knows no other.
func (d *Decoder) dhcp4Server(p *Packet, m *capture.DHCP, o *dhcpOptions) {
	boot := isNetBoot(m.VendorClass)
	if boot {
		d.emit(capture.Observation{Kind: capture.KindService, Origin: capture.OriginPXE, PeerPort: p.SrcPort})
	}
	// A ProxyDHCP server (PXE 2.1 §2.2.4) leases nothing.
	if !boot || o.value[optLease] != nil {
		d.emit(capture.Observation{Kind: capture.KindService, Origin: capture.OriginDHCP, PeerPort: p.SrcPort})
	}
	if m.Message == "ACK" && m.YourAddr.IsValid() && !m.Relayed && p.HasMAC && p.Tunnels == 0 && isStation(m.Client) {
		d.emit(capture.Observation{
			Kind: capture.KindAddr, Origin: capture.OriginDHCP, MAC: m.Client, Addr: m.YourAddr,
		})
	}
}

// dhcp4Client says what a BOOTREQUEST tells: the client's names, and whether a boot loader sent it. The client is
// chaddr: behind a relay agent the frame's source is the agent's. Addr is 0.0.0.0 where the client has none yet.
func (d *Decoder) dhcp4Client(p *Packet, m *capture.DHCP) {
	o := capture.Observation{Origin: capture.OriginDHCP, MAC: m.Client, Addr: m.ClientAddr}
	if !isStation(m.Client) {
		if m.Relayed {
			return
		}
		o.MAC = p.Src
	}
	if !o.Addr.IsValid() {
		o.Addr = netip.IPv4Unspecified()
	}
	d.emitNames(o, m)
	if isNetBoot(m.VendorClass) {
		o.Kind, o.Origin, o.Evidence = capture.KindEvidence, capture.OriginPXE, capture.EvidencePXEBoot
		d.emit(o)
	}
}

// emitNames emits o as KindName for the host name and the FQDN of m, once where they are the same but for case and the
// dot behind the root.
func (d *Decoder) emitNames(o capture.Observation, m *capture.DHCP) {
	o.Kind = capture.KindName
	if o.Name = m.Hostname; o.Name != "" {
		d.emit(o)
	}
	if fqdn := strings.TrimSuffix(m.FQDN, "."); fqdn != "" && !strings.EqualFold(fqdn, o.Name) {
		o.Name = fqdn
		d.emit(o)
	}
}

// isNetBoot reports whether a vendor class is that of a network boot: PXE (PXE 2.1 §2.2.3) or UEFI HTTP boot
// (UEFI 2.10 §24.7.3.1).
func isNetBoot(class string) bool {
	return strings.HasPrefix(class, "PXEClient") || strings.HasPrefix(class, "HTTPClient")
}

// isStation reports whether m can be a station's own address.
func isStation(m capture.MAC) bool { return !m.IsZero() && !m.IsGroup() }

// parseDHCP4 reads the message in p's payload into m and its options into o. It returns false where the fixed part is
// not BOOTP's. Of a message that is cut short, or whose options lie, m holds what came whole.
func parseDHCP4(p *Packet, m *capture.DHCP, o *dhcpOptions) bool {
	b := p.Payload
	if p.PayloadLen < bootpCookie || len(b) < bootpSname {
		return false
	}
	op, htype, hlen := b[0], b[1], b[2]
	if op != bootRequest && op != bootReply || htype == 0 || hlen > bootpSname-bootpChaddr {
		return false
	}
	*m = capture.DHCP{
		Message:    "BOOTP",
		FromServer: op == bootReply,
		XID:        binary.BigEndian.Uint32(b[bootpXID:]),
		ClientAddr: addr4(b[bootpCiaddr:]),
		YourAddr:   addr4(b[bootpYiaddr:]),
		Relayed:    addr4(b[bootpGiaddr:]).IsValid(),
	}
	// Hardware types of six octets: 1 Ethernet, 6 IEEE 802 (RFC 1700). InfiniBand (32) leaves chaddr empty.
	if hlen == 6 && (htype == 1 || htype == 6) {
		m.Client = capture.MAC(b[bootpChaddr:])
	}
	file := true
	if len(b) >= bootpOptions && [4]byte(b[bootpCookie:]) == magicCookie {
		file = o.read(b)
		o.fill(m)
	}
	if file && m.Bootfile == "" && len(b) >= bootpCookie {
		name, _, _ := bytes.Cut(b[bootpFile:bootpCookie], []byte{0})
		m.Bootfile = text(name)
	}
	return true
}

// dhcpOptions holds the options of one message.
type dhcpOptions struct {
	value [256][]byte // by code: nil where absent; several of one code put together (RFC 3396)
	order [capture.MaxName]byte
	n     int // octets of order in use
}

// read collects the options of b, a whole message: those of the options field, then of the file field, then of the sname
// field where option 52 says so, which is the order RFC 3396 §5 puts the pieces of long options together in. It
// returns whether the file field is left to be a file name.
func (o *dhcpOptions) read(b []byte) (file bool) {
	if o.walk(b[bootpOptions:]) {
		o.note(optPad) // see DHCP.Order
	}
	over := byte(0)
	if v := o.value[optOverload]; len(v) > 0 {
		over = v[0]
	}
	if over == 1 || over == 3 {
		o.walk(b[bootpFile:bootpCookie])
	}
	if over == 2 || over == 3 {
		o.walk(b[bootpSname:bootpFile])
	}
	return over != 1 && over != 3
}

// walk collects the options of one field. ended is whether the End option was met; without it, and where a length runs
// past the field, what came before is kept: cheap clients leave End out.
func (o *dhcpOptions) walk(b []byte) (ended bool) {
	for len(b) > 0 {
		code := b[0]
		switch code {
		case optPad:
			b = b[1:]
			continue
		case optEnd:
			return true
		}
		o.note(code)
		if len(b) < 2 || len(b)-2 < int(b[1]) {
			return false
		}
		n := 2 + int(b[1])
		if o.value[code] == nil {
			o.value[code] = b[2:n:n]
		} else {
			o.value[code] = append(o.value[code], b[2:n]...)
		}
		b = b[n:]
	}
	return false
}

func (o *dhcpOptions) note(code byte) {
	if o.n < len(o.order) {
		o.order[o.n] = code
		o.n++
	}
}

// fill puts what the options say into m.
func (o *dhcpOptions) fill(m *capture.DHCP) {
	v := &o.value
	if t := v[optMessage]; len(t) > 0 {
		m.Message = strconv.Itoa(int(t[0]))
		if int(t[0]) < len(dhcp4Messages) && t[0] != 0 {
			m.Message = dhcp4Messages[t[0]]
		}
	}
	m.Requested = addr4(v[optRequested])
	m.ServerID = addr4(v[optServerID])
	if l := v[optLease]; len(l) >= 4 {
		m.Lease = time.Duration(binary.BigEndian.Uint32(l)) * time.Second
	}
	m.Hostname = optionText(v[optHostname])
	m.FQDN = fqdn4(v[optFQDN])
	m.VendorClass = optionText(v[optVendorClass])
	m.UserClass = userClass4(v[optUserClass])
	m.ClientID = hexOctets(v[optClientID])
	m.ClientUUID = smbiosUUID(v[optUUID])
	if a := v[optArch]; len(a) >= 2 {
		m.Arch, m.HasArch = binary.BigEndian.Uint16(a), true
	}
	m.Bootfile = optionText(v[optBootfile])
	m.Params = string(v[optParams][:min(len(v[optParams]), capture.MaxName)])
	m.Order = string(o.order[:o.n])
}

// addr4 returns the IPv4 address that b starts with; not valid where there is none or it is 0.0.0.0.
func addr4(b []byte) netip.Addr {
	if len(b) < 4 || b[0]|b[1]|b[2]|b[3] == 0 {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte(b))
}

// optionText is text without the NULs that some clients end a string with (RFC 2132 §2).
func optionText(b []byte) string { return text(bytes.TrimRight(b, "\x00")) }

// hexOctets returns b in lower-case hexadecimal, up to MaxName digits.
func hexOctets(b []byte) string { return hex.EncodeToString(b[:min(len(b), capture.MaxName/2)]) }

// fqdn4 reads option 81 (RFC 4702 §2): flags, two result codes, and the name, in DNS wire form where flag E (0x04) is
// set, else as text. A name that says E and is no DNS name is taken as text.
func fqdn4(b []byte) string {
	if len(b) < 3 {
		return ""
	}
	if b[0]&0x04 != 0 {
		if name, ok := wireName(b[3:]); ok {
			return name
		}
	}
	return optionText(b[3:])
}

// wireName reads all of b as one DNS name in wire form without compression (RFC 1035 §3.1), as RFC 4702 and RFC 4704 use
// it: the name ends with a dot where the root label is there, and without one where it is partial.
func wireName(b []byte) (name string, ok bool) {
	var dotted [255]byte
	out := dotted[:0]
	for len(b) > 0 {
		n := int(b[0])
		switch {
		case n == 0:
			return text(out), len(b) == 1
		case n > 63 || n >= len(b) || len(out)+n+1 > len(dotted):
			return "", false
		}
		out = append(append(out, b[1:1+n]...), '.')
		b = b[1+n:]
	}
	return text(bytes.TrimSuffix(out, []byte("."))), true
}

// userClass4 reads option 77: RFC 3004's list of counted strings, joined by commas, or, where the counts do not add up,
// the bare string that iPXE and Microsoft's clients send.
func userClass4(b []byte) string {
	if s, ok := countedStrings(b, 1); ok {
		return s
	}
	return optionText(b)
}

// countedStrings reads all of b as strings behind counts of size octets (1 or 2), joined by commas.
func countedStrings(b []byte, size int) (s string, ok bool) {
	var joined []byte
	for len(b) > 0 {
		if len(b) < size {
			return "", false
		}
		n := int(b[size-1])
		if size == 2 {
			n |= int(b[0]) << 8
		}
		if b = b[size:]; n > len(b) || n == 0 && size == 1 {
			return "", false
		}
		if len(joined) > 0 {
			joined = append(joined, ',')
		}
		if len(joined) <= capture.MaxName {
			joined = append(joined, bytes.TrimRight(b[:n], "\x00")...)
		}
		b = b[n:]
	}
	return text(joined), true
}

// smbiosUUID reads option 97 (RFC 4578 §2.3): type 0 and the sixteen octets of SMBIOS's UUID, whose first three groups
// are little-endian (SMBIOS 3.7 §7.2.1), as dmidecode prints it.
func smbiosUUID(b []byte) string {
	if len(b) != 17 || b[0] != 0 {
		return ""
	}
	b = b[1:]
	var u [16]byte
	binary.BigEndian.PutUint32(u[0:], binary.LittleEndian.Uint32(b[0:]))
	binary.BigEndian.PutUint16(u[4:], binary.LittleEndian.Uint16(b[4:]))
	binary.BigEndian.PutUint16(u[6:], binary.LittleEndian.Uint16(b[6:]))
	copy(u[8:], b[8:])
	s := hex.EncodeToString(u[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
