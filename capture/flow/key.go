package flow

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// makeKey puts the two ends of f in order, so that both directions have one key.
func makeKey(f *Frame) (k key, srcIsA bool) {
	k = key{a: f.Src.As16(), b: f.Dst.As16(), aPort: f.SrcPort, bPort: f.DstPort, vlan: f.VLAN, proto: f.Proto}
	order := bytes.Compare(k.a[:], k.b[:])
	if order < 0 || order == 0 && k.aPort <= k.bPort {
		return k, true
	}
	k.a, k.b, k.aPort, k.bPort = k.b, k.a, k.bPort, k.aPort
	return k, false
}

// hash mixes k with seed by multiplication folded to 64 bits, as wyhash does.
func (k *key) hash(seed uint64) uint64 {
	ports := uint64(k.aPort) | uint64(k.bPort)<<16 | uint64(k.vlan)<<32 | uint64(k.proto)<<48
	h := mix(binary.LittleEndian.Uint64(k.a[0:])^seed, binary.LittleEndian.Uint64(k.a[8:])^0xa0761d6478bd642f)
	h = mix(binary.LittleEndian.Uint64(k.b[0:])^h, binary.LittleEndian.Uint64(k.b[8:])^0xe7037ed1a0b428db)
	return mix(h^ports, seed^0x8ebc6af09c88c6e3)
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
