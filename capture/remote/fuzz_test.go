package remote

import (
	"bytes"
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/decode"
)

// receive puts a datagram of 10.1.1.from into slot i of k, as recvmmsg would.
func receive(k *socket, i int, b []byte, from byte) {
	k.msgs[i].len = uint32(len(b))
	copy(k.bufs[i*slot:(i+1)*slot], b)
	name := (*unix.RawSockaddrInet4)(unsafe.Pointer(&k.names[i]))
	name.Family, name.Addr = unix.AF_INET, [4]byte{10, 1, 1, from}
}

// fuzzPort sends any octets to port through the whole Source, with the kernel left out: once from a sender that is allowed, once
// from another.
func fuzzPort(f *testing.F, port uint16) {
	s := newSource([]netip.Prefix{netip.MustParsePrefix("10.1.1.1/32")}, Config{VNI: []uint32{7, 8}})
	var k *socket
	for _, k = range s.socks {
		if k.port == port {
			break
		}
	}
	k.strip = port == 0
	d := decode.New()
	f.Fuzz(func(t *testing.T, b []byte) {
		kept := bytes.Clone(b)
		if len(b) > 1<<17 {
			return
		}
		if port == 0 {
			b = append([]byte("\x45\x00\x00\x00\x00\x00\x00\x00\x40\x2f\x00\x00\x0a\x01\x01\x01\x0a\x01\x01\x02"), b...)
		}
		before := s.Report()
		receive(k, 0, b, 1)
		receive(k, 1, b, 2)
		s.parse(k, 2)
		r := s.Report()
		counts := r.Frames - before.Frames + r.Damaged - before.Damaged + r.Other - before.Other
		if counts != 1 || r.Refused != before.Refused+1 {
			t.Errorf("counted %d times, %d refused, want 1, 1", counts, r.Refused-before.Refused)
		}
		var fr capture.Frame
		frames := uint64(0)
		for ; s.head(&fr); frames++ {
			sane(t, d, &fr, kept)
		}
		if frames != r.Frames-before.Frames {
			t.Errorf("%d frames, %d counted", frames, r.Frames-before.Frames)
		}
		if len(r.Senders) > maxSenders {
			t.Errorf("%d senders", len(r.Senders))
		}
		for _, one := range r.Senders {
			if one.Addr != s.allow[0].Addr() || one.Frames == 0 || one.Lost > 0 && !one.Numbered {
				t.Errorf("sender %+v", one)
			}
		}
	})
}

// sane asserts what holds of each frame that a datagram carried.
func sane(t *testing.T, d *decode.Decoder, f *capture.Frame, datagram []byte) {
	t.Helper()
	if at := len(datagram) - len(f.Data); len(datagram) < slot-20 && (at < 0 || !bytes.Equal(f.Data, datagram[at:])) {
		t.Errorf("frame % x is not the end of % x", f.Data, datagram)
	}
	if f.Len < len(f.Data) || f.Len > 1<<18 || f.VLAN > 4095 {
		t.Errorf("%d of %d octets, VLAN %d", len(f.Data), f.Len, f.VLAN)
	}
	if f.Link != capture.LinkRaw && (f.Link != capture.LinkEthernet || len(f.Data) < etherHeader) || len(f.Data) == 0 {
		t.Errorf("%d octets of %v", len(f.Data), f.Link)
	}
	var p decode.Packet
	if v := d.Decode(f, &p); v == decode.Whole && f.Len != len(f.Data) {
		t.Errorf("whole, but %d of %d octets", len(f.Data), f.Len)
	}
}

func FuzzTZSP(f *testing.F) {
	inner := string(capturetest.ARP(f, 1, capturetest.PC(1), capturetest.Router()))
	f.Add([]byte("\x01\x00\x00\x01\x01" + inner))
	f.Add([]byte("\x01\x00\x00\x01\x00\x0a\x01\xc4\x28\x04\x00\x00\x00\x07\x29\x02\x05\xea\x01" + inner))
	f.Add([]byte("\x01\x04\x00\x00\x01"))
	fuzzPort(f, portTZSP)
}

func FuzzVXLAN(f *testing.F) {
	inner := string(capturetest.ARP(f, 1, capturetest.PC(1), capturetest.Router()))
	f.Add([]byte("\x08\x00\x00\x00\x00\x00\x07\x00" + inner))
	f.Add([]byte("\x08\x00\x00\x00\x00\x00\x09\x00" + inner))
	fuzzPort(f, portVXLAN)
}

func FuzzGRE(f *testing.F) {
	inner := string(capturetest.Tag(capturetest.UDP(f, capturetest.PC(7), capturetest.Server(), 50000, 9999, []byte("hello")), 0x8100, 9))
	f.Add([]byte("\x00\x00\x65\x58" + inner))
	f.Add([]byte("\x30\x00\x65\x58\x00\x00\x00\x05\x00\x00\x00\x09" + inner))
	f.Add([]byte("\x00\x00\x88\xbe" + inner))
	f.Add([]byte(greHeader(3) + "\x10\x64\x10\x2a\x00\x00\x00\x01" + inner))
	f.Add([]byte(greHeader(3) + "\x10\x64\x1c\x2a\x00\x00\x00\x01" + inner[:40]))
	f.Add([]byte("\x10\x00\x22\xeb\x00\x00\x00\x01\x20\x64\x00\x2a\x12\x34\x56\x78\x00\x00\x00\x01\x0c\x00\x00\x00\x00\x00\x00\x00" + inner))
	f.Add([]byte("\x10\x00\x22\xeb\x00\x00\x00\x01\x20\x64\x04\x2a\x12\x34\x56\x78\x00\x00\x08\x00" + inner[18:40]))
	f.Add([]byte("\x40\x00\x65\x58\x00\x00\x00\x00\x08\x00\x00\x04\x01\x02\x03\x04\x00\x00\x00\x00" + inner))
	fuzzPort(f, 0)
}
