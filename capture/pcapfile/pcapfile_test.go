package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// kept is a frame that outlives the reader's buffer.
type kept struct {
	capture.Frame
	data string
}

func readAll(r *Reader) (frames []kept, err error) {
	for {
		var f capture.Frame
		if err := r.Next(&f); err == io.EOF {
			return frames, nil
		} else if err != nil {
			return frames, err
		}
		k := kept{Frame: f, data: string(f.Data)}
		k.Data = nil
		frames = append(frames, k)
	}
}

// read reads a capture that must open.
func read(t testing.TB, b []byte) ([]kept, capture.Stats, error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	frames, err := readAll(r)
	return frames, r.Stats(), err
}

// TestShared reads every shared capture to its end and compares frames, times and link types with capinfos and tshark.
func TestShared(t *testing.T) {
	truth := map[string]map[string]string{}
	for _, f := range capturetest.Truth(t) {
		if f.Kind == "capture" {
			if truth[f.File] == nil {
				truth[f.File] = map[string]string{}
			}
			truth[f.File][f.Key] = f.Value
		}
	}
	links := map[string]string{
		"ether": "ethernet", "linux-sll": "sll", "rawip": "raw", "rawip4": "ipv4", "ppp": "ppp", "null": "null",
	}
	if len(truth) < 120 {
		t.Errorf("truth.tsv has %d captures, want 120", len(truth))
	}
	// tshark numbers custom blocks as packets without a time. They are no frames: take them out of what is wanted.
	for _, file := range []string{"fmt-be_test102--gopacket.pcapng", "fmt-le_test202--gopacket.pcapng"} {
		n, err := strconv.Atoi(truth[file]["packets"])
		if err != nil {
			t.Fatal(err)
		}
		truth[file]["packets"] = strconv.Itoa(n - 3)
		truth[file]["first_ts"] = "1340954905.298858"
	}
	near := func(ns int64, want string) bool { // the truth went through a float64 and was rounded to microseconds
		sec, micros, _ := strings.Cut(want, ".")
		s, err1 := strconv.ParseInt(sec, 10, 64)
		us, err2 := strconv.ParseInt(micros, 10, 64)
		if err1 != nil || err2 != nil || len(micros) != 6 {
			t.Fatalf("truth.tsv: time %q", want)
		}
		d := ns - s*1e9 - us*1e3
		return -1000 < d && d < 1000
	}
	for file, want := range truth {
		r, err := Open(filepath.Join(capturetest.Shared(t), file))
		if err != nil {
			t.Error(err)
			continue
		}
		var f capture.Frame
		var n int
		first, last := int64(math.MaxInt64), int64(0) // some captures are glued out of order
		seen := map[string]bool{}
		for err = r.Next(&f); err == nil; err = r.Next(&f) {
			n++
			first, last = min(first, f.Time), max(last, f.Time)
			seen[f.Link.String()] = true
		}
		if err != io.EOF {
			t.Errorf("%s: %v", file, err)
		}
		if got := strconv.Itoa(n); got != want["packets"] {
			t.Errorf("%s: %s frames, want %s", file, got, want["packets"])
		}
		if !near(first, want["first_ts"]) {
			t.Errorf("%s: first frame at %d ns, want %s s", file, first, want["first_ts"])
		}
		if !near(last, want["last_ts"]) {
			t.Errorf("%s: last frame at %d ns, want %s s", file, last, want["last_ts"])
		}
		if link := want["link_type"]; link != "per-packet" && (len(seen) != 1 || !seen[links[link]]) {
			t.Errorf("%s: link types %v, want %s", file, seen, link)
		}
		if d := r.Stats().Damaged; d != 0 {
			t.Errorf("%s: %d damaged, want 0", file, d)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// sample is a pcap of n frames one second apart; frame i has 60+i octets of value i.
func sample(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, capture.LinkEthernet)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		data := bytes.Repeat([]byte{byte(i + 1)}, 60+i)
		f := capture.Frame{Time: 1700000000e9 + int64(i)*1e9, Data: data, Len: len(data), Link: capture.LinkEthernet}
		if err := w.Write(&f); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// sizes says which frames of a sample were read, by their lengths.
func sizes(frames []kept) string {
	var s []string
	for _, f := range frames {
		s = append(s, strconv.Itoa(len(f.data)-60))
	}
	return strings.Join(s, " ")
}

func TestDamaged(t *testing.T) {
	at := func(i int) int { // where record i of a sample starts
		n := fileHeader
		for j := range i {
			n += recordHeader + 60 + j
		}
		return n
	}
	f := func(name string, change func([]byte) []byte, want string, damaged uint64, wantErr string) {
		t.Helper()
		frames, stats, err := read(t, change(sample(t, 6)))
		if got := sizes(frames); got != want {
			t.Errorf("%s: frames %q, want %q", name, got, want)
		}
		if stats.Damaged != damaged {
			t.Errorf("%s: %d damaged, want %d", name, stats.Damaged, damaged)
		}
		if got := fmt.Sprint(err); got != wantErr {
			t.Errorf("%s: error %q, want %q", name, got, wantErr)
		}
		if err != nil && !errors.Is(err, ErrTruncated) {
			t.Errorf("%s: %v is not ErrTruncated", name, err)
		}
	}
	put := func(i, octet int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[at(i)+octet:], v)
			return b
		}
	}
	f("sound", func(b []byte) []byte { return b }, "0 1 2 3 4 5", 0, "<nil>")
	f("captured more than on the wire", put(2, 12, 7), "0 1 2 3 4 5", 0, "<nil>")
	f("captured length absurd", put(2, 8, 1<<31), "0 1 3 4 5", 1, "<nil>")
	f("captured length of the first absurd", put(0, 8, 1<<31), "1 2 3 4 5", 1, "<nil>")
	f("captured length runs past the end", put(2, 8, 60000), "0 1 3 4 5", 1, "<nil>")
	f("captured length a little long", put(2, 8, 90), "0 1 30 4 5", 1, "<nil>")
	f("captured length of the last absurd", put(5, 8, 1<<31), "0 1 2 3 4", 0,
		fmt.Sprintf("read capture: no sound record in the 81 octets from octet %d on", at(5)))
	f("hole of zeros", func(b []byte) []byte {
		clear(b[at(1)+8 : at(4)+5])
		return b
	}, "0 -60 5", 1, "<nil>")
	f("tail cut", func(b []byte) []byte { return b[:len(b)-1] }, "0 1 2 3 4", 0,
		fmt.Sprintf("read capture: record at octet %d is cut short: capture ends 80 octets later", at(5)))
	f("header cut", func(b []byte) []byte { return b[:at(5)+3] }, "0 1 2 3 4", 0,
		fmt.Sprintf("read capture: record at octet %d is cut short: capture ends 3 octets later", at(5)))
	f("zeros at the end", func(b []byte) []byte { return append(b, make([]byte, 1000)...) }, "0 1 2 3 4 5", 0,
		fmt.Sprintf("read capture: no sound record in the 1000 octets from octet %d on", at(6)))
}

func TestOpenErrors(t *testing.T) {
	f := func(name string, b []byte, want string) {
		t.Helper()
		_, err := NewReader(bytes.NewReader(b))
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%s: error %q, want %q", name, got, want)
		}
	}
	f("empty", nil, "read capture: neither pcap nor pcapng: only 0 octets")
	f("text", []byte("hello world"), "read capture: neither pcap nor pcapng: first octets 68656c6c")
	f("cut header", sample(t, 0)[:20], "read capture: record at octet 0 is cut short: capture ends 20 octets later")
	b := sample(t, 1)
	b[20] = 105
	f("Wi-Fi", b, "read capture: unknown link type linktype-105")
	if _, err := Open(filepath.Join(t.TempDir(), "none.pcap")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v, want ErrNotExist", err)
	}
	broken := errors.New("cable pulled")
	r, err := NewReader(io.MultiReader(bytes.NewReader(sample(t, 2)), iotest.ErrReader(broken)))
	if err != nil {
		t.Fatal(err)
	}
	frames, err := readAll(r)
	want := "read capture at octet 177: cable pulled"
	if len(frames) != 2 || !errors.Is(err, broken) || err.Error() != want {
		t.Errorf("broken source: %d frames, error %q, want 2, %q", len(frames), err, want)
	}
	if again := r.Next(new(capture.Frame)); again != err {
		t.Errorf("after the error Next returned %v, want the same", again)
	}
}

// TestHeaders reads one frame under each kind of file header.
func TestHeaders(t *testing.T) {
	f := func(name string, order binary.AppendByteOrder, magic uint32, network uint32, want string, wantLen int, ns int64) {
		t.Helper()
		b := order.AppendUint32(nil, magic)
		b = append(b, make([]byte, 16)...)
		b = order.AppendUint32(b, network)
		for _, v := range []uint32{1700000000, 5, 6, 8} {
			b = order.AppendUint32(b, v)
		}
		if magic == magicKuznetzov {
			b = append(b, "kuznetzo"...)
		}
		b = append(b, "abcdef"...)
		frames, _, err := read(t, b)
		if err != nil || len(frames) != 1 {
			t.Errorf("%s: %d frames, error %v", name, len(frames), err)
			return
		}
		if k := frames[0]; k.data != want || k.Len != wantLen || k.Time != 1700000000e9+ns {
			t.Errorf("%s: %q of %d at %d, want %q of %d at +%d", name, k.data, k.Len, k.Time, want, wantLen, ns)
		}
	}
	le, be := binary.LittleEndian, binary.BigEndian
	f("µs little-endian", le, magicMicro, 1, "abcdef", 8, 5000)
	f("µs big-endian", be, magicMicro, 1, "abcdef", 8, 5000)
	f("ns little-endian", le, magicNano, 1, "abcdef", 8, 5)
	f("ns big-endian", be, magicNano, 1, "abcdef", 8, 5)
	f("Kuznetzov", le, magicKuznetzov, 1, "abcdef", 8, 5000)
	f("FCS of 4 octets, half of it captured", le, magicMicro, 2<<28|1<<26|1, "abcd", 4, 5000)
	f("FCS length without its flag", le, magicMicro, 2<<28|1, "abcdef", 8, 5000)
}

func TestCompressed(t *testing.T) {
	plain := sample(t, 6)
	var gz, zs bytes.Buffer
	w := gzip.NewWriter(&gz)
	w.Write(plain)
	w.Close()
	z, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(plain)
	z.Close()
	for name, b := range map[string][]byte{"gzip": gz.Bytes(), "zstd": zs.Bytes()} {
		frames, _, err := read(t, b)
		if sizes(frames) != "0 1 2 3 4 5" || err != nil {
			t.Errorf("%s: frames %q, error %v", name, sizes(frames), err)
		}
	}
	frames, _, err := read(t, gz.Bytes()[:gz.Len()-9])
	if !errors.Is(err, ErrTruncated) || len(frames) == 0 {
		t.Errorf("cut gzip: %d frames, error %v; want some, and ErrTruncated", len(frames), err)
	}
	wrong := bytes.Clone(gz.Bytes())
	wrong[len(wrong)-5] ^= 1
	if frames, _, err := read(t, wrong); !errors.Is(err, gzip.ErrChecksum) || len(frames) != 6 {
		t.Errorf("gzip with a wrong checksum: %d frames, error %v; want 6, ErrChecksum", len(frames), err)
	}
}

// TestConcatenated reads files put one behind the other, of different byte order and resolution, plain and inside gzip.
func TestConcatenated(t *testing.T) {
	little := sample(t, 3)
	big := classicOf(binary.BigEndian, magicMicro, uint32(capture.LinkRaw), "packet")
	all := slices.Concat(little, big, little)
	var packed bytes.Buffer
	for _, b := range [][]byte{little, big, little} {
		z := gzip.NewWriter(&packed)
		z.Write(b)
		z.Close()
	}
	for name, b := range map[string][]byte{"plain": all, "gzip": packed.Bytes()} {
		frames, stats, err := read(t, b)
		if err != nil || len(frames) != 7 || stats.Damaged != 0 {
			t.Fatalf("%s: %d frames, %d damaged, error %v; want 7, 0, none", name, len(frames), stats.Damaged, err)
		}
		if k := frames[3]; k.data != "packet" || k.Link != capture.LinkRaw || k.Time != 1e9+2000 {
			t.Errorf("%s: frame 4 is %q of link %v at %d", name, k.data, k.Link, k.Time)
		}
		if k := frames[6]; k.data != frames[2].data || k.Time != frames[2].Time || k.Link != frames[2].Link {
			t.Errorf("%s: frame 7 is %+v, want %+v", name, k, frames[2])
		}
	}
}

// classicOf writes a pcap file of one frame at 1 s and 2 fractions.
func classicOf(order binary.AppendByteOrder, magic, link uint32, data string) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	for _, v := range []uint32{0, 0, 1 << 16, link, 1, 2, uint32(len(data)), uint32(len(data))} {
		b = order.AppendUint32(b, v)
	}
	return append(b, data...)
}

func TestStandardInput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.pcap")
	if err := os.WriteFile(path, sample(t, 3), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	was := os.Stdin
	os.Stdin = in
	defer func() { os.Stdin = was }()
	r, err := Open("-")
	if err != nil {
		t.Fatal(err)
	}
	if frames, err := readAll(r); len(frames) != 3 || err != nil {
		t.Errorf("%d frames, error %v", len(frames), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := in.Stat(); err != nil {
		t.Errorf("Close closed standard input: %v", err)
	}
}

func TestWriter(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, capture.LinkEthernet)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, fr capture.Frame, ok bool) {
		t.Helper()
		if err := w.Write(&fr); (err == nil) != ok {
			t.Errorf("%s: error %v, want ok = %v", name, err, ok)
		}
	}
	data := []byte("ddddddssssssEEpayload")
	f("tagged", capture.Frame{Time: 7, Data: data, Len: 50, Link: capture.LinkEthernet, VLAN: 0x123}, true)
	f("wrong link", capture.Frame{Data: data, Len: 50, Link: capture.LinkRaw}, false)
	f("empty", capture.Frame{Link: capture.LinkEthernet}, false)
	f("before 1970", capture.Frame{Time: -1, Data: data, Len: 50, Link: capture.LinkEthernet}, false)
	f("after 2106", capture.Frame{Time: 1 << 62, Data: data, Len: 50, Link: capture.LinkEthernet}, false)
	f("too long", capture.Frame{Data: make([]byte, MaxRecord+1), Link: capture.LinkEthernet}, false)
	frames, _, err := read(t, b.Bytes())
	if err != nil || len(frames) != 1 {
		t.Fatalf("%d frames, error %v; want 1", len(frames), err)
	}
	if k := frames[0]; k.data != "ddddddssssss\x81\x00\x01\x23EEpayload" || k.Len != 54 || k.Time != 7 {
		t.Errorf("tagged frame read back as %q of %d at %d", k.data, k.Len, k.Time)
	}
}

// TestAllocations: nothing is allocated per frame, and Frame.Data is in the reader's buffer.
func TestAllocations(t *testing.T) {
	ngSample := section(binary.LittleEndian).iface(1, 0).bytes()
	for range 3000 {
		ngSample = append(ngSample, section(binary.LittleEndian).enhanced(0, 1e15, "frame", 5).bytes()[28:]...)
	}
	for name, b := range map[string][]byte{"pcap": sample(t, 3000), "pcapng": ngSample} {
		r, err := NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		var f capture.Frame
		if n := testing.AllocsPerRun(2000, func() {
			if err := r.Next(&f); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per frame, want 0", name, n)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	file, err := os.ReadFile(filepath.Join(capturetest.Shared(b), "lan-cafe_composite_a--derived.pcap"))
	if err != nil {
		b.Fatal(err)
	}
	var frames uint64
	b.ReportAllocs()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			b.Fatal(err)
		}
		var f capture.Frame
		for err = r.Next(&f); err == nil; err = r.Next(&f) {
		}
		frames += r.Stats().Frames
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(frames), "ns/frame")
}
