// Package initctl is how the daemon and PID 1 talk: lines of JSON over a socket of the box's own file system, on which PID 1
// listens.
//
//	daemon → PID 1   {"v":1,"health":{…}}   how it is, every ten seconds
//	                 {"v":1,"update":{…}}   an announcement of a firmware, as the province sent it
//	                 {"v":1,"ack":"ID"}     the event's record is on the card
//	PID 1 → daemon   {"v":1,"box":{…}}      first on every connection: what box this is; again when that changes
//	                 {"v":1,"event":{…}}    what happened and is to be recorded; again until it is acknowledged
//
// Neither end believes the other more than it must: lines are bounded, who connects is asked of the kernel, and what is no
// message ends the connection. Both ends are of the same image, so there is one version at a time; a daemon of another is
// refused.
package initctl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"cafeprobe/firmware/health"
)

// Path is where the socket is on a box.
const Path = "/run/cafeprobe/init.sock"

// Env is the environment variable in which PID 1 tells the daemon where the socket is.
const Env = "CAFEPROBE_INIT"

// DaemonUser is the user as which the daemon runs on a box, and the socket's group.
const DaemonUser = 900

const (
	// Version is the version of the messages.
	Version = 1
	// MaxLine bounds a line with its end, in octets.
	MaxLine = 16 << 10
	// MaxDetail bounds Event.Detail, in octets.
	MaxDetail = 4 << 10
	// MaxID bounds Event.ID, in octets.
	MaxID = 64
)

// Box says which box and which firmware this is.
type Box struct {
	Board   string `json:"board"`   // as in board.json
	Version string `json:"version"` // of the firmware, as in release.json
	Number  uint64 `json:"number"`  // of the release
	Slot    string `json:"slot"`    // that runs: a, b, or empty if the boot loader did not say
	Trial   bool   `json:"trial"`   // it is on trial
	Damaged bool   `json:"damaged"` // it is not on the card any more as it was written

	Setup Setup `json:"setup,omitzero"` // of the owner's page
}

// Setup says until when a PIN can be set for the owner's page.
type Setup struct {
	Until  int64 `json:"until"`            // milliseconds, steady
	Button bool  `json:"button,omitempty"` // somebody held the box's button: also where there is a PIN
}

// Event is something that happened, and of which there is to be a record.
type Event struct {
	ID     string          `json:"id"`               // of letters, digits and hyphens; no other event of the box has it
	Kind   string          `json:"kind"`             // a word
	Uptime int64           `json:"up"`               // milliseconds, steady, of the boot that it happened in
	Lost   int             `json:"lost,omitempty"`   // events before it for which there was no room
	Detail json.RawMessage `json:"detail,omitempty"` // by Kind
}

// Message is one line: Version and one of the rest.
type Message struct {
	V      int             `json:"v"`
	Box    *Box            `json:"box,omitempty"`
	Event  *Event          `json:"event,omitempty"`
	Health *health.Report  `json:"health,omitempty"`
	Update json.RawMessage `json:"update,omitempty"`
	Ack    string          `json:"ack,omitempty"`
}

// Errors of Read and Parse.
var (
	ErrLine    = errors.New("initctl: a line is too long")
	ErrMessage = errors.New("initctl: not a message")
	ErrVersion = errors.New("initctl: of another version")
)

// Parse reads a line. A message says one thing; none at all is said by one of a later version's kind, which is to be passed over.
func Parse(line []byte) (Message, error) {
	var m Message
	if len(line) > MaxLine {
		return Message{}, ErrLine
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if m.V != Version {
		return Message{}, fmt.Errorf("%w: %d, want %d", ErrVersion, m.V, Version)
	}
	if string(m.Update) == "null" {
		m.Update = nil
	}
	if err := m.valid(); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return m, nil
}

func (m *Message) valid() error {
	said := 0
	for _, is := range []bool{m.Box != nil, m.Event != nil, m.Health != nil, m.Update != nil, m.Ack != ""} {
		if is {
			said++
		}
	}
	switch {
	case said > 1:
		return fmt.Errorf("says %d things at once", said)
	case m.Ack != "" && !isID(m.Ack):
		return errors.New("acknowledges what is no event")
	case m.Event != nil:
		return m.Event.valid()
	case m.Box != nil && (len(m.Box.Board) > 64 || len(m.Box.Version) > 64 || len(m.Box.Slot) > 8):
		return errors.New("box: a name is too long")
	case m.Box != nil && m.Box.Setup.Until < 0:
		return errors.New("box: setup until before it began")
	}
	return nil
}

func (e *Event) valid() error {
	if !isID(e.ID) || !isID(e.Kind) || e.Uptime < 0 || e.Lost < 0 || len(e.Detail) > MaxDetail {
		return fmt.Errorf("event %.70q of kind %.70q: a field is missing or out of range", e.ID, e.Kind)
	}
	return nil
}

// isID reports whether s can name an event or its kind.
func isID(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= MaxID
}

// Line returns m as a line with its end, with its version set. It returns an error that wraps ErrLine or ErrMessage where Parse
// would.
func (m Message) Line() ([]byte, error) {
	m.V = Version
	if err := m.valid(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if len(b)+1 > MaxLine {
		return nil, fmt.Errorf("%w: %d octets, of at most %d", ErrLine, len(b)+1, MaxLine)
	}
	return append(b, '\n'), nil
}

// Read reads a message from r, whose buffer is of MaxLine octets (NewReader).
func Read(r *bufio.Reader) (Message, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return Message{}, ErrLine
	}
	if err != nil {
		return Message{}, err
	}
	return Parse(bytes.TrimSuffix(line, []byte("\n")))
}
