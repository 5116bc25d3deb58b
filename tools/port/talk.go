package port

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"cafeprobe/firmware/console"
)

// Talk is a conversation with a box over a line that may be pulled out, and put into a box that starts.
type Talk struct {
	Open    func() (io.ReadWriteCloser, error) // the line; again after it was unplugged
	Answer  time.Duration                      // how long to wait for an answer, a few times; default 3 s
	Silence time.Duration                      // of the line, before a box is asked that has not answered yet; default Silence

	line  io.ReadWriteCloser
	heard bool // the box has answered on it
}

// Ask asks for a verb, with body as JSON, and returns the JSON that the box answers. The error wraps console.ErrRefused for what the box
// refuses, and ErrNoAnswer where it does not answer; after any it may be asked again.
func (t *Talk) Ask(ctx context.Context, verb string, body any) (json.RawMessage, error) {
	if t.line == nil {
		line, err := t.Open()
		if err != nil {
			return nil, err
		}
		t.line = line
	}
	answer, err := t.ask(ctx, verb, body)
	switch {
	case err == nil, errors.Is(err, console.ErrRefused):
		t.heard = true
	case errors.Is(err, ErrNoAnswer):
		t.heard = false // it may have started anew, or be another
	case ctx.Err() == nil:
		t.Close() // unplugged
	}
	return answer, err
}

// ask asks a box that has answered before; one that has not may be starting, and is asked once, when the line is silent.
func (t *Talk) ask(ctx context.Context, verb string, body any) (json.RawMessage, error) {
	wait := cmp.Or(t.Answer, answerTime)
	if t.heard {
		return Ask(ctx, t.line, verb, body, wait)
	}
	if err := await(ctx, t.line, cmp.Or(t.Silence, Silence)); err != nil {
		return nil, err
	}
	return once(ctx, t.line, verb, body, wait)
}

// Close closes the line. The next question opens it again.
func (t *Talk) Close() {
	if t.line != nil {
		_ = t.line.Close() // there is nothing in it that could be lost
		t.line, t.heard = nil, false
	}
}

const answerTime = 3 * time.Second

// Silence is how long nobody speaks before a box is asked for the first time: a boot loader counts its seconds down, and takes what it
// hears for somebody who wants it to stop.
const Silence = 1500 * time.Millisecond

// A box that was heard starting is silent while its kernel does, for ten seconds (in QEMU, up to forty). What it is told then is lost, or
// stays in its serial port's memory and blocks it (QEMU's PL011). PID 1 says when it is there.
const (
	startTime = 40 * time.Second
	awaitTime = 3 * time.Minute // a kernel in trouble never stops speaking
	maxTail   = 8192            // octets, of what was heard: more than a boot loader says behind its name
)

// What boot loaders say, and what PID 1 says when it is there.
var (
	starting = regexp.MustCompile(`U-Boot|BdsDxe|EFI stub|Starting kernel`)
	started  = regexp.MustCompile(`cafeprobe: \S+ \S+ runs after`)
)

// await waits until a box can be asked for the first time: the line is silent for a while, and if a boot loader was heard on it, the box has
// said that it runs, or is silent for longer than a start takes. It drops what it hears.
func await(ctx context.Context, line io.Reader, silence time.Duration) error {
	var tail []byte
	b := make([]byte, 1024)
	now := time.Now()
	for end, heard := now.Add(awaitTime), now; now.Before(end); now = time.Now() {
		wait := silence
		if starting.Match(tail) && !started.Match(tail) {
			wait = max(startTime, silence)
		}
		if now.Sub(heard) >= wait {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := line.Read(b)
		if err != nil {
			return fmt.Errorf("hear the box: %w", err)
		}
		if n > 0 {
			heard = time.Now()
			tail = append(tail[max(0, len(tail)-maxTail):], b[:n]...)
		}
	}
	return nil
}
