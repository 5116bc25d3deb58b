package pipeline

import (
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/decode"
	"cafeprobe/capture/flow"
	"cafeprobe/capture/handoff"
	"cafeprobe/capture/title"
)

const (
	tickPeriod = int64(time.Second)

	// sound is how many frames of a flow are decoded whole, checksums and all, before those that follow are only glanced at.
	sound = 8

	// early is how many datagrams of a flow without a name are looked into. Names are said in the first; a QUIC client that
	// splits its hello over many was never seen to take more than 40. Of TCP, what begins a hello or a request is known by
	// its first octets, wherever it comes.
	early = 64

	// shaped is how many frames of a flow are compared with the shapes of titles: a protocol that shows itself does so in its
	// first payloads, behind three frames of a TCP handshake. The latest of the shared captures was the sixth.
	shaped = 12

	portDHCP = 67 // of the server

	maxFlows    = 1 << 15 // 4.3 MB; a café of 100 stations was seen with 6 000 at once
	maxStations = 1 << 12
)

// hot turns frames into observations. It runs once a frame: no allocation, no lock, no clock.
type hot struct {
	out    *handoff.Ring
	dec    *decode.Decoder
	flows  *flow.Table
	active *flow.Activity
	titles *title.Table

	packet   decode.Packet
	frame    capture.Header
	tick     int64
	report   int64 // period of telling of all flows; 0 for never
	reported int64
	stats    Stats
}

func newHot(out *handoff.Ring, titles *title.Table, seed uint64) *hot {
	h := &hot{out: out, dec: decode.New(), titles: titles}
	put := func(o *capture.Observation) { out.Put(o) }
	name := func(id uint16) string { return titles.Title(title.ID(id)).Name }
	h.flows = flow.NewTable(maxFlows, seed, name, put)
	h.active = flow.NewActivity(maxStations, seed, put)
	return h
}

// observe decodes f and puts what it says into the ring. Of a flow that is settled nothing but its headers is read.
func (h *hot) observe(f *capture.Frame) {
	h.advance(f.Time)
	payload, plain := decode.Glance(f, &h.frame)
	if plain {
		if fl := h.flows.Find(&h.frame); fl != nil && h.settled(fl, payload) {
			h.count(f, f.Data[0]&1 != 0)
			h.flows.Count(fl, &h.frame)
			h.active.Update(&h.frame)
			return
		}
	}
	h.decode(f, plain)
}

// settled reports whether h.frame, of fl, needs no look: enough of the flow has been seen, the frame is from the same card
// as they were, and neither of a protocol in which a station says who it is, nor the start or the rest of a TCP request or
// hello.
func (h *hot) settled(fl *flow.Flow, payload []byte) bool {
	if fl.Frames <= sound {
		return false
	}
	f := &h.frame
	from := h.flows.From(fl, f)
	switch {
	case from == 0 || f.Opens() || f.SrcMAC.IsZero() || f.SrcMAC.IsGroup():
		return false
	case f.Proto == decode.ProtoUDP:
		return (fl.Named || fl.Frames > early) && !control(f)
	}
	return fl.Follow&from == 0 && (len(payload) == 0 || !decode.Starts(f.SrcPort, f.DstPort, payload))
}

// decode reads the whole of f. Of one that is plain, h.frame is right already.
func (h *hot) decode(f *capture.Frame, plain bool) {
	p := &h.packet
	if h.dec.Decode(f, p) == decode.Malformed {
		h.count(f, false)
		h.stats.Malformed++
		// Nothing is concluded of stations and flows; but what proves itself, as an Initial that decrypts, is still said.
		h.put(nil, h.dec.Inspect(p))
		return
	}
	h.count(f, p.HasMAC && p.Dst.IsGroup())
	if !plain {
		h.fill(p)
	}
	if h.frame.DstPort == portDHCP && h.frame.Proto == decode.ProtoUDP {
		h.active.Before(&h.frame) // a boot: what was before it is of another session
	}
	h.inspect(p)
	if p.HasMAC && !p.Src.IsZero() && !p.Src.IsGroup() {
		if p.Tunnels > 0 {
			h.frame.Src = capture.AddressOf(p.OuterSrc) // what is inside a tunnel is not this station's address
		}
		h.active.Update(&h.frame)
	}
}

// inspect looks into what is worth it. What a frame says comes before the activity that it is, so that the slow side
// knows of a boot when the station's first frame is counted.
func (h *hot) inspect(p *decode.Packet) {
	var fl *flow.Flow
	if p.HasIP && !p.Fragment {
		fl = h.flows.Update(&h.frame)
		if p.Proto == decode.ProtoUDP && fl.Frames > early && !control(&h.frame) {
			return
		}
	}
	h.put(fl, h.dec.Inspect(p))
	if fl == nil {
		return
	}
	if fl.Frames <= shaped && fl.Title == 0 && !fl.Named {
		h.shape(fl, p)
	}
	if p.Proto == decode.ProtoTCP {
		from := h.flows.From(fl, &h.frame)
		fl.Follow &^= from
		if h.dec.Follows() {
			fl.Follow |= from
		}
	}
}

func (h *hot) put(fl *flow.Flow, list []capture.Observation) {
	for i := range list {
		h.named(fl, &list[i])
		h.out.Put(&list[i])
	}
}

// fill copies what the tables want to know.
func (h *hot) fill(p *decode.Packet) {
	h.frame = capture.Header{
		Time: p.Time, Len: p.Len, SrcMAC: p.Src, DstMAC: p.Dst, VLAN: p.VLAN,
		Src: capture.AddressOf(p.SrcAddr), Dst: capture.AddressOf(p.DstAddr), SrcPort: p.SrcPort, DstPort: p.DstPort, Proto: p.Proto,
	}
	if p.Proto == decode.ProtoTCP {
		h.frame.Seq, h.frame.Ack, h.frame.TCPFlags, h.frame.PayloadLen = p.Seq, p.Ack, p.TCPFlags, p.PayloadLen
	}
}

// control reports whether a datagram is to be looked into however long its flow is: the protocols in which a station
// says who it is.
func control(f *capture.Header) bool {
	return f.SrcPort < 1024 && f.SrcPort != 443 || f.DstPort < 1024 && f.DstPort != 443 || f.DstMAC.IsGroup()
}

// named gives a flow the title of the first name that was said in it. A question to a name server is no flow of the title.
func (h *hot) named(fl *flow.Flow, o *capture.Observation) {
	if fl == nil || fl.Named || o.Kind != capture.KindQuery {
		return
	}
	switch o.Origin {
	case capture.OriginSNI, capture.OriginQUIC, capture.OriginDTLS, capture.OriginHTTP:
		fl.Named = true
		if id := h.titles.Name(o.Name); id != 0 {
			fl.Title = uint16(id)
		}
		h.flows.Opened(fl, &h.frame, true)
	}
}

// shape gives a flow that has said no name yet the title that its payload shows.
func (h *hot) shape(fl *flow.Flow, p *decode.Packet) {
	id, way := h.titles.Shape(&h.frame, p.Payload)
	if id == 0 {
		return
	}
	fl.Title = uint16(id)
	if way != title.Unknown {
		h.flows.Opened(fl, &h.frame, way == title.FromClient)
	}
}

func (h *hot) count(f *capture.Frame, group bool) {
	h.stats.Frames++
	h.stats.Octets += uint64(f.Len)
	if group {
		h.stats.Group++
	}
	if h.stats.First == 0 || f.Time < h.stats.First {
		h.stats.First = f.Time
	}
	h.stats.Last = max(h.stats.Last, f.Time)
}

// advance lets time pass: once a second of the frames' time, silent flows end and the slow side hears the time.
// A time before the last tick is a capture glued together, or a clock that was set: the tick goes on from there.
func (h *hot) advance(now int64) {
	switch d := now - h.tick; {
	case d >= 0 && d < tickPeriod:
		return
	case d >= tickPeriod && d < 2*tickPeriod:
		h.tick += tickPeriod // not now: seconds would be longer by what the next frame is late, and rounds through the tables too
	default:
		h.tick = now
	}
	h.flows.Tick(now)
	h.active.Tick(now)
	if d := now - h.reported; h.report > 0 && (d >= h.report || d < 0) {
		h.reported = now
		h.flows.Report(now)
	}
	tick := capture.Observation{Kind: capture.KindTick, Time: now}
	h.out.Put(&tick)
}

// finish tells what the tables still hold.
func (h *hot) finish() {
	h.flows.Flush()
	h.active.Flush()
	h.stats.Evicted = h.flows.Evicted
}
