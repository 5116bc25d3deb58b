package decode

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"cafeprobe/capture"
)

func TestText(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := text([]byte(in)); got != want {
			t.Errorf("text(%q) = %q, want %q", in, got, want)
		}
	}
	f("", "")
	f("MAY-01", "MAY-01")
	f("Máy số 1", "Máy số 1")
	f("小佛專機", "小佛專機")
	f("a\x00b\r\n\x12\x7f", `a\000b\r\n\022\177`)
	f("cyberc\xeety", "cyberc\ufffdty")
	f("\xe5\xb0 x", "\ufffd x")               // one character begun, one U+FFFD
	f("\xc0\xaf", "\ufffd\ufffd")             // an overlong slash is no slash
	f("\xed\xa0\x80", "\ufffd\ufffd\ufffd")   // nor is a surrogate a character
	f("\xf0\x9f\x98", "\ufffd")               // cut at the end
	f("abc\u202egpj.exe", `abc\u202egpj.exe`) // shown as "exe.jpg" by a terminal
	f("\u0085\U000e0001", `\u0085\U000e0001`) // C1 control; tag character
	f(strings.Repeat("x", 300), strings.Repeat("x", capture.MaxName))
	f(strings.Repeat("x", 254)+"ế", strings.Repeat("x", 254)) // no half of a character
	f(strings.Repeat("x", 253)+"\x01", strings.Repeat("x", 253))
}

// checkText is what every string of an observation must keep.
func checkText(t *testing.T, s string) {
	t.Helper()
	if len(s) > capture.MaxName {
		t.Errorf("%d octets of text, want at most %d: %q", len(s), capture.MaxName, s)
	}
	if !utf8.ValidString(s) {
		t.Errorf("text is not UTF-8: %q", s)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("text holds what cannot be shown at %d: %q", i, s)
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("MAY-01"))
	f.Add([]byte("小佛專機\xe5\x00\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := text(b)
		checkText(t, s)
		if again := text([]byte(s)); again != s {
			t.Errorf("text(text(b)) = %q, want %q", again, s)
		}
		odd := strings.ContainsFunc(string(b), func(r rune) bool { return !unicode.IsPrint(r) })
		if len(b) <= capture.MaxName && utf8.Valid(b) && !odd && s != string(b) {
			t.Errorf("text changed %q to %q", b, s)
		}
		// What cannot be shown is replaced, not dropped: a run of octets that are not UTF-8 is at least one U+FFFD.
		want := utf8.RuneCountInString(strings.ToValidUTF8(string(b), "\ufffd"))
		if got := utf8.RuneCountInString(s); len(s) < capture.MaxName-10 && got < want {
			t.Errorf("text(%q) = %q: %d characters, want at least %d", b, s, got, want)
		}
	})
}
