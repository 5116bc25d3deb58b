package spool

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cafeprobe/uplink"
)

// images returns how many images a test makes: few in every run, many where SOAK is set.
func images(few, many int) int {
	if os.Getenv("SOAK") != "" {
		return many
	}
	return few
}

const (
	loadEnv   = "SPOOL_TEST_LOAD" // folder: be the box that is recorded
	loadLives = 4
	loadDays  = 9
	loadFile  = 512 << 10
)

// loadRounds is how many commits a day the load makes: few in every run, many where SOAK is set.
func loadRounds() int { return images(4, 14) }

// load is one life of a box: commits of 1 to 40 records over some days, receipts that lag, a file deleted now and then.
// Each life ends without goodbye, but where every life is a start of the kernel as well: there every other one ends in
// order. It writes what it was told into the file "told".
func load(dir, seed string) error {
	id, err := LoadIdentity(os.Getenv(loadEnv + "_ID"))
	if err != nil {
		return err
	}
	life := int(seed[0] - '0')
	kernel := os.Getenv(loadEnv + "_KERNEL")
	s, err := Open(dir, id, Config{Generation: loadFile, KeepDays: 3, kernel: kernel})
	if err != nil {
		return err
	}
	told, err := os.OpenFile(filepath.Join(dir, "told"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(told, "kernel %s\n", s.kernel); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(uint64(life), 7))
	told1 := s.Head().Seq
	for d := range loadDays {
		for i := range loadRounds() {
			for range 1 + r.IntN(40)*r.IntN(2) {
				rec, err := uplink.Encode(&uplink.Open{
					Station: "u3mJq0yZcRE", Confidence: 86,
					Stamp: uplink.Stamp{Mono: uplink.Int(i), Time: uplink.Time(20500*day + (life*loadDays+d)*day + i), Quality: uplink.QualitySync},
				})
				if err == nil {
					_, err = s.Append(rec)
				}
				if err != nil {
					return err
				}
			}
			if err := s.Commit(); err != nil {
				return err
			}
			rs, err := s.Read(told1+1, 1<<20, 1<<30)
			if err != nil {
				return err
			}
			var b strings.Builder
			for _, rec := range rs {
				fmt.Fprintf(&b, "%d %s\n", rec.Seq, rec.Hash)
				told1 = rec.Seq
			}
			if _, err := told.WriteAt([]byte(b.String()), 0); err != nil {
				return err
			}
		}
		if d%3 == 2 {
			h, ok := s.At(told1 - 50)
			if !ok {
				return fmt.Errorf("no record %d", told1-50)
			}
			if _, err := fmt.Fprintf(told, "receipt %d\n", h.Seq); err != nil {
				return err
			}
			if err := s.SetReceipt(h); err != nil {
				return err
			}
		}
	}
	if kernel != "" && life%2 == 1 {
		return s.Close()
	}
	return nil
}

// recorded runs the load and returns all that it did. If starts is set each life is one of another run of the kernel.
func recorded(t *testing.T, starts bool) (log []op, id Identity) {
	t.Helper()
	rec, dir := record(t)
	id = identity(t)
	path := filepath.Join(t.TempDir(), IdentityFile)
	check(t, id.Save(path))
	for life := range loadLives {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), loadEnv+"="+dir, loadEnv+"_ID="+path, fmt.Sprintf("%s_SEED=%d", loadEnv, life))
		if starts {
			cmd.Env = append(cmd.Env, fmt.Sprintf("%s_KERNEL=run-%d", loadEnv, life))
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("life %d: %v\n%s", life, err, out)
		}
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.log, id
}

// A history is what was told up to some place in the log.
type history struct {
	hash    map[uint64]string
	head    uint64
	receipt uint64
	kernel  string // the run of it that wrote last
	traces  int    // what the image has of all that was not flushed, in sectors
}

func (h *history) note(o op) {
	for line := range strings.Lines(string(o.data)) {
		var seq uint64
		var hash string
		if kernel, ok := strings.CutPrefix(line, "kernel "); ok {
			h.kernel = strings.TrimSpace(kernel)
		} else if _, err := fmt.Sscanf(line, "receipt %d", &seq); err == nil {
			h.receipt = seq
		} else if _, err := fmt.Sscanf(line, "%d %s", &seq, &hash); err == nil {
			h.hash[seq], h.head = hash, max(h.head, seq)
		}
	}
}

// cut is a place in the log where the power goes, and how many operations before it the card began to lie.
type cut struct{ at, lie int }

// cuts makes n images of log and calls f with each.
func cuts(t *testing.T, log []op, n, lie int, f func(i int, dir string, h *history, r *rand.Rand)) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var cs []cut
	for range n {
		c := cut{at: 1 + r.IntN(len(log))}
		if lie > 0 {
			c.lie = min(c.at, 1+r.IntN(lie))
		}
		cs = append(cs, c)
	}
	slices.SortFunc(cs, func(a, b cut) int { return cmp.Compare(a.at-a.lie, b.at-b.lie) })
	d, at, h := newDisk(), 0, &history{hash: map[uint64]string{}}
	for i, c := range cs {
		for ; at < c.at-c.lie; at++ {
			d.apply(log[at], false)
			h.note2(log[at])
		}
		e, g := d.clone(), &history{hash: map[uint64]string{}, head: h.head, receipt: h.receipt, kernel: h.kernel}
		for seq, hash := range h.hash {
			g.hash[seq] = hash
		}
		for _, o := range log[at:c.at] {
			e.apply(o, true)
			g.note2(o)
		}
		dir := inMemory(t)
		g.traces = e.image(t, dir, r)
		f(i, dir, g, r)
		check(t, os.RemoveAll(dir))
	}
}

// inMemory returns a folder in memory where there is one: an image is written once and read once.
func inMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "spool")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (h *history) note2(o op) {
	if o.kind == opTold {
		h.note(o)
	}
}

// everything reads all records of s.
func everything(t *testing.T, s *Spool) map[uint64]uplink.Stored {
	t.Helper()
	all := map[uint64]uplink.Stored{}
	for from := uint64(1); ; {
		rs, err := s.Read(from, 1<<20, 1<<30)
		check(t, err)
		if len(rs) == 0 {
			return all
		}
		for _, r := range rs {
			all[r.Seq] = r
		}
		from = rs[len(rs)-1].Seq + 1
	}
}

// After a power cut every record that was told committed is there, and no number of one is given again.
func TestPowerCut(t *testing.T) {
	log, id := recorded(t, true)
	n, lost, torn := images(12, 1000), 0, 0
	cuts(t, log, n, 0, func(i int, dir string, h *history, r *rand.Rand) {
		s, err := Open(dir, id, Config{Generation: loadFile, Wary: true, kernel: "another"})
		if err != nil {
			t.Fatalf("image %d: %v", i, err)
		}
		defer s.Close()
		seq, err := s.Append(opened(t, 100, 1))
		check(t, err)
		check(t, s.Commit())
		if seq <= h.head {
			t.Errorf("image %d: number %d is given again, the head was %d", i, seq, h.head)
		}
		all := everything(t, s)
		for seq, hash := range h.hash {
			if got, ok := all[seq]; seq > h.receipt && (!ok || got.Hash.String() != hash) {
				t.Errorf("image %d: record %d is %v, %v, want %s; head was %d", i, seq, got.Hash, ok, hash, h.head)
				lost++
			}
		}
		if len(h.hash) > 0 {
			verify(t, s)
		}
		st := s.Stats()
		torn += int(st.Lost)
		if st.Corrupt > 0 || st.Fault != "" {
			t.Errorf("image %d: stats %+v, want no broken file", i, st)
		}
	})
	t.Logf("%d images of %d operations: %d committed records lost; %d numbers of commits that did not end were seen",
		n, len(log), lost, torn)
}

// A card that ignored flushes for a while brings back older sectors, at worst an earlier state whole and sound. The box
// starts, and all that it lost is declared: by the card's own traces, by the numbers that every power cut passes over, or by
// the fork that the province's receipt makes.
//
// No image is left out while the kernel runs on.
func TestLyingCard(t *testing.T) { lying(t, images(12, 300), false) }

// The same with a power cut between any two lives, which passes over numbers too. What cannot be held is told: a life of
// which the card kept nothing, not even the state.json that the start wrote and flushed before the first record. The card is
// then what that start found, octet for octet, so a later start does what that one did: it passes over the same numbers and
// gives the same ones. Nothing on the card could make it do otherwise. The province tells by a second hash under a number,
// if one of the lost records had been sent.
func TestLyingCardAcrossStarts(t *testing.T) { lying(t, images(6, 150), true) }

func lying(t *testing.T, n int, starts bool) {
	log, id := recorded(t, starts)
	var salvaged, forks, pure, lost, holding, undone int
	cuts(t, log, n, 400, func(i int, dir string, h *history, r *rand.Rand) {
		st, _, err := readState(dir)
		check(t, err)
		s, err := Open(dir, id, Config{Generation: loadFile, Wary: true, kernel: "another"})
		if err != nil {
			t.Fatalf("image %d: %v", i, err)
		}
		defer s.Close()
		sent := h.receipt
		if h.head > h.receipt {
			sent += r.Uint64N(h.head - h.receipt + 1)
			for h.hash[sent] == "" && sent > h.receipt { // a number that was passed over
				sent--
			}
		}
		if sent > 0 { // the province holds so much and says so
			at := uplink.Head{Seq: sent}
			check(t, at.Hash.UnmarshalText([]byte(h.hash[sent])))
			if err := s.SetReceipt(at); errors.Is(err, ErrUnknown) || errors.Is(err, ErrMismatch) {
				s.Fork(at)
			} else if err != nil {
				t.Fatalf("image %d: %v", i, err)
			}
		}
		seq, err := s.Append(opened(t, 100, 1))
		check(t, err)
		check(t, s.Commit())
		forks += s.Stats().Forks
		salvaged += int(s.Stats().Salvaged)
		gap := func(seq uint64) bool { return false }
		all := everything(t, s)
		for _, r := range all {
			if b, err := r.Body(); err == nil && r.Kind == uplink.KindGap {
				g, before := b.(*uplink.Gap), gap
				gap = func(seq uint64) bool { return seq >= uint64(g.From) && seq <= uint64(g.To) || before(seq) }
			}
		}
		missing, before := 0, lost
		for seq, hash := range h.hash {
			got, ok := all[seq]
			switch {
			case seq <= sent || ok && got.Hash.String() == hash:
			case gap(seq):
				lost++
			default:
				missing++
			}
		}
		if lost > before {
			holding++
		}
		if lost > before && h.traces == 0 {
			pure++
		}
		switch {
		case missing == 0 && seq > h.head:
		case starts && st.Kernel != h.kernel:
			undone++
		default:
			t.Errorf("image %d: %d records of %d to %d are neither there nor declared; next is %d, %d traces, stats %+v",
				i, missing, sent, h.head, seq, h.traces, s.Stats())
		}
	})
	t.Logf("%d images: %d lost records, in gaps declared by %d images, %d of these in all octets an earlier state; %d salvaged, %d forks",
		n, lost, holding, pure, salvaged, forks)
	if starts {
		t.Logf("%d images cannot be held: the card kept nothing of the life before the cut", undone)
	}
}
