package merge

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"cafeprobe/capture"
)

// part is a part that has the times of its frames in a list, and wakes by a pipe.
type part struct {
	r, w  *os.File
	times []int64
	asked int
	err   error
}

func newPart(t testing.TB, times ...int64) *part {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return &part{r: r, w: w, times: times}
}

func (p *part) Ready(fs []capture.Frame) (n int, err error) {
	p.asked++
	for ; n < len(fs) && n < len(p.times); n++ {
		fs[n] = capture.Frame{Time: p.times[n]}
	}
	p.times = p.times[n:]
	return n, p.err
}

func (p *part) FDs() []int { return []int{int(p.r.Fd())} }

func next(t *testing.T, s *Source) (at int64) {
	t.Helper()
	var f capture.Frame
	if err := s.Next(&f); err != nil {
		t.Fatal(err)
	}
	return f.Time
}

// TestTurns: a part that always has frames does not keep another waiting, and time does not go back between them.
func TestTurns(t *testing.T) {
	busy := make([]int64, 100)
	for i := range busy {
		busy[i] = int64(i)
	}
	a, b := newPart(t, busy...), newPart(t, 5, 25)
	s := New(Config{}, a, b)
	var got []int64
	fs := make([]capture.Frame, 10)
	for range 4 {
		n, err := s.Batch(fs)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fs[:n] {
			got = append(got, f.Time)
		}
	}
	want := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25}
	if !slices.Equal(got[:22], want) || len(got) != 32 || len(b.times) != 0 || !slices.IsSorted(got) {
		t.Errorf("times %v, want %v and ten more", got, want)
	}
}

// TestQuiet: it is quiet when no frame came, also when something wakes it all the time, and the time is told.
func TestQuiet(t *testing.T) {
	a, b := newPart(t), newPart(t)
	began := time.Now()
	s := New(Config{Quiet: 20 * time.Millisecond, Now: func() int64 { return 7 + int64(time.Since(began)) }}, a, b)
	if _, err := b.w.WriteString("not read by anybody"); err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		var f capture.Frame
		if err := s.Next(&f); !errors.Is(err, capture.ErrQuiet) || f.Time < (i+1)*int64(20*time.Millisecond) {
			t.Errorf("%v at %v, want quiet after 20 ms each", err, time.Duration(f.Time))
		}
	}
	a.times = []int64{3}
	if at := next(t, s); at < int64(60*time.Millisecond) {
		t.Errorf("a frame at %v, want none before the time that was told", time.Duration(at))
	}
}

// TestWakes: a part that has nothing is waited for, not asked again and again.
func TestWakes(t *testing.T) {
	a, b := newPart(t), newPart(t)
	s := New(Config{Quiet: time.Second}, a, b)
	b.err = errors.New("gone")
	var f capture.Frame
	if err := s.Next(&f); err != b.err {
		t.Errorf("%v, want the part's own error", err)
	}
	b.err = nil
	asked := a.asked
	if err := New(Config{Quiet: 100 * time.Millisecond}, a).Next(&f); !errors.Is(err, capture.ErrQuiet) {
		t.Errorf("%v, want quiet", err)
	}
	if n := a.asked - asked; n != 2 {
		t.Errorf("asked %d times in one quiet time, want at its begin and end", n)
	}
}

// TestNoAllocation: handing out takes no memory.
func TestNoAllocation(t *testing.T) {
	s := New(Config{}, newPart(t, make([]int64, 20000)...), newPart(t, make([]int64, 20000)...))
	var f capture.Frame
	if n := testing.AllocsPerRun(100, func() {
		for range 100 {
			if err := s.Next(&f); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations in 100 frames, want 0", n)
	}
}
