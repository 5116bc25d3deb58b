// Package console answers the technician at the box's serial port: lines that carry a checksum, since a serial line has noise and the
// kernel speaks on it too. What is no such line is passed over. There is no shell behind it.
//
// A line is `cp1 SEQ VERB JSON CRC`: SEQ any number, that the answer bears too; VERB what is asked for, in an answer "ok" or "error";
// JSON without line breaks; CRC the CRC-32 (IEEE) of what stands before the blank in front of it, eight hexadecimal digits. It has at
// most MaxLine octets, as a terminal in its usual mode cuts what is longer.
package console

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// MaxLine bounds a line with its end, in octets.
const MaxLine = 4095

const prefix = "cp1 "

// Frame is one line.
type Frame struct {
	Seq  uint32
	Verb string
	Body json.RawMessage
}

// Errors of Parse and Line. ErrNone is that of a line which is no frame at all.
var (
	ErrNone  = errors.New("console: no frame")
	ErrFrame = errors.New("console: frame")
)

// Parse reads a line, without its end.
func Parse(line []byte) (f Frame, err error) {
	at := bytes.Index(line, []byte(prefix)) // noise, or a prompt, may stand in front
	if at < 0 {
		return Frame{}, ErrNone
	}
	line = bytes.TrimRight(line[at:], "\r")
	end := bytes.LastIndexByte(line, ' ')
	if len(line)-end != 9 {
		return Frame{}, fmt.Errorf("%w: no checksum", ErrFrame)
	}
	sum, err := strconv.ParseUint(string(line[end+1:]), 16, 32)
	if err != nil || uint32(sum) != crc32.ChecksumIEEE(line[:end]) {
		return Frame{}, fmt.Errorf("%w: checksum", ErrFrame)
	}
	parts := bytes.SplitN(line[len(prefix):max(end, len(prefix))], []byte(" "), 3)
	if len(parts) != 3 {
		return Frame{}, fmt.Errorf("%w: want SEQ VERB JSON", ErrFrame)
	}
	seq, err := strconv.ParseUint(string(parts[0]), 10, 32)
	f = Frame{uint32(seq), string(parts[1]), bytes.Clone(parts[2])}
	if err != nil || !word(f.Verb) || !json.Valid(f.Body) {
		return Frame{}, fmt.Errorf("%w: want SEQ VERB JSON", ErrFrame)
	}
	return f, nil
}

// word reports whether s is a verb: lower case letters and hyphens.
func word(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && r != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// Line returns the frame as a line, with its end. Its error is that of one that would be too long.
func (f Frame) Line() ([]byte, error) {
	var body bytes.Buffer
	if err := json.Compact(&body, f.Body); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	b := fmt.Appendf(nil, "%s%d %s %s", prefix, f.Seq, f.Verb, body.Bytes())
	b = fmt.Appendf(b, " %08x\r\n", crc32.ChecksumIEEE(b))
	if len(b) > MaxLine {
		return nil, fmt.Errorf("%w: %d octets, of at most %d", ErrFrame, len(b), MaxLine)
	}
	return b, nil
}

// Verbs are what can be asked for: each is given the line's JSON and returns the answer's. An error is answered in its words.
type Verbs map[string]func(json.RawMessage) (any, error)

// Serve answers the lines of rw until that ends.
func Serve(rw io.ReadWriter, verbs Verbs) error {
	in := bufio.NewReaderSize(rw, MaxLine)
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if err := skip(in); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		f, err := Parse(bytes.TrimRight(line, "\r\n"))
		if err != nil {
			continue // a technician's program asks again
		}
		if _, err := rw.Write(verbs.answer(f)); err != nil {
			return err
		}
	}
}

// skip reads on to the end of a line that is too long.
func skip(in *bufio.Reader) error {
	for {
		_, err := in.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func (v Verbs) answer(f Frame) []byte {
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
	line, err := Frame{f.Seq, "ok", body}.Line()
	if err != nil {
		return refuse(f.Seq, err)
	}
	return line
}

// maxWords bounds an error's words, in octets: with each escaped they fit into a line.
const maxWords = 400

func refuse(seq uint32, why error) []byte {
	words := why.Error()
	body, err := json.Marshal(map[string]string{"error": words[:min(len(words), maxWords)]})
	if err != nil {
		return nil
	}
	line, err := Frame{seq, "error", body}.Line()
	if err != nil {
		return nil
	}
	return line
}
