package decode

import "cafeprobe/capture"

const (
	portISCSI = 3260 // IANA iscsi-target
	bhsLen    = 48   // basic header segment (RFC 7143 §11.2)
)

// iscsiStarts reports whether b, what a target sends, may start with a PDU. The target is known by its port: initiators
// do not answer from it.
func iscsiStarts(src, _ uint16, b []byte) bool {
	return src == portISCSI && len(b) > 0 && isTargetOpcode(b[0]) && (len(b) < bhsLen || soundBHS(b))
}

// isTargetOpcode reports whether the first octet of a BHS is that of a target: NOP-In, SCSI Response, Task Management
// Function Response, Login Response, Text Response, SCSI Data-In, Logout Response, Ready To Transfer, Asynchronous
// Message, Reject (RFC 7143 §11.2.1.2). Bits 0x40 (I) and 0x80 are not a target's.
func isTargetOpcode(op byte) bool {
	return op >= 0x20 && op <= 0x26 || op == 0x31 || op == 0x32 || op == 0x3f
}

// iscsiRead reads the header of a target's PDU and says that the target serves disks: at login, and again while the
// session goes on, for a box that was started later than the stations. Names of initiator and target are not read.
func iscsiRead(d *Decoder, p *Packet, b []byte) (n int, more bool) {
	if len(b) < bhsLen {
		return 0, true
	}
	if soundBHS(b) {
		d.serves(p, capture.OriginISCSI, portISCSI)
	}
	return len(b), false
}

// soundBHS reports whether b, at least bhsLen octets, is a target's BHS: the reserved fields of each opcode (RFC 7143
// §11) are zero, the initiator is told a command window that is one, and the lengths go together.
func soundBHS(b []byte) bool {
	ahs := b[4]
	data := int(b[5])<<16 | int(b[6])<<8 | int(b[7])
	if ahs != 0 { // targets send no additional header segments
		return false
	}
	switch b[0] {
	case 0x20: // NOP-In: final, reserved, StatSN … MaxCmdSN, 12 reserved octets
		return b[1] == 0x80 && isZero(b[2:4]) && isZero(b[36:48])
	case 0x21: // SCSI Response: final; response is completed or failure, or vendor's
		return b[1]&0x81 == 0x80 && (b[2] <= 1 || b[2] >= 0x80)
	case 0x22, 0x26: // Task Management Function Response, Logout Response: no data
		return b[1] == 0x80 && data == 0
	case 0x23: // Login Response: stages 0, 1 or 3; versions 0; status class 0 to 3
		csg, nsg := b[1]>>2&3, b[1]&3
		return b[1]&0x30 == 0 && csg != 2 && (b[1]&0x80 == 0 || nsg != 2) &&
			b[2] == 0 && b[3] == 0 && b[36] <= 3 && isZero(b[38:48])
	case 0x24: // Text Response: 12 reserved octets
		return b[1]&0x3f == 0 && isZero(b[2:4]) && isZero(b[36:48])
	case 0x25: // Data-In: an initiator that has asked for it; flags F A … O U S
		return b[1]&0x38 == 0 && b[2] == 0 && data > 0
	case 0x31: // Ready To Transfer: final, reserved, no data, desired length not 0
		return b[1] == 0x80 && isZero(b[2:4]) && data == 0 && !isZero(b[44:48])
	case 0x32: // Asynchronous Message: initiator task tag is reserved (0xffffffff)
		return b[1] == 0x80 && isZero(b[2:4]) && b[16]&b[17]&b[18]&b[19] == 0xff
	case 0x3f: // Reject: final, reason, the header that was rejected as data
		return b[1] == 0x80 && b[3] == 0 && data >= bhsLen
	}
	return false
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
