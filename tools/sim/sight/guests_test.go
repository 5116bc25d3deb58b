package sight

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/account"
	"cafeprobe/firmware/cafe"
	"cafeprobe/tools/sim"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// book keeps all that leaves the slow side.
type book struct {
	said  bytes.Buffer
	spool *spool.Spool
	n     int
}

func (b *book) Record(r uplink.Record) error {
	b.n++
	b.said.Write(r.Raw)
	_, err := b.spool.Append(r)
	return err
}

func (b *book) Occ(o uplink.Occ) error {
	return json.NewEncoder(&b.said).Encode(o)
}

// TestGuestsOwn: of an evening with phones and guests' laptops nothing of theirs is in a record, a roster, an occupancy or
// the spool: neither a pseudonym nor an address nor a name. Of the café's own stations the pseudonyms are there.
func TestGuestsOwn(t *testing.T) {
	secret := [32]byte{1, 2, 3}
	phones, told := 0, 0
	for seed := range uint64(6) {
		r := room(t, 500+seed, sim.Options{Stations: 20, Vantage: []string{"A", "A+", "C"}[seed%3]})
		dir := t.TempDir()
		province := ed25519.NewKeyFromSeed(secret[:]).Public().(ed25519.PublicKey)
		id, err := spool.NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, province)
		if err != nil {
			t.Fatal(err)
		}
		sp, err := spool.Open(dir, id, spool.Config{})
		if err != nil {
			t.Fatal(err)
		}
		b := &book{spool: sp}
		a := account.New(account.Config{Secret: secret, Quality: uplink.QualitySync, Window: 5 * time.Minute}, b)
		c := cafe.New(cafe.Config{})
		take := func(events []cafe.Event) {
			for i := range events {
				if err := a.Take(&events[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		Play(r, nil, func(o *capture.Observation) { take(c.Observe(o)) })
		take(c.Finish())
		if err := sp.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := sp.Close(); err != nil {
			t.Fatal(err)
		}
		stored := files(t, dir)
		has := func(what []byte) bool { return bytes.Contains(b.said.Bytes(), what) || bytes.Contains(stored, what) }
		for _, s := range r.Stations {
			name := []byte(uplink.NewStationID(secret, s.MAC))
			known, heard := c.Known(s.MAC)
			if s.Role != sim.Phone {
				if heard && known.Reported() && bytes.Contains(b.said.Bytes(), name) && bytes.Contains(stored, name) {
					told++
				}
				continue
			}
			if heard {
				phones++
			}
			for _, own := range [][]byte{name, s.MAC[:], []byte(s.MAC.String()), []byte(s.Addr.String() + `"`), []byte(s.Name)} {
				if has(own) {
					t.Errorf("seed %d: %q of the guest's %s left the box, or was stored", r.Seed, own, s.Name)
				}
			}
		}
	}
	t.Logf("%d phones and laptops heard, none told of; %d of the cafés' own told", phones, told)
	if phones < 25 || told < 100 {
		t.Error("too few to say anything")
	}
}

// files returns the octets of all files in dir.
func files(t *testing.T, dir string) (all []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		octets, err := os.ReadFile(path)
		all = append(all, octets...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
