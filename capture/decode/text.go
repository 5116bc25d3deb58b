package decode

import (
	"unicode"
	"unicode/utf8"

	"cafeprobe/capture"
)

// text copies b, octets off the wire, into a string that may be shown, compared and stored: valid UTF-8 of at most
// capture.MaxName octets, without control characters.
//
//   - What is not UTF-8 becomes U+FFFD, one for each maximal subpart as Unicode §3.9 recommends (and as tshark does).
//   - Control characters become \a \b \t \n \v \f \r or three octal digits (\000), other characters that cannot be
//     shown (format characters such as U+202E, which turns the line around; private use) \u and four, or \U and
//     eight, hexadecimal digits. A backslash stays itself.
//   - What does not fit is cut off in front of the first character or escape that would cross the bound.
func text(b []byte) string {
	if len(b) <= capture.MaxName && isPlain(b) {
		return string(b)
	}
	var buf [capture.MaxName]byte
	return string(appendText(buf[:0], b))
}

// isPlain reports whether b is printable ASCII only: nearly every name is.
func isPlain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// appendText appends b to dst as text describes, up to capture.MaxName octets in all.
func appendText(dst, b []byte) []byte {
	var esc [10]byte
	for len(b) > 0 {
		r, n := decodeRune(b)
		b = b[n:]
		var out []byte
		switch {
		case unicode.IsPrint(r):
			out = utf8.AppendRune(esc[:0], r)
		case r < 0x80:
			out = escapeControl(esc[:0], byte(r))
		case r < 0x10000:
			out = appendHex(append(esc[:0], '\\', 'u'), uint32(r), 4)
		default:
			out = appendHex(append(esc[:0], '\\', 'U'), uint32(r), 8)
		}
		if len(dst)+len(out) > capture.MaxName {
			break
		}
		dst = append(dst, out...)
	}
	return dst
}

// decodeRune is utf8.DecodeRune, except that what is not UTF-8 is U+FFFD as long as its maximal subpart: a character
// that was begun and not finished is one U+FFFD, not one for each of its octets.
func decodeRune(b []byte) (r rune, n int) {
	if r, n = utf8.DecodeRune(b); r != utf8.RuneError || n != 1 {
		return r, n
	}
	low, high, need := byte(0x80), byte(0xbf), 0
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		need = 1
	case c == 0xe0:
		low, need = 0xa0, 2
	case c == 0xed:
		high, need = 0x9f, 2
	case c >= 0xe1 && c <= 0xef:
		need = 2
	case c == 0xf0:
		low, need = 0x90, 3
	case c >= 0xf1 && c <= 0xf3:
		need = 3
	case c == 0xf4:
		high, need = 0x8f, 3
	}
	n = 1
	for n <= need && n < len(b) && b[n] >= low && b[n] <= high {
		low, high = 0x80, 0xbf
		n++
	}
	return utf8.RuneError, n
}

// escapeControl appends one ASCII control character as C writes it.
func escapeControl(dst []byte, c byte) []byte {
	const letters = "abtnvfr" // from 0x07 on
	if c >= '\a' && c <= '\r' {
		return append(dst, '\\', letters[c-'\a'])
	}
	return append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
}

func appendHex(dst []byte, v uint32, digits int) []byte {
	const hex = "0123456789abcdef"
	for i := digits - 1; i >= 0; i-- {
		dst = append(dst, hex[v>>(4*i)&15])
	}
	return dst
}
