package uplink

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
)

// b64 is how binary values are written: RFC 4648 §5, no padding, and no stray bits in the last letter.
var b64 = base64.RawURLEncoding.Strict()

// StationID stands for a station outside the box: 11 letters of base64url. Two boxes give one station two ids.
type StationID string

// NewStationID returns the id of the station with MAC address mac at the box with secret: the first 8 octets of
// HMAC-SHA-256(secret, mac). The secret never leaves the box; without it the 2⁴⁸ addresses cannot be tried.
func NewStationID(secret [32]byte, mac [6]byte) StationID {
	h := hmac.New(sha256.New, secret[:])
	h.Write(mac[:])
	return StationID(b64.EncodeToString(h.Sum(nil)[:8]))
}

// Valid reports whether id is 8 octets in base64url.
func (id StationID) Valid() bool {
	_, ok := decode64(string(id), 8)
	return ok
}

// decode64 reads s if it is the one way to write n octets.
func decode64(s string, n int) ([]byte, bool) {
	if len(s) != b64.EncodedLen(n) {
		return nil, false
	}
	b, err := b64.DecodeString(s) // ignores line breaks, but then it returns fewer octets
	return b, err == nil && len(b) == n
}
