package decode

import "cafeprobe/capture"

// A system shows which it is when it opens a TCP connection: by the TTL that it starts with, the order of the options of
// its SYN, and its window. (Zalewski: Passive OS fingerprinting, p0f, has the idea.)

// Kinds of TCP options (IANA), each as one hexadecimal digit of a layout.
const (
	synMSS   = 0x1
	synNop   = 0x2
	synScale = 0x3 // RFC 7323 §2
	synSACK  = 0x4 // RFC 2018 §2
	synTime  = 0x5 // RFC 7323 §3
	synEnd   = 0x6
)

// synKinds maps an option's code to its digit, 0 for one that no row of systemRows has.
var synKinds = [...]uint32{0: synEnd, 1: synNop, 2: synMSS, 3: synScale, 4: synSACK, 8: synTime}

// systemRows are the SYNs of the shared captures whose systems are known there by other facts (truth.tsv, os_hint), with
// how many stations showed them. Rows are looked at in their order; a window of 0 is any.
var systemRows = []struct {
	ttl    uint8
	window uint16
	layout uint32
	name   string
}{
	{128, 0, 0x123224, "Windows"},    // MSS NOP WS NOP NOP SACK: 10, Windows 7 to 11; windows 8192, 64240, 65535
	{128, 0, 0x1224, "Windows"},      // MSS NOP NOP SACK: 1, Windows 2000, which scales no window
	{64, 65535, 0x14523, "Android"},  // MSS SACK TS NOP WS: 5; by its window alone it is told from other Linux
	{64, 0, 0x14523, "Linux"},        // the same: 18; windows 5840, 14600, 29200, 64240
	{64, 65535, 0x12322546, "Apple"}, // MSS NOP WS NOP NOP TS SACK EOL: 2, macOS
	{64, 0, 0x122423, "Linux"},       // MSS NOP NOP SACK NOP WS, timestamps off: 1, embedded
}

// layoutOf returns the kinds of the options of a SYN in their order, a digit each; 0 where there are none, more than
// eight, or one that no row has.
func layoutOf(b []byte) (layout uint32) {
	for n := 0; len(b) > 0; n++ {
		if n == 8 || int(b[0]) >= len(synKinds) || synKinds[b[0]] == 0 {
			return 0
		}
		layout = layout<<4 | synKinds[b[0]]
		switch {
		case b[0] == 0:
			return layout
		case b[0] == 1:
			b = b[1:]
		case len(b) < 2 || b[1] < 2 || int(b[1]) > len(b):
			return 0
		default:
			b = b[b[1]:]
		}
	}
	return layout
}

// system emits which system the sender of p, a SYN, has, where it shows. One whose TTL was lowered on its way is not the
// station that sent the frame.
func (d *Decoder) system(p *Packet) {
	layout := layoutOf(p.Options)
	if layout == 0 {
		return
	}
	for i := range systemRows {
		r := &systemRows[i]
		if r.ttl == p.TTL && r.layout == layout && (r.window == 0 || r.window == p.Window) {
			if d.shown.due(p.Src, p.Time) {
				d.emit(capture.Observation{Kind: capture.KindSystem, Name: r.name})
			}
			return
		}
	}
}

// shownEvery is how often a station's system is told: it opens many connections, and one that floods opens more.
const shownEvery = 60_000_000_000 // nanoseconds

// shown remembers whose systems were told lately. Stations that share a place push each other out, and are told more often.
type shown [512]struct {
	mac  capture.MAC
	time int64
}

// due reports whether it is time to tell of m, and then notes that it was told. A clock that is turned back makes it due.
func (s *shown) due(m capture.MAC, now int64) bool {
	e := &s[(uint(m[3])<<8^uint(m[4])<<4^uint(m[5]))%uint(len(s))]
	if since := now - e.time; e.mac == m && since >= 0 && since < shownEvery {
		return false
	}
	e.mac, e.time = m, now
	return true
}
