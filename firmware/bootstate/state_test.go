package bootstate

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// card is a partition in memory that a power cut may tear: of the write that is the last, only cut octets come, and what was
// there of the sector's rest is kept, zero, or 0xff, as cards do.
type card struct {
	b     []byte
	left  int // writes until the power cut
	cut   int
	fill  byte // 'o' old, else that octet
	fault error
}

var errCut = errors.New("power cut")

func newCard() *card { return &card{b: make([]byte, 8192), left: -1} }

func (c *card) ReadAt(b []byte, at int64) (int, error) { return copy(b, c.b[at:]), nil }
func (c *card) Sync() error                            { return c.fault }
func (c *card) WriteAt(b []byte, at int64) (int, error) {
	if c.left == 0 {
		n := copy(c.b[at:], b[:c.cut])
		if c.fill != 'o' {
			for i := n; i < len(b); i++ {
				c.b[at+int64(i)] = c.fill
			}
		}
		c.fault = errCut
		return n, errCut
	}
	c.left--
	return copy(c.b[at:], b), nil
}

// all returns every state that is valid, with one number.
func all(seq uint32) (list []State) {
	for _, active := range []Slot{A, B} {
		for _, try := range []Slot{None, active.Other()} {
			for tries := 0; tries <= MaxTries; tries++ {
				for _, failed := range []Slot{None, A, B} {
					list = append(list, State{seq, active, try, tries, failed})
				}
			}
		}
	}
	return list
}

func TestEncode(t *testing.T) {
	for _, s := range all(0xcafe) {
		b, err := s.Encode()
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		if got, err := Decode(b[:]); err != nil || got != s {
			t.Errorf("%+v comes back as %+v, %v", s, got, err)
		}
	}
	if _, err := (State{}).Encode(); !errors.Is(err, ErrState) {
		t.Errorf("the zero State: %v, want ErrState", err)
	}
}

// TestTorn: whatever is written over whatever, and wherever the power is cut, the box has the state before or the one after.
func TestTorn(t *testing.T) {
	states := 0
	for _, before := range []State{Factory, Factory.Trial(), {1, B, A, 1, None}, {1, B, None, 0, A}} {
		for _, after := range all(1) {
			if before == after {
				continue
			}
			for _, cut := range []int{0, 1, 3, 4, 5, 11, 20, 40, 52, 60, 256, 511, 512} {
				for _, fill := range []byte{'o', 0, 0xff} {
					c := newCard()
					if _, err := Save(c, Factory); err != nil {
						t.Fatal(err)
					}
					was, err := Save(c, before)
					if err != nil {
						t.Fatal(err)
					}
					c.left, c.cut, c.fill = 0, cut, fill
					if _, err := Save(c, after); err == nil {
						t.Fatal("a write that the power cut short is no error")
					}
					states++
					got, _, err := Load(c)
					want := after
					want.Seq = was.Seq + 1
					if err != nil || got != was && got != want {
						t.Fatalf("cut at %d, rest %q: %+v, %v, want %+v or %+v", cut, fill, got, err, was, want)
					}
				}
			}
		}
	}
	t.Logf("%d torn writes", states)
}

// TestChoose: no row of boots, whatever fails, leaves a box without a slot that is whole, nor on one that did not prove itself for
// more than its tries.
func TestChoose(t *testing.T) {
	for _, s := range all(7) {
		for _, bad := range []string{"", "a", "b", "ab"} {
			damaged := func(x Slot) bool { return bytes.ContainsRune([]byte(bad), rune(x)) }
			now, tried := s, 0
			for range 12 {
				boot, next := now.Choose(damaged)
				if err := next.valid(); err != nil {
					t.Fatalf("%+v, damaged %q: %v", s, bad, err)
				}
				if (next == now) != (next.Seq == now.Seq) {
					t.Fatalf("%+v: %+v is written without a number of its own", now, next)
				}
				switch {
				case bad == "ab" && boot != None, bad != "ab" && (boot == None || damaged(boot)):
					t.Fatalf("%+v, damaged %q: boots %s", now, bad, boot)
				case boot != now.Active && !damaged(now.Active):
					tried++
				}
				now = next
			}
			if tried > s.Tries || now.Try != None && bad != "ab" && s.Try != None {
				t.Errorf("%+v, damaged %q: a trial of %d boots, then %+v", s, bad, tried, now)
			}
			if s.Try != None && now.Failed != s.Try {
				t.Errorf("%+v, damaged %q: the trial did not fail: %+v", s, bad, now)
			}
		}
	}
}

func TestTrial(t *testing.T) {
	good := func(Slot) bool { return false }
	s := Factory.Trial()
	for i := range Tries {
		boot, next := s.Choose(good)
		if boot != B || next.Tries != Tries-1-i {
			t.Errorf("try %d: boots %s, %+v", i, boot, next)
		}
		s = next
	}
	if confirmed := s.Confirm(); confirmed.Active != B || confirmed.Try != None {
		t.Errorf("confirmed: %+v, want b active", confirmed)
	}
	if boot, next := s.Choose(good); boot != A || next.Failed != B || next.Try != None {
		t.Errorf("after the last try: boots %s, %+v, want a, and b failed", boot, next)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range all(3)[:3] {
		b, _ := s.Encode()
		f.Add(b[:])
	}
	f.Add(make([]byte, Size))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Errorf("error %v, want one of ErrState", err)
			}
			return
		}
		again, err := s.Encode()
		if err != nil {
			t.Fatalf("%+v was read, and cannot be written: %v", s, err)
		}
		if got, err := Decode(again[:]); err != nil || got != s {
			t.Errorf("%+v comes back as %+v, %v", s, got, err)
		}
	})
}

func ExampleState_Encode() {
	b, _ := State{Seq: 0x1f, Active: A, Try: B, Tries: 3, Failed: None}.Encode()
	fmt.Printf("%q\n", bytes.TrimRight(b[4:], "\x00"))
	// Output: "active=a\x00failed=-\x00seq=0000001f\x00tries=3\x00try=b"
}
