package spool

import (
	"bufio"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cafeprobe/uplink"
)

func identity(t testing.TB) Identity {
	t.Helper()
	province, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, province)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func vantage(t testing.TB, n int) uplink.Record {
	t.Helper()
	r, err := uplink.Encode(&uplink.Vantage{
		Stamp: uplink.Stamp{Mono: uplink.Int(n), Time: 1795000000000 + uplink.Time(n), Quality: uplink.QualitySync},
		Class: "A", Confidence: 90,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustOpen(t testing.TB, dir string, id Identity, cfg Config) *Spool {
	t.Helper()
	s, err := Open(dir, id, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func fill(t testing.TB, s *Spool, n int) {
	t.Helper()
	for i := range n {
		if _, err := s.Append(vantage(t, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
}

// verify reads all records and follows the chain from the first to the head.
func verify(t testing.TB, s *Spool) []uplink.Stored {
	t.Helper()
	var all []uplink.Stored
	for from := s.First(); from <= s.Head().Seq; {
		rs, err := s.Read(from, 1000, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(rs) == 0 {
			t.Fatalf("no record from %d on, head is %d", from, s.Head().Seq)
		}
		all = append(all, rs...)
		from = rs[len(rs)-1].Seq + 1
	}
	start, ok := s.At(s.First() - 1)
	if !ok {
		t.Fatal("no hash before the first record")
	}
	end, err := uplink.VerifyStored(start, all)
	if err != nil || end != s.Head() {
		t.Fatalf("chain leads to %d, %v; want %d", end.Seq, err, s.Head().Seq)
	}
	return all
}

func TestRecordsOutliveTheProcess(t *testing.T) {
	dir, id := t.TempDir(), identity(t)
	s := mustOpen(t, dir, id, Config{})
	fill(t, s, 300)
	head := s.Head()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir, id, Config{})
	if s.Head() != head || s.Boot() != 2 {
		t.Errorf("head %v, boot %d, want %v and 2", s.Head(), s.Boot(), head)
	}
	fill(t, s, 10)
	if n := len(verify(t, s)); n != 310 {
		t.Errorf("%d records, want 310", n)
	}
}

func TestReceiptIsCheckedAgainstOwnHash(t *testing.T) {
	s := mustOpen(t, t.TempDir(), identity(t), Config{})
	fill(t, s, 10)
	at, _ := s.At(5)
	f := func(name string, h uplink.Head, want error, receipted uint64) {
		t.Helper()
		if err := s.SetReceipt(h); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if got := s.Receipted().Seq; got != receipted {
			t.Errorf("%s: receipted %d, want %d", name, got, receipted)
		}
	}
	f("forged", uplink.Head{Seq: 5, Hash: uplink.Hash{1}}, ErrMismatch, 0)
	f("beyond the head", uplink.Head{Seq: 11, Hash: uplink.Hash{1}}, ErrUnknown, 0)
	f("right", at, nil, 5)
	before, _ := s.At(3)
	f("stale", before, nil, 5)
}

// TestReadsWhatIsNoted: a record that is in the file but not yet in the head, as between the two halves of a commit, is not
// told: the province's receipt for it would come too early, and be taken for another history.
func TestReadsWhatIsNoted(t *testing.T) {
	s := mustOpen(t, t.TempDir(), identity(t), Config{})
	fill(t, s, 2)
	g := s.last()
	before, ok := s.At(1)
	if !ok {
		t.Fatal("no hash of record 1")
	}
	whole := g.Head
	g.Head = before
	if rs, err := s.Read(1, 10, 1<<20); len(rs) != 1 || err != nil {
		t.Errorf("head 1: read %d records, %v, want 1", len(rs), err)
	}
	g.Head = whole
	if rs, err := s.Read(1, 10, 1<<20); len(rs) != 2 || err != nil {
		t.Errorf("head 2: read %d records, %v, want 2", len(rs), err)
	}
}

func TestNothingGoesWithoutReceipt(t *testing.T) {
	s := mustOpen(t, t.TempDir(), identity(t), Config{Generation: 512 << 10, MaxBytes: 2 << 20})
	const n = 20_000
	for i := range n {
		if _, err := s.Append(vantage(t, i)); err != nil {
			t.Fatal(err)
		}
		if i%64 == 0 {
			if err := s.Commit(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := len(verify(t, s)); got != n {
		t.Errorf("%d records, want all %d: none was receipted", got, n)
	}
	if s.Stats().Deleted != 0 || s.Stats().Files < 3 {
		t.Errorf("stats %+v, want several files and none deleted", s.Stats())
	}
	if err := s.SetReceipt(s.Head()); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 5000)
	if s.Stats().Deleted == 0 {
		t.Error("no file deleted though all were receipted and there was no room")
	}
	verify(t, s)
}

func TestCorruptFileIsPutAside(t *testing.T) {
	dir, id := t.TempDir(), identity(t)
	s := mustOpen(t, dir, id, Config{})
	fill(t, s, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name(1))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1 << 16 {
		b[i] ^= 0xa5
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir, id, Config{})
	if s.Stats().Corrupt != 1 {
		t.Errorf("stats %+v, want one file put aside", s.Stats())
	}
	if s.Head().Seq <= 100 {
		t.Errorf("head %d: a sequence number may be given twice", s.Head().Seq)
	}
	rs, err := s.Read(1, 10, 1<<20)
	if err != nil || len(rs) == 0 || rs[0].Kind != uplink.KindGap {
		t.Errorf("records %v, %v, want a gap first", rs, err)
	}
}

func TestIdentityFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), IdentityFile)
	id := identity(t)
	if err := id.Save(path); err != nil {
		t.Fatal(err)
	}
	if err := id.Save(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second save: %v, want fs.ErrExist", err)
	}
	got, err := LoadIdentity(path)
	if err != nil || got.Secret != id.Secret || !got.Key.Equal(id.Key) || got.Chain != id.Chain {
		t.Errorf("loaded %v, %v", got.Chain, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadIdentity(path); !errors.Is(err, ErrIdentity) {
		t.Errorf("readable by all: %v, want ErrIdentity", err)
	}
}

// TestKill kills a process that appends, 20 times at random, as a power cut would: what it said was committed is there,
// no number is given twice, and the chain holds from the first record to the head.
func TestKill(t *testing.T) {
	if dir := os.Getenv("SPOOL_TEST_DIR"); dir != "" {
		appendForever(t, dir)
		return
	}
	dir := t.TempDir()
	id := identity(t)
	if err := id.Save(filepath.Join(dir, IdentityFile)); err != nil {
		t.Fatal(err)
	}
	told := map[uint64]string{}
	for range 20 {
		killOnce(t, dir, told)
	}
	s := mustOpen(t, dir, id, Config{})
	have := map[uint64]string{}
	for _, r := range verify(t, s) {
		have[r.Seq] = r.Hash.String()
	}
	for seq, hash := range told {
		if have[seq] != hash {
			t.Errorf("record %d was committed and is %q now, want %q", seq, have[seq], hash)
		}
	}
	if len(told) < 20 {
		t.Errorf("%d commits seen, want at least one a life", len(told))
	}
	t.Logf("%d records, %d boots, %d commits checked", len(have), s.Boot()-1, len(told))
}

func killOnce(t *testing.T, dir string, told map[uint64]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), "SPOOL_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	enough := 1 + rand.IntN(30)
	for n := 0; lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) != 3 || f[0] != "committed" {
			continue
		}
		seq, err := strconv.ParseUint(f[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		told[seq] = f[2]
		if n++; n == enough {
			time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond) // somewhere in the next commit
			break
		}
	}
	_ = cmd.Process.Kill()
	for lines.Scan() {
	}
	_ = cmd.Wait() // killed: its status says nothing
}

func appendForever(t *testing.T, dir string) {
	id, err := LoadIdentity(filepath.Join(dir, IdentityFile))
	if err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, dir, id, Config{})
	for i := 0; i < 100_000; i++ {
		if _, err := s.Append(vantage(t, i)); err != nil {
			t.Fatal(err)
		}
		if i%7 == 0 {
			if err := s.Commit(); err != nil {
				t.Fatal(err)
			}
			fmt.Println("committed", s.Head().Seq, s.Head().Hash)
		}
	}
}

func BenchmarkCommit(b *testing.B) {
	s := mustOpen(b, b.TempDir(), identity(b), Config{})
	r := vantage(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		for range commitRecords {
			if _, err := s.Append(r); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*commitRecords), "ns/record")
}
