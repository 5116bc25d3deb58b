package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/account"
	"cafeprobe/firmware/cafe"
	"cafeprobe/uplink"
)

// room is a café whose stations go on and off by a seed: open from 08:00 to 22:00 in Vietnam, guests stay for an hour and
// a half in the mean, a seat stays empty for half an hour. What its stations do goes through the box's own cafe and
// account, so that its records are of the number and the size that a box writes.
type room struct {
	cafe  *cafe.Cafe
	book  *account.Account
	now   int64 // nanoseconds since the Unix epoch
	seats []seat
	rng   *rand.Rand
	idle  bool // nobody ever comes
}

type seat struct {
	mac  capture.MAC
	on   bool
	next int64 // when that changes
}

// step is the room's resolution: how often a station that is on is heard.
const step = 10 * time.Second

// newRoom returns a room of n stations at 00:00 in Vietnam, whose records go to sink.
func newRoom(seed uint64, n int, sink account.Sink) *room {
	r := &room{
		cafe: cafe.New(cafe.Config{}),
		book: account.New(account.Config{Secret: [32]byte{1}, Quality: uplink.QualitySync, Window: 5 * time.Minute}, sink),
		now:  time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC).UnixNano(),
		rng:  rand.New(rand.NewPCG(seed, 1)),
	}
	for i := range n {
		s := seat{mac: capture.MAC{0x2c, 0xf0, 0x5d, 0x10, byte(i >> 8), byte(i)}}
		s.next = r.opening(r.now) + int64(r.mean(90*time.Minute))
		r.seats = append(r.seats, s)
	}
	return r
}

func (r *room) mean(d time.Duration) time.Duration {
	return time.Duration(r.rng.ExpFloat64() * float64(d))
}

const day = 24 * time.Hour

// clock returns the time of day in Vietnam (UTC+7).
func clock(t int64) time.Duration { return time.Duration((t + int64(7*time.Hour)) % int64(day)) }

// opening returns the next 08:00 at or after t.
func (r *room) opening(t int64) int64 {
	ahead := 8*time.Hour - clock(t)
	if ahead < 0 {
		ahead += day
	}
	return t + int64(ahead)
}

// live lets d pass.
func (r *room) live(d time.Duration) error {
	for end := r.now + int64(d); r.now < end; r.now += int64(step) {
		if err := r.observe(capture.Observation{Kind: capture.KindTick}); err != nil {
			return err
		}
		// The router is always there: a wire on which nobody is heard is another matter.
		if err := r.heard(capture.MAC{0x4c, 0x5e, 0x0c, 0, 0, 1}); err != nil {
			return err
		}
		for i := range r.seats {
			if err := r.seat(&r.seats[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// seat lets one station do what it does at this time.
func (r *room) seat(s *seat) error {
	if r.idle {
		return nil
	}
	if at := clock(r.now); s.on && at >= 22*time.Hour || r.now >= s.next {
		s.on = !s.on && at >= 8*time.Hour && at < 22*time.Hour
		switch {
		case s.on:
			s.next = r.now + int64(r.mean(90*time.Minute))
			o := capture.Observation{Kind: capture.KindDHCP, MAC: s.mac, DHCP: &capture.DHCP{
				Message: "DISCOVER", Client: s.mac, VendorClass: "PXEClient:Arch:00000:UNDI:002001",
			}}
			if err := r.observe(o); err != nil {
				return err
			}
		case at >= 22*time.Hour:
			s.next = r.opening(r.now) + int64(r.mean(90*time.Minute))
		default:
			s.next = r.now + int64(r.mean(30*time.Minute)) + int64(6*time.Minute)
		}
	}
	if s.on {
		return r.heard(s.mac)
	}
	return nil
}

func (r *room) heard(m capture.MAC) error {
	return r.observe(capture.Observation{Kind: capture.KindActivity, MAC: m, Up: capture.Count{Frames: 10, Octets: 900}})
}

func (r *room) observe(o capture.Observation) error {
	o.Time, o.First = r.now, r.now
	for _, e := range r.cafe.Observe(&o) {
		if err := r.book.Take(&e); err != nil {
			return err
		}
	}
	return nil
}

// tally is a sink that counts.
type tally struct {
	kinds  map[uplink.Kind]int
	octets int
	occs   int
}

func (c *tally) Record(r uplink.Record) error {
	c.kinds[r.Kind]++
	c.octets += len(r.Raw)
	return nil
}

func (c *tally) Occ(uplink.Occ) error { c.occs++; return nil }

// TestRoom: the room is one that a café could be.
func TestRoom(t *testing.T) {
	c := &tally{kinds: map[uplink.Kind]int{}}
	r := newRoom(1, 100, c)
	if err := r.live(day); err != nil {
		t.Fatal(err)
	}
	t.Logf("a day at 100 stations: %v, %d octets, %d occupancies", c.kinds, c.octets, c.occs)
	if n := c.kinds[uplink.KindClose]; n < 500 || n > 1000 {
		t.Errorf("%d sessions a day at 100 stations, want 500 to 1000", n)
	}
	if c.kinds[uplink.KindOpen] < c.kinds[uplink.KindClose] || c.occs < 287 {
		t.Errorf("%v, %d occupancies; want an open for each close, and one every 5 minutes", c.kinds, c.occs)
	}
}
