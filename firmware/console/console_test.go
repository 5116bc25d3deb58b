package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

func line(t testing.TB, f Frame) string {
	t.Helper()
	b, err := f.Line()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestParse(t *testing.T) {
	good := line(t, Frame{7, "diag", json.RawMessage(`{"a": 1}`)})
	if want := "cp1 7 diag {\"a\":1} 90d9360f\r\n"; good != want {
		t.Errorf("got %q, want %q", good, want)
	}
	f := func(name, text string, want error) {
		t.Helper()
		fr, err := Parse([]byte(text))
		if !errors.Is(err, want) || (err == nil && (fr.Seq != 7 || fr.Verb != "diag" || string(fr.Body) != `{"a":1}`)) {
			t.Errorf("%s: %+v, %v, want %v", name, fr, err, want)
		}
	}
	f("as written", good, nil)
	f("without its end", strings.TrimRight(good, "\r\n"), nil)
	f("behind the kernel's words", "[    1.0] usb 1-1: new"+good, nil)
	f("behind a frame that was cut", good[:12]+good, nil)
	f("nothing", "", ErrNone)
	f("the kernel's words", "[    1.0] random: crng init done", ErrNone)
	f("a bit flipped", strings.Replace(good, `"a"`, `"b"`, 1), ErrFrame)
	f("cut", good[:len(good)-4], ErrFrame)
	f("no checksum", "cp1 7 diag {}", ErrFrame)
	f("of another version", strings.Replace(good, "cp1", "cp2", 1), ErrNone)
	f("a checksum alone", "cp1 00000000", ErrFrame)
	f("digits with a sign", "cp1 7 diag {} +1234567", ErrFrame)
}

func TestLine(t *testing.T) {
	f := func(name string, fr Frame, ok bool) {
		t.Helper()
		if b, err := fr.Line(); (err == nil) != ok || (err != nil && !errors.Is(err, ErrFrame)) {
			t.Errorf("%s: %.80q, %v, want a line: %v", name, b, err, ok)
		}
	}
	f("an empty verb", Frame{1, "", json.RawMessage(`{}`)}, false)
	f("a verb with a blank", Frame{1, "a b", json.RawMessage(`{}`)}, false)
	f("no JSON", Frame{1, "diag", nil}, false)
	f("line breaks in JSON", Frame{1, "diag", json.RawMessage("{\n}")}, true)
	f("too long", Frame{1, "diag", json.RawMessage(`"` + strings.Repeat("x", MaxLine) + `"`)}, false)
}

// end is one end of a line: what is read from it, and what was written to it.
type end struct {
	in  io.Reader
	out bytes.Buffer
}

func (e *end) Read(b []byte) (int, error)  { return e.in.Read(b) }
func (e *end) Write(b []byte) (int, error) { return e.out.Write(b) }

// one gives an octet at a time.
type one struct{ r io.Reader }

func (o one) Read(b []byte) (int, error) { return o.r.Read(b[:min(len(b), 1)]) }

// TestServe: what is asked is answered once, whatever is on the line between, and whatever pieces it comes in.
func TestServe(t *testing.T) {
	verbs := Verbs{
		"diag": func(json.RawMessage) (any, error) { return map[string]int{"up": 5}, nil },
		"fail": func(json.RawMessage) (any, error) { return nil, errors.New(strings.Repeat("\x01", 5000)) },
		"huge": func(json.RawMessage) (any, error) { return strings.Repeat("x", MaxLine), nil },
		"odd":  func(json.RawMessage) (any, error) { return func() {}, nil },
	}
	said := "login: " + line(t, Frame{1, "diag", json.RawMessage(`{}`)}) + strings.Repeat("noise", 2000) + "\n" +
		line(t, Frame{2, "fail", json.RawMessage(`{}`)}) + line(t, Frame{3, "huge", json.RawMessage(`{}`)}) +
		line(t, Frame{4, "odd", json.RawMessage(`{}`)}) + line(t, Frame{5, "shell", json.RawMessage(`{}`)}) +
		line(t, Frame{6, OK, json.RawMessage(`{}`)}) + "cp1 7 diag {} 00000000\r\n"
	for _, in := range []io.Reader{strings.NewReader(said), one{strings.NewReader(said)}} {
		e := &end{in: in}
		if err := Serve(e, verbs); !errors.Is(err, io.EOF) {
			t.Fatalf("serve: %v, want the line's end", err)
		}
		var got []Frame
		var s Scanner
		s.Push(e.out.Bytes(), func(f Frame) { got = append(got, f) })
		if len(got) != 5 {
			t.Fatalf("%d answers, want 5: %q", len(got), e.out.Bytes())
		}
		for i, f := range got {
			body, err := f.Result()
			if f.Seq != uint32(i+1) || (err == nil) != (i == 0) || (err != nil && !errors.Is(err, ErrRefused)) {
				t.Errorf("answer %d: %d %s, %s, %v", i, f.Seq, f.Verb, body, err)
			}
		}
	}
}

// FuzzParse: what is read is written as a line that reads the same, within its bound.
func FuzzParse(f *testing.F) {
	f.Add([]byte(line(f, Frame{7, "diag", json.RawMessage(`{"a":1}`)})))
	f.Add([]byte("cp1 cp1 7 diag {} 90d9360f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := Parse(b)
		if err != nil {
			return
		}
		l, err := fr.Line()
		if err != nil {
			return // as read it had a sign or a zero less, or it ends in one octet
		}
		again, err := Parse(l)
		if err != nil || again.Seq != fr.Seq || again.Verb != fr.Verb || len(l) > MaxLine {
			t.Errorf("%q: reads as %+v and then %+v, %v", b, fr, again, err)
		}
	})
}

// FuzzScanner: pieces make no difference.
func FuzzScanner(f *testing.F) {
	f.Add([]byte(line(f, Frame{7, "diag", json.RawMessage(`{}`)})+line(f, Frame{8, "diag", json.RawMessage(`{}`)})), 3)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		var whole, pieces []uint32
		var s, p Scanner
		s.Push(b, func(f Frame) { whole = append(whole, f.Seq) })
		size = max(size, 1)
		for rest := b; len(rest) > 0; {
			n := min(size, len(rest))
			p.Push(rest[:n], func(f Frame) { pieces = append(pieces, f.Seq) })
			rest = rest[n:]
		}
		if len(whole) != len(pieces) || len(s.line) > MaxLine {
			t.Errorf("%q: frames %v whole, %v in pieces of %d", b, whole, pieces, size)
		}
	})
}
