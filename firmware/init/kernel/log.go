package kernel

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// maxLine is the most that the kernel takes for one message (PRINTKRB_RECORD_MAX), less its prefix, in octets.
const maxLine = 960

// Log writes to the kernel's log: it is on the console, and it is what survives a crash (ramoops). Without one it writes to stderr.
func Log() *slog.Logger {
	var w io.Writer = os.Stderr
	if f, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0); err == nil {
		w = f
	}
	return slog.New(&handler{w: w})
}

// handler is a slog.Handler that makes of each record one line of the kernel's log.
type handler struct {
	w     io.Writer
	attrs string
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	level := 5 // notice: shown with the kernel's loglevel=6 and above
	switch {
	case r.Level >= slog.LevelError:
		level = 3
	case r.Level >= slog.LevelWarn:
		level = 4
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<%d>init: %s%s", level, r.Message, h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(format(a))
		return true
	})
	line := strings.Map(printable, b.String())
	_, err := io.WriteString(h.w, line[:min(len(line), maxLine)]+"\n")
	return err
}

// printable keeps what others say, as names from the network, from making lines of their own, or the terminal from being told.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

func format(a slog.Attr) string { return fmt.Sprintf(" %s=%q", a.Key, fmt.Sprint(a.Value.Any())) }

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	for _, a := range attrs {
		with.attrs += format(a)
	}
	return &with
}

func (h *handler) WithGroup(string) slog.Handler { return h }
