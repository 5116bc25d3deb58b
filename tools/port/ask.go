// Package port is a technician's end of a box's serial console: it finds the port, and asks.
package port

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"syscall"
	"time"

	"cafeprobe/firmware/console"
	"cafeprobe/tools/lang"

	"go.bug.st/serial"
)

// readTime is how long a read of a port waits for an octet.
const readTime = 100 * time.Millisecond

// Open opens a serial port at a speed in bits a second. Its errors say what to do.
func Open(port string, baud int) (io.ReadWriteCloser, error) {
	p, err := serial.Open(port, &serial.Mode{BaudRate: baud})
	if err != nil {
		return nil, explain(port, err)
	}
	if err := p.SetReadTimeout(readTime); err != nil {
		return nil, errors.Join(fmt.Errorf("port %s: %w", port, err), p.Close())
	}
	return p, nil
}

// explain says what to do about a port that cannot be opened. The library says some of it in errors of its own, some in the
// kernel's.
func explain(port string, err error) error {
	code := serial.PortErrorCode(-1)
	if pe := (*serial.PortError)(nil); errors.As(err, &pe) {
		code = pe.Code()
	}
	f := &lang.Fault{What: lang.Text{VI: "không mở được cổng %s", EN: "port %s cannot be opened"}, Args: []any{port}, Err: err}
	switch {
	case code == serial.PortNotFound, errors.Is(err, fs.ErrNotExist):
		f.Do = lang.Text{
			VI: "cắm cáp vào và chỉ đúng tên cổng (ls /dev/ttyUSB* /dev/ttyACM*)", EN: "plug the adapter in, and name its port (ls /dev/ttyUSB* /dev/ttyACM*)",
		}
	case code == serial.PermissionDenied, errors.Is(err, fs.ErrPermission):
		f.Do = lang.Text{
			VI: "chạy với quyền root, hoặc vào nhóm của cổng (dialout) rồi đăng nhập lại",
			EN: "be root, or join the group that owns it (dialout) and log in anew",
		}
	case code == serial.PortBusy, errors.Is(err, syscall.EBUSY):
		f.Do = lang.Text{VI: "đóng chương trình khác đang dùng cổng", EN: "end the other program that has it open"}
	case code == serial.InvalidSerialPort, errors.Is(err, syscall.ENOTTY):
		f.Do = lang.Text{VI: "đó không phải là cổng nối tiếp", EN: "that is no serial port"}
	case code == serial.InvalidSpeed:
		f.Do = lang.Text{VI: "cổng không có tốc độ đó: thường dùng 115200", EN: "it does not know that speed: 115200 is the usual one"}
	}
	return f
}

// ErrNoAnswer is returned by Ask where no frame came that answers.
var ErrNoAnswer error = &lang.Fault{
	What: lang.Text{VI: "thiết bị không trả lời", EN: "the box does not answer"},
	Do: lang.Text{
		VI: "kiểm tra nguồn, dây TX và RX nối chéo, dây đất, và tốc độ (--baud); thiết bị trả lời sau khi bật 15 giây",
		EN: "check that it has power, that its cable's TX and RX are crossed and its ground is connected, and the speed (--baud); " +
			"it answers 15 seconds after its start",
	},
}

// attempts is how often is asked: a line may lose a frame, and a box that starts speaks of other things.
const attempts = 4

// Ask asks for a verb over line, with body as JSON, and returns the JSON that the box answers, waiting for wait at most for each of a few
// attempts. A read of line that gets nothing is to return before long. The error wraps console.ErrRefused for what the box refuses.
func Ask(ctx context.Context, line io.ReadWriter, verb string, body any, wait time.Duration) (json.RawMessage, error) {
	for range attempts {
		if answer, err := once(ctx, line, verb, body, wait); !errors.Is(err, ErrNoAnswer) {
			return answer, err
		}
	}
	return nil, ErrNoAnswer
}

// once is Ask with one attempt.
func once(ctx context.Context, line io.ReadWriter, verb string, body any, wait time.Duration) (json.RawMessage, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("ask the box: %w", err)
	}
	answer, err := ask(ctx, line, console.Frame{Seq: rand.Uint32(), Verb: verb, Body: raw}, wait)
	if answer == nil && err == nil {
		err = ErrNoAnswer
	}
	return answer, err
}

// ask asks once. It returns nil and no error if no answer came in time.
func ask(ctx context.Context, line io.ReadWriter, f console.Frame, wait time.Duration) (answer json.RawMessage, err error) {
	b, err := f.Line()
	if err != nil {
		return nil, err
	}
	// The line's end before ends what a person may have typed.
	if _, err := line.Write(append([]byte("\r\n"), b...)); err != nil {
		return nil, fmt.Errorf("ask the box: %w", err)
	}
	var s console.Scanner
	buf := make([]byte, 1024)
	for until := time.Now().Add(wait); time.Now().Before(until); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, rerr := line.Read(buf)
		s.Push(buf[:n], func(a console.Frame) {
			if a.Seq == f.Seq && (a.Verb == console.OK || a.Verb == console.Error) && answer == nil && err == nil {
				answer, err = a.Result()
			}
		})
		if answer != nil || err != nil {
			return answer, err
		}
		if rerr != nil {
			return nil, fmt.Errorf("hear the box: %w", rerr)
		}
	}
	return nil, nil
}
