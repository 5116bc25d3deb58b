package fingerprint

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// TestSyllables: each value of an octet is a syllable of its own.
func TestSyllables(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range onsets {
		for _, r := range rimes {
			seen[o+r] = true
		}
	}
	if len(seen) != 256 {
		t.Errorf("%d syllables of 256", len(seen))
	}
}

// TestOf: a fingerprint that was written down once stays what it is.
func TestOf(t *testing.T) {
	got := Of([]byte("a key"))
	if want := "nương ran rân sam xân râm"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if n := len(strings.Fields(got)); n != Syllables {
		t.Errorf("%d syllables", n)
	}
	if Of([]byte("another")) == got {
		t.Error("two keys have the same words")
	}
}

// TestCode: what the QR code says is short, and of the box and its key alone.
func TestCode(t *testing.T) {
	got := Code("b-7f3a91c2", bytes.Repeat([]byte{7}, 32))
	if !regexp.MustCompile(`^cafeprobe 1 b-7f3a91c2 [0-9a-f]{64}$`).MatchString(got) || got == Code("b-7f3a91c2", []byte{8}) {
		t.Errorf("%q", got)
	}
}
