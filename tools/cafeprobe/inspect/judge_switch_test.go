package inspect

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/pcapfile"
)

// The rows of device_session are set-up runs: one for each file that the captures were put together from, from its first to
// its last frame. A run need not begin with a power-on of its station: bridges that a switch or a sensor was paired with ran
// on, the first frame may be another's, and a hub that was set up starts anew. What the captures themselves show is the
// better truth; it is judged beside the rows as they are, as switched_on.
//
// The clock that TCP segments carry shows it (RFC 7323 §5.4). These devices' begins when they do and runs steadily: where it
// goes on as if nothing had been, the device ran through; where it begins anew, it was off.

// heard is what a station's own frames show of when it ran.
type heard struct {
	frames []float64 // when it sent one
	clock  []reading
	rate   float64 // of its clock, ticks a second; 0 where none is to be trusted
}

// reading is what a station's clock showed.
type reading struct {
	at    float64
	ticks uint32
}

const (
	rateSpan   = 10.0 // s between two readings, at most, by which a clock's rate is judged, and 1 at least
	rateLeast  = 5    // so many pairs of readings
	clockDrift = 0.02 // share of the time between two readings that a clock may be wrong, beside clockSlack
	clockSlack = 0.5  // s
)

// listen reads what the stations of macs sent. The captures have all they ask of it in IPv4 on Ethernet.
func listen(t *testing.T, path string, macs map[string]bool) map[string]*heard {
	t.Helper()
	r, err := pcapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all := map[string]*heard{}
	for mac := range macs {
		all[mac] = &heard{}
	}
	for {
		var f capture.Frame
		if err := r.Next(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(f.Data) < 14 {
			continue
		}
		h := all[capture.MAC(f.Data[6:12]).String()]
		if h == nil {
			continue
		}
		at := float64(f.Time) / 1e9
		h.frames = append(h.frames, at)
		if ticks, ok := timestamp(f.Data); ok {
			h.clock = append(h.clock, reading{at, ticks})
		}
	}
	for _, h := range all {
		h.rate = rateOf(h.clock)
	}
	return all
}

// timestamp returns TSval of a TCP segment in IPv4 on Ethernet.
func timestamp(frame []byte) (ticks uint32, ok bool) {
	ip := frame[14:]
	if binary.BigEndian.Uint16(frame[12:]) != 0x0800 || len(ip) < 20 || ip[9] != 6 || len(ip) < int(ip[0]&15)*4+20 {
		return 0, false
	}
	tcp := ip[int(ip[0]&15)*4:]
	options := tcp[20:max(20, min(len(tcp), int(tcp[12]>>4)*4))]
	for len(options) > 1 && options[0] != 0 {
		switch n := int(options[1]); {
		case options[0] == 1:
			options = options[1:]
		case n < 2 || n > len(options):
			return 0, false
		case options[0] == 8 && n == 10:
			return binary.BigEndian.Uint32(options[2:]), true
		default:
			options = options[n:]
		}
	}
	return 0, false
}

// rateOf returns how fast a clock runs, 0 where readings that are near together do not agree.
func rateOf(clock []reading) float64 {
	var rates []float64
	for i, b := range clock {
		for j := i - 1; j >= 0 && b.at-clock[j].at <= rateSpan; j-- {
			if d := b.at - clock[j].at; d >= 1 {
				rates = append(rates, float64(int32(b.ticks-clock[j].ticks))/d)
				break
			}
		}
	}
	if len(rates) < rateLeast {
		return 0
	}
	slices.Sort(rates)
	low, mid, high := rates[len(rates)/8], rates[len(rates)/2], rates[len(rates)*7/8]
	if low < mid*0.95 || high > mid*1.05 {
		return 0
	}
	return mid
}

// anew reports whether the clock began anew between two readings.
func (h *heard) anew(a, b reading) bool {
	wrong := float64(int32(b.ticks-a.ticks))/h.rate - (b.at - a.at)
	return math.Abs(wrong) > clockDrift*(b.at-a.at)+clockSlack
}

// ranOn reports whether the clock shows that the station was not switched on at a moment, nor since it was heard before.
func (h *heard) ranOn(at float64) bool {
	i, _ := slices.BinarySearchFunc(h.clock, at, func(r reading, at float64) int { return cmpFloat(r.at, at) })
	return h.rate > 0 && i > 0 && i < len(h.clock) && !h.anew(h.clock[i-1], h.clock[i])
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// first returns when the station sent something from at on, or at where it never did.
func (h *heard) first(at float64) float64 {
	if i, _ := slices.BinarySearch(h.frames, at); i < len(h.frames) {
		return h.frames[i]
	}
	return at
}

// switchedOn returns when the station was switched on, in order: at what is the first that it sent in each run, where its clock
// does not show that it ran on, and where its clock began anew besides: behind its longest silence there.
func (h *heard) switchedOn(runs []float64) (list []float64) {
	for _, at := range runs {
		if at = h.first(at); !h.ranOn(at) {
			list = append(list, at)
		}
	}
	for i := 1; i < len(h.clock) && h.rate > 0; i++ {
		a, b := h.clock[i-1], h.clock[i]
		if h.anew(a, b) && !slices.ContainsFunc(list, func(at float64) bool { return a.at < at && at <= b.at }) {
			list = append(list, h.behindSilence(a.at, b.at))
		}
	}
	slices.Sort(list)
	return list
}

// behindSilence returns the first frame behind the longest silence between two frames at from and to.
func (h *heard) behindSilence(from, to float64) (at float64) {
	longest := -1.0
	for i, f := range h.frames {
		if i > 0 && f > from && f <= to && f-h.frames[i-1] > longest {
			longest, at = f-h.frames[i-1], f
		}
	}
	return at
}

// runs returns when the runs of a file begin, by station.
func runs(fs facts) map[string][]float64 {
	list := map[string][]float64{}
	for _, f := range fs["device_session"] {
		for field := range strings.SplitSeq(f.Value, ";") {
			if at, ok := strings.CutPrefix(field, "start="); ok {
				if start, err := strconv.ParseFloat(at, 64); err == nil {
					list[f.Key] = append(list[f.Key], start)
				}
			}
		}
	}
	return list
}

// judgeSwitches compares when stations were switched on, as the captures show it, with when they are said to have been.
func judgeSwitches(t *testing.T, scores map[string]*score, docs map[string]*Document, truth map[string]facts) {
	t.Helper()
	s := &score{judged: true}
	scores["switched_on"] = s
	for file, doc := range docs {
		began := runs(truth[file])
		if len(began) == 0 {
			continue
		}
		all := listen(t, filepath.Join(capturetest.Shared(t), file), keys(truth[file]["device_session"]))
		for _, st := range doc.Stations {
			if h := all[st.MAC]; h != nil {
				s.switches(file, st, h.switchedOn(began[st.MAC]))
			}
		}
	}
	slices.Sort(s.missed)
	slices.Sort(s.extra)
}

// switches scores when one station is said to have been switched on. That it was heard again behind a time in which nobody
// was says nothing of when it was.
func (s *score) switches(file string, st Station, left []float64) {
	s.expected += len(left)
	for i, e := range st.Power {
		at := seconds(e.Start)
		j := slices.IndexFunc(left, func(on float64) bool { return math.Abs(on-at) <= startSlack.Seconds() })
		if j >= 0 {
			s.found++
			left = slices.Delete(left, j, j+1)
			continue
		}
		if e.Opened == "seen" && (i == 0 || st.Power[i-1].Cause == "blind") {
			continue
		}
		s.extra = append(s.extra, file+" "+switched(st.MAC, at)+" said")
	}
	for _, on := range left {
		s.missed = append(s.missed, file+" "+switched(st.MAC, on))
	}
}

// TestSwitchedOn shows that the judge of power can say no, and what it takes for a switch.
func TestSwitchedOn(t *testing.T) {
	// A clock of 100 Hz from 1000 on, off from 1100 to 1200 and from 1300 to 1350, and silent from 1250 to 1280.
	h := &heard{}
	run := func(from, to, boot float64) {
		for at := from; at <= to; at += 2 {
			h.frames = append(h.frames, at)
			h.clock = append(h.clock, reading{at, uint32(int64((at-boot)*100) - 3000)}) // it wraps, as Linux' does
		}
	}
	run(1000, 1100, 1000)
	run(1200, 1250, 1200)
	run(1280, 1300, 1200)
	run(1350, 1400, 1350)
	h.rate = rateOf(h.clock)
	got := h.switchedOn([]float64{1000, 1195, 1280})
	if want := []float64{1000, 1200, 1350}; !slices.Equal(got, want) {
		t.Errorf("switched on at %v, want %v", got, want)
	}
	f := func(name string, found, missed, extra int, power ...Session) {
		t.Helper()
		s := &score{}
		s.switches("x", Station{MAC: "m", Power: power}, slices.Clone(got))
		if s.found != found || len(s.missed) != missed || len(s.extra) != extra {
			t.Errorf("%s: %d found, missed %q, extra %q, want %d, %d, %d", name, s.found, s.missed, s.extra, found, missed, extra)
		}
	}
	on := func(at float64, opened, cause string) Session {
		return Session{Start: Time(at * 1e9), Opened: opened, Cause: cause}
	}
	f("right", 3, 0, 0, on(1000, "seen", "off"), on(1201, "boot", "reboot"), on(1349, "boot", "end"))
	f("one missed", 2, 1, 0, on(1000, "seen", "off"), on(1350, "boot", "end"))
	f("at the silence", 3, 0, 1,
		on(1000, "seen", "off"), on(1200, "boot", "off"), on(1280, "seen", "off"), on(1350, "boot", "end"))
	f("heard again behind a blind time", 3, 0, 0,
		on(1000, "seen", "off"), on(1200, "boot", "blind"), on(1280, "seen", "off"), on(1350, "boot", "end"))

	if r := rateOf([]reading{{0, 5}, {1, 900}, {2, 17}, {3, 40000}, {4, 12}, {5, 99}, {6, 1}}); r != 0 {
		t.Errorf("a clock that is none runs at %v, want 0", r)
	}
}
