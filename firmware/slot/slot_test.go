package slot

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"testing"

	"cafeprobe/firmware/bootstate"
)

// box is a way to boot slots of either kind.
type box struct {
	slots interface {
		State() (State, error)
		Clear() error
		Try() error
		Confirm() error
		Forget() error
	}
	place func() Place
	boot  func() // anew, as the boot loader does; slots and place are of what runs then
}

func newRawBox(t *testing.T) *box {
	d, r := newDisk(t, false)
	x := &box{}
	set := func(r *Raw) {
		x.slots = r
		x.place = func() Place { return part{d, slotAt(r.running.Other()), slotSize} }
	}
	set(r)
	x.boot = func() {
		state := part{d, stateAt, stateSize}
		s, _, err := bootstate.Load(state)
		if err != nil {
			t.Fatal(err)
		}
		run, next := s.Choose(func(x bootstate.Slot) bool { return damaged(d.b[slotAt(x):][:slotSize]) })
		if next != s {
			if _, err := bootstate.Save(state, next); err != nil {
				t.Fatal(err)
			}
		}
		set(&Raw{state, run})
	}
	return x
}

func newESPBox(t *testing.T) *box {
	f := newFAT(image(1, 70_001))
	x := &box{}
	set := func(run bootstate.Slot) {
		e, err := NewESP(f, run)
		if err != nil {
			t.Fatal(err)
		}
		x.slots = e
		x.place = func() Place {
			p, err := e.Open()
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	set(bootstate.A)
	x.boot = func() {
		run, ok := f.boot()
		if !ok {
			t.Fatal("nothing boots")
		}
		set(run)
	}
	return x
}

// TestSlots is what both kinds of slots do.
func TestSlots(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *box{"raw": newRawBox, "ESP": newESPBox} {
		t.Run(name, func(t *testing.T) {
			x := open(t)
			want := func(when string, want State) {
				t.Helper()
				if got, err := x.slots.State(); err != nil || got != want {
					t.Errorf("%s: %v %v, want %v", when, got, err, want)
				}
			}
			const a, b, none = bootstate.A, bootstate.B, bootstate.None
			want("new", State{a, a, none, 0, none})
			if err := x.slots.Confirm(); !errors.Is(err, ErrNoTrial) {
				t.Errorf("confirm without a trial: %v, want ErrNoTrial", err)
			}
			update(t, x.slots, func() Place { return x.place() }, image(3, 80_000))
			want("written", State{a, a, b, 3, none})
			for left := 2; left >= 0; left-- {
				x.boot()
				want("on trial", State{b, a, b, left, none})
			}
			if err := x.slots.Try(); !errors.Is(err, ErrOnTrial) {
				t.Errorf("try on trial: %v, want ErrOnTrial", err)
			}
			if err := x.slots.Clear(); !errors.Is(err, ErrOnTrial) {
				t.Errorf("clear on trial: %v, want ErrOnTrial", err)
			}
			x.boot()
			want("rolled back", State{a, a, none, 0, b})
			if err := x.slots.Forget(); err != nil {
				t.Error(err)
			}
			want("told", State{a, a, none, 0, none})
			update(t, x.slots, func() Place { return x.place() }, image(4, 80_000))
			x.boot()
			if err := x.slots.Confirm(); err != nil {
				t.Error(err)
			}
			want("confirmed", State{b, b, none, 0, none})
			for range 5 {
				x.boot()
			}
			want("booted", State{b, b, none, 0, none})
			update(t, x.slots, func() Place { return x.place() }, image(5, 80_000))
			want("written again", State{b, b, a, 3, none})
			if err := x.slots.Clear(); err != nil {
				t.Error(err)
			}
			x.boot()
			want("cleared", State{b, b, none, 0, none})
		})
	}
}

// TestRawFallback: a box that runs the other slot, since the active one is damaged, takes an update into the damaged one.
func TestRawFallback(t *testing.T) {
	d, _ := newDisk(t, true)
	d.b[slotAt(bootstate.A)+9000] ^= 4
	r, err := NewRaw(part{d, stateAt, stateSize}, bootstate.B)
	if err != nil {
		t.Fatal(err)
	}
	fw := image(3, 80_000)
	update(t, r, func() Place { return part{d, slotAt(bootstate.A), slotSize} }, fw)
	want := State{bootstate.B, bootstate.B, bootstate.A, bootstate.Tries, bootstate.None}
	if got, err := r.State(); err != nil || got != want {
		t.Errorf("state %v, %v, want %v", got, err, want)
	}
}

func TestNoSlot(t *testing.T) {
	if _, err := NewRaw(nil, bootstate.None); !errors.Is(err, ErrUnknown) {
		t.Errorf("raw: %v, want ErrUnknown", err)
	}
	if _, err := NewESP(nil, 'c'); !errors.Is(err, ErrUnknown) {
		t.Errorf("ESP: %v, want ErrUnknown", err)
	}
}

// liar is a card that gives back another bit than was written.
type liar struct{ part }

func (l liar) ReadAt(b []byte, at int64) (int, error) {
	n, err := l.part.ReadAt(b, at)
	if at <= 20_000 && 20_000 < at+int64(n) {
		b[20_000-at] ^= 1
	}
	return n, err
}

func TestWriter(t *testing.T) {
	fw := image(3, 80_123)
	sum := sha256.Sum256(fw)
	place := func() part { return part{&disk{b: bytes.Repeat([]byte{7}, slotSize)}, 0, slotSize} }
	f := func(name string, p Place, cfg WriterConfig, octets []byte, want error) {
		t.Helper()
		w, err := NewWriter(p, cfg)
		if err == nil {
			_, err = io.Copy(w, bytes.NewReader(octets))
		}
		if err == nil {
			err = w.Finish(sum)
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		b := make([]byte, slotSize)
		if _, err := p.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		if n := int64(len(fw)); want == nil && !bytes.Equal(b[:n], fw) {
			t.Errorf("%s: another firmware than was written", name)
		}
		if want != nil && !errors.Is(want, ErrRoom) && !damaged(b) {
			t.Errorf("%s: what is in the slot boots", name)
		}
	}
	n := int64(len(fw))
	f("whole", place(), WriterConfig{Length: n}, fw, nil)
	f("as large as the slot", place(), WriterConfig{Length: n, Room: n}, fw, nil)
	f("larger than the slot", place(), WriterConfig{Length: n, Room: n - 1}, fw, ErrRoom)
	f("smaller than a head", place(), WriterConfig{Length: Head - 1}, fw[:Head-1], ErrRoom)
	f("short", place(), WriterConfig{Length: n}, fw[:n-1], ErrLength)
	f("long", place(), WriterConfig{Length: n}, append(fw[:n:n], 0), ErrLength)
	other := bytes.Clone(fw)
	other[50_000] ^= 1
	f("other", place(), WriterConfig{Length: n}, other, ErrSum)
	other = bytes.Clone(fw)
	other[50] ^= 1
	f("other head", place(), WriterConfig{Length: n}, other, ErrSum)
	f("a card that lies", liar{place()}, WriterConfig{Length: n}, fw, ErrCard)
}

// TestResume: what was there is not fetched again, and what is there of another firmware ends as one that was not signed.
func TestResume(t *testing.T) {
	fw := image(3, 80_123)
	p := part{&disk{b: make([]byte, slotSize)}, 0, slotSize}
	there := int64(0)
	cfg := WriterConfig{Length: int64(len(fw)), Every: 20_000, Synced: func(n int64) { there = n }}
	w, err := NewWriter(p, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(fw[:50_000]); err != nil {
		t.Fatal(err)
	}
	if there < 30_000 || there > 50_000 {
		t.Fatalf("%d octets can be resumed from, want most of 50000", there)
	}
	again := func(resume int64, sum [32]byte) (fetched int64, err error) {
		cfg.Resume = resume
		if w, err = NewWriter(p, cfg); err != nil {
			t.Fatal(err)
		}
		for w.Next() < int64(len(fw)) {
			n, err := w.Write(fw[w.Next():])
			if fetched += int64(n); err != nil && !errors.Is(err, io.ErrShortWrite) {
				t.Fatal(err)
			}
		}
		return fetched, w.Finish(sum)
	}
	p.b[10_000] ^= 1
	if _, err := again(there, sha256.Sum256(fw)); !errors.Is(err, ErrSum) || !w.Resumed() {
		t.Errorf("resumed from another firmware: %v, want ErrSum", err)
	}
	p.b[10_000] ^= 1
	from := int64(40_000)
	fetched, err := again(from, sha256.Sum256(fw))
	if want := int64(len(fw)) - from + Head; err != nil || fetched != want {
		t.Errorf("resumed: %d octets fetched, %v, want %d", fetched, err, want)
	}
	if fetched, err := again(there, sha256.Sum256(fw)); err != nil || fetched != int64(len(fw)) || w.Resumed() {
		t.Errorf("resumed from a slot that boots: %d octets fetched, %v, want all of %d", fetched, err, len(fw))
	}
}
