package decode

import "cafeprobe/capture"

// Wrong checksums that are no damage. On a real wire a network card has already dropped what was damaged on the way
// (FCS), so of the wrong sums that a monitor sees most are made by equipment. Within one frame these are told:
//
//   - absent: 0 in IPv4, UDP and TCP, where the card of the capturing host fills it in later;
//   - partial: the sum of the pseudo-header alone, not complemented, with the length or without, which an operating
//     system leaves for its card to finish. Frames between virtual machines travel so, too.
//
// What is left is wrong by some amount, the skew. Addresses that were rewritten without mending the sums (anonymised
// captures, poor NAT) make the same skew in frame after frame of one sender; damage hits each frame differently. So a
// skew is believed from the second time on that it is seen from the same MAC: the first frame stays Malformed. Of the
// 88 shared captures whose stations are known exactly, three hold stations all of whose frames are skewed.
const skewSlots = 1024

// skews remembers who sent sums that are wrong by how much: a set of fixed size in which new entries displace old ones.
// An entry is the MAC and the skew in one word; a skew of 0 does not occur, so the zero entry is none.
type skews [skewSlots]uint64

// known reports whether mac was seen with this skew before, and remembers it.
func (s *skews) known(mac capture.MAC, skew uint16) bool {
	entry := uint64(be16(mac[:]))<<48 | uint64(be32(mac[2:]))<<16 | uint64(skew)
	slot := &s[entry*0x9e3779b97f4a7c15>>(64-10)] // Fibonacci hashing, to the 10 bits of skewSlots
	if *slot == entry {
		return true
	}
	*slot = entry
	return false
}

// skewOf returns how much the sum s, over octets that include their checksum, is wrong: 0 when it holds. Adding its
// complement to the octets' sum mends it.
func skewOf(s uint64) uint16 { return ^fold(s) }
