package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// witnessPart says who was to be heard at a port of the switch: witness DEV. It prints a line for each station and minute in
// which the switch sent a frame of that station out of DEV. It looks at nothing but the frame's source, and so owes nothing to
// what the box makes of it.
func witnessPart(args []string) error {
	if err := one(args, "witness DEV"); err != nil {
		return err
	}
	fd, err := listen(args[0])
	if err != nil {
		return err
	}
	fmt.Println("listening")
	buf, oob := make([]byte, 64), make([]byte, 128)
	known := map[string]bool{}
	for {
		n, on, _, from, err := unix.Recvmsg(fd, buf, oob, 0)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN):
			continue
		case err != nil:
			return fmt.Errorf("receive: %w", err)
		}
		if sll, ok := from.(*unix.SockaddrLinklayer); !ok || sll.Pkttype != unix.PACKET_OUTGOING || n < 14 {
			continue
		}
		at, err := stamp(oob[:on])
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s %d", net.HardwareAddr(buf[6:12]), at.Unix()/60)
		if !known[line] {
			known[line] = true
			fmt.Println("heard", line)
		}
	}
}

// startWitness watches the box's port.
func (l *lab) startWitness() error {
	if _, err := l.self(l.bridge, "witness", "witness", "probe"); err != nil {
		return err
	}
	return l.await("witness", "listening")
}

// heard returns in how many minutes each MAC was to be heard at the box's port.
func (l *lab) heard() (minutes map[string]int, err error) {
	minutes = map[string]int{}
	err = eachLine(filepath.Join(l.dir, "witness.log"), func(line string) {
		var mac string
		var minute int64
		if n, _ := fmt.Sscanf(line, "heard %s %d", &mac, &minute); n == 2 {
			minutes[mac]++
		}
	})
	return minutes, err
}
