package decode

import (
	"encoding/binary"
	"math/bits"
)

// sum adds the ones' complement sum (RFC 1071) of b to s: big-endian 16-bit words, an odd last octet padded with zero.
// The result is not folded.
//
// It works on eight octets at a time, as a sum of words of any multiple of 16 bits is the same modulo 0xffff, and in
// little-endian order, which all our processors load at once: that swaps the octets of the 16-bit sum and no more
// (RFC 1071 §2 B).
func sum(s uint64, b []byte) uint64 {
	var a, c uint64
	for len(b) >= 32 {
		a, c = bits.Add64(a, binary.LittleEndian.Uint64(b[0:8]), 0)
		a, c = bits.Add64(a, binary.LittleEndian.Uint64(b[8:16]), c)
		a, c = bits.Add64(a, binary.LittleEndian.Uint64(b[16:24]), c)
		a, c = bits.Add64(a, binary.LittleEndian.Uint64(b[24:32]), c)
		a += c // cannot overflow: a sum that carried is at most 2^64 - 2
		b = b[32:]
	}
	for len(b) >= 8 {
		a, c = bits.Add64(a, binary.LittleEndian.Uint64(b), 0)
		a += c
		b = b[8:]
	}
	var last uint64
	for i, o := range b {
		last |= uint64(o) << (8 * i)
	}
	a, c = bits.Add64(a, last, 0)
	return s + uint64(bits.ReverseBytes16(fold(a+c)))
}

// fold brings an unfolded sum down to 16 bits. Over octets that include their own checksum it is 0xffff when that holds.
func fold(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return uint16(s)
}
