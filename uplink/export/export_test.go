package export

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
)

var (
	address  = uplink.Address{Province: "ha-giang", Box: "b-7f3a91c2"}
	box      = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	province = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
)

const chain = uplink.ChainID("k3v9Qd2x")

func keyOf(k ed25519.PrivateKey) (out uplink.Key) {
	copy(out[:], k.Public().(ed25519.PublicKey))
	return out
}

func genesis() uplink.Head {
	return uplink.Head{Hash: uplink.Genesis(chain, box.Public().(ed25519.PublicKey))}
}

// grow returns n records behind h, told apart by word.
func grow(t testing.TB, h uplink.Head, n int, word string) (out []uplink.Stored) {
	t.Helper()
	for range n {
		r, err := uplink.Encode(&uplink.Blind{
			Stamp: uplink.Stamp{Mono: uplink.Int(h.Seq), Quality: uplink.QualityNone}, Blind: h.Seq%2 == 0, Why: word,
		})
		if err != nil {
			t.Fatal(err)
		}
		h = h.Next(1, r)
		out = append(out, uplink.Stored{Record: r, Seq: h.Seq, Boot: 1, Hash: h.Hash})
	}
	return out
}

func headOf(rs []uplink.Stored) uplink.Head {
	r := rs[len(rs)-1]
	return uplink.Head{Seq: r.Seq, Hash: r.Hash}
}

// write exports rs, with a checkpoint of the box at each of at and a receipt for the last of them.
func write(t testing.TB, rs []uplink.Stored, at ...uplink.Head) string {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{
		Province: address.Province, Box: address.Box, Chain: chain, Key: keyOf(box), ReceiptKey: keyOf(province), First: 1,
		Prev: genesis().Hash,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		if err := w.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range at {
		note, err := checkpoint.Sign(checkpoint.Checkpoint{
			Address: address, Chain: chain, Head: h, Boot: 1, Stamp: uplink.Stamp{Quality: uplink.QualityNone},
		}, box)
		if err != nil {
			t.Fatal(err)
		}
		r := uplink.Receipt{Chain: chain, Seq: uplink.Int(h.Seq), Hash: h.Hash, Time: 1}.Sign(province, address)
		if err := errors.Join(w.Note(note), w.Receipt(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func verify(t testing.TB, text string) *Report {
	t.Helper()
	r, err := Verify(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSound(t *testing.T) {
	rs := grow(t, genesis(), 20, "x")
	r := verify(t, write(t, rs, headOf(rs[:10]), headOf(rs)))
	if !r.Sound() || r.Records != 20 || r.Last != 20 || r.Checkpoints != 2 || r.Receipts != 2 || r.Signed != 20 || r.Receipted != 20 {
		t.Errorf("%+v, want 20 records, signed and receipted", r)
	}
	if r := verify(t, write(t, rs)); !r.Sound() || r.Signed != 0 {
		t.Errorf("without checkpoints: %+v", r)
	}
}

// TestTamper: what was done to a chain is found, and exactly where.
func TestTamper(t *testing.T) {
	const n = 20
	f := func(name string, change func(rs []uplink.Stored) []uplink.Stored, want ...string) {
		t.Helper()
		rs := grow(t, genesis(), n, "x")
		ends := []uplink.Head{headOf(rs[:10]), headOf(rs)}
		r := verify(t, write(t, change(slices.Clone(rs)), ends...))
		var got []string
		for _, f := range r.Findings {
			got = append(got, fmt.Sprintf("%s %d-%d", f.What, f.From, f.To))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if r.Sound() != (len(want) == 0) {
			t.Errorf("%s: sound is %v", name, r.Sound())
		}
	}
	f("nothing", func(rs []uplink.Stored) []uplink.Stored { return rs })
	f("one missing", func(rs []uplink.Stored) []uplink.Stored { return slices.Delete(rs, 6, 7) }, "missing 7-7")
	f("first missing", func(rs []uplink.Stored) []uplink.Stored { return rs[1:] }, "missing 1-1")
	f("two runs missing", func(rs []uplink.Stored) []uplink.Stored {
		return slices.Delete(slices.Delete(rs, 12, 15), 3, 4)
	}, "missing 4-4", "missing 13-15")
	f("body altered", func(rs []uplink.Stored) []uplink.Stored {
		rs[6].Raw = bytes.Replace(rs[6].Raw, []byte(`"x"`), []byte(`"y"`), 1)
		return rs
	}, "altered 7-7")
	f("boot altered", func(rs []uplink.Stored) []uplink.Stored { rs[6].Boot++; return rs }, "altered 7-7")
	f("hash altered", func(rs []uplink.Stored) []uplink.Stored { rs[6].Hash[0] ^= 1; return rs }, "altered 7-7")
	f("two altered in a row", func(rs []uplink.Stored) []uplink.Stored {
		for _, i := range []int{6, 7} {
			rs[i].Raw = bytes.Replace(rs[i].Raw, []byte(`"x"`), []byte(`"y"`), 1)
		}
		return rs
	}, "altered 7-7", "altered 8-8")
	f("no record any more", func(rs []uplink.Stored) []uplink.Stored { rs[6].Raw = []byte(`{"k":"blind"}`); return rs }, "altered 7-7")
	f("doubled", func(rs []uplink.Stored) []uplink.Stored { return slices.Insert(rs, 9, rs[6]) }, "doubled 7-7")
	f("two swapped", func(rs []uplink.Stored) []uplink.Stored { rs[6], rs[7] = rs[7], rs[6]; return rs }, "reordered 7-7")
	f("tail cut", func(rs []uplink.Stored) []uplink.Stored { return rs[:15] }, "truncated 16-20")
	f("forked", func(rs []uplink.Stored) []uplink.Stored {
		return slices.Concat(rs, grow(t, headOf(rs[:12]), 3, "other"))
	}, "forked 13-15")
	f("rewritten with all hashes", func(rs []uplink.Stored) []uplink.Stored {
		return slices.Concat(rs[:12], grow(t, headOf(rs[:12]), 8, "other"))
	}, "rewritten 11-20", "rewritten 11-20") // by the box's word, and by the province's
}

// TestTruncatedTail: who cuts off the tail and every signature over it leaves a file that is sound in itself. One checkpoint
// or one receipt that somebody has kept, put behind it, tells that it was longer, and how long.
func TestTruncatedTail(t *testing.T) {
	rs := grow(t, genesis(), 20, "x")
	whole := strings.SplitAfter(write(t, rs, headOf(rs[:10]), headOf(rs)), "\n") // header, 20 records, 2 of note and receipt, nothing
	note, receipt := whole[23], whole[24]
	if !strings.HasPrefix(note, `{"note"`) || !strings.HasPrefix(receipt, `{"receipt"`) {
		t.Fatalf("the last lines are %q", whole[23:])
	}
	cut := strings.Join(slices.Concat(whole[:16], whole[21:23]), "") // records to 15, what was signed at 10
	f := func(name, kept string, want ...string) {
		t.Helper()
		r := verify(t, cut+kept)
		var got []string
		for _, f := range r.Findings {
			got = append(got, fmt.Sprintf("%s %d-%d", f.What, f.From, f.To))
		}
		if !slices.Equal(got, want) || r.Last != 15 || r.Signed != 10 || r.Receipted != 10 {
			t.Errorf("%s: %q, last %d, signed %d, receipted %d; want %q, 15, 10, 10", name, got, r.Last, r.Signed, r.Receipted, want)
		}
	}
	f("nothing kept", "")
	f("a checkpoint kept", note, "truncated 16-20")
	f("a receipt kept", receipt, "truncated 16-20")
	f("a kept receipt that was altered", strings.Replace(receipt, `"seq":20`, `"seq":21`, 1), "foreign 21-21")
}

// TestDeclaredLoss: what the box itself says is lost is told, and is not wrong.
func TestDeclaredLoss(t *testing.T) {
	rs := grow(t, genesis(), 5, "x")
	gap, err := uplink.Encode(&uplink.Gap{
		Stamp: uplink.Stamp{Quality: uplink.QualityNone}, From: 6, To: 9, Count: 4, Why: "corrupt",
	})
	if err != nil {
		t.Fatal(err)
	}
	h := uplink.Head{Seq: 9, Hash: headOf(rs).Hash}.Next(2, gap)
	rs = append(rs, uplink.Stored{Record: gap, Seq: 10, Boot: 2, Hash: h.Hash})
	r := verify(t, write(t, rs, h))
	if !r.Sound() || len(r.Findings) != 1 || r.Findings[0].What != Declared || r.Findings[0].From != 6 || r.Findings[0].To != 9 {
		t.Errorf("%+v, want records 6 to 9 declared lost and nothing wrong", r)
	}
}

func TestForeign(t *testing.T) {
	rs := grow(t, genesis(), 5, "x")
	text := write(t, rs, headOf(rs))
	f := func(name, old, with string) {
		t.Helper()
		bad := strings.Replace(text, old, with, 1)
		if bad == text {
			t.Fatalf("%s: nothing was changed", name)
		}
		r := verify(t, bad)
		if r.Sound() || !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.What == Foreign }) {
			t.Errorf("%s: %+v, want a foreign signature", name, r.Findings)
		}
	}
	f("receipt's time", `"t":1,`, `"t":2,`)
	f("receipt's version", `{"receipt":{"v":1,`, `{"receipt":{"v":2,`)
	f("checkpoint's number", `\n5\n`, `\n6\n`)
}

func TestNoExport(t *testing.T) {
	for _, text := range []string{"", "{}\n", "x\n", `{"export":2}`} {
		if _, err := Verify(strings.NewReader(text)); !errors.Is(err, ErrExport) {
			t.Errorf("%q: %v, want %v", text, err, ErrExport)
		}
	}
	rs := grow(t, genesis(), 2, "x")
	if _, err := Verify(strings.NewReader(write(t, rs) + strings.Repeat("x", MaxLine+1))); err == nil {
		t.Error("a line without end is read")
	}
}

// FuzzVerify: no text makes Verify panic, and one that it calls sound up to a signature holds those records unchanged.
func FuzzVerify(f *testing.F) {
	rs := grow(f, genesis(), 4, "x")
	good := write(f, rs, headOf(rs))
	f.Add(good)
	f.Add(strings.Replace(good, `"seq":3`, `"seq":4`, 1))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Verify(strings.NewReader(text))
		if err != nil || !r.Sound() || r.Header.Key != keyOf(box) || r.Header.First != 1 || r.Signed < 4 {
			return
		}
		for _, want := range rs {
			if !strings.Contains(text, string(want.Raw)) {
				t.Errorf("%q is sound, but record %d was changed", text, want.Seq)
			}
		}
	})
}
