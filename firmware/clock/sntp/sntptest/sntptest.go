// Package sntptest is a time server for tests.
package sntptest

import (
	"encoding/binary"
	"net"
	"testing"
	"time"
)

// Serve answers clients of pc what the machine takes for UTC, moved by as much, until the test ends.
func Serve(t testing.TB, pc net.PacketConn, by time.Duration) {
	t.Cleanup(func() { pc.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			if n >= 48 {
				_, _ = pc.WriteTo(answer(b[:48], time.Now().Add(by)), from)
			}
		}
	}()
}

// answer answers a client (RFC 5905 §7.3): version 4, server, stratum 2.
func answer(question []byte, now time.Time) []byte {
	stamp := uint64(now.Unix()+2208988800)<<32 | uint64(now.Nanosecond())<<32/1e9 // since 1900, §6
	out := make([]byte, 48)
	out[0], out[1], out[2], out[3] = 4<<3|4, 2, 6, 0xec
	copy(out[24:32], question[40:48])
	for _, at := range []int{16, 32, 40} {
		binary.BigEndian.PutUint64(out[at:], stamp)
	}
	return out
}
