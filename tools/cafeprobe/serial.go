package main

import (
	"io"

	"cafeprobe/tools/port"
)

// serialPort is where a box's console is, as a command is told.
type serialPort struct {
	Port string `placeholder:"PATH" help:"Serial port that the box's console is at; without it, that of the USB cable that is plugged in."`
	Baud int    `default:"115200" help:"Its speed, bits a second."`
}

// open opens the line to the box.
func (c *serialPort) open() (io.ReadWriteCloser, error) {
	name := c.Port
	if name == "" {
		var err error
		if name, err = port.Find(); err != nil {
			return nil, err
		}
	}
	return port.Open(name, c.Baud)
}
