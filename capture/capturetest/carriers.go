package capturetest

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/gopacket/pcapgo"
	"golang.org/x/sys/unix"
)

// Carriers returns the IPv4 packets of a shared capture of nothing but mirrors, and of each end how many it sent, a datagram in
// fragments once. Those of UDP are without checksums: where they were captured one end's were still to be filled in by its card.
func Carriers(t testing.TB, file string) (ends map[netip.Addr]uint64, packets [][]byte) {
	t.Helper()
	f, err := os.Open(filepath.Join(Shared(t), file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	ends = map[netip.Addr]uint64{}
	for {
		b, _, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return ends, packets
		}
		if err != nil {
			t.Fatal(err)
		}
		b = b[12:]
		if bytes.HasPrefix(b, []byte{0x81, 0}) {
			b = b[4:]
		}
		if !bytes.HasPrefix(b, []byte{8, 0, 0x45}) {
			t.Fatalf("%s: % x… is not IPv4", file, b[:3])
		}
		b = b[2:]
		b = b[:int(b[2])<<8|int(b[3])]
		if b[9] == unix.IPPROTO_UDP {
			b[26], b[27] = 0, 0
		}
		if from := netip.AddrFrom4([4]byte(b[12:])); b[6]&0x20 == 0 { // the last fragment, or all
			ends[from]++
		}
		ends[netip.AddrFrom4([4]byte(b[16:]))] += 0
		packets = append(packets, b)
	}
}

// Resend sends IPv4 packets as they are, to where they went.
func Resend(t testing.TB, packets [][]byte) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, b := range packets {
		if err := unix.Sendto(fd, b, 0, &unix.SockaddrInet4{Addr: [4]byte(b[16:])}); err != nil {
			t.Fatal(err)
		}
	}
}
