package port

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/console"
	"cafeprobe/firmware/console/consoletest"
)

// noisy is a box whose kernel speaks on the console too, and that loses the first lines of what it is asked.
type noisy struct {
	io.ReadWriter
	deaf int
}

func (b *noisy) Write(answer []byte) (int, error) {
	if b.deaf > 0 {
		b.deaf--
		answer = answer[:len(answer)/2]
	}
	_, err := b.ReadWriter.Write(append([]byte("[   12.345] usb 1-1: new device\r\n[   12.346] half a line "), answer...))
	return len(answer), err
}

// TestAsk: over a terminal's two ends, with noise, and with an answer that is cut.
func TestAsk(t *testing.T) {
	m, name := consoletest.Pair(t)
	verbs := console.Verbs{
		"diag": func(json.RawMessage) (any, error) {
			return map[string]any{"board": "pc", "pad": strings.Repeat("x", 3500)}, nil
		},
		"reboot": func(json.RawMessage) (any, error) { return nil, errors.New("an update is being written") },
	}
	served := make(chan error, 1)
	go func() { served <- console.Serve(&noisy{m, 1}, verbs) }()
	line, err := Open(name, 115200)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := Ask(t.Context(), line, "diag", struct{}{}, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) < 3500 {
		t.Errorf("%.100s, %v, want the whole of what the box says", raw, err)
	}
	_, err = Ask(t.Context(), line, "reboot", struct{}{}, 2*time.Second)
	if !errors.Is(err, console.ErrRefused) || !strings.Contains(err.Error(), "update") {
		t.Errorf("refused: %v", err)
	}
	over, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Ask(over, line, "diag", struct{}{}, time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	if err := line.Close(); err != nil {
		t.Error(err)
	}
	m.Close()
	<-served
}

// TestNoAnswer: of a box that is off, or another device, it is said what to check.
func TestNoAnswer(t *testing.T) {
	m, name := consoletest.Pair(t)
	go func() { _, _ = io.Copy(io.Discard, m) }()
	line, err := Open(name, 115200)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	if _, err := Ask(t.Context(), line, "diag", struct{}{}, 50*time.Millisecond); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("got %v, want ErrNoAnswer", err)
	}
}

func TestOpen(t *testing.T) {
	f := func(port, want string) {
		t.Helper()
		if p, err := Open(port, 115200); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want words with %q", port, p, err, want)
		}
	}
	f("/dev/ttyNONE9", "plug the adapter in")
	f("/dev/null", "no serial port")
}

// TestAwait: a boot loader that counts its seconds down is not spoken to, nor a kernel that is silent while it starts, but a box that says
// that it runs, and one that says nothing.
func TestAwait(t *testing.T) {
	m, name := consoletest.Pair(t)
	line, err := Open(name, 115200)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	const silence = 300 * time.Millisecond
	if err := await(t.Context(), line, silence); err != nil { // it has run for long
		t.Fatal(err)
	}
	began := time.Now()
	go func() {
		for i := 3; i > 0; i-- {
			fmt.Fprintf(m, "\rU-Boot 2025.01\r\nHit any key to stop autoboot: %d", i)
			time.Sleep(silence / 2)
		}
		fmt.Fprint(m, "\nStarting kernel ...\r\n")
		time.Sleep(3 * silence)
		fmt.Fprint(m, "\ncafeprobe: pc 2026.11.0 runs after 12.8 s; slot a, trial false\r\n")
	}()
	if err := await(t.Context(), line, silence); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 4*silence {
		t.Errorf("it was spoken to after %v", took)
	}
	over, stop := context.WithCancel(t.Context())
	stop()
	if err := await(over, line, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}
