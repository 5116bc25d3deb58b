package afpacket

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"cafeprobe/capture"
)

// Offsets in a block and in a frame's header: struct tpacket_block_desc and struct tpacket3_hdr (linux/if_packet.h). All
// fields are in the machine's own byte order.
const (
	blockStatus = 8
	blockFrames = 12
	blockFirst  = 16

	headNext    = 0
	headSec     = 4
	headNsec    = 8
	headSnapLen = 12
	headLen     = 16
	headStatus  = 20
	headMAC     = 24
	headTCI     = 32
	headSize    = unix.SizeofTpacket3Hdr
)

var native = binary.NativeEndian

// status returns where b's owner is said, which the kernel writes while we read.
func status(b []byte) *uint32 { return (*uint32)(unsafe.Pointer(&b[blockStatus])) }

// block walks over the frames of one block of the ring.
type block struct {
	b      []byte
	off    int   // of the next frame's header
	left   int   // frames from there on
	shift  int64 // from the kernel's UTC to the caller's scale
	losing bool  // frames were dropped before this block's first one, since the counters were last read
}

// newBlock begins a walk over b. The kernel is trusted to write what it says, but an offset that does not fit ends the walk
// rather than the program.
func newBlock(b []byte, shift int64) block {
	k := block{b: b, off: int(native.Uint32(b[blockFirst:])), left: int(native.Uint32(b[blockFrames:])), shift: shift}
	if k.off < 0 || k.off+headSize > len(b) {
		k.left = 0
	}
	k.losing = k.left > 0 && native.Uint32(b[k.off+headStatus:])&unix.TP_STATUS_LOSING != 0
	return k
}

// next fills f with the next frame of the block; false when there is none.
func (k *block) next(f *capture.Frame) bool {
	if k.left <= 0 {
		return false
	}
	h := k.b[k.off:]
	mac, n := int(native.Uint16(h[headMAC:])), int(native.Uint32(h[headSnapLen:]))
	if mac+n > len(h) || n < 0 {
		k.left = 0
		return false
	}
	f.Time = int64(native.Uint32(h[headSec:]))*1e9 + int64(native.Uint32(h[headNsec:])) + k.shift
	f.Data = h[mac : mac+n : mac+n]
	f.Len = int(native.Uint32(h[headLen:]))
	f.Link = capture.LinkEthernet
	f.VLAN = 0
	if native.Uint32(h[headStatus:])&unix.TP_STATUS_VLAN_VALID != 0 {
		f.VLAN = uint16(native.Uint32(h[headTCI:])) & 0xfff
	}
	k.left--
	k.off += int(native.Uint32(h[headNext:]))
	if k.left > 0 && k.off+headSize > len(k.b) {
		k.left = 0
	}
	return true
}
