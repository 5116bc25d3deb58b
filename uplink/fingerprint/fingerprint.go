// Package fingerprint says a public key in words that two people can compare over the telephone in Vietnamese, and in a text for a QR code.
package fingerprint

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// A syllable is an onset and a rime, both of sixteen, without a tone mark, and none is written in two ways: sixteen times sixteen are
// the values of an octet.
var (
	onsets = strings.Fields("b c đ g h kh l m n ph r s t th v x")
	rimes  = strings.Fields("a ai am an ang anh ao au ay âm ân âu ôi ông ung ương")
)

// Syllables is how many a fingerprint has: 48 bits. Somebody who wants a key of the same words has to make 2^47 of them on average, while
// the technician waits.
const Syllables = 6

// Code returns the text of a box's QR code: what it is of, its id, and the SHA-256 of its public key, hexadecimal.
func Code(box string, key []byte) string {
	sum := sha256.Sum256(key)
	return "cafeprobe 1 " + box + " " + hex.EncodeToString(sum[:])
}

// Of returns the fingerprint of a public key: the first octets of its SHA-256, a syllable each.
func Of(key []byte) string {
	sum := sha256.Sum256(key)
	words := make([]string, Syllables)
	for i := range words {
		words[i] = onsets[sum[i]>>4] + rimes[sum[i]&15]
	}
	return strings.Join(words, " ")
}
