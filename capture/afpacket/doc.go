// Package afpacket is the capture port: a Source that reads whole blocks of a TPACKET_V3 ring (packet(7), and
// Documentation/networking/packet_mmap.rst in Linux) over golang.org/x/sys/unix.
//
// The socket is made with protocol 0, so that not one frame enters it before its filter, its ring and
// PACKET_IGNORE_OUTGOING are in place; then it is bound. It never sends. The interface may be down, go away, come back with
// another index, or be renamed: these are states of a Ring, seen by State, and not errors. Following an interface takes no
// capability, so that a program can drop CAP_NET_RAW once its Ring is open.
//
// The kernel stamps frames with UTC, which may be set while it runs. A Ring moves the stamps to the caller's scale, with
// the difference measured anew at every block: a step of the kernel's clock is wrong for the frames of one block at most,
// Config.Retire long.
package afpacket
