package fingerprint

import (
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
