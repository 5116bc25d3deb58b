package slot

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cafeprobe/firmware/bootstate"
)

// fat is a folder of FAT, as far as a power cut goes: names and what they lead to are changed by steps of which, until a sync,
// each comes to the card or does not. A name is given and taken in two of them.
type fat struct {
	names map[string]int // number of a file
	files map[int][]byte
	next  int
	steps []step
	known [][]byte // firmware by age: systemd-boot prefers the newest
}

// step is one change; a sync is one that changes nothing.
type step struct {
	sync bool
	do   func(*fat)
	name string // for what is printed
}

func newFAT(first []byte) *fat {
	f := &fat{names: map[string]int{"cafeprobe-a.efi": 1}, files: map[int][]byte{1: bytes.Clone(first)}, next: 2}
	for i, size := range []int{70_001, 90_000, 80_000, 80_000, 80_000} {
		f.known = append(f.known, image(uint64(i+1), size))
	}
	return f
}

func (f *fat) step(name string, do func(*fat)) {
	f.steps = append(f.steps, step{do: do, name: name})
	do(f)
}

func (f *fat) Names() ([]string, error) { return slices.Sorted(maps.Keys(f.names)), nil }

func (f *fat) Sync() error {
	f.steps = append(f.steps, step{sync: true})
	return nil
}

func (f *fat) link(name string, n int) {
	f.step("link "+name, func(f *fat) { f.names[name] = n })
}

func (f *fat) unlink(name string) {
	f.step("unlink "+name, func(f *fat) { delete(f.names, name) })
}

func (f *fat) Open(name string) (Place, error) {
	n, ok := f.names[name]
	if !ok {
		n = f.next
		f.next++
		f.link(name, n)
	}
	return fatFile{f, n}, nil
}

func (f *fat) Rename(from, to string) error {
	n, ok := f.names[from]
	if !ok {
		return errors.New("no such file")
	}
	f.link(to, n)
	if from != to {
		f.unlink(from)
	}
	return nil
}

func (f *fat) Remove(name string) error {
	f.unlink(name)
	return nil
}

type fatFile struct {
	*fat
	n int
}

func (f fatFile) ReadAt(b []byte, at int64) (int, error) {
	data := f.files[f.n]
	n := copy(b, data[min(at, int64(len(data))):])
	if n < len(b) {
		return n, errors.New("end of file")
	}
	return n, nil
}

func (f fatFile) WriteAt(b []byte, at int64) (int, error) {
	for part := range slices.Chunk(bytes.Clone(b), 512) {
		where := at
		at += int64(len(part))
		f.step(fmt.Sprintf("write %d octets of %d at %d", len(part), f.n, where), func(x *fat) {
			data := x.files[f.n]
			if end := int(where) + len(part); len(data) < end {
				data = append(data, make([]byte, end-len(data))...)
			}
			copy(data[where:], part)
			x.files[f.n] = data
		})
	}
	return len(b), nil
}

// age returns which firmware a file is, from 1, or 0 for one that is no program.
func (f *fat) age(n int) int {
	for i, known := range f.known {
		if data := f.files[n]; len(data) >= Head && bytes.Equal(data[:Head], known[:Head]) {
			return i + 1
		}
	}
	return 0
}

// boot is systemd-boot, written down without the package's own reading of names.
func (f *fat) boot() (bootstate.Slot, bool) {
	type choice struct {
		name, base     string
		age, left, ran int
		counted        bool
	}
	var list []choice
	for _, name := range slices.Sorted(maps.Keys(f.names)) {
		base, count, counted := strings.Cut(strings.TrimSuffix(name, ".efi"), "+")
		left, ran, _ := strings.Cut(count, "-")
		l, _ := strconv.Atoi(left)
		r, _ := strconv.Atoi(ran)
		if age := f.age(f.names[name]); age > 0 {
			list = append(list, choice{name, base, age, l, r, counted})
		}
	}
	slices.SortStableFunc(list, func(x, y choice) int {
		spent := func(c choice) int {
			if c.counted && c.left == 0 {
				return 1
			}
			return 0
		}
		if d := spent(x) - spent(y); d != 0 {
			return d
		}
		return y.age - x.age
	})
	if len(list) == 0 {
		return bootstate.None, false
	}
	c := list[0]
	if c.counted && c.left > 0 {
		if f.Rename(c.name, fmt.Sprintf("%s+%d-%d.efi", c.base, c.left-1, c.ran+1)) != nil || f.Sync() != nil {
			return bootstate.None, false
		}
	}
	if !bytes.Equal(f.files[f.names0(c.name, c.base)], f.known[c.age-1]) {
		return bootstate.None, false
	}
	return bootstate.Slot(c.base[len(c.base)-1]), true
}

// names0 returns the file that a name led to before it was counted.
func (f *fat) names0(name, base string) int {
	if n, ok := f.names[name]; ok {
		return n
	}
	for other, n := range f.names {
		if strings.HasPrefix(other, base+"+") && f.age(n) > 0 {
			return n
		}
	}
	return 0
}

// crash returns f after a power cut: of the steps on from before, some were done, and of those since the last sync a part.
func (f *fat) crash(before *fat, rng *rand.Rand) (*fat, string) {
	after := before.clone()
	end := rng.IntN(len(f.steps) + 1)
	synced := 0
	for i, s := range f.steps[:end] {
		if s.sync {
			synced = i
		}
	}
	said := fmt.Sprintf("step %d of %d", end, len(f.steps))
	// Few of many are lost, or many; and what was asked for last, a head or a name, may have come before all else.
	loss, late := []float64{0.02, 0.2, 0.5, 0.9}[rng.IntN(4)], rng.IntN(2)*Head/512
	for i, s := range f.steps[:end] {
		switch {
		case s.sync:
		case i > synced && i < end-late && rng.Float64() < loss:
			if !strings.HasPrefix(s.name, "write") {
				said += ", lost: " + s.name
			}
		default:
			s.do(after)
		}
	}
	return after, said
}

func (f *fat) clone() *fat {
	c := &fat{names: maps.Clone(f.names), files: map[int][]byte{}, next: f.next, known: f.known}
	for n, data := range f.files {
		c.files[n] = bytes.Clone(data)
	}
	return c
}

// TestESPPowerCut cuts the power of an update, and of its confirmation, in 600 places, with names and octets lost in any order:
// whatever systemd-boot takes is whole, a firmware on trial no more than its tries, and another update goes on from there.
func TestESPPowerCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 29))
	kept := map[string]int{}
	for _, old := range []bool{false, true} {
		for _, confirm := range []bool{false, true} {
			f := newFAT(image(1, 70_001))
			e := &ESP{f, bootstate.A}
			if old { // b is the older one
				f.names["cafeprobe-a.efi"], f.names["cafeprobe-b.efi"] = 2, 1
				f.files[2], f.next = image(2, 90_000), 3
			}
			fw := f.known[2]
			write := func() {
				update(t, e, func() Place {
					p, err := e.Open()
					if err != nil {
						t.Fatal(err)
					}
					return p
				}, fw)
			}
			if confirm {
				write()
				f.boot()
			}
			before := f.clone()
			f.steps = nil
			if confirm {
				if err := (&ESP{f, bootstate.B}).Confirm(); err != nil {
					t.Fatal(err)
				}
			} else {
				write()
			}
			for range 150 {
				after, said := f.crash(before, rng)
				run := bootAfter(t, after, said)
				kept[fmt.Sprintf("old %t, confirm %t: runs %s", old, confirm, run)]++
			}
		}
	}
	t.Log(kept)
}

// bootAfter boots five times, then updates, and returns which slot ran.
func bootAfter(t *testing.T, f *fat, said string) bootstate.Slot {
	t.Helper()
	run, tried := bootstate.None, 0
	for range 5 {
		var ok bool
		if run, ok = f.boot(); !ok {
			t.Fatalf("%s: %v: what boots is not whole", said, f.names)
		}
		s, err := (&ESP{f, run}).State()
		if err != nil {
			t.Fatal(err)
		}
		if s.OnTrial() {
			tried++
		}
	}
	if tried > bootstate.Tries {
		t.Fatalf("%s: tried %d times", said, tried)
	}
	e := &ESP{f, run}
	update(t, e, func() Place {
		p, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}, f.known[4])
	if next, ok := f.boot(); !ok || next != run.Other() {
		t.Fatalf("%s: after another update %v boots %s", said, f.names, next)
	}
	return run
}

func TestEntry(t *testing.T) {
	f := func(name string, want entry, ok bool) {
		t.Helper()
		want.name = name
		if got, is := parseEntry(name); is != ok || ok && got != want {
			t.Errorf("%s: %+v %t, want %+v %t", name, got, is, want, ok)
		}
	}
	f("cafeprobe-a.efi", entry{slot: 'a'}, true)
	f("CAFEPROBE-B+3.EFI", entry{slot: 'b', counted: true, left: 3}, true)
	f("cafeprobe-b+0-3.efi", entry{slot: 'b', counted: true}, true)
	f("cafeprobe-b+2-1.efi", entry{slot: 'b', counted: true, left: 2}, true)
	for _, n := range []string{
		"cafeprobe-c.efi", "cafeprobe-.efi", "cafeprobe-b+.efi", "cafeprobe-b+x.efi", "cafeprobe-b3.efi", "cafeprobe-b+1-.efi",
		"cafeprobe-b+-1.efi", "cafeprobe-b+999.efi", "cafeprobe-a.efi.new", "a.efi", "", "cafeprobe-a",
	} {
		f(n, entry{}, false)
	}
}
