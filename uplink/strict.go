package uplink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrStrict is returned for octets that are not one JSON object (RFC 8259) that all readers read alike: invalid UTF-8, a
// control octet or line break, nesting deeper than 8, a name that does not match [a-z][a-z0-9_]*, a name twice.
var ErrStrict = errors.New("uplink: not an unambiguous JSON object on one line")

// maxNames bounds the names of one object, and with it the cost of looking for doubles.
const maxNames = 64

// unmarshal reads b, at most limit octets, into v after strict. encoding/json alone takes the last of two equal names
// and matches names in either case, so that {"k":"open","K":"close"} is one thing here and another elsewhere.
func unmarshal(b []byte, limit int, v any) error {
	if len(b) > limit {
		return fmt.Errorf("%d octets, at most %d: %w", len(b), limit, ErrStrict)
	}
	if err := strict(b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("uplink: %w", err)
	}
	return nil
}

// strict returns an error that wraps ErrStrict, or nil.
func strict(b []byte) error {
	if len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' || !utf8.Valid(b) || !json.Valid(b) {
		return ErrStrict
	}
	var w walker
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c < ' ':
			return fmt.Errorf("octet %d is a control: %w", i, ErrStrict)
		case c == '{' || c == '[':
			if !w.push(c == '{') {
				return fmt.Errorf("nested too deep at octet %d: %w", i, ErrStrict)
			}
		case c == '}' || c == ']':
			w.depth--
		case c == ',':
			w.level[w.depth-1].name = w.level[w.depth-1].object
		case c == '"':
			end := stringEnd(b, i)
			if !w.text(b[i+1 : end-1]) {
				return fmt.Errorf("name %.40q: %w", b[i+1:end-1], ErrStrict)
			}
			i = end - 1
		}
	}
	return nil
}

// stringEnd returns the index behind the closing quote of the string that opens at b[i]. b is valid JSON.
func stringEnd(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// A walker knows where in valid JSON we are: which strings are names, and which names the open objects have had.
type walker struct {
	depth int
	level [8]struct {
		object bool
		name   bool // the next string is a name
		seen   [][]byte
	}
}

func (w *walker) push(object bool) bool {
	if w.depth == len(w.level) {
		return false
	}
	l := &w.level[w.depth]
	l.object, l.name, l.seen = object, object, l.seen[:0]
	w.depth++
	return true
}

// text takes the inside of a string and reports whether it is a value, or a name that is well-formed and new.
func (w *walker) text(s []byte) bool {
	l := &w.level[w.depth-1]
	if !l.name {
		return true
	}
	l.name = false
	if len(l.seen) == maxNames || !isName(s) {
		return false
	}
	for _, o := range l.seen {
		if bytes.Equal(o, s) {
			return false
		}
	}
	l.seen = append(l.seen, s)
	return true
}

func isName(s []byte) bool {
	for i, c := range s {
		if (c < 'a' || c > 'z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(s) > 0
}
