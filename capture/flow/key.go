package flow

import (
	"math/bits"

	"cafeprobe/capture"
)

// key holds both ends of a flow, the one that sorts first as a, in five words, so that it is compared in as many steps.
type key struct {
	a, b capture.Address
	rest uint64 // a's port, b's, VLAN and protocol, from the lowest bits on
}

func (k *key) aPort() uint16 { return uint16(k.rest) }
func (k *key) bPort() uint16 { return uint16(k.rest >> 16) }
func (k *key) vlan() uint16  { return uint16(k.rest >> 32) }
func (k *key) proto() uint8  { return uint8(k.rest >> 48) }

// is reports whether k and o are the same, without the call that == of five words makes.
func (k *key) is(o *key) bool {
	return k.a.Lo == o.a.Lo && k.b.Lo == o.b.Lo && k.rest == o.rest && k.a.Hi == o.a.Hi && k.b.Hi == o.b.Hi
}

// set makes k the key of f: the two ends in order, so that both directions have one. It writes each word once, since
// copying a key whose words were just written stalls the processor.
func (k *key) set(f *capture.Header) (srcIsA bool) {
	rest := uint64(f.VLAN)<<32 | uint64(f.Proto)<<48
	if f.Src.Less(f.Dst) || f.Src == f.Dst && f.SrcPort <= f.DstPort {
		k.a.Hi, k.a.Lo, k.b.Hi, k.b.Lo = f.Src.Hi, f.Src.Lo, f.Dst.Hi, f.Dst.Lo
		k.rest = rest | uint64(f.SrcPort) | uint64(f.DstPort)<<16
		return true
	}
	k.a.Hi, k.a.Lo, k.b.Hi, k.b.Lo = f.Dst.Hi, f.Dst.Lo, f.Src.Hi, f.Src.Lo
	k.rest = rest | uint64(f.DstPort) | uint64(f.SrcPort)<<16
	return false
}

// hash mixes k with seed by multiplication folded to 64 bits, as wyhash does.
func (k *key) hash(seed uint64) uint64 {
	h := mix(k.a.Hi^seed, k.a.Lo^0xa0761d6478bd642f)
	h = mix(k.b.Hi^h, k.b.Lo^0xe7037ed1a0b428db)
	return mix(h^k.rest, seed^0x8ebc6af09c88c6e3)
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
