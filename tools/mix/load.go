package mix

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/decode"
	"cafeprobe/capture/pcapfile"
)

func (c *Config) check() error {
	switch {
	case c.Frames < 0 || c.Flood < 0 || c.Frames+c.Flood == 0:
		return fmt.Errorf("mix of %d frames and a flood of %d: ask for some", c.Frames, c.Flood)
	case c.Stations < 1 || c.Stations > maxStations:
		return fmt.Errorf("mix of %d stations: 1 to %d have a place in its network", c.Stations, maxStations)
	case c.Rate < 1e3:
		return fmt.Errorf("mix at %g bit/s: 1000 at least", c.Rate)
	}
	return nil
}

// load reads the captures in dir that sources names, in the order of their names.
func load(dir string) (*library, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read captures to mix: %w", err)
	}
	r := &loader{dec: decode.New(), flows: map[flowKey]*script{}, boots: map[uint32]*script{}, last: map[*script]int64{}}
	for _, file := range files {
		from, ok := sourceOf(file.Name())
		if !ok {
			continue
		}
		if err := r.file(filepath.Join(dir, file.Name()), from); err != nil {
			return nil, err
		}
	}
	r.list = slices.DeleteFunc(r.list, func(sc *script) bool { return !sc.whole() || sc.boot != nil && !sc.boots() })
	r.list = append(r.list, arps()...)
	r.list = append(r.list, disks(r.list)...)
	lib := newLibrary(r.list)
	for i := range classes {
		if len(lib.scripts[i]) == 0 {
			return nil, fmt.Errorf("mix captures of %s: no flow of class %s in them", dir, classes[i].name)
		}
	}
	return lib, nil
}

// loader makes scripts of frames. Maps are looked up only; the order is list's.
type loader struct {
	dec   *decode.Decoder
	list  []*script
	flows map[flowKey]*script // of the file at hand
	boots map[uint32]*script  // DHCP exchanges by xid, likewise
	last  map[*script]int64   // time of the last line
}

// flowKey is a flow from the station's end.
type flowKey struct {
	in, out netip.AddrPort
	proto   uint8
}

func (r *loader) file(path string, from source) error {
	src, err := pcapfile.Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	clear(r.flows)
	clear(r.boots)
	clear(r.last)
	var f capture.Frame
	var p decode.Packet
	for {
		err := src.Next(&f)
		if errors.Is(err, io.EOF) || errors.Is(err, pcapfile.ErrTruncated) {
			return nil
		}
		if err != nil {
			return err
		}
		if r.dec.Decode(&f, &p) == decode.Whole {
			r.frame(&f, &p, from)
		}
	}
}

// frame adds one frame to the script that it belongs to, if it is one that can be played: an IP packet in an Ethernet frame as a
// switch passes it, of UDP, of TCP, or a report of IGMP.
func (r *loader) frame(f *capture.Frame, p *decode.Packet, from source) {
	packet, ok := plain(f, p)
	if !ok || p.Dst.IsGroup() && !from.pcs {
		return
	}
	if p.Proto == protoUDP && (p.SrcPort == portDHCPServer || p.DstPort == portDHCPServer) {
		if from.pcs {
			r.dhcp(f, p, packet)
		}
		return
	}
	in, out := end{p.Src, p.SrcAddr, p.SrcPort}, end{p.Dst, p.DstAddr, p.DstPort}
	up := outbound(p)
	if !up {
		in, out = out, in
	}
	key := flowKey{netip.AddrPortFrom(in.addr, in.port), netip.AddrPortFrom(out.addr, out.port), p.Proto}
	sc := r.flows[key]
	if sc == nil {
		group := p.Dst.IsGroup()
		sc = &script{class: classOf(p.Proto, out.port, from.class), ether: p.Ether, proto: p.Proto, group: group, in: in, out: out}
		if group {
			sc.class = classGroup
		}
		r.flows[key] = sc
		r.list = append(r.list, sc)
	}
	r.add(sc, f.Time, up, packet)
}

func (r *loader) add(sc *script, at int64, up bool, packet []byte) {
	l := line{up: up, packet: append([]byte(nil), packet...)}
	if last, ok := r.last[sc]; ok {
		l.gap = min(max(0, at-last), int64(time.Hour))
	}
	r.last[sc] = at
	sc.lines = append(sc.lines, l)
}

// plain returns the IP packet of a frame that is nothing but Ethernet around it. Segments that the capturing host left to its
// network card to cut up are too long for a wire.
func plain(f *capture.Frame, p *decode.Packet) ([]byte, bool) {
	if f.Link != capture.LinkEthernet || f.VLAN != 0 || f.Len > maxFrame || p.Src.IsGroup() || p.Src.IsZero() {
		return nil, false
	}
	if !p.HasIP || p.Tunnels > 0 || p.Fragment || p.Reassembled || p.SrcAddr.IsUnspecified() && p.Proto != protoUDP {
		return nil, false
	}
	b := f.Data[headEth:]
	ether := binary.BigEndian.Uint16(f.Data[12:])
	switch {
	case ether != p.Ether:
		return nil, false
	case ether == etherIPv4:
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n == 0 || n > len(b) || b[9] != p.Proto {
			return nil, false
		}
		b = b[:n]
	case ether == etherIPv6:
		n := headIPv6 + int(binary.BigEndian.Uint16(b[4:]))
		if n > len(b) || b[6] != p.Proto { // with extension headers it is not plain
			return nil, false
		}
		b = b[:n]
	default:
		return nil, false
	}
	switch p.Proto {
	case protoTCP, protoUDP:
		return b, true
	case protoIGMP:
		return b, isReport(p.Payload)
	}
	return nil, false
}

// isReport reports whether an IGMP message is a member's (RFC 2236, RFC 3376): queries are a router's.
func isReport(b []byte) bool {
	return len(b) > 0 && (b[0] == 0x12 || b[0] == 0x16 || b[0] == 0x17 || b[0] == 0x22)
}

// outbound reports whether the sender of a packet is the end inside the café: the one with an address of a LAN, of two the one
// that opens the connection or has the higher port.
func outbound(p *decode.Packet) bool {
	if p.Dst.IsGroup() {
		return true
	}
	src, dst := local(p.SrcAddr), local(p.DstAddr)
	if src != dst {
		return src
	}
	const syn, ack = 0x02, 0x10
	switch {
	case p.Proto == protoTCP && p.TCPFlags&(syn|ack) == syn:
		return true
	case p.Proto == protoTCP && p.TCPFlags&(syn|ack) == syn|ack:
		return false
	}
	return p.SrcPort >= p.DstPort
}

// local reports whether a is an address that is not routed on the Internet.
func local(a netip.Addr) bool { return a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() }
