package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"cafeprobe/capture/pcapfile"
	"cafeprobe/firmware/pipeline"
)

// hot runs the box's pipeline over a capture: reader, decoder, flow table, titles, and the café behind the crossing. One thread
// runs all of it and nothing is collected, so that the work is the same each time. It prints what was seen.
func hot(path string) error {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	src, err := pcapfile.Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	p := pipeline.New(pipeline.Config{})
	if err := p.Run(context.Background(), src); err != nil {
		return err
	}
	st := p.Stats()
	fmt.Printf("%d frames, %d malformed, %d stations\n", st.Frames, st.Malformed, len(p.Cafe().Stations()))
	return nil
}
