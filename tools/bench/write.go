package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"cafeprobe/capture"
	"cafeprobe/capture/pcapfile"
)

// write writes all frames of src to a capture at path. It is there only when it is whole.
func write(path string, src capture.Source) (err error) {
	part, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, part.Close())
		if err == nil {
			err = os.Rename(part.Name(), path)
		} else {
			err = errors.Join(fmt.Errorf("make %s: %w", path, err), os.Remove(part.Name()))
		}
	}()
	buf := bufio.NewWriterSize(part, 1<<20)
	w, err := pcapfile.NewWriter(buf, capture.LinkEthernet)
	if err != nil {
		return err
	}
	var f capture.Frame
	for {
		err := src.Next(&f)
		if errors.Is(err, io.EOF) {
			return buf.Flush()
		}
		if err == nil {
			err = w.Write(&f)
		}
		if err != nil {
			return err
		}
	}
}
