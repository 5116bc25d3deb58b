package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"time"
)

func le64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }

// htons is v in network order, as packet sockets want it.
func htons(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// command tells QEMU's monitor one command.
func command(socket, line string) error {
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = fmt.Fprintln(conn, line)
	time.Sleep(200 * time.Millisecond) // the monitor reads before we hang up
	return err
}
