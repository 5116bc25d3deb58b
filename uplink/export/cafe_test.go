package export

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
	"cafeprobe/uplink/replacement"
)

// device is a box with a chain of a few records.
type device struct {
	address uplink.Address
	chain   uplink.ChainID
	key     ed25519.PrivateKey
	records []uplink.Stored
}

func newDevice(t testing.TB, id uplink.BoxID, name uplink.ChainID, seed byte, n int) *device {
	t.Helper()
	d := &device{uplink.Address{Province: "ha-giang", Box: id}, name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)), nil}
	d.records = grow(t, d.start(), n, "x")
	return d
}

func (d *device) start() uplink.Head {
	return uplink.Head{Hash: uplink.Genesis(d.chain, d.key.Public().(ed25519.PublicKey))}
}

func (d *device) header() Header {
	return Header{
		Province: d.address.Province, Box: d.address.Box, Chain: d.chain, Key: keyOf(d.key), ReceiptKey: keyOf(province), First: 1,
		Prev: d.start().Hash,
	}
}

// end writes d's records, and a checkpoint and a receipt for all of them.
func (d *device) end(t testing.TB, w *Writer) {
	t.Helper()
	for _, r := range d.records {
		if err := w.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	h := headOf(d.records)
	note, err := checkpoint.Sign(checkpoint.Checkpoint{
		Address: d.address, Chain: d.chain, Head: h, Boot: 1, Stamp: uplink.Stamp{Quality: uplink.QualityNone},
	}, d.key)
	if err := errors.Join(err, w.Note(note)); err != nil {
		t.Fatal(err)
	}
	if err := w.Receipt(uplink.Receipt{Chain: d.chain, Seq: uplink.Int(h.Seq), Hash: h.Hash, Time: 1}.Sign(province, d.address)); err != nil {
		t.Fatal(err)
	}
}

// follows is the statement that b follows a from record seq on.
func follows(a *device, seq uint64, b *device) replacement.Statement {
	old := a.start()
	if seq > 0 {
		old = uplink.Head{Seq: seq, Hash: a.records[seq-1].Hash}
	}
	return replacement.Statement{
		Province: "ha-giang", Old: replacement.End{Box: a.address.Box, Chain: a.chain, Head: old},
		New: replacement.End{Box: b.address.Box, Chain: b.chain, Head: b.start()}, Replaced: 1795000000123, Linked: 1795000900456,
		By: "Lân", Why: "nguồn <hỏng>",
	}
}

func attested(t testing.TB, s replacement.Statement, key ed25519.PrivateKey) string {
	t.Helper()
	note, err := replacement.Sign(s, key)
	if err != nil {
		t.Fatal(err)
	}
	return note
}

// chained writes the chains of ds, and between them notes.
func chained(t testing.TB, notes []string, ds ...*device) string {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, ds[0].header())
	if err != nil {
		t.Fatal(err)
	}
	ds[0].end(t, w)
	for i, d := range ds[1:] {
		if err := w.Next(notes[i], d.header()); err != nil {
			t.Fatal(err)
		}
		d.end(t, w)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func verifyCafe(t testing.TB, text string) *Cafe {
	t.Helper()
	c, err := VerifyCafe(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// three returns a café whose box was replaced, and then the card of the new one, and the statements.
func three(t testing.TB) (ds []*device, notes []string) {
	a, b, c := newDevice(t, "b-00000001", "k3v9Qd2x", 1, 5), newDevice(t, "b-00000017", "Zp0_q-7a", 3, 4), newDevice(t, "b-00000017", "Yp0_q-7a", 4, 3)
	return []*device{a, b, c}, []string{attested(t, follows(a, 4, b), province), attested(t, follows(b, 4, c), province)}
}

func TestCafe(t *testing.T) {
	ds, notes := three(t)
	c := verifyCafe(t, chained(t, notes, ds...))
	if !c.Sound() || len(c.Chains) != 3 || len(c.Links) != 2 || c.Links[0].Later != 1 || c.Links[1].Later != 0 || c.Links[0].By != "Lân" {
		t.Errorf("%+v, want three chains and two links", c)
	}
	for i, n := range []int{5, 4, 3} {
		if r := c.Chains[i]; r.Records != n || r.Receipted != uint64(n) {
			t.Errorf("chain %d: %+v, want %d records, all receipted", i, r, n)
		}
	}
	if c := verifyCafe(t, chained(t, nil, ds[0])); !c.Sound() || len(c.Chains) != 1 {
		t.Errorf("one chain: %+v", c)
	}
	if r := verify(t, chained(t, notes, ds...)); r.Sound() {
		t.Error("Verify takes three chains for one")
	}
}

func TestCafeRefuses(t *testing.T) {
	ds, notes := three(t)
	a, b := ds[0], ds[1]
	f := func(name, text string) {
		t.Helper()
		if c, err := VerifyCafe(strings.NewReader(text)); err == nil && c.Sound() {
			t.Errorf("%s: %+v, want it refused", name, c)
		}
	}
	g := func(name string, change func(*replacement.Statement)) {
		t.Helper()
		s := follows(a, 4, b)
		change(&s)
		f(name, chained(t, []string{attested(t, s, province)}, a, b))
	}
	g("another end", func(s *replacement.Statement) { s.Old.Head.Hash[0] ^= 1 })
	g("an end that is not there", func(s *replacement.Statement) { s.Old.Head.Seq = 6 })
	g("another beginning", func(s *replacement.Statement) { s.New.Head.Hash[0] ^= 1 })
	g("another old box", func(s *replacement.Statement) { s.Old.Box = "b-00000002" })
	g("another new chain", func(s *replacement.Statement) { s.New.Chain = "Xp0_q-7a" })
	f("signed by the box", chained(t, []string{attested(t, follows(a, 4, b), box)}, a, b))
	f("in another order", chained(t, notes[:1], b, a))
	f("another chain's statement", chained(t, notes[1:], a, b))
	lines := strings.SplitAfter(chained(t, notes, ds...), "\n")
	at := 8 // a header, 5 records, a checkpoint, a receipt; then the statement
	if !strings.HasPrefix(lines[at], string(linkStart)) {
		t.Fatalf("line %d is %q", at, lines[at])
	}
	f("no statement", strings.Join(append(lines[:at:at], lines[at+1:]...), ""))
	f("a statement twice", strings.Join(append(lines[:at+1:at+1], lines[at:]...), ""))
	f("nothing behind a statement", strings.Join(lines[:at+1], ""))
	f("a record behind a statement", strings.Join(append(append(lines[:at+1:at+1], lines[5]), lines[at+1:]...), ""))
	f("the middle chain left out", strings.Join(append(lines[:at:at], lines[16:]...), ""))
	if _, err := VerifyCafe(strings.NewReader("")); !errors.Is(err, ErrExport) {
		t.Errorf("nothing: %v, want %v", err, ErrExport)
	}
}

// TestCafeEveryOctet: one octet of the file changed, cut or added, wherever it is, is found.
func TestCafeEveryOctet(t *testing.T) {
	a, b := newDevice(t, "b-00000001", "k3v9Qd2x", 1, 2), newDevice(t, "b-00000017", "Zp0_q-7a", 3, 1)
	text := chained(t, []string{attested(t, follows(a, 2, b), province)}, a, b)
	f := func(what, text string, at int) {
		if c, err := VerifyCafe(strings.NewReader(text)); err == nil && c.Sound() {
			t.Errorf("octet %d %s is not found: …%q…", at, what, text[max(0, at-20):min(len(text), at+20)])
		}
	}
	for i := range text {
		for _, bit := range []byte{1, 32} {
			b := []byte(text)
			b[i] ^= bit
			f(fmt.Sprintf("with bit %d", bit), string(b), i)
		}
		f("cut", text[:i]+text[i+1:], i)
		f("doubled", text[:i]+text[i:i+1]+text[i:], i)
	}
	f("as carriage return", text[:len(text)-1]+"\r", len(text)-1)
}

// FuzzVerifyCafe: no text makes VerifyCafe panic, and chains that it calls linked are.
func FuzzVerifyCafe(f *testing.F) {
	ds, notes := three(f)
	good := chained(f, notes, ds...)
	f.Add(good)
	f.Add(strings.Replace(good, "b-00000017", "b-00000018", 1))
	f.Add(chained(f, nil, ds[0]))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := VerifyCafe(strings.NewReader(text))
		if err != nil || !c.Sound() || len(c.Chains) < 2 || c.Chains[0].Header.ReceiptKey != keyOf(province) {
			return
		}
		if len(c.Links) != len(c.Chains)-1 || !strings.Contains(good, fmt.Sprintf("%q:%q", "ch", c.Chains[0].Header.Chain)) {
			t.Errorf("%q is sound with links %+v", text, c.Links)
		}
	})
}
