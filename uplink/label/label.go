// Package label says what stands on a box's label that only its owner is to know: the code with which he sets the PIN of the box's page.
package label

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
)

// crockford is Crockford's base32 (crockford.com/base32.html): none of its letters is taken for another, or spells a word.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// Code returns the code of the box whose secret (spool.Identity) is given, as XXXXX-XXXXX: the first 50 bits of an HMAC-SHA-256. It is
// stored nowhere but on the label, and nobody without the secret can tell it, the province included.
func Code(secret [32]byte) string {
	m := hmac.New(sha256.New, secret[:])
	m.Write([]byte("cafeprobe owner code 1"))
	c := crockford.EncodeToString(m.Sum(nil))
	return c[:5] + "-" + c[5:10]
}
