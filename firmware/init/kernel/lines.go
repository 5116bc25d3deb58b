package kernel

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"time"
)

// Lines is a writer that logs what a program says, a line a message. A program that says too much is cut off for a while: what it says
// is also on the console and in a crash's report, where there is little room.
type Lines struct {
	Log  *slog.Logger
	Name string

	mu    sync.Mutex
	part  []byte
	left  int // lines that may be logged until next
	next  time.Time
	extra int // lines that were left out
}

// How many lines are logged in a period.
const (
	maxLines    = 50
	linesPeriod = 10 * time.Second
)

// Write never fails.
func (l *Lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		l.part = append(l.part, line[:min(len(line), max(0, maxLine-len(l.part)))]...)
		b = rest
		if ended {
			l.say()
			l.part = l.part[:0]
		}
	}
	return n, nil
}

func (l *Lines) say() {
	if now := time.Now(); now.After(l.next) {
		if l.extra > 0 {
			l.Log.Info(l.Name, "lines_left_out", l.extra)
		}
		l.left, l.next, l.extra = maxLines, now.Add(linesPeriod), 0
	}
	if l.left == 0 {
		l.extra++
		return
	}
	l.left--
	l.Log.LogAttrs(context.Background(), slog.LevelInfo, l.Name+": "+string(l.part))
}
