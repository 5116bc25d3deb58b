package remote

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// load is a datagram to send over loopback, again and again.
type load struct {
	fd   int
	to   unix.Sockaddr
	data []byte
}

// loads are a mirrored frame of 546 octets, the mean of a café, in three formats.
func loads(t testing.TB) map[string]load {
	t.Helper()
	inner := capturetest.UDP(t, capturetest.PC(1), capturetest.Server(), 50000, 9999, bytes.Repeat([]byte{7}, 504))
	udp := func(port int, header string) load {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return load{fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}, append([]byte(header), inner...)}
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_GRE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	erspan := append([]byte(greHeader(3)+"\x10\x64\x10\x2a\x00\x00\x00\x01"), inner...)
	return map[string]load{
		"tzsp":    udp(portTZSP, "\x01\x00\x00\x01\x01"),
		"vxlan":   udp(portVXLAN, "\x08\x00\x00\x00\x00\x00\x07\x00"),
		"erspan2": {fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, erspan},
	}
}

func (l *load) send(t testing.TB, n int) {
	t.Helper()
	for range n {
		if err := unix.Sendto(l.fd, l.data, 0, l.to); err != nil {
			t.Fatal(err)
		}
	}
}

// Reading takes no memory, and neither does refusing.
func TestNoAllocation(t *testing.T) {
	f := func(name string, allow []netip.Prefix, want error) {
		t.Helper()
		s := open(t, allow, Config{Quiet: quick})
		for format, l := range loads(t) {
			l.send(t, 1000)
			var f capture.Frame
			got := testing.AllocsPerRun(1, func() {
				for range 400 {
					if err := s.Next(&f); !errors.Is(err, want) {
						t.Fatalf("%s: %s: %v, want %v", name, format, err, want)
					}
					if want != nil {
						return
					}
				}
			})
			if got != 0 {
				t.Errorf("%s: %s: %v allocations, want 0", name, format, got)
			}
			all(t, s)
		}
		if r := s.Report(); r.Frames+r.Refused != 3000 {
			t.Errorf("%s: %+v, want 3000 that came", name, r)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	f("allowed", loopback, nil)
	f("refused", []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, capture.ErrQuiet)
}

// BenchmarkNext measures reading alone, the kernel's part of it too: sockets are filled while the clock stands still.
func BenchmarkNext(b *testing.B) {
	for name, l := range loads(b) {
		b.Run(name, func(b *testing.B) {
			s := open(b, loopback, Config{Buffer: 64 << 20})
			const full = 4000
			var f capture.Frame
			left := 0
			b.SetBytes(546)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if left == 0 {
					b.StopTimer()
					l.send(b, full)
					left = full
					b.StartTimer()
				}
				if err := s.Next(&f); err != nil {
					b.Fatal(err)
				}
				left--
			}
			b.StopTimer()
			if d := s.Stats().Dropped; d != 0 {
				b.Errorf("%d dropped", d)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}

// BenchmarkParse measures what is ours: from datagrams in memory to frames.
func BenchmarkParse(b *testing.B) {
	for name, l := range loads(b) {
		b.Run(name, func(b *testing.B) {
			s := newSource([]netip.Prefix{netip.MustParsePrefix("10.1.1.1/32")}, Config{})
			var k *socket
			for _, k = range s.socks {
				if to, ok := l.to.(*unix.SockaddrInet4); ok && int(k.port) == to.Port {
					break
				}
			}
			for i := range batch {
				receive(k, i, l.data, 1)
			}
			var f capture.Frame
			b.ReportAllocs()
			for b.Loop() {
				s.parse(k, batch)
				for range batch {
					if !s.head(&f) {
						b.Fatal("no frame")
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/frame")
		})
	}
}
