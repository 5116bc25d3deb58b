// Package console is what a technician's program and the box say to each other over the box's serial port: lines that carry a
// checksum, since a serial line has noise and the kernel speaks on it too. What is no such line is passed over.
//
//	cp1 SEQ VERB JSON CRC
//
// SEQ is any number, which the answer bears too; VERB what is asked for, in an answer ok or error; JSON a value without line
// breaks; CRC the CRC-32 (IEEE) of what stands before the blank in front of it, eight hexadecimal digits. The package is pure.
package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// MaxLine bounds a line with its end, in octets: a terminal in its usual mode cuts what is longer (N_TTY_BUF_SIZE, linux/tty.h).
const MaxLine = 4095

// Verbs of answers.
const (
	OK    = "ok"
	Error = "error" // the JSON is {"error":"words"}
)

const prefix = "cp1 "

// Frame is one line.
type Frame struct {
	Seq  uint32
	Verb string
	Body json.RawMessage
}

// Errors of Parse and Line.
var (
	ErrNone  = errors.New("console: no frame")
	ErrFrame = errors.New("console: frame")
)

// Parse reads a line, without its end. Noise, a prompt or a frame that was cut may stand in front. It returns ErrNone for a line
// that is no frame at all, and an error that wraps ErrFrame for one that is broken. The Frame does not borrow line.
func Parse(line []byte) (Frame, error) {
	line = bytes.TrimRight(line, "\r\n")
	first := ErrNone
	for {
		at := bytes.Index(line, []byte(prefix))
		if at < 0 {
			return Frame{}, first
		}
		f, err := parse(line[at:])
		if err == nil {
			return f, nil
		}
		if errors.Is(first, ErrNone) {
			first = err
		}
		line = line[at+1:]
	}
}

// parse reads a frame that begins where line does.
func parse(line []byte) (Frame, error) {
	end := len(line) - 9
	if end < len(prefix) || line[end] != ' ' || len(line) > MaxLine {
		return Frame{}, fmt.Errorf("%w: no checksum", ErrFrame)
	}
	sum, err := strconv.ParseUint(string(line[end+1:]), 16, 32)
	if err != nil || uint32(sum) != crc32.ChecksumIEEE(line[:end]) {
		return Frame{}, fmt.Errorf("%w: checksum", ErrFrame)
	}
	parts := bytes.SplitN(line[len(prefix):end], []byte(" "), 3)
	if len(parts) != 3 {
		return Frame{}, fmt.Errorf("%w: want SEQ VERB JSON", ErrFrame)
	}
	seq, err := strconv.ParseUint(string(parts[0]), 10, 32)
	f := Frame{uint32(seq), string(parts[1]), bytes.Clone(parts[2])}
	if err != nil || !isVerb(f.Verb) || !json.Valid(f.Body) {
		return Frame{}, fmt.Errorf("%w: want SEQ VERB JSON", ErrFrame)
	}
	return f, nil
}

// isVerb reports whether s is lower-case letters and hyphens.
func isVerb(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && r != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// Line returns f as a line with its end. Its errors wrap ErrFrame: of a frame that Parse would not read, or that is too long.
func (f Frame) Line() ([]byte, error) {
	var body bytes.Buffer
	if err := json.Compact(&body, f.Body); err != nil || !isVerb(f.Verb) {
		return nil, fmt.Errorf("%w: verb %.40q with no JSON, or no verb", ErrFrame, f.Verb)
	}
	b := fmt.Appendf(nil, "%s%d %s %s", prefix, f.Seq, f.Verb, body.Bytes())
	b = fmt.Appendf(b, " %08x\r\n", crc32.ChecksumIEEE(b))
	if len(b) > MaxLine {
		return nil, fmt.Errorf("%w: %d octets, of at most %d", ErrFrame, len(b), MaxLine)
	}
	return b, nil
}

// Scanner cuts what comes over a line into frames, however it comes in pieces. The zero Scanner is ready.
type Scanner struct {
	line []byte
	long bool // the line is too long, and goes by
}

// Push takes the next octets, and calls frame for each frame that ends in them.
func (s *Scanner) Push(b []byte, frame func(Frame)) {
	for len(b) > 0 {
		n := bytes.IndexAny(b, "\r\n") // a terminal may make one of the other
		rest := b[len(b):]
		piece := b
		if n >= 0 {
			piece, rest = b[:n], b[n+1:]
		}
		if len(s.line)+len(piece) > MaxLine {
			s.line, s.long = s.line[:0], true
		}
		if !s.long {
			s.line = append(s.line, piece...)
		}
		if n >= 0 {
			if f, err := Parse(s.line); err == nil && !s.long {
				frame(f)
			}
			s.line, s.long = s.line[:0], false
		}
		b = rest
	}
}

// Verbs are what can be asked for: each is given the line's JSON and returns what the answer's is made of. An error is answered
// in its words.
type Verbs map[string]func(json.RawMessage) (any, error)

// Serve answers the frames of rw until that ends, and returns its error.
func Serve(rw io.ReadWriter, verbs Verbs) error {
	var s Scanner
	var err error
	b := make([]byte, 1024)
	for {
		n, rerr := rw.Read(b)
		s.Push(b[:n], func(f Frame) {
			if f.Verb == OK || f.Verb == Error || err != nil {
				return // an echo of our own answer
			}
			_, err = rw.Write(verbs.Answer(f))
		})
		if err = errors.Join(err, rerr); err != nil {
			return err
		}
	}
}

// Answer returns the line that answers f.
func (v Verbs) Answer(f Frame) []byte {
	do, ok := v[f.Verb]
	if !ok {
		return refuse(f.Seq, fmt.Errorf("unknown verb %s", f.Verb))
	}
	a, err := do(f.Body)
	if err != nil {
		return refuse(f.Seq, err)
	}
	body, err := json.Marshal(a)
	if err != nil {
		return refuse(f.Seq, err)
	}
	line, err := Frame{f.Seq, OK, body}.Line()
	if err != nil {
		return refuse(f.Seq, err)
	}
	return line
}

// maxWords bounds an error's words, in octets: with each escaped, as six, they fit into a line.
const maxWords = 400

func refuse(seq uint32, why error) []byte {
	r := Refusal{Words: why.Error()}
	r.Words = r.Words[:min(len(r.Words), maxWords)]
	if c := coder(nil); errors.As(why, &c) {
		r.Code = c.Code()
	}
	body, err := json.Marshal(r)
	if err != nil {
		panic("BUG: console: " + err.Error())
	}
	line, err := Frame{seq, Error, body}.Line()
	if err != nil {
		panic("BUG: console: " + err.Error())
	}
	return line
}

// coder is an error that has a code, by which the other end can say it in another language.
type coder interface {
	error
	Code() string
}

// Refusal is what a box answers in place of what was asked for.
type Refusal struct {
	Words string `json:"error"`          // in English
	Code  string `json:"code,omitempty"` // of what kind, where there is one
}

// ErrRefused is wrapped by Result's errors for what the box answered with an error.
var ErrRefused = errors.New("the box refuses")

func (r *Refusal) Error() string { return fmt.Sprintf("%v: %q", ErrRefused, r.Words) }

// Unwrap returns ErrRefused.
func (r *Refusal) Unwrap() error { return ErrRefused }

// Result returns what an answer says: its JSON, or an error that is a *Refusal where the box said why.
func (f Frame) Result() (json.RawMessage, error) {
	if f.Verb == OK {
		return f.Body, nil
	}
	r := &Refusal{}
	if err := json.Unmarshal(f.Body, r); err != nil {
		return nil, fmt.Errorf("%w: verb %s", ErrRefused, f.Verb)
	}
	return nil, r
}
