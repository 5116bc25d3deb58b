package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"cafeprobe/firmware/console"
	"cafeprobe/firmware/console/consoletest"
)

// TestDiag: the exit status says how the box is, and a file that is no terminal gets no colours.
func TestDiag(t *testing.T) {
	m, name := consoletest.Pair(t)
	answer := make(chan string, 1)
	go func() {
		_ = console.Serve(m, console.Verbs{"diag": func(json.RawMessage) (any, error) {
			select {
			case a := <-answer:
				return json.RawMessage(a), nil
			default:
				return nil, errors.New("asked twice")
			}
		}})
	}()
	f := func(box string, want int, says string, args ...string) {
		t.Helper()
		out, err := os.CreateTemp(t.TempDir(), "out")
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		old := os.Stdout
		os.Stdout = out
		answer <- box
		got := run(append([]string{"diag", "--port", name}, args...))
		os.Stdout = old
		if _, err := out.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(out)
		if err != nil {
			t.Fatal(err)
		}
		if got != want || !strings.Contains(string(b), says) || strings.Contains(string(b), "\x1b") {
			t.Errorf("%s: status %d, want %d; it says\n%s\nwant %q in it, and no colours", box, got, want, b, says)
		}
	}
	const health = `{"board":"pc","up":5000,"health":{"seq":1,"at":4000,"checks":[{"c":"vantage","s":"%s","why":"%s","since":1}]}}`
	f(fmt.Sprintf(health, "ok", "ok"), exitOK, "both directions", "--lang", "en")
	f(fmt.Sprintf(health, "warn", "plain"), exitWarn, "cổng thường", "--lang", "vi")
	f(fmt.Sprintf(health, "bad", "blind"), exitBad, `"why": "blind"`, "--json")
	f(`{"board":"pc","up":5000}`, exitBad, "said nothing yet", "--lang", "en")
	if got := run([]string{"diag"}); got != exitUsage {
		t.Errorf("without a port: status %d, want %d", got, exitUsage)
	}
	if got := run([]string{"diag", "--port", "/dev/ttyNONE9"}); got != exitError {
		t.Errorf("no such port: status %d, want %d", got, exitError)
	}
}
