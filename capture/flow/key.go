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

// makeKey puts the two ends of f in order, so that both directions have one key.
func makeKey(f *capture.Header) (k key, srcIsA bool) {
	k.a, k.b = f.Src, f.Dst
	srcIsA = k.a.Less(k.b) || k.a == k.b && f.SrcPort <= f.DstPort
	ports := uint64(f.SrcPort) | uint64(f.DstPort)<<16
	if !srcIsA {
		k.a, k.b = k.b, k.a
		ports = uint64(f.DstPort) | uint64(f.SrcPort)<<16
	}
	k.rest = ports | uint64(f.VLAN)<<32 | uint64(f.Proto)<<48
	return k, srcIsA
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
