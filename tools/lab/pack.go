package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/google/gopacket/pcapgo"
)

// pack makes the capture of what the recorder wrote: each frame's time by the recording's clock. Of the day it keeps whole what
// begins a conversation, and cuts the rest as snap says; the evening is kept as it is.
func (l *lab) pack() error {
	file, err := os.Open(l.raw())
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := pcapgo.NewNgReader(file, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		return err
	}
	var frames []frame
	s := snapper{}
	for {
		b, info, err := r.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", l.raw(), err)
		}
		f := frame{at: l.when(info.Timestamp), octets: b, length: len(b)}
		if l.scene.snap {
			f.octets = b[:s.keep(b)]
		}
		frames = append(frames, f)
	}
	return writeFrames(l.capture(), l.scene.about, frames)
}

// snapper says how much of a frame is kept. Of each flow the first payloads of both ends are whole, where hellos, requests and
// the titles' marks are; of the later ones nothing but the length that they had. What is no TCP, and no UDP to a port
// of the services or the games, is always whole.
type snapper map[[37]byte]int

const wholePayloads = 4 // of the end that began it; half of the other's, and half of TLS, whose hello needs two

// keep returns how many octets of an Ethernet frame to keep.
func (s snapper) keep(b []byte) int {
	if len(b) < 14+20 {
		return len(b)
	}
	var key [37]byte
	proto, at := byte(0), 0
	switch ip := b[14:]; binary.BigEndian.Uint16(b[12:]) {
	case 0x0800:
		proto, at = ip[9], 14+int(ip[0]&15)*4
		copy(key[:], ip[12:20])
		if binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 { // a fragment
			return len(b)
		}
	case 0x86dd:
		if len(ip) < 40 {
			return len(b)
		}
		proto, at = ip[6], 14+40
		copy(key[:], ip[8:40])
	default:
		return len(b)
	}
	if len(b) < at+8 {
		return len(b)
	}
	from, to := binary.BigEndian.Uint16(b[at:]), binary.BigEndian.Uint16(b[at+2:])
	copy(key[32:], b[at:at+4])
	key[36] = proto
	served := min(from, to)
	switch {
	case proto == 6 && len(b) >= at+20:
		at += int(b[at+12]>>4) * 4
	case proto == 17 && (served == 443 || served > 1024):
		at += 8
	default:
		return len(b)
	}
	switch {
	case len(b) <= at:
		return len(b)
	case proto == 6 && from == 443: // of TLS, a server says nothing that a probe reads
		return at
	}
	s[key]++
	most := wholePayloads
	if proto == 6 && served == 443 {
		most /= 2
	}
	if from < to {
		most /= 2
	}
	if s[key] <= most {
		return len(b)
	}
	return at
}
