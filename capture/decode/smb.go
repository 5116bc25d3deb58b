package decode

import "cafeprobe/capture"

const (
	portSMB     = 445 // SMB straight over TCP (MS-SMB2 §2.1)
	portNetBIOS = 139 // SMB over the NetBIOS session service (RFC 1002 §4.3)
)

// smbStarts reports whether b, what comes from a server's port, may start with a session message. Both ports frame SMB
// alike: a type octet and a length in three; over NetBIOS the answer to the session request comes first.
func smbStarts(src, _ uint16, b []byte) bool {
	if src != portSMB && src != portNetBIOS {
		return false
	}
	switch {
	case len(b) == 0:
		return false
	case b[0] == sessionPositive:
		return src == portNetBIOS
	case b[0] != 0:
		return false
	}
	return len(b) < sessionHeader+4 || string(b[5:8]) == "SMB" // files are full of zeros
}

const (
	sessionPositive = 0x82
	sessionHeader   = 4
	smb1Flags       = sessionHeader + 9  // MS-CIFS §2.2.3.1: bit 0x80 is set in answers
	smb2Flags       = sessionHeader + 16 // MS-SMB2 §2.2.1: bit 0x01 is set in answers
)

// smbRead reads the head of a message on port 445 or 139 and says that the side which answers serves files. Names of
// users and computers (NTLMSSP) are not read.
func smbRead(d *Decoder, p *Packet, b []byte) (n int, more bool) {
	serves, known := smbServes(b)
	if !known {
		return 0, true
	}
	if serves {
		d.serves(p, capture.OriginSMB, p.SrcPort)
	}
	return len(b), false
}

// smbServes reports whether b is a server's message. known is false while b is too short to tell.
func smbServes(b []byte) (serves, known bool) {
	switch {
	case len(b) < sessionHeader:
		return false, false
	case b[0] == sessionPositive: // no octets follow in it: what comes behind is the next message
		return isZero(b[1:sessionHeader]), true
	case len(b) < sessionHeader+4:
		return false, false
	}
	length := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	if string(b[5:8]) != "SMB" {
		return false, true
	}
	switch b[4] {
	case 0xff: // SMB 1: header of 32 octets
		if len(b) <= smb1Flags {
			return false, length < 32
		}
		return length >= 32 && b[smb1Flags]&0x80 != 0, true
	case 0xfe: // SMB 2 and 3: header of 64 octets
		if len(b) <= smb2Flags {
			return false, length < 64
		}
		return length >= 64 && b[smb2Flags]&0x01 != 0, true
	case 0xfd, 0xfc: // encrypted (§2.2.41), compressed (§2.2.42): a server's, as the port says
		return length >= 16, true
	}
	return false, true
}
