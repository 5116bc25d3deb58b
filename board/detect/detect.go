// Package detect finds out which board a program runs on.
package detect

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"cafeprobe/board"
)

// ErrUnknown is wrapped by Board's error for a machine whose device tree names no model that cafeprobe is built for.
var ErrUnknown = errors.New("board: not a known model")

// tree is where Linux shows the device tree's root node: strings with a NUL behind each.
const tree = "proc/device-tree/compatible"

// maxTree bounds what is read of it; real ones have less than 100 octets.
const maxTree = 4096

// Board returns the model of the machine whose file system is root (os.DirFS("/") for this one). A machine without a
// device tree is a PC. The error wraps ErrUnknown and names what the device tree says.
func Board(root fs.FS) (board.Board, error) {
	b, err := fs.ReadFile(root, tree)
	if errors.Is(err, fs.ErrNotExist) {
		return board.PC, nil
	}
	if err != nil {
		return board.Board{}, fmt.Errorf("read the device tree: %w", err)
	}
	names := strings.Split(strings.TrimRight(string(b[:min(len(b), maxTree)]), "\x00"), "\x00")
	found, ok := board.Match(names)
	if !ok {
		return board.Board{}, fmt.Errorf("%w: %.200q", ErrUnknown, names)
	}
	return found, nil
}
