package afpacket

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// open makes the socket and its ring. It is deaf until bind.
func (r *Ring) open() (err error) {
	r.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("open a packet socket: %w (CAP_NET_RAW is needed: run as root)", os.ErrPermission)
	}
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	if err := r.attach(); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return os.NewSyscallError("setsockopt PACKET_IGNORE_OUTGOING", err)
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return os.NewSyscallError("setsockopt PACKET_VERSION", err)
	}
	req := unix.TpacketReq3{
		Block_size: BlockSize, Block_nr: uint32(r.cfg.Blocks), Frame_size: frameSize,
		Frame_nr:       uint32(r.cfg.Blocks * (BlockSize / frameSize)),
		Retire_blk_tov: uint32(r.cfg.Retire.Milliseconds()),
	}
	if err := unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return fmt.Errorf("make a ring of %d octets: %w", r.cfg.Blocks*BlockSize, err)
	}
	r.mem, err = unix.Mmap(r.fd, 0, r.cfg.Blocks*BlockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return os.NewSyscallError("mmap", err)
}

// attach installs the filter.
func (r *Ring) attach() error {
	if r.cfg.Filter == nil {
		return nil
	}
	raw, err := bpf.Assemble(r.cfg.Filter)
	if err != nil {
		return fmt.Errorf("assemble filter: %w", err)
	}
	prog := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		prog[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	err = unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]})
	return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
}

// bind lets the frames of interface index in.
func (r *Ring) bind(index int) error {
	if err := unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: hton(unix.ETH_P_ALL), Ifindex: index}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	mr := unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}
	return os.NewSyscallError("setsockopt PACKET_ADD_MEMBERSHIP", unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &mr))
}

// hton turns v into network byte order.
func hton(v uint16) uint16 {
	var b [2]byte
	native.PutUint16(b[:], v)
	return uint16(b[0])<<8 | uint16(b[1])
}
