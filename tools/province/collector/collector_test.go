package collector_test

import (
	"bytes"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

const chain = uplink.ChainID("k3v9Qd2x")

var at = uplink.Address{Province: "ha-giang", Box: "b-7f3a91c2"}

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func public(n byte) ed25519.PublicKey { return key(n).Public().(ed25519.PublicKey) }

func open(t *testing.T, path string) (*store.Store, *collector.Collector) {
	t.Helper()
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := collector.New(s, collector.Config{Province: at.Province, Key: key(2)})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func batch(t testing.TB, h uplink.Head, conf ...uplink.Int) (collector.Message, uplink.Head) {
	t.Helper()
	b := &uplink.Batch{Box: at.Box, Chain: chain, Boot: 41, From: h.Seq + 1, Prev: h.Hash}
	for _, c := range conf {
		o := &uplink.Open{Station: uplink.NewStationID([32]byte{1}, [6]byte{2})}
		o.Quality, o.Confidence = uplink.QualityNone, c
		r, err := uplink.Encode(o)
		if err != nil {
			t.Fatal(err)
		}
		b.Recs = append(b.Recs, r)
		h = h.Next(b.Boot, r)
	}
	b.Head = h.Hash
	p, err := b.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return collector.Message{Topic: at.Topic(uplink.UpRecords), Payload: p}, h
}

func receipt(t *testing.T, c *collector.Collector, m collector.Message, want uplink.Head) {
	t.Helper()
	out, err := c.Handle(time.Now(), m)
	if err != nil || len(out) != 1 {
		t.Fatalf("answers %v, %v, want one receipt", out, err)
	}
	r, err := uplink.Parse[uplink.Receipt](out[0].Payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(public(2), at); err != nil || r.Head() != want {
		t.Fatalf("receipt for %v, %v, want %v", r.Head(), err, want)
	}
}

func TestCollector(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p?1.db")
	s, c := open(t, path)
	none := uplink.Head{Hash: uplink.Genesis(chain, public(1))}
	first, one := batch(t, none, 50, 60)
	if _, err := c.Handle(time.Now(), first); !errors.Is(err, collector.ErrRefused) {
		t.Fatalf("records before a hello: %v, want %v", err, collector.ErrRefused)
	}
	p, err := uplink.Marshal(uplink.Hello{
		V: 1, Chain: chain, First: 1, Hash: none.Hash, Boot: 41, Conn: 1, Key: uplink.Key(public(1)),
	})
	if err != nil {
		t.Fatal(err)
	}
	hello := collector.Message{Topic: at.Topic(uplink.UpHello), Payload: p}
	receipt(t, c, hello, none)
	receipt(t, c, first, one)
	receipt(t, c, first, one) // a duplicate is acknowledged again

	other, _ := batch(t, none, 70)
	receipt(t, c, other, one) // a fork is kept, and moves nothing

	second, two := batch(t, one, 80)
	third, three := batch(t, two, 90)
	receipt(t, c, third, one) // a gap: the receipt stays in front of it
	wants, err := c.Tick(time.Now().Add(time.Minute))
	if err != nil || len(wants) != 1 {
		t.Fatalf("asks %v, %v, want one want", wants, err)
	}
	if w, err := uplink.Parse[uplink.Want](wants[0].Payload); err != nil || w.From != 3 || w.To != 3 {
		t.Errorf("asks for %+v, %v, want 3 to 3", w, err)
	}

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, c = open(t, path)
	defer s.Close()
	receipt(t, c, hello, one) // what was receipted survives
	receipt(t, c, second, three)
	total, err := s.Totals(t.Context())
	want := store.Totals{Boxes: 1, Chains: 1, Stored: 4, Verified: 4, Duplicates: 2, Forks: 1}
	if err != nil || total != want {
		t.Errorf("totals %+v, %v, want %+v", total, err, want)
	}
}

// TestEnrolledKey: the key that a box enrolled with is the only one, and a box that is not enrolled says nothing.
func TestEnrolledKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	bound, enrolled := public(1), true
	c, err := collector.New(s, collector.Config{
		Province: at.Province, Key: key(2),
		Enrolled: func(uplink.BoxID) (ed25519.PublicKey, bool) { return bound, enrolled },
	})
	if err != nil {
		t.Fatal(err)
	}
	hello := func(name string, ch uplink.ChainID, n byte, want error) {
		t.Helper()
		p, err := uplink.Marshal(uplink.Hello{
			V: 1, Chain: ch, First: 1, Hash: uplink.Genesis(ch, public(n)), Boot: 1, Conn: 1, Key: uplink.Key(public(n)),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Handle(time.Now(), collector.Message{Topic: at.Topic(uplink.UpHello), Payload: p})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	alarms := func(want int) {
		t.Helper()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var got int
		if err := db.QueryRow(`SELECT COUNT(*) FROM alarms WHERE what = 'key'`).Scan(&got); err != nil || got != want {
			t.Errorf("%d alarms, %v, want %d", got, err, want)
		}
	}
	hello("another key from the first hello on", "k3v9Qd2x", 9, collector.ErrRefused)
	alarms(1)
	hello("the right key for the same chain", "k3v9Qd2x", 1, nil)
	hello("the right key", "AAAAAAAA", 1, nil)
	bound = public(3) // the box was enrolled anew, with a new card
	hello("the old card", "AAAAAAAA", 1, collector.ErrRefused)
	alarms(2)
	enrolled = false
	hello("a revoked box", "BBBBBBBB", 3, collector.ErrRefused)
	if n, err := s.Totals(t.Context()); err != nil || n.Chains != 2 {
		t.Errorf("%d chains, %v, want 2", n.Chains, err)
	}
}

// A restored card has written records with numbers that the province holds, and more; then it goes on behind the
// province's head. The branch is kept and alarmed; it does not hold up what comes after it.
func TestBranchLeftBehind(t *testing.T) {
	s, c := open(t, filepath.Join(t.TempDir(), "p.db"))
	defer s.Close()
	none := uplink.Head{Hash: uplink.Genesis(chain, public(1))}
	p, err := uplink.Marshal(uplink.Hello{V: 1, Chain: chain, First: 1, Hash: none.Hash, Boot: 41, Conn: 1, Key: uplink.Key(public(1))})
	if err != nil {
		t.Fatal(err)
	}
	receipt(t, c, collector.Message{Topic: at.Topic(uplink.UpHello), Payload: p}, none)
	main, head := batch(t, none, 50, 60)
	receipt(t, c, main, head)
	branch, end := batch(t, none, 50, 61)
	receipt(t, c, branch, head)
	for range 2 { // numbers that the province has not: only the first of the two touches what it knows
		var more collector.Message
		more, end = batch(t, end, 62, 63)
		receipt(t, c, more, head)
	}
	on, last := batch(t, uplink.Head{Seq: end.Seq + 1, Hash: head.Hash}, 70)
	receipt(t, c, on, last)
	after, last := batch(t, last, 71)
	receipt(t, c, after, last)
	if st := c.Stats(); st.Forks != 3 || st.Records != 6 || st.Refused != 0 {
		t.Errorf("stats %+v, want 3 records known as another branch, 6 stored, nothing refused", st)
	}
}

// TestResume: a collector that has begun to listen says so to every box, and asks at once for what was sent to nobody.
func TestResume(t *testing.T) {
	s, c := open(t, filepath.Join(t.TempDir(), "p.db"))
	defer s.Close()
	none := uplink.Head{Hash: uplink.Genesis(chain, public(1))}
	h, err := uplink.Marshal(uplink.Hello{V: 1, Chain: chain, First: 1, Hash: none.Hash, Boot: 41, Conn: 1, Key: uplink.Key(public(1))})
	if err != nil {
		t.Fatal(err)
	}
	receipt(t, c, collector.Message{Topic: at.Topic(uplink.UpHello), Payload: h}, none)
	first, one := batch(t, none, 50, 60)
	receipt(t, c, first, one)
	missing, two := batch(t, one, 70)
	ahead, three := batch(t, two, 80)
	more, _ := batch(t, three, 90)

	now := time.Now()
	wants := func(out []collector.Message, err error, want ...uplink.Want) {
		t.Helper()
		var got []uplink.Want
		for _, m := range out {
			if m.Topic == at.Topic(uplink.DownWant) {
				w, err := uplink.Parse[uplink.Want](m.Payload)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, w)
			}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("asked for %v, %v, want %v", got, err, want)
		}
	}
	out, err := c.Resume(t.Context(), now)
	wants(out, err, uplink.Want{V: 1, Chain: chain, From: 3, To: 2 + uplink.MaxWant})
	out, err = c.Handle(now.Add(time.Second), ahead)
	wants(out, err, uplink.Want{V: 1, Chain: chain, From: 3, To: 3})
	out, err = c.Handle(now.Add(2*time.Second), more)
	wants(out, err) // it is on its way
	out, err = c.Handle(now.Add(3*time.Second), missing)
	wants(out, err)
	if got := c.Stats(); got.Records != 5 || got.Duplicates != 0 || got.Wants != 1 {
		t.Errorf("%+v, want 5 records, none twice, 1 gap asked for", got)
	}
}
