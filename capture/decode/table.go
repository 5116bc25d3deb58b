package decode

// The table of decoders: one row a protocol, one file a row. A row for UDP is chosen by the destination port, then the
// source port; what no row takes is offered to udpAny in order, for protocols that live on any port. Read returns
// whether the datagram was its protocol's, in full.

type udpRow struct {
	name  string
	ports []uint16
	read  func(d *Decoder, p *Packet) bool
}

var udpRows = []udpRow{
	{"dhcp", []uint16{67, 68, 4011}, dhcp4},
	{"dhcp6", []uint16{546, 547}, dhcp6},
	{"dns", []uint16{53}, dnsUDP},
	{"nbns", []uint16{137}, nbns},
	{"browser", []uint16{138}, browser},
	{"llmnr", []uint16{5355}, llmnr},
	{"mdns", []uint16{5353}, mdns},
	{"ssdp", []uint16{1900}, ssdp},
	{"wsd", []uint16{3702}, wsd},
	{"steam", []uint16{27036}, steam},
	{"tftp", []uint16{69}, tftp},
	{"ntp", []uint16{123}, ntp},
	{"wol", []uint16{0, 7, 9}, wolUDP},
}

var udpAny = []udpRow{
	{"quic", nil, quic},
	{"dtls", nil, dtls},
	{"tftp", nil, tftpAnswer},
}

// streamRow is a protocol over TCP. starts says from the ports and the first octets of a segment whether a stream of this protocol may
// start here: it runs on every segment that belongs to no open stream, so it must cost a few comparisons. read is then
// given all octets of that side from there on, put in order, each time more have come: it returns how many it is done
// with, and whether it wants to see more. What it is not done with it is given again, so it says nothing about that yet.
type streamRow struct {
	name   string
	starts func(src, dst uint16, b []byte) bool
	read   func(d *Decoder, p *Packet, b []byte) (n int, more bool)
}

var streamRows = []streamRow{
	{"tls", tlsStarts, tlsRead},
	{"http", httpStarts, httpRead},
	{"dns", dnsTCPStarts, dnsTCPRead},
	{"iscsi", iscsiStarts, iscsiRead},
	{"smb", smbStarts, smbRead},
}
