package sight

import (
	"net/netip"

	"cafeprobe/capture"
	"cafeprobe/capture/decode"
	"cafeprobe/capture/title"
	"cafeprobe/tools/sim"
)

// message is what tells one message from others. Questions to a name server differ by their names only, which are put in
// later.
type message struct {
	say      sim.Say
	who, to  int32
	addr     netip.Addr
	name     string
	answer   bool
	peerPort uint16
}

// heard is what a message says, and to whom. Its times and, of a question, the name and the port are to be put in.
type heard struct {
	said         []capture.Observation
	ip           bool
	src, dst     netip.Addr
	from, to     capture.MAC
	sport, dport uint16
	proto        uint8
	len          int
	title        title.ID // of the flow that it is in
	name         string
}

// hear decodes the frame of a message, once where it is always the same.
func (o *observer) hear(a *sim.Act, answer bool, at int64) *heard {
	k := message{a.Say, a.Who, a.To, a.Addr, a.Name, answer, a.PeerPort}
	x := *a
	if a.Say == sim.DNS {
		k.name, x.Name = "", ""
	}
	if h := o.heard[k]; h != nil {
		return h
	}
	h := o.decode(&x, answer, at)
	if !varies(a.Say) {
		o.heard[k] = h
	}
	return h
}

// varies reports whether a message is another one each time, or is understood by what was said before.
func varies(s sim.Say) bool {
	switch s {
	case sim.DHCPOffer, sim.DHCPAck, sim.DHCPRenew, sim.DHCPRelease, sim.DHCPInform, sim.ProxyOffer, sim.TFTPRead, sim.TFTPData:
		return true
	}
	return s.Starts()
}

func (o *observer) decode(a *sim.Act, answer bool, at int64) *heard {
	data := o.messages.Frame(a, answer)
	f := capture.Frame{Time: at, Data: data, Len: len(data), Link: capture.LinkEthernet}
	var p decode.Packet
	if o.decoder.Decode(&f, &p) == decode.Malformed {
		panic("BUG: a message that does not decode")
	}
	h := &heard{ip: p.HasIP, from: p.Src, to: p.Dst, len: p.Len}
	if p.HasIP {
		h.src, h.dst, h.sport, h.dport, h.proto = p.SrcAddr, p.DstAddr, p.SrcPort, p.DstPort, p.Proto
		id, _ := o.titles.Shape(&capture.Header{
			Proto: p.Proto, Src: capture.AddressOf(p.SrcAddr), Dst: capture.AddressOf(p.DstAddr), SrcPort: p.SrcPort,
			DstPort: p.DstPort,
		}, p.Payload)
		h.title, h.name = id, o.titles.Title(id).Name
	}
	h.said = append(h.said, o.decoder.Inspect(&p)...)
	return h
}
