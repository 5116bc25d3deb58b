package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"cafeprobe/capture"
)

// Writer writes one capture as pcap with nanoseconds, little-endian. Each frame is one Write of the destination: give it
// a bufio.Writer for speed. It is not safe for concurrent use.
type Writer struct {
	dst  io.Writer
	link capture.LinkType
	buf  []byte
}

// NewWriter writes the header of a capture of link frames to dst.
func NewWriter(dst io.Writer, link capture.LinkType) (*Writer, error) {
	b := make([]byte, 0, 2048)
	b = binary.LittleEndian.AppendUint32(b, magicNano)
	b = binary.LittleEndian.AppendUint16(b, 2) // version 2.4
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // reserved
	b = binary.LittleEndian.AppendUint32(b, MaxRecord)
	b = binary.LittleEndian.AppendUint32(b, uint32(link))
	if _, err := dst.Write(b); err != nil {
		return nil, fmt.Errorf("write capture header: %w", err)
	}
	return &Writer{dst: dst, link: link, buf: b}, nil
}

// Write writes one frame. A VLAN that the kernel took out of an Ethernet frame is put back as the outermost 802.1Q tag:
// a file has no other place for it. It refuses a frame of another link type than the Writer's, one without
// octets or with more than MaxRecord, and a time that pcap cannot say: before 1970 or after 2106.
func (w *Writer) Write(f *capture.Frame) error {
	sec := f.Time / 1e9
	tag := 0
	if f.VLAN != 0 && f.Link == capture.LinkEthernet && len(f.Data) >= 12 {
		tag = 4
	}
	switch {
	case f.Link != w.link:
		return fmt.Errorf("write %s frame to a capture of %s", f.Link, w.link)
	case max(len(f.Data), f.Len) == 0: // with the time 0 its header could not be told from a hole in the file
		return errors.New("write frame without octets")
	case len(f.Data)+tag > MaxRecord:
		return fmt.Errorf("write frame of %d octets: limit is %d", len(f.Data)+tag, MaxRecord)
	case f.Time < 0 || sec > math.MaxUint32:
		return fmt.Errorf("write frame of %v: pcap holds 1970 to 2106", f.When())
	}
	b := w.buf[:0]
	b = binary.LittleEndian.AppendUint32(b, uint32(sec))
	b = binary.LittleEndian.AppendUint32(b, uint32(f.Time%1e9))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.Data)+tag))
	b = binary.LittleEndian.AppendUint32(b, uint32(max(len(f.Data), f.Len)+tag))
	if tag > 0 {
		b = append(b, f.Data[:12]...)
		b = append(b, 0x81, 0, byte(f.VLAN>>8), byte(f.VLAN))
		b = append(b, f.Data[12:]...)
	} else {
		b = append(b, f.Data...)
	}
	w.buf = b
	if _, err := w.dst.Write(b); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}
