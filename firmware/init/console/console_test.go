package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"cafeprobe/firmware/console"
)

func line(t testing.TB, seq uint32, verb, body string) string {
	t.Helper()
	b, err := console.Frame{Seq: seq, Verb: verb, Body: json.RawMessage(body)}.Line()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestServe: frames are answered, in order, between whatever else the line carries.
func TestServe(t *testing.T) {
	box, desk := net.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- Serve(box, Verbs{
			"diag":   func(b json.RawMessage) (any, error) { return map[string]any{"asked": b}, nil },
			"long":   func(json.RawMessage) (any, error) { return strings.Repeat("x", console.MaxLine), nil },
			"refuse": func(json.RawMessage) (any, error) { return nil, errors.New(strings.Repeat("\x01é", 1000)) },
		})
	}()
	go func() {
		for _, s := range []string{
			"login: \x1b[0m\r\n", strings.Repeat("noise", 3*console.MaxLine) + "\n", line(t, 7, "diag", `{"a": 1}`),
			"[ 1.2] kernel speaks " + line(t, 8, "diag", "null"), strings.Replace(line(t, 9, "diag", "{}"), "{}", "[]", 1),
			line(t, 10, "reboot", "{}"), line(t, 11, "long", "{}"), line(t, 12, "refuse", "{}"),
		} {
			if _, err := desk.Write([]byte(s)); err != nil {
				return
			}
		}
	}()
	in := newLines(desk)
	f := func(seq uint32, verb, has string) {
		t.Helper()
		got, err := console.Parse(in.next(t))
		if err != nil || got.Seq != seq || got.Verb != verb || !strings.Contains(string(got.Body), has) {
			t.Errorf("got %d %s %.80s, %v; want %d %s with %s", got.Seq, got.Verb, got.Body, err, seq, verb, has)
		}
	}
	f(7, "ok", `{"asked":{"a":1}}`)
	f(8, "ok", `{"asked":null}`)
	f(10, "error", "unknown verb reboot") // 9 was damaged
	f(11, "error", "octets")
	f(12, "error", "é")
	desk.Close()
	if err := <-done; !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

type lines struct {
	r io.Reader
	b []byte
}

func newLines(r io.Reader) *lines { return &lines{r: r} }

func (l *lines) next(t *testing.T) []byte {
	t.Helper()
	for {
		if before, after, ok := bytes.Cut(l.b, []byte("\r\n")); ok {
			l.b = after
			return before
		}
		b := make([]byte, 4096)
		n, err := l.r.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		l.b = append(l.b, b[:n]...)
	}
}
