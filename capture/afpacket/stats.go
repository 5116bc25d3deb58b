package afpacket

import (
	"golang.org/x/sys/unix"

	"cafeprobe/capture"
)

// kernelStats accumulates PACKET_STATISTICS: the kernel begins anew at each reading.
type kernelStats struct {
	dropped uint64 // frames that found no room in the ring
	freezes uint64 // times that the ring filled up
}

// seen counts what was handed out; others see it block by block.
type seen struct{ frames, octets uint64 }

func (s *seen) add(f *capture.Frame) {
	s.frames++
	s.octets += uint64(f.Len)
}

// Stats counts since Open, on all interfaces that the Ring followed. What came and was not read yet is in no counter: once
// the ring has run empty, and Next was called once more, Frames and Dropped together are what came, to the frame.
func (r *Ring) Stats() capture.Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	if st, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		r.kern.dropped += uint64(st.Drops)
		r.kern.freezes += uint64(st.Freeze_q_cnt)
	}
	return capture.Stats{Frames: r.frames.Load(), Octets: r.octets.Load(), Dropped: r.kern.dropped}
}

// Freezes returns how many times the ring filled up.
func (r *Ring) Freezes() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kern.freezes
}
