package pipeline

import (
	"slices"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/handoff"
	"cafeprobe/capture/title"
)

// TestSettledFlowsSayWhatTheySay: of a flow of which enough was seen only the headers are read, but what begins a request
// still says its name, in pieces too, and so does a protocol in which a station says who it is.
func TestSettledFlowsSayWhatTheySay(t *testing.T) {
	pc, server := capturetest.PC(1), capturetest.Server()
	seq := uint32(1000)
	segment := func(payload string) []byte {
		s := capturetest.Segment{SrcPort: 50000, DstPort: 80, ACK: true, Seq: seq}
		seq += uint32(len(payload))
		return capturetest.TCP(t, pc, server, s, []byte(payload))
	}
	var data [][]byte
	for range 3 * early {
		data = append(data, segment("\x00 a download \x00"))
	}
	data = append(data, segment("GET /a HTTP/1.1\r\nHost: whole.vn\r\n\r\n"))
	data = append(data, segment("GET /b HTTP/1.1\r\nHo"), segment("st: pieces.vn\r\n\r\n"))
	for range 3 * early {
		data = append(data, capturetest.UDP(t, pc, server, 5353, 50001, []byte("a game in disguise")))
	}
	got := said(t, data)
	for _, want := range []string{"whole.vn", "pieces.vn"} {
		if !slices.Contains(got.names, want) {
			t.Errorf("a request late in its connection for %s says nothing; said: %v", want, got.names)
		}
	}
	if got.stats.Malformed > 0 || got.stats.Frames != uint64(len(data)) {
		t.Errorf("%+v of %d sound frames", got.stats, len(data))
	}
}

// TestSettledFlowsMakeNoStation: a frame of a settled flow from another card is no evidence of that card unless it decodes
// whole, its checksums included.
func TestSettledFlowsMakeNoStation(t *testing.T) {
	pc, server := capturetest.PC(1), capturetest.Server()
	var data [][]byte
	for range 3 * early {
		data = append(data, capturetest.UDP(t, pc, server, 50001, 5107, []byte("a game")))
	}
	damaged := slices.Clone(data[0])
	damaged[11] ^= 0xff // source MAC
	damaged[42] ^= 0xff // payload
	got := said(t, append(data, damaged))
	if len(got.senders) != 1 || got.stats.Malformed != 1 {
		t.Errorf("senders %v and %d malformed, want one of each", got.senders, got.stats.Malformed)
	}
}

// heard is what the hot side says.
type heard struct {
	names   []string
	senders []capture.MAC
	stats   Stats
}

func said(t *testing.T, data [][]byte) (h heard) {
	t.Helper()
	ring := handoff.New(1<<16, handoff.Live)
	hot := newHot(ring, title.Builtin(), 1)
	for i, d := range data {
		f := capturetest.Frame(d)
		f.Time = capturetest.At.UnixNano() + int64(i)*1_000_000
		hot.observe(&f)
	}
	hot.finish()
	ring.Close()
	buf := make([]capture.Observation, 1<<16)
	for {
		n, ok := ring.Take(buf)
		if !ok {
			h.stats = hot.stats
			return h
		}
		for _, o := range buf[:n] {
			switch {
			case o.Kind == capture.KindQuery:
				h.names = append(h.names, o.Name)
			case o.Kind == capture.KindActivity && !slices.Contains(h.senders, o.MAC):
				h.senders = append(h.senders, o.MAC)
			}
		}
	}
}
