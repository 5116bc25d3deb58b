package replacement

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"cafeprobe/uplink"
)

var (
	key    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	public = key.Public().(ed25519.PublicKey)
	sample = Statement{
		Province: "ha-giang",
		Old:      End{"b-00000001", "k3v9Qd2x", uplink.Head{Seq: 182734, Hash: uplink.Hash{1, 2}}},
		New:      End{"b-00000017", "Zp0_q-7a", uplink.Head{Hash: uplink.Hash{3}}},
		Replaced: 1795000000123, Linked: 1795000900456, By: "Trần Văn Lân", Why: "nguồn hỏng, không khởi động được",
	}
)

func sign(t testing.TB, s Statement) string {
	t.Helper()
	text, err := Sign(s, key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSignedOpens(t *testing.T) {
	f := func(name string, change func(*Statement)) {
		t.Helper()
		s := sample
		change(&s)
		if got, err := Open(sign(t, s), "ha-giang", public); err != nil || got != s {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, s)
		}
	}
	f("sample", func(*Statement) {})
	f("the same box", func(s *Statement) { s.New.Box = s.Old.Box })
	f("nobody's words", func(s *Statement) { s.By, s.Why = "", "" })
	f("longest words", func(s *Statement) { s.By, s.Why = strings.Repeat("𝔸", MaxBy), strings.Repeat("𝔸", MaxWhy) })
	f("an old chain without a record", func(s *Statement) { s.Old.Head.Seq = 0 })
}

func TestSignRefuses(t *testing.T) {
	f := func(name string, change func(*Statement)) {
		t.Helper()
		s := sample
		change(&s)
		if text, err := Sign(s, key); !errors.Is(err, ErrReplacement) {
			t.Errorf("%s: %q, %v, want %v", name, text, err, ErrReplacement)
		}
	}
	f("one chain", func(s *Statement) { s.New = s.Old })
	f("no box", func(s *Statement) { s.Old.Box = "b-1" })
	f("no chain", func(s *Statement) { s.New.Chain = "" })
	f("no time", func(s *Statement) { s.Replaced = 0 })
	f("two lines", func(s *Statement) { s.Why = "a\nb" })
	f("text that turns round", func(s *Statement) { s.By = "a\u202eb" })
	f("too many words", func(s *Statement) { s.Why = strings.Repeat("ă", MaxWhy+1) })
	f("no text", func(s *Statement) { s.Why = "\xff" })
}

// TestEveryOctet: whatever octet is changed, cut or added, the note is refused.
func TestEveryOctet(t *testing.T) {
	text := sign(t, sample)
	refused := func(what, text string, at int) {
		if s, err := Open(text, "ha-giang", public); !errors.Is(err, ErrReplacement) {
			t.Errorf("octet %d %s: %+v, %v, want %v", at, what, s, err, ErrReplacement)
		}
	}
	for i := range text {
		for bit := range 8 {
			b := []byte(text)
			b[i] ^= 1 << bit
			refused("changed", string(b), i)
		}
		refused("cut", text[:i]+text[i+1:], i)
		refused("doubled", text[:i]+text[i:i+1]+text[i:], i)
	}
	// Base64 of the signature ends in two bits that say nothing.
	letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for _, c := range letters {
		if last := len(text) - 3; byte(c) != text[last] {
			refused("of the signature", text[:last]+string(c)+text[last+1:], last)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	text := sign(t, sample)
	f := func(name, text string, p uplink.Province, k ed25519.PublicKey) {
		t.Helper()
		if s, err := Open(text, p, k); !errors.Is(err, ErrReplacement) {
			t.Errorf("%s: %+v, %v, want %v", name, s, err, ErrReplacement)
		}
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	f("another key", text, "ha-giang", other.Public().(ed25519.PublicKey))
	f("another province", text, "hue", public)
	f("no signature", strings.SplitAfter(text, "\n\n")[0], "ha-giang", public)
	twice, _ := strings.CutSuffix(text, "\n")
	f("a second signature", twice+"\n"+strings.SplitAfter(sign(t, sample), "\n\n")[1], "ha-giang", public)
	f("empty", "", "ha-giang", public)
	f("too long", strings.Repeat("x", maxNote+1), "ha-giang", public)
}

// FuzzOpen: only what was signed opens.
func FuzzOpen(f *testing.F) {
	f.Add(sign(f, sample))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := Open(s, "ha-giang", public); err == nil && got != sample {
			t.Errorf("%q opens as %+v", s, got)
		}
	})
}

// FuzzParse: a text that is read is written the same way again.
func FuzzParse(f *testing.F) {
	f.Add(sample.text())
	f.Add(strings.Replace(sample.text(), " 0 ", " 00 ", 1))
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := parse(s); err == nil && got.text() != s {
			t.Errorf("%q is read as %+v, which is written %q", s, got, got.text())
		}
	})
}
