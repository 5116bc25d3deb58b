package pipeline

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/firmware/account"
	"cafeprobe/firmware/cafe"
	"cafeprobe/tools/soak/hold"
	"cafeprobe/tools/soak/plot"
	"cafeprobe/uplink"
)

const (
	daySeconds  = 24 * 60 * 60
	seats       = 100
	connectEach = 20 // seconds from one connection of a computer to its next
	arpEach     = 30

	// collectEach is after how many seconds of the day memory is collected. Go does so every two minutes whatever happens
	// (runtime.forcegcperiod), so a real day has 720 collections at least; in one of some minutes there were eight, and what the
	// process had was the worst that one of them left.
	collectEach = 120

	// bulk is how many frames a computer sends and gets in its turn: half a download's, half a game's, 560 octets on the mean.
	bulk = 24
)

// day is a source of the frames of a café's day: computers come and go, and share what the line carries.
type day struct {
	seats [seats]*seat
	rate  int64       // bits a second
	every func(s int) // called when second s begins

	second int
	now    int64    // of the day, nanoseconds
	due    [][]byte // to go before the next bulk
	on     []*seat
	who, k int // whose turn it is, and which frame of it

	sent, octets uint64
}

// newDay returns a day with the timetable of seed.
func newDay(t *testing.T, seed uint64, rate int64) *day {
	random := rand.New(rand.NewPCG(seed, 0))
	d := &day{rate: rate, second: -1}
	var hellos [len(visited)][]byte
	for i, name := range visited {
		hellos[i] = helloTo(t, name)
	}
	for i := range d.seats {
		d.seats[i] = newSeat(t, i, &hellos)
		// Off for longer than a station's own silence can make its limit: each time of being on is then a session.
		for at := random.Int64N(3600); at < daySeconds-600; {
			end := min(at+600+random.Int64N(4*3600), daySeconds)
			d.seats[i].on = append(d.seats[i].on, cafe.Interval{Start: at, End: end})
			at = end + 1800 + random.Int64N(3600)
		}
	}
	return d
}

// Next gives the frames of a second that come at their time, then bulk until it is over.
func (d *day) Next(f *capture.Frame) error {
	for d.now >= int64(d.second+1)*int64(time.Second) {
		if d.second++; d.second == daySeconds {
			return io.EOF
		}
		d.begin()
	}
	switch {
	case len(d.due) > 0:
		f.Data, d.due = d.due[0], d.due[1:]
	case len(d.on) == 0:
		d.now = int64(d.second+1) * int64(time.Second)
		return d.Next(f)
	default:
		f.Data = d.bulk()
	}
	f.Time, f.Len, f.Link = capturetest.At.UnixNano()+d.now, len(f.Data), capture.LinkEthernet
	d.now += int64(f.Len) * 8 * int64(time.Second) / d.rate
	d.sent++
	d.octets += uint64(f.Len)
	return nil
}

// begin collects what is due in the second that begins.
func (d *day) begin() {
	d.every(d.second)
	d.due, d.on = d.due[:0], d.on[:0]
	for i, s := range d.seats {
		for len(s.on) > 0 && int64(d.second) >= s.on[0].End {
			s.on = s.on[1:]
		}
		if len(s.on) == 0 || int64(d.second) < s.on[0].Start {
			continue
		}
		d.on = append(d.on, s)
		if int64(d.second) == s.on[0].Start {
			d.due = append(append(append(d.due, s.boot...), s.arp), s.connect()...)
			continue
		}
		if (d.second+i)%arpEach == 0 {
			d.due = append(d.due, s.arp)
		}
		if (d.second+i)%connectEach == 0 {
			d.due = append(d.due, s.connect()...)
		}
	}
}

// bulk returns the next frame of the computer whose turn it is: two segments of its download and their acknowledgement, four
// times; then its game.
func (d *day) bulk() []byte {
	if d.k++; d.k >= bulk {
		d.k = 0
		d.who++
	}
	if d.who >= len(d.on) {
		d.who = 0
	}
	s := d.on[d.who]
	switch {
	case d.k < bulk/2 && d.k%3 == 2:
		return s.acknowledge()
	case d.k < bulk/2:
		return s.segment()
	case d.k%2 == 0:
		return s.up
	}
	return s.down
}

// sessions notes when computers were told to begin and to end, in seconds of the day.
type sessions struct{ opened, closed []float64 }

func (s *sessions) Record(r uplink.Record) error {
	at := float64(int64(r.Stamp.Time)-capturetest.At.UnixMilli()) / 1000
	switch body, err := r.Body(); b := body.(type) {
	case *uplink.Open:
		if b.Of == uplink.OfPower {
			s.opened = append(s.opened, at)
		}
	case *uplink.Close:
		if b.Of == uplink.OfPower {
			s.closed = append(s.closed, at)
		}
	default:
		return err
	}
	return nil
}

func (*sessions) Occ(uplink.Occ) error { return nil }

// memoryCourse is how memory went over the day, noted every half hour of it.
type memoryCourse struct{ hours, resident, live []float64 } // MiB

func (m *memoryCourse) note(t *testing.T, second int) {
	t.Helper()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}} // by the last collection
	metrics.Read(live)
	m.hours = append(m.hours, float64(second)/3600)
	m.live = append(m.live, float64(live[0].Value.Uint64())/(1<<20))
	m.resident = append(m.resident, resident(t)/(1<<20))
}

// resident returns the octets of memory that the process takes up, without the files it maps (proc_pid_status(5): RssAnon).
func resident(t *testing.T) float64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "RssAnon:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return float64(kib) * 1024
}

// quarter returns the mean of values in the q-th quarter of the day, from 1.
func quarter(values []float64, q int) (mean float64) {
	part := values[(q-1)*len(values)/4 : q*len(values)/4]
	for _, v := range part {
		mean += v / float64(len(part))
	}
	return mean
}

// draw writes day.png, .svg and .csv to where `make soak` has its pictures.
func (m *memoryCourse) draw(t *testing.T, title string) {
	t.Helper()
	p := plot.Plot{Title: title, Axis: "hours", Times: m.hours, Rows: []plot.Panel{
		{Name: "resident, anonymous (RssAnon)", Unit: "MiB", Values: m.resident},
		{Name: "live heap", Unit: "MiB", Values: m.live},
	}}
	if err := p.Write(t.Context(), filepath.Join("..", "..", "out", "soak"), "day"); err != nil {
		t.Error(err)
	}
}

// TestDay: 24 hours of a café of 100 computers at 100 Mbit/s, frame by frame as fast as they go; at 0.2 Mbit/s where SOAK is
// not set. Memory is as large in the evening as at noon, each session is told once and at its time, each frame is counted.
func TestDay(t *testing.T) {
	rate, long := int64(200_000), os.Getenv("SOAK") != ""
	if long {
		rate = 100_000_000
	}
	d := newDay(t, 1, rate)
	var on, off []float64
	for _, s := range d.seats {
		for _, i := range s.on {
			on, off = append(on, float64(i.Start)), append(off, float64(i.End))
		}
	}
	on, off = append(on, slices.Min(on)), append(off, daySeconds) // the router's
	var m memoryCourse
	d.every = func(second int) {
		if second%collectEach == 0 {
			runtime.GC()
		}
		if second > 0 && second%1800 == 0 {
			m.note(t, second)
		}
	}
	var said sessions
	p := New(Config{
		Cafe:    cafe.Config{},
		Account: account.Config{Secret: [32]byte{1}, Quality: uplink.QualitySync, Window: 5 * time.Minute},
		Sink:    &said, Seed: 7,
	})
	began := time.Now()
	if err := p.Run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	m.note(t, daySeconds)
	st, took := p.Stats(), time.Since(began)
	t.Logf("%d frames of %.0f octets on the mean, %d sessions, in %v (%.0f ns a frame); flows evicted %d", st.Frames,
		float64(st.Octets)/float64(st.Frames), len(on), took.Round(time.Second), float64(took)/float64(st.Frames), st.Evicted)
	hold.Equal(t, "frames counted", st.Frames, d.sent, "frames")
	hold.Equal(t, "octets counted", st.Octets, d.octets, "octets")
	hold.Equal(t, "dropped, or found malformed", st.Dropped+st.Malformed, 0, "")
	hold.Equal(t, "sessions opened", len(said.opened), len(on), "sessions")
	hold.Equal(t, "sessions closed", len(said.closed), len(on), "sessions")
	hold.AtMost(t, "worst begin of a session", worst(said.opened, on), 5, "s")
	hold.AtMost(t, "worst end of a session", worst(said.closed, off), 30, "s")
	if v := p.Cafe().Judged(); v.Grade != cafe.GradeA || v.Loss.Lost != 0 {
		t.Errorf("vantage %s, %d octets lost, want A and none", v.Grade, v.Loss.Lost)
	}
	hold.AtMost(t, "live heap, last quarter to second", quarter(m.live, 4)/quarter(m.live, 2), 1.05, "times")
	if long {
		hold.AtMost(t, "resident, last quarter to second", quarter(m.resident, 4)/quarter(m.resident, 2), 1.05, "times")
		hold.AtMost(t, "resident, at most", slices.Max(m.resident), 40, "MiB")
		m.draw(t, "24 hours of 100 computers at 100 Mbit/s")
	}
	t.Logf("resident, anonymous, every half hour, MiB: %.1f", m.resident)
}

// worst returns by how much the times of got are at most wrong, each list in order. Where they are not as many that has been
// told already.
func worst(got, want []float64) (most float64) {
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	for i := range min(len(got), len(want)) {
		most = max(most, got[i]-want[i], want[i]-got[i])
	}
	return most
}
