package cut

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/image/disk"
	"cafeprobe/firmware/vm"
	"cafeprobe/uplink"
)

// logged writes a log as QEMU does: see vm.Log.
func logged(t *testing.T, path string, writes []vm.Write) (lengths []int64) {
	t.Helper()
	const sector = 512
	b := make([]byte, sector)
	binary.LittleEndian.PutUint64(b, 0x6a736677736872)
	binary.LittleEndian.PutUint64(b[8:], 1)
	binary.LittleEndian.PutUint32(b[24:], sector)
	for _, w := range writes {
		e := make([]byte, sector)
		binary.LittleEndian.PutUint64(e, uint64(w.Offset/sector))
		binary.LittleEndian.PutUint64(e[8:], uint64(len(w.Data)/sector))
		if w.Flush {
			e[16] = 1
		}
		b = append(append(b, e...), w.Data...)
		lengths = append(lengths, int64(len(b)))
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return lengths
}

// TestReplay: of a trial that is counted down, wherever the power is cut, a box comes back; where the same is written over a slot, it does
// not from then on. What the province came to know later is not looked for.
func TestReplay(t *testing.T) {
	tree := inMemory(t)
	known := life(t, tree)
	card := laid(t, tree, nil)
	r := &Recording{Disk: card.Name(), Log: filepath.Join(t.TempDir(), "log"), Parts: map[string]int64{}, Records: known}
	for _, p := range parts {
		if at, err := disk.Find(r.Disk, p); err == nil {
			r.Parts[p] = at
		}
	}
	r.Firmwares = firmwares()
	next, err := bootstate.State{Seq: 8, Active: bootstate.A, Try: bootstate.B, Tries: 2, Failed: bootstate.None}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	lengths := logged(t, r.Log, []vm.Write{
		{Offset: r.Parts["state"] + 1<<19, Data: make([]byte, 4096)},
		{Flush: true},
		{Offset: r.Parts["state"] + 4096, Data: next[:]},
		{Flush: true},
	})
	r.Phases = []Phase{{"first", 0}, {Update, lengths[1]}, {"", lengths[3]}}
	r.Marks = []Mark{{lengths[1], 7}}
	f := func(name string, change func(*vm.Log), want error) {
		t.Helper()
		res, err := r.Replay(t.Context(), Replay{Dir: inMemory(t), Each: 4, Seed: 1, Change: change})
		if err != nil {
			t.Fatal(err)
		}
		if res.States() != 8 || len(res.Violations) > 0 != (want != nil) {
			t.Errorf("%s: %v, want 8 states and violations %v", name, res, want)
		}
		for _, v := range res.Violations {
			if !errors.Is(v.Err, want) {
				t.Errorf("%s: %v, want %v", name, v, want)
			}
		}
		if n := res.Count(func(f Found) bool { return f.Known == 7 }); want == nil && (n < 2 || n > 7) {
			t.Errorf("%s: %d states in which the province held 7 records, want those behind the mark", name, n)
		}
	}
	f("counted down", nil, nil)
	f("another slot", func(l *vm.Log) { l.Writes[2].Offset = r.Parts["slot_a"] }, ErrSlots)
	r.Records = append([]uplink.Head{{Seq: known[0].Seq, Hash: uplink.Hash(bytes.Repeat([]byte{1}, 32))}}, known[1:]...)
	f("another record", nil, ErrChain)
}

// TestGrowth: the phase in which the data grow is around the first write to the table in the first phase, wherever that begins in the log.
func TestGrowth(t *testing.T) {
	f := func(begin, table, end, from, to int) {
		t.Helper()
		r := &Recording{Phases: []Phase{{"first", int64(begin)}, {"", int64(end)}}, Parts: map[string]int64{"state": 1 << 20}}
		log := &vm.Log{}
		for i := range 200 {
			w := vm.Write{Offset: 8 << 20, Data: make([]byte, 512), Logged: int64(i + 1)}
			if i == table || i < begin {
				w.Offset = 512
			}
			log.Writes = append(log.Writes, w)
		}
		want := []span{{"first", begin, end}, {Growth, from, to}}
		if got := r.spans(log); !slices.Equal(got, want) {
			t.Errorf("phase from %d to %d, table at %d: %v, want %v", begin, end, table, got, want)
		}
	}
	f(0, 50, 100, 50-growing, 50+growing)
	f(40, 90, 140, 90-growing, 90+growing)
	f(40, 41, 140, 40, 41+growing)
	f(40, 139, 140, 139-growing, 140)
}
