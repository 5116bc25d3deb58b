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

	// early is how many frames of a flow are looked into. Names are said in the first frames; a QUIC client that splits its
	// hello over many datagrams, or a proxy that asks before it talks TLS, was never seen to take more than 40.
	early = 64

	maxFlows    = 1 << 15 // 5.5 MB; a café of 100 stations was seen with 6 000 at once
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
	frame    flow.Frame
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

// observe decodes f and puts what it says into the ring.
func (h *hot) observe(f *capture.Frame) {
	p := &h.packet
	verdict := h.dec.Decode(f, p)
	h.count(f, verdict)
	h.advance(f.Time)
	if verdict == decode.Malformed {
		// Nothing is concluded of stations and flows; but what proves itself, as an Initial that decrypts, is still said.
		h.put(nil, h.dec.Inspect(p))
		return
	}
	h.fill(p)
	h.inspect(p)
	if p.HasMAC && !p.Src.IsZero() && !p.Src.IsGroup() {
		if p.Tunnels > 0 {
			h.frame.Src = p.OuterSrc // what is inside a tunnel is not this station's address
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
		if fl.Frames > early && !control(p) {
			return
		}
	}
	h.put(fl, h.dec.Inspect(p))
}

func (h *hot) put(fl *flow.Flow, list []capture.Observation) {
	for i := range list {
		h.named(fl, &list[i])
		h.out.Put(&list[i])
	}
}

// fill copies what the tables want to know.
func (h *hot) fill(p *decode.Packet) {
	h.frame = flow.Frame{
		Time: p.Time, Len: p.Len, SrcMAC: p.Src, DstMAC: p.Dst, VLAN: p.VLAN, Src: p.SrcAddr, Dst: p.DstAddr,
		SrcPort: p.SrcPort, DstPort: p.DstPort, Proto: p.Proto,
	}
	if p.Proto == decode.ProtoTCP {
		h.frame.Opens = p.TCPFlags&0x12 == 0x02
		h.frame.Seq, h.frame.Ack, h.frame.TCPFlags, h.frame.PayloadLen = p.Seq, p.Ack, p.TCPFlags, p.PayloadLen
	}
}

// control reports whether a frame is to be looked into however long its flow is: requests over one long connection, and
// the protocols in which a station says who it is.
func control(p *decode.Packet) bool {
	switch p.Proto {
	case decode.ProtoTCP:
		return len(p.Payload) > 0
	case decode.ProtoUDP:
		return p.SrcPort < 1024 && p.SrcPort != 443 || p.DstPort < 1024 && p.DstPort != 443 || p.Dst.IsGroup()
	}
	return true
}

// named gives a flow the title of the first name that was said in it. A question to a name server is no flow of the title.
func (h *hot) named(fl *flow.Flow, o *capture.Observation) {
	if fl == nil || fl.Named || o.Kind != capture.KindQuery {
		return
	}
	switch o.Origin {
	case capture.OriginSNI, capture.OriginQUIC, capture.OriginDTLS, capture.OriginHTTP:
		fl.Named = true
		fl.Title = uint16(h.titles.Name(o.Name))
	}
}

func (h *hot) count(f *capture.Frame, v decode.Verdict) {
	h.stats.Frames++
	h.stats.Octets += uint64(f.Len)
	if v == decode.Malformed {
		h.stats.Malformed++
	} else if h.packet.HasMAC && h.packet.Dst.IsGroup() {
		h.stats.Group++
	}
	if h.stats.First == 0 || f.Time < h.stats.First {
		h.stats.First = f.Time
	}
	h.stats.Last = max(h.stats.Last, f.Time)
}

// advance lets time pass: at most once a second of the frames' time, silent flows end and the slow side hears the time.
// A time before the last tick is a capture glued together, or a clock that was set: the tick goes on from there.
func (h *hot) advance(now int64) {
	if d := now - h.tick; d >= 0 && d < tickPeriod {
		return
	}
	h.tick = now
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
