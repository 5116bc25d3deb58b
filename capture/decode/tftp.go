package decode

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"

	"cafeprobe/capture"
)

const portTFTP = 69

// TFTP opcodes (RFC 1350 §5, RFC 2347).
const (
	tftpRRQ   = 1
	tftpWRQ   = 2
	tftpData  = 3
	tftpAck   = 4
	tftpError = 5
	tftpOACK  = 6
)

// tftpPatience is how long a server may take to answer a request: clients repeat theirs after a few seconds.
const tftpPatience = 30_000_000_000 // nanoseconds

// tftp reads requests to TFTP servers, and the answers of those that answer from port 69. In a café only boot loaders
// read files by TFTP, so every read is evidence of one, whatever the file is called: a PC's loader asks for what its
// server's administrator named, and no list of names would hold them. What else asks are devices that look for new
// firmware when they start. The name of the file is kept as a query.
func tftp(d *Decoder, p *Packet) bool {
	if p.DstPort != portTFTP {
		return tftpAnswer(d, p)
	}
	op, name, ok := parseTFTPRequest(p.Payload)
	if !ok {
		return false
	}
	if op == tftpRRQ {
		d.emit(capture.Observation{
			Kind: capture.KindEvidence, Origin: capture.OriginTFTP, Evidence: capture.EvidencePXEBoot,
		})
	}
	d.emit(capture.Observation{
		Kind: capture.KindQuery, Origin: capture.OriginTFTP, Proto: ProtoUDP,
		Port: p.SrcPort, Peer: p.DstAddr, PeerPort: portTFTP, Name: text(name),
	})
	d.tftp.asked(p)
	return true
}

// parseTFTPRequest reads RRQ and WRQ: opcode, file name, mode, and options (RFC 2347), each string with a NUL behind it.
func parseTFTPRequest(b []byte) (op uint16, name []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, false
	}
	op = binary.BigEndian.Uint16(b)
	if op != tftpRRQ && op != tftpWRQ {
		return 0, nil, false
	}
	name, rest, found := bytes.Cut(b[2:], []byte{0})
	if !found || len(name) == 0 {
		return 0, nil, false
	}
	mode, _, _ := bytes.Cut(rest, []byte{0})
	if len(mode) > len("netascii") {
		return 0, nil, false
	}
	switch strings.ToLower(string(mode)) {
	case "octet", "netascii", "mail":
		return op, name, true
	}
	return 0, nil, false
}

// tftpAnswer takes the first answer to a request. Servers answer from a port of their own choice (RFC 1350 §4), so the
// requests of the last half minute are remembered; the answer is the file's first block, an OACK, or for a file to be
// written the acknowledgement of block 0. An error is an answer too: it is a TFTP server that says so.
func tftpAnswer(d *Decoder, p *Packet) bool {
	b := p.Payload
	if len(b) < 4 || b[0] != 0 || b[1] < tftpData || b[1] > tftpOACK || !d.tftp.answered(p) {
		return false
	}
	d.emit(capture.Observation{Kind: capture.KindService, Origin: capture.OriginTFTP, PeerPort: portTFTP})
	return true
}

// tftpRequests are the newest requests that wait for their answer. The oldest is forgotten first.
type tftpRequests struct {
	slot [16]struct {
		client, server netip.Addr
		port           uint16 // the client's; 0 for an empty slot
		time           int64
	}
	next uint8
}

// asked notes a request. One that is repeated keeps its slot.
func (t *tftpRequests) asked(p *Packet) {
	for i := range t.slot {
		e := &t.slot[i]
		if e.port == p.SrcPort && e.client == p.SrcAddr && e.server == p.DstAddr {
			e.time = p.Time
			return
		}
	}
	e := &t.slot[t.next]
	e.client, e.server, e.port, e.time = p.SrcAddr, p.DstAddr, p.SrcPort, p.Time
	t.next = (t.next + 1) % uint8(len(t.slot))
}

// answered reports whether p goes from a server to a client that asked it, and forgets the request.
func (t *tftpRequests) answered(p *Packet) bool {
	for i := range t.slot {
		e := &t.slot[i]
		if e.port == 0 || e.port != p.DstPort || e.client != p.DstAddr || e.server != p.SrcAddr {
			continue
		}
		waited := p.Time - e.time
		e.port = 0
		return waited >= 0 && waited < tftpPatience
	}
	return false
}
