package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// frame is one recorded frame, with the kernel's time of its arrival.
type frame struct {
	at     time.Time
	octets []byte
	length int // on the wire
}

// maxRecording bounds the recorder's memory. An evening is some 3 MB, a day 100 MB.
const maxRecording = 400 << 20

// recordPart is the recorder: record DEV FILE. It reads every frame that arrives at DEV until it is told to end, and then
// writes them to FILE as pcapng in the order of their times. Frames on two CPUs may be handed over some microseconds out of
// order; sorted, a reader's clock never runs back.
func recordPart(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: record DEV FILE")
	}
	fd, err := listen(args[0])
	if err != nil {
		return err
	}
	var ended atomic.Bool
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-term
		ended.Store(true)
	}()
	fmt.Println("recording")
	frames, err := receive(fd, &ended)
	if err != nil {
		return err
	}
	if err := silent(args[0]); err != nil {
		return err
	}
	slices.SortStableFunc(frames, func(a, b frame) int { return a.at.Compare(b.at) })
	file, err := os.Create(args[1])
	if err != nil {
		return err
	}
	buf := bufio.NewWriterSize(file, 1<<20)
	if err := errors.Join(writePcapng(buf, "", frames), buf.Flush(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", args[1], err)
	}
	fmt.Printf("recorded %d frames\n", len(frames))
	return nil
}

// listen opens a packet socket for every protocol of an interface, with time stamps. It never sends.
func listen(dev string) (fd int, err error) {
	ifc, err := net.InterfaceByName(dev)
	if err != nil {
		return 0, err
	}
	all := int(htons(unix.ETH_P_ALL))
	if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all); err != nil {
		return 0, fmt.Errorf("open packet socket: %w", err)
	}
	tick := unix.Timeval{Usec: 200_000}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tick),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: ifc.Index}),
	)
	return fd, err
}

// receive reads frames until ended. A frame that the kernel dropped, or one that this port sent, makes the recording void.
func receive(fd int, ended *atomic.Bool) (frames []frame, err error) {
	buf, oob := make([]byte, 65536), make([]byte, 128)
	for total := 0; !ended.Load(); {
		n, on, _, from, err := unix.Recvmsg(fd, buf, oob, 0)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENETDOWN):
			continue
		case err != nil:
			return nil, fmt.Errorf("receive: %w", err)
		}
		if sll, ok := from.(*unix.SockaddrLinklayer); ok && sll.Pkttype == unix.PACKET_OUTGOING {
			return nil, fmt.Errorf("the recording port sent a frame: %x", buf[:min(n, 64)])
		}
		at, err := stamp(oob[:on])
		if err != nil {
			return nil, err
		}
		if total += n; total > maxRecording {
			return nil, fmt.Errorf("more than %d MiB", maxRecording>>20)
		}
		frames = append(frames, frame{at, slices.Clone(buf[:n]), n})
	}
	stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return nil, err
	}
	if stats.Drops > 0 {
		return nil, fmt.Errorf("the kernel dropped %d of %d frames", stats.Drops, stats.Packets)
	}
	return frames, nil
}

// silent asks the kernel how many frames have left an interface, since it was made: none may.
func silent(dev string) error {
	count, err := os.ReadFile(filepath.Join("/sys/class/net", dev, "statistics/tx_packets"))
	if err != nil {
		return err
	}
	if n := strings.TrimSpace(string(count)); n != "0" {
		return fmt.Errorf("the recording port sent %s frames", n)
	}
	return nil
}

// stamp finds the kernel's time stamp in a control message.
func stamp(oob []byte) (time.Time, error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Time{}, err
	}
	for i := range msgs {
		if h := msgs[i].Header; h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS && len(msgs[i].Data) >= 16 {
			return time.Unix(int64(le64(msgs[i].Data)), int64(le64(msgs[i].Data[8:]))), nil
		}
	}
	return time.Time{}, errors.New("a frame has no time stamp")
}

// writeFrames writes frames to the file at path: pcapng, packed as the end of its name says, by gzip or Zstandard.
func writeFrames(path, about string, frames []frame) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	var zip io.WriteCloser
	if strings.HasSuffix(path, ".zst") {
		zip, err = zstd.NewWriter(file, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(zstd.MaxWindowSize>>4))
	} else {
		zip, err = gzip.NewWriterLevel(file, gzip.BestCompression)
	}
	if err != nil {
		panic("BUG: " + err.Error())
	}
	if err := errors.Join(writePcapng(zip, about, frames), zip.Close(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func writePcapng(out io.Writer, about string, frames []frame) error {
	ifc := pcapgo.NgInterface{
		Name: "cafe", Description: "one port of a switch that floods: a mirror",
		LinkType: layers.LinkTypeEthernet, SnapLength: 65536, TimestampResolution: 9,
	}
	opt := pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
		Application: "cafeprobe lab", Comment: about,
	}}
	w, err := pcapgo.NewNgWriterInterface(out, ifc, opt)
	if err != nil {
		return err
	}
	for _, f := range frames {
		info := gopacket.CaptureInfo{Timestamp: f.at, CaptureLength: len(f.octets), Length: f.length}
		if err := w.WritePacket(info, f.octets); err != nil {
			return err
		}
	}
	return w.Flush()
}
