package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// qmp speaks QEMU's machine protocol (qmp-spec.rst): a greeting, then one answer a command, and events in between.
type qmp struct {
	mu   sync.Mutex
	file *os.File
	dec  *json.Decoder
}

func newQMP(f *os.File) (*qmp, error) {
	q := &qmp{file: f, dec: json.NewDecoder(f)}
	_ = f.SetDeadline(time.Now().Add(patience))
	var greeting struct{ QMP json.RawMessage }
	if err := q.dec.Decode(&greeting); err != nil || greeting.QMP == nil {
		return nil, fmt.Errorf("greeting of its monitor: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	return q, q.run("qmp_capabilities", nil)
}

// run has QEMU do command, with arguments or nil, and waits until it is done.
func (q *qmp) run(command string, arguments map[string]any) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	_ = q.file.SetDeadline(time.Now().Add(patience))
	ask := map[string]any{"execute": command}
	if arguments != nil {
		ask["arguments"] = arguments
	}
	if err := json.NewEncoder(q.file).Encode(ask); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	for {
		var answer struct {
			Return json.RawMessage
			Error  *struct{ Desc string }
		}
		switch err := q.dec.Decode(&answer); {
		case err != nil:
			return fmt.Errorf("%s: %w", command, err)
		case answer.Error != nil:
			return fmt.Errorf("%s: %s", command, answer.Error.Desc)
		case answer.Return != nil:
			return nil
		}
	}
}
