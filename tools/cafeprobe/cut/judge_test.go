package cut

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/image/disk"
	"cafeprobe/firmware/init/events"
	"cafeprobe/firmware/init/provision"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/provincetest"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
	"cafeprobe/uplink/spool"
)

func TestMain(m *testing.M) {
	spool.CheckMain()
	os.Exit(m.Run())
}

// inMemory returns a folder in memory where there is one: cards and their files are made, flushed and read once.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "cafeprobe-cut")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// life makes a box's files below dir, which has told the province of some records, and returns these.
func life(t *testing.T, dir string) (known []uplink.Head) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	a := uplink.Address{Province: "demo", Box: "b-00000001"}
	p, _ := provincetest.Run(t, province.Config{
		Dir: filepath.Join(inMemory(t), "province"), Province: a.Province, Secure: &province.Secure{Names: []string{"127.0.0.1"}},
	})
	state := filepath.Join(dir, "cafeprobe", "state")
	check(os.MkdirAll(filepath.Join(state, "tls"), 0o700))
	check(os.WriteFile(filepath.Join(dir, "cafeprobe", "config.json"), []byte("{}"), 0o600))
	check(os.WriteFile(filepath.Join(state, "tls", credential.CAFile), p.CA().Root(), 0o600))
	id, err := spool.NewIdentity(a, p.PublicKey())
	check(err)
	check(id.Save(filepath.Join(state, spool.IdentityFile)))
	c, err := credential.Open(filepath.Join(state, "tls"), credential.Config{Box: id.Box, Key: id.Public(), Now: time.Now})
	check(err)
	claim, err := p.CA().NewClaim(a.Box, 0, false)
	check(err)
	check(c.Enroll(t.Context(), p.EnrollURL(), claim))
	s, err := spool.Open(state, id, spool.Config{})
	check(err)
	for range 20 {
		r, err := uplink.Encode(&uplink.Blind{Stamp: uplink.Stamp{Quality: uplink.QualityNone}, Why: "no-frames"})
		check(err)
		_, err = s.Append(r)
		check(err)
	}
	check(s.Close())
	s, err = spool.Open(state, id, spool.Config{})
	check(err)
	defer s.Close()
	rs, err := s.Read(1, 100, 1<<20)
	check(err)
	for _, r := range rs {
		known = append(known, uplink.Head{Seq: r.Seq, Hash: r.Hash})
	}
	if len(known) < 20 {
		t.Fatalf("%d records, want 20", len(known))
	}
	e, err := events.Open(filepath.Join(dir, "init", "events"), "boot")
	check(err)
	_, err = e.Add("update", 1, nil)
	check(err)
	return known
}

// files of a card in a test.
const (
	slotSize = 1 << 20
	dataSize = 24 << 20
)

// firmware is what slots hold.
func firmware(n byte) []byte { return bytes.Repeat([]byte{n, 1, 2, 3}, 50_000) }

func firmwares() (list []Firmware) {
	for _, n := range []byte{1, 2} {
		b := firmware(n)
		list = append(list, Firmware{int64(len(b)), sha256.Sum256(b)})
	}
	return list
}

// laid makes a card of a tree of data.
func laid(t *testing.T, tree string, archive []byte) *os.File {
	t.Helper()
	dir := inMemory(t)
	ext4 := filepath.Join(dir, "data")
	if out, err := exec.Command("mke2fs", "-q", "-t", "ext4", "-d", tree, ext4, fmt.Sprint(dataSize>>10)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s (apt-get install e2fsprogs)", err, out)
	}
	state := make([]byte, 1<<20)
	first, err := bootstate.State{Seq: 7, Active: bootstate.A, Try: bootstate.B, Tries: 3, Failed: bootstate.None}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	copy(state, first[:])
	copy(state[provision.Offset:], archive)
	path := filepath.Join(dir, "card")
	err = disk.Write(path, "seed", nil, []disk.Partition{
		{Name: "state", Type: disk.Linux, Size: 1 << 20, Content: state},
		{Name: "slot_a", Type: disk.Linux, Size: slotSize, Content: firmware(1)},
		{Name: "slot_b", Type: disk.Linux, Size: slotSize, Content: firmware(2)},
		{Name: "data", Type: disk.Linux, Size: dataSize, File: ext4},
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// judged judges a card.
func judged(t *testing.T, f *os.File, at map[string]int64, known []uplink.Head) (*Found, error) {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	c := &Card{Disk: f, Size: info.Size(), Parts: at, Firmwares: firmwares(), Check: "/sbin/e2fsck"}
	c.Extract = func(path string, at, size int64) error {
		b := make([]byte, size)
		if _, err := f.ReadAt(b, at); err != nil && err != io.EOF {
			return err
		}
		return os.WriteFile(path, b, 0o600)
	}
	found, rest, err := c.Judge(inMemory(t), known)
	if err == nil {
		err = rest(t.Context())
	}
	return found, err
}

// TestJudge: what is wrong with a card is found, and nothing where nothing is.
func TestJudge(t *testing.T) {
	tree := inMemory(t)
	known := life(t, tree)
	archive, err := provision.Encode([]provision.File{{Name: "config.json", Data: []byte("{}")}})
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, want error, spoil func(tree string), harm func(card *os.File, parts map[string]int64)) {
		t.Helper()
		mine := filepath.Join(inMemory(t), "tree")
		if out, err := exec.Command("cp", "-a", tree, mine).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var given []byte
		if spoil != nil {
			spoil(mine)
		}
		if name == "not unpacked yet" {
			given = archive
		}
		card := laid(t, mine, given)
		at := map[string]int64{}
		for _, p := range parts {
			if n, err := disk.Find(card.Name(), p); err == nil {
				at[p] = n
			}
		}
		if harm != nil {
			harm(card, at)
		}
		held := known
		if name == "another record" {
			held = append(append([]uplink.Head{}, known[:5]...), uplink.Head{Seq: known[5].Seq, Hash: uplink.Hash{1}})
		}
		if name == "nothing known" || name == "not unpacked yet" || name == "not provisioned" {
			held = nil
		}
		found, err := judged(t, card, at, held)
		if want == nil && err != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v; found %+v", name, err, want, found)
		}
		if err == nil && (!found.Tried || found.Known != len(held) || found.Mended) {
			t.Errorf("%s: found %+v", name, found)
		}
	}
	at := func(part string, off int64, b []byte) func(*os.File, map[string]int64) {
		return func(card *os.File, parts map[string]int64) {
			t.Helper()
			if _, err := card.WriteAt(b, parts[part]+off); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := func(name string, b []byte) func(string) {
		return func(tree string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(tree, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(string) { return func(tree string) { os.RemoveAll(filepath.Join(tree, name)) } }
	flip := []byte{0xff}
	f("sound", nil, nil, nil)
	f("nothing known", nil, nil, nil)
	f("not unpacked yet", nil, remove("cafeprobe"), nil)
	f("an event that was being written", nil, file("init/events/00000002-boot.json.new", []byte("{")), nil)
	f("active slot", ErrSlots, nil, at("slot_a", 100_000, flip))
	f("slot on trial", ErrSlots, nil, at("slot_b", 0, make([]byte, 4096)))
	f("boot state", ErrSlots, nil, at("state", 10, flip))
	f("partition table", ErrTable, nil, func(card *os.File, _ map[string]int64) {
		if _, err := card.WriteAt(make([]byte, 512), 512); err != nil {
			t.Fatal(err)
		}
		info, err := card.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := card.WriteAt(make([]byte, 512), info.Size()-512); err != nil {
			t.Fatal(err)
		}
	})
	f("file system", ErrData, nil, at("data", 0, make([]byte, dataSize-1<<20)))
	f("not provisioned", ErrData, remove("cafeprobe"), nil)
	f("settings", ErrData, file("cafeprobe/config.json", []byte(`{"dir`)), nil)
	f("event", ErrData, file("init/events/00000002-boot.json", []byte(`{}`)), nil)
	f("identity", ErrData, file("cafeprobe/state/identity.json", []byte("{}")), nil)
	f("certificate", ErrData, file("cafeprobe/state/tls/box.pem", nil), nil)
	f("another record", ErrChain, nil, nil)
	f("records", ErrChain, func(tree string) {
		list, err := filepath.Glob(filepath.Join(tree, "cafeprobe/state/*.db"))
		if err != nil || len(list) == 0 {
			t.Fatalf("no spool: %v", err)
		}
		for _, p := range list {
			os.Remove(p)
		}
	}, nil)
}
