package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Sizes of a classic pcap in the order of this machine, as mix writes it.
const (
	fileHeader   = 24
	recordHeader = 16
	readBuffer   = 1 << 20
)

// read goes from record to record of a pcap and does nothing with them: the least that a reader of the file can cost. It
// prints how many there were, and of how many octets.
func read(path string) error {
	frames, octets, err := records(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	fmt.Printf("%d frames, %d octets\n", frames, octets)
	return nil
}

func records(path string) (frames, octets int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	buf := make([]byte, readBuffer)
	n, err := io.ReadFull(file, buf[:fileHeader])
	if err != nil {
		return 0, 0, fmt.Errorf("header of %d octets: %w", n, err)
	}
	at, end := 0, 0
	for {
		for end-at >= recordHeader {
			size := int(binary.LittleEndian.Uint32(buf[at+8:]))
			if size > len(buf)-recordHeader {
				return frames, octets, fmt.Errorf("record %d has %d octets", frames+1, size)
			}
			if end-at < recordHeader+size {
				break
			}
			at += recordHeader + size
			frames++
			octets += size
		}
		end = copy(buf, buf[at:end])
		at = 0
		n, err := file.Read(buf[end:])
		end += n
		if errors.Is(err, io.EOF) && end == 0 {
			return frames, octets, nil
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return frames, octets, err
		}
	}
}
