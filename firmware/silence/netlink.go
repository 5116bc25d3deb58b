package silence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

// conn is a netlink socket (netlink(7)) on which one question is asked at a time.
type conn struct {
	fd  int
	seq uint32
}

func dial(protocol int) (*conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return &conn{fd: fd}, nil
}

func (c *conn) close() error { return os.NewSyscallError("close", unix.Close(c.fd)) }

// rtnetlink calls f with a socket for links, in the calling thread's namespace.
func rtnetlink(f func(*conn) error) error {
	c, err := dial(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	return errors.Join(f(c), c.close())
}

// message is one netlink message in the making.
type message []byte

func newMessage(kind, flags uint16, body ...byte) message {
	m := make(message, unix.NLMSG_HDRLEN, 256)
	native.PutUint16(m[4:], kind)
	native.PutUint16(m[6:], flags|unix.NLM_F_REQUEST)
	return append(m, body...)
}

// attr appends an attribute. Multi-octet numbers in value are in the order that the attribute wants.
func (m message) attr(kind uint16, value []byte) message {
	m = native.AppendUint16(native.AppendUint16(m, uint16(4+len(value))), kind)
	m = append(m, value...)
	return append(m, make([]byte, -len(value)&3)...)
}

func zero(s string) []byte { return append([]byte(s), 0) }

// ask sends ms as one and reads an answer to each that asked for an acknowledgement. It returns the last one's payload.
func (c *conn) ask(ms ...message) (answer []byte, err error) {
	var out []byte
	acks := 0
	for _, m := range ms {
		c.seq++
		native.PutUint32(m[0:], uint32(len(m)))
		native.PutUint32(m[8:], c.seq)
		if native.Uint16(m[6:])&unix.NLM_F_ACK != 0 || native.Uint16(m[4:]) == unix.RTM_GETLINK {
			acks++
		}
		out = append(out, m...)
	}
	if err := unix.Sendto(c.fd, out, 0, &unix.SockaddrNetlink{}); err != nil {
		return nil, os.NewSyscallError("sendto", err)
	}
	buf := make([]byte, 32<<10)
	for acks > 0 {
		n, _, err := unix.Recvfrom(c.fd, buf, 0)
		if err != nil {
			return nil, os.NewSyscallError("recvfrom", err)
		}
		list, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			return nil, fmt.Errorf("netlink answer: %w", err)
		}
		for _, a := range list {
			if a.Header.Type != unix.NLMSG_ERROR {
				answer = a.Data
			} else if len(a.Data) < 4 {
				return nil, errors.New("netlink answer: an error cut short")
			} else if no := int32(native.Uint32(a.Data)); no != 0 {
				return nil, unix.Errno(-no)
			}
			acks--
		}
	}
	return answer, nil
}

// linkMessage is a message about the interface of index, with flags set and cleared.
func linkMessage(kind, ask uint16, index int, set, clr uint32) message {
	body := make([]byte, unix.SizeofIfInfomsg)
	native.PutUint32(body[4:], uint32(index))
	native.PutUint32(body[8:], set)
	native.PutUint32(body[12:], set|clr)
	return newMessage(kind, ask, body...)
}

func (c *conn) index(name string) (int, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	return i.Index, nil
}

// move brings an interface down and puts it into another namespace.
func (c *conn) move(name string, ns int) error {
	i, err := c.index(name)
	if err != nil {
		return err
	}
	down := linkMessage(unix.RTM_NEWLINK, unix.NLM_F_ACK, i, 0, unix.IFF_UP)
	move := linkMessage(unix.RTM_NEWLINK, unix.NLM_F_ACK, i, 0, 0).attr(unix.IFLA_NET_NS_FD, native.AppendUint32(nil, uint32(ns)))
	for _, m := range []message{down, move} {
		if _, err := c.ask(m); err != nil {
			return err
		}
	}
	return nil
}

// up brings an interface up that answers no ARP, joins no group and makes itself no IPv6 address.
func (c *conn) up(name string) error {
	i, err := c.index(name)
	if err != nil {
		return err
	}
	mute := linkMessage(unix.RTM_NEWLINK, unix.NLM_F_ACK, i, unix.IFF_NOARP, unix.IFF_MULTICAST)
	up := linkMessage(unix.RTM_NEWLINK, unix.NLM_F_ACK, i, unix.IFF_UP, 0)
	for _, m := range []message{mute, up} {
		if _, err := c.ask(m); err != nil {
			return err
		}
	}
	return nil
}

type linkStats struct{ txPackets uint64 }

// stats reads an interface's counters. The interface is named, not numbered: it may be another one of that name by now.
func (c *conn) stats(name string) (linkStats, error) {
	b, err := c.ask(linkMessage(unix.RTM_GETLINK, 0, 0, 0, 0).attr(unix.IFLA_IFNAME, zero(name)))
	if err != nil {
		return linkStats{}, fmt.Errorf("counters of %s: %w", name, err)
	}
	for at := unix.SizeofIfInfomsg; at+4 <= len(b); {
		n, kind := int(native.Uint16(b[at:])), native.Uint16(b[at+2:])
		if n < 4 || at+n > len(b) {
			break
		}
		if v := b[at+4 : at+n]; kind == unix.IFLA_STATS64 && len(v) >= 16 { // struct rtnl_link_stats64: rx, tx packets first
			return linkStats{txPackets: native.Uint64(v[8:])}, nil
		}
		at += (n + 3) &^ 3
	}
	return linkStats{}, fmt.Errorf("counters of %s: the kernel tells none", name)
}
