package afpacket

import "golang.org/x/net/bpf"

// whole is more than any frame: all of it is kept.
const whole = 0x40000

// bulkLen is the length in octets from which a frame of a disk protocol is taken for data, not for talk: an iSCSI login, an
// SMB negotiation and a TFTP request are shorter.
const bulkLen = 640

// BulkPorts are the TCP ports of disks over the network: iSCSI (RFC 7143), SMB, NFS.
var BulkPorts = []uint16{3260, 445, 139, 2049}

// Bulk returns a filter that keeps all of every frame, but of long TCP segments from or to one of ports no more than keep
// octets: enough for their headers, so that they are still counted by station and flow. On a mirror of the boot server's
// port disk traffic is nearly all there is, and copying it is what it costs. At most 60 ports.
func Bulk(ports []uint16, keep uint32) []bpf.Instruction {
	ports = ports[:min(len(ports), 60)]
	n := uint8(len(ports))
	all := func(at uint8) uint8 { return 15 + 2*n - at } // how many instructions are between the one at that place and RetConstant
	is := []bpf.Instruction{
		0: bpf.LoadExtension{Num: bpf.ExtLen},
		1: bpf.JumpIf{Cond: bpf.JumpLessThan, Val: bulkLen, SkipTrue: all(1)},
		2: bpf.LoadAbsolute{Off: 12, Size: 2},
		3: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x86dd, SkipTrue: 7},
		4: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0x0800, SkipTrue: all(4)},
		// IPv4: TCP, the first fragment, the header as long as it says.
		5:  bpf.LoadAbsolute{Off: 23, Size: 1},
		6:  bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 6, SkipTrue: all(6)},
		7:  bpf.LoadAbsolute{Off: 20, Size: 2},
		8:  bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: all(8)},
		9:  bpf.LoadMemShift{Off: 14},
		10: bpf.Jump{Skip: 3},
		// IPv6: TCP behind no other header.
		11: bpf.LoadAbsolute{Off: 20, Size: 1},
		12: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 6, SkipTrue: all(12)},
		13: bpf.LoadConstant{Dst: bpf.RegX, Val: 40},
	}
	for _, off := range []uint32{14, 16} {
		is = append(is, bpf.LoadIndirect{Off: off, Size: 2})
		for _, p := range ports {
			is = append(is, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(p), SkipTrue: 16 + 2*n - uint8(len(is))})
		}
	}
	return append(is, bpf.RetConstant{Val: whole}, bpf.RetConstant{Val: keep})
}
