package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"cafeprobe/capture"
	"cafeprobe/capture/pcapfile"
	"cafeprobe/firmware/pipeline"
)

// hot runs the box's pipeline over the first frames of a capture, all of them if frames is 0: decoder, flow table, titles, and
// the café behind the crossing. One thread runs all of it and nothing is collected, so that the work is the same each time.
func hot(path string, frames int) error {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	src, err := pcapfile.Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	p := pipeline.New(pipeline.Config{})
	head := &first{Source: src, left: frames}
	if err := p.Run(context.Background(), head); err != nil {
		return err
	}
	if frames > 0 && head.left > 0 {
		return fmt.Errorf("%s ends %d frames before the %d that were asked for", path, head.left, frames)
	}
	st := p.Stats()
	fmt.Printf("%d frames, %d malformed, %d stations\n", st.Frames, st.Malformed, len(p.Cafe().Stations()))
	return nil
}

// first is the first frames of a source; if left is 0 from the start, all of them.
type first struct {
	capture.Source
	left int
}

// Next implements capture.Source.
func (s *first) Next(f *capture.Frame) error {
	if s.left < 0 {
		return io.EOF
	}
	if err := s.Source.Next(f); err != nil {
		return err
	}
	if s.left > 0 {
		if s.left--; s.left == 0 {
			s.left = -1
		}
	}
	return nil
}
