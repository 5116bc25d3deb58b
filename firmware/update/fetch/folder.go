package fetch

import (
	"context"
	"fmt"
	"io"
	"os"

	"cafeprobe/firmware/update"
)

// folder is one on a stick. No link leads out of it.
type folder struct{ root *os.Root }

// file opens a file, and returns how many octets it has.
func (f folder) file(name string) (*os.File, int64, error) {
	i, err := f.root.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if !i.Mode().IsRegular() { // before it is opened: a pipe would wait for ever
		return nil, 0, fmt.Errorf("read %s: not a file", name)
	}
	file, err := f.root.Open(name)
	return file, i.Size(), err
}

// Metadata returns a small file.
func (f folder) Metadata(_ context.Context, name string, limit int64) ([]byte, error) {
	file, _, err := f.file(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return all(name, file, limit)
}

// open returns the octets of a file from an octet on.
func (f folder) open(_ context.Context, name string, from, length int64) (io.ReadCloser, error) {
	file, size, err := f.file(name)
	if err != nil {
		return nil, err
	}
	switch {
	case size < length:
		err = update.Refuse(update.Truncated, "%s has %d octets, want %d", name, size, length)
	case size > length:
		err = update.Refuse(update.Endless, "%s has %d octets, want %d", name, size, length)
	default:
		_, err = file.Seek(from, io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
