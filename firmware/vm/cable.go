package vm

import (
	"fmt"
	"os"
	"slices"
	"sync"
)

// keptFrames is how many of the frames that a box sent are kept, to show what they were: none is expected.
const keptFrames = 64

// Cable is the far end of the cable in a Machine's capture port. Nothing but its users sends into it, so each frame that comes
// out was sent by the box: its boot loader, its kernel, or a program.
type Cable struct {
	file *os.File

	mu    sync.Mutex
	sent  uint64 // by the box
	first [][]byte
}

func newCable(f *os.File) *Cable {
	c := &Cable{file: f}
	go c.listen()
	return c
}

func (c *Cable) listen() {
	b := make([]byte, 1<<16)
	for {
		n, err := c.file.Read(b)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.sent++
		if len(c.first) < keptFrames {
			c.first = append(c.first, slices.Clone(b[:n]))
		}
		c.mu.Unlock()
	}
}

// Send sends a frame to the box, from its destination address on, without a checksum sequence. It waits while the box takes none.
func (c *Cable) Send(frame []byte) error {
	if _, err := c.file.Write(frame); err != nil {
		return fmt.Errorf("send a frame to the emulated box: %w", err)
	}
	return nil
}

// FromBox returns how many frames the box has sent since it was started, and the first few of them.
func (c *Cable) FromBox() (n uint64, first [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent, slices.Clone(c.first)
}
