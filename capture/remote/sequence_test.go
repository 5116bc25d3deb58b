package remote

import (
	"math/rand/v2"
	"testing"
)

func TestSequence(t *testing.T) {
	f := func(name string, numbers []uint32, lost, late, duplicates, beginnings uint64) {
		t.Helper()
		var q sequence
		for _, n := range numbers {
			q.add(n)
		}
		if q.total() != lost || q.late != late || q.duplicates != duplicates || q.beginnings != beginnings {
			t.Errorf("%s: %d lost, %d late, %d duplicates, %d beginnings, want %d, %d, %d, %d",
				name, q.total(), q.late, q.duplicates, q.beginnings, lost, late, duplicates, beginnings)
		}
	}
	f("nothing", nil, 0, 0, 0, 0)
	f("in order", []uint32{7, 8, 9}, 0, 0, 0, 0)
	f("a hole", []uint32{7, 8, 12}, 3, 0, 0, 0)
	f("a hole that is filled", []uint32{7, 8, 12, 9, 11, 10}, 0, 3, 0, 0)
	f("twice", []uint32{7, 8, 8, 10, 7, 10}, 1, 0, 3, 0)
	f("late before the first", []uint32{7, 5, 8}, 1, 1, 0, 0)
	f("late before the first, around zero", []uint32{0, 1, 1<<32 - 1, 2}, 0, 1, 0, 0)
	f("wraps", []uint32{1<<32 - 2, 1<<32 - 1, 0, 1}, 0, 0, 0, 0)
	f("a hole around the wrap, filled in part", []uint32{1<<32 - 3, 2, 1<<32 - 1, 0}, 2, 2, 0, 0)
	f("never counts", []uint32{0, 0, 0, 0}, 0, 0, 3, 0)
	f("one that is far off", []uint32{7, 8, 5 << 20, 9}, 0, 0, 0, 0)
	f("begins anew", []uint32{9000, 9001, 9003, 0, 1, 2, 4}, 2, 0, 0, 1)
	f("begins anew far up", []uint32{7, 9, 3 << 30, 3<<30 + 1, 3<<30 + 3}, 2, 0, 0, 1)
	f("as much as is believed", []uint32{7, 7 + leap}, leap-1, 0, 0, 0)
	f("the latest that is known", []uint32{0, window, 1, 1}, window-2, 1, 1, 0)
	f("later than that", []uint32{0, window, window + 1, 0}, window-1, 0, 0, 0)
}

// TestSequenceOfRoughNetwork loses, doubles and delays at random and counts along.
func TestSequenceOfRoughNetwork(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		start, n := r.Uint32(), 1<<17
		if seed%2 == 0 {
			start = -uint32(n) / 2 // wraps in the middle
		}
		type frame struct {
			number uint32
			at     int
		}
		var sent []frame
		lost, duplicates := uint64(0), uint64(0)
		for i := range n {
			last := i == 0 || i == n-1 // with those lost nothing tells of it
			switch x := r.IntN(100); {
			case x < 5 && !last:
				lost++
				continue
			case x < 8:
				sent = append(sent, frame{start + uint32(i), i + r.IntN(200)})
				duplicates++
			}
			sent = append(sent, frame{start + uint32(i), i + r.IntN(200)})
		}
		slots := make([][]uint32, n+200)
		for _, f := range sent {
			slots[f.at] = append(slots[f.at], f.number)
		}
		var q sequence
		for _, s := range slots {
			for _, number := range s {
				q.add(number)
			}
		}
		if q.total() != lost || q.duplicates != duplicates || q.beginnings != 0 {
			t.Errorf("seed %d: %d lost, %d duplicates, %d beginnings, want %d, %d, 0", seed, q.total(), q.duplicates, q.beginnings, lost, duplicates)
		}
	}
}

// FuzzSequence holds what is true of any numbers: none is counted twice, and no more is missing than the numbers that came span.
func FuzzSequence(f *testing.F) {
	f.Add([]byte{0, 1, 2, 9, 3})
	f.Add([]byte{0xff, 0, 0xff, 1, 0x80, 0x81})
	f.Fuzz(func(t *testing.T, b []byte) {
		var q sequence
		n := uint32(0)
		for i, o := range b {
			n += uint32(int32(int8(o)) << (i * 7 % 32)) // small steps and large ones
			before := q.total()
			q.add(n)
			missing, least := q.total(), before-min(before, 1)
			if missing < least || missing > before+leap {
				t.Fatalf("%d missing before number %d, %d after", before, n, missing)
			}
			if q.came+q.late < q.came || q.high < q.base || q.high-q.base+1 < q.came {
				t.Fatalf("%d came between %d and %d", q.came, q.base, q.high)
			}
		}
		if q.late+q.duplicates+q.beginnings > uint64(len(b)) {
			t.Errorf("%d late, %d twice, %d anew in %d", q.late, q.duplicates, q.beginnings, len(b))
		}
	})
}
