package label

import (
	"crypto/hmac"
	"crypto/sha256"
	"math/big"
	"regexp"
	"strings"
	"testing"
)

// TestCode: ten digits that hold the first 50 bits of the HMAC, computed here in another way.
func TestCode(t *testing.T) {
	form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$`)
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	seen := map[string]bool{}
	for i := range 200 {
		secret := [32]byte{byte(i), 31: 7}
		got := Code(secret)
		m := hmac.New(sha256.New, secret[:])
		m.Write([]byte("cafeprobe owner code 1"))
		n := new(big.Int).SetBytes(m.Sum(nil))
		n.Rsh(n, 256-50)
		var want strings.Builder
		for at := 45; at >= 0; at -= 5 {
			if at == 20 {
				want.WriteByte('-')
			}
			want.WriteByte(digits[new(big.Int).And(new(big.Int).Rsh(n, uint(at)), big.NewInt(31)).Int64()])
		}
		if got != want.String() || !form.MatchString(got) || seen[got] {
			t.Fatalf("%q, want %q, once", got, want.String())
		}
		seen[got] = true
	}
}
