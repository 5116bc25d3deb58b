// Package console answers the technician at the box's serial port, in frames of firmware/console. What is no frame is passed over. There
// is no shell behind it.
package console

import (
	"encoding/json"
	"fmt"
	"io"

	"cafeprobe/firmware/console"
)

// Verbs are what can be asked for: each is given the frame's JSON and returns the answer's. An error is answered in its words.
type Verbs map[string]func(json.RawMessage) (any, error)

// Serve answers the frames of rw until that ends.
func Serve(rw io.ReadWriter, verbs Verbs) error {
	var frames console.Scanner
	b := make([]byte, console.MaxLine)
	for {
		n, err := rw.Read(b)
		var failed error
		frames.Push(b[:n], func(f console.Frame) {
			if failed == nil && f.Verb != console.OK && f.Verb != console.Error { // what a terminal echoes is no question
				_, failed = rw.Write(verbs.answer(f))
			}
		})
		if failed != nil {
			return failed
		}
		if err != nil {
			return err
		}
	}
}

func (v Verbs) answer(f console.Frame) []byte {
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
	line, err := console.Frame{Seq: f.Seq, Verb: console.OK, Body: body}.Line()
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
	line, err := console.Frame{Seq: seq, Verb: console.Error, Body: body}.Line()
	if err != nil {
		return nil
	}
	return line
}
