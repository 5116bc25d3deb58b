package mix

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// disks returns sessions of iSCSI (RFC 7143) as a computer without a disk has them: log in, then read after read. The octets of
// the disk are what the scripts of list carried over the web, so that they look like files.
func disks(list []*script) []*script {
	platter := octets(list)
	var out []*script
	for i, read := range []int{4 << 10, 16 << 10, 32 << 10, 64 << 10} { // what Windows reads at a time
		d := newDisk(platter, uint32(i+1)<<24)
		d.login()
		for range 2 << 20 / read {
			d.read(read)
		}
		out = append(out, d.script)
	}
	return out
}

// enough is how many octets a platter has.
const enough = 1 << 20

// octets gathers what servers of the web sent in full segments.
func octets(list []*script) (platter []byte) {
	for _, sc := range list {
		if sc.class != classWeb || sc.proto != protoTCP || sc.ether != etherIPv4 {
			continue
		}
		for _, l := range sc.lines {
			head := int(l.packet[0]&15) * 4
			head += int(l.packet[head+12]>>4) * 4
			if body := l.packet[head:]; !l.up && len(body) > 1000 {
				platter = append(platter, body...)
			}
			if len(platter) >= enough {
				return platter[:enough]
			}
		}
	}
	return append(platter, make([]byte, enough-len(platter))...)
}

// disk builds the script of one session.
type disk struct {
	script   *script
	platter  []byte
	at       int
	up, down uint32 // next sequence numbers
	task     uint32
	unacked  int // segments that the computer has not acknowledged
}

const (
	segment   = 1460 // octets of payload that fit a segment
	headBHS   = 48
	pduMax    = 8 << 10 // octets of data in one PDU: MaxRecvDataSegmentLength where none is agreed (RFC 7143 §13.12)
	seekTime  = int64(300 * time.Microsecond)
	thinkTime = int64(8 * time.Millisecond)
	inARow    = int64(12 * time.Microsecond) // one full frame after the other at 1 Gbit/s

	opCommand, opLogin, opLoginAnswer, opDataIn = 0x01, 0x43, 0x23, 0x25
)

func newDisk(platter []byte, seq uint32) *disk {
	return &disk{
		script: &script{
			class: classDisk, ether: etherIPv4, proto: protoTCP,
			in:  end{addr: netip.AddrFrom4([4]byte{192, 168, 0, 20}), port: firstPort},
			out: end{addr: netip.AddrFrom4([4]byte{192, 168, 0, 2}), port: portISCSI},
		},
		platter: platter, up: seq, down: seq + 1<<20,
	}
}

// TCP flags (RFC 9293 §3.1).
const (
	flagSYN = 0x02
	flagPSH = 0x08
	flagACK = 0x10
)

// login opens the connection and logs in: the computer says who it is and whose disk it wants.
func (d *disk) login() {
	d.send(true, flagSYN, thinkTime, nil)
	d.up++
	d.send(false, flagSYN|flagACK, seekTime, nil)
	d.down++
	d.send(true, flagACK, inARow, nil)
	const keys = "InitiatorName=iqn.2010-04.org.ipxe:station\x00TargetName=iqn.2026-09.example:disk\x00SessionType=Normal\x00"
	d.pdu(true, seekTime, bhs(opLogin, 0x87, len(keys), 0), []byte(keys)) // transit from operational to full-feature phase
	const answer = "TargetPortalGroupTag=1\x00"
	d.pdu(false, seekTime, bhs(opLoginAnswer, 0x87, len(answer), 0), []byte(answer))
	d.send(true, flagACK, inARow, nil)
}

// read asks for n octets and gets them, in PDUs of data of which the last one has the status.
func (d *disk) read(n int) {
	d.task++
	ask := bhs(opCommand, 0xc1, 0, d.task) // final, read, simple queue
	binary.BigEndian.PutUint32(ask[20:], uint32(n))
	ask[32] = 0x28 // READ (10), SBC-3 §5.11
	binary.BigEndian.PutUint32(ask[34:], uint32(d.at/512))
	binary.BigEndian.PutUint16(ask[39:], uint16(n/512))
	d.pdu(true, thinkTime, ask, nil)
	gap := seekTime
	for left := n; left > 0; {
		size := min(left, pduMax)
		left -= size
		flags := byte(0)
		if left == 0 {
			flags = 0x81 // final, with status: good
		}
		head := bhs(opDataIn, flags, size, d.task)
		binary.BigEndian.PutUint32(head[40:], uint32(n-left-size))
		d.pdu(false, gap, head, d.turn(size))
		gap = inARow
	}
}

// turn returns the next n octets of the disk.
func (d *disk) turn(n int) []byte {
	if d.at+n > len(d.platter) {
		d.at = 0
	}
	d.at += n
	return d.platter[d.at-n : d.at]
}

// bhs is a basic header segment (RFC 7143 §11.2).
func bhs(op, flags byte, data int, task uint32) []byte {
	b := make([]byte, headBHS)
	b[0], b[1] = op, flags
	b[5], b[6], b[7] = byte(data>>16), byte(data>>8), byte(data)
	binary.BigEndian.PutUint32(b[16:], task)
	binary.BigEndian.PutUint32(b[28:], task)    // StatSN, or ExpStatSN
	binary.BigEndian.PutUint32(b[32:], task+32) // MaxCmdSN of a target
	return b
}

// pdu sends a header and its data, padded to four octets, in as few segments as they fit; every second one is acknowledged.
func (d *disk) pdu(up bool, gap int64, head, data []byte) {
	b := append(append(head, data...), make([]byte, -len(data)&3)...)
	for len(b) > 0 {
		n := min(len(b), segment)
		flags := byte(flagACK)
		if n == len(b) {
			flags |= flagPSH
		}
		d.send(up, flags, gap, b[:n])
		b, gap = b[n:], inARow
		if d.unacked++; !up && d.unacked >= 2 {
			d.send(true, flagACK, inARow, nil)
		}
	}
}

// send adds a segment of IPv4 without options. Addresses, ports and sums are filled in when it is played.
func (d *disk) send(up bool, flags byte, gap int64, body []byte) {
	b := make([]byte, headIPv4+headTCP, headIPv4+headTCP+len(body))
	b[0], b[6], b[8], b[9] = 0x45, 0x40, 64, protoTCP // don't fragment, hop limit
	binary.BigEndian.PutUint16(b[2:], uint16(cap(b)))
	tcp := b[headIPv4:]
	seq, ack := &d.down, d.up
	if up {
		seq, ack = &d.up, d.down
		d.unacked = 0
	}
	binary.BigEndian.PutUint32(tcp[4:], *seq)
	if flags&flagACK != 0 {
		binary.BigEndian.PutUint32(tcp[8:], ack)
	}
	tcp[12], tcp[13], tcp[14] = headTCP/4<<4, flags, 0xff // a window of 65 280
	*seq += uint32(len(body))
	d.script.lines = append(d.script.lines, line{gap: gap, up: up, packet: append(b, body...)})
}
