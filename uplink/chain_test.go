package uplink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
)

// batchOf chains rs behind h.
func batchOf(t testing.TB, h Head, boot uint64, rs ...Record) *Batch {
	t.Helper()
	b := &Batch{Box: address.Box, Chain: chain, Boot: boot, From: h.Seq + 1, Prev: h.Hash, Recs: rs}
	for _, r := range rs {
		h = h.Next(boot, r)
	}
	b.Head = h.Hash
	return b
}

// sample is a batch of all kinds that have a type, from the start of a chain.
func sample(t testing.TB) *Batch {
	t.Helper()
	var rs []Record
	for _, body := range bodies() {
		r, err := Encode(body)
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, r)
	}
	return batchOf(t, Head{0, Genesis(chain, public(key(1)))}, 41, rs...)
}

// The formula of the design, computed from octets with Python's hashlib.
func TestNext(t *testing.T) {
	h := Genesis("k3v9Qd2x", public(key(1)))
	if got, want := h.String(), "pTykjXGNIGhyHB_ylu7_rB3vjdOJyhEdeqIGGo0v6WE"; got != want {
		t.Errorf("h0 %s, want %s", got, want)
	}
	r, err := ParseRecord([]byte(`{"k":"open","st":"u3mJq0yZcRE","m":8123456,"t":1795000000123,"tq":"sync","c":86}`))
	if err != nil {
		t.Fatal(err)
	}
	n := Head{182732, h}.Next(41, r)
	if got, want := n.Hash.String(), "MAfT4G7zsNAs2zkY6NvY5ez5Pv3FsBLxhTBNZTBkt7k"; got != want || n.Seq != 182733 {
		t.Errorf("head %d %s, want 182733 %s", n.Seq, got, want)
	}
}

func TestBatchGolden(t *testing.T) {
	b := sample(t)
	p, err := b.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "batch.json", p)
	back, err := ParseBatch(p)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := back.Verify()
	if err != nil {
		t.Fatal(err)
	}
	end, err := VerifyStored(b.Start(), rs)
	if err != nil || end != b.End() {
		t.Errorf("stored records lead to %v, %v, want %v", end, err, b.End())
	}
	for i, r := range rs {
		if !bytes.Equal(r.Raw, b.Recs[i].Raw) {
			t.Errorf("record %d: raw %s, want %s", r.Seq, r.Raw, b.Recs[i].Raw)
		}
	}
}

// Every octet of a record is in the chain, and so are its place, its boot and its order.
func TestTamper(t *testing.T) {
	f := func(name string, change func(b *Batch)) {
		t.Helper()
		b := sample(t)
		change(b)
		if _, err := b.Verify(); !errors.Is(err, ErrBreak) {
			t.Errorf("%s: error %v, want %v", name, err, ErrBreak)
		}
	}
	f("other boot", func(b *Batch) { b.Boot++ })
	f("other place", func(b *Batch) { b.From++ })
	f("other start", func(b *Batch) { b.Prev[31] ^= 1 })
	f("other end", func(b *Batch) { b.Head[0] ^= 1 })
	f("two swapped", func(b *Batch) { b.Recs[1], b.Recs[2] = b.Recs[2], b.Recs[1] })
	f("one missing", func(b *Batch) { b.Recs = append(b.Recs[:3], b.Recs[4:]...) })
	f("one doubled", func(b *Batch) { b.Recs = append(b.Recs, b.Recs[len(b.Recs)-1]) })
	f("tail cut", func(b *Batch) { b.Recs = b.Recs[:len(b.Recs)-1] })
	f("other m", func(b *Batch) { b.Recs[0].Stamp.Mono++ })

	rs, err := sample(t).Verify()
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string, change func(rs []Stored) []Stored, good uint64) {
		t.Helper()
		c := make([]Stored, len(rs))
		copy(c, rs)
		h, err := VerifyStored(sample(t).Start(), change(c))
		if !errors.Is(err, ErrBreak) || h.Seq != good {
			t.Errorf("%s: good to %d, %v, want %d", name, h.Seq, err, good)
		}
	}
	at("altered", func(c []Stored) []Stored {
		c[3].Raw = bytes.Replace(c[3].Raw, []byte("91"), []byte("92"), 1)
		return c
	}, 3)
	at("missing", func(c []Stored) []Stored { return append(c[:5], c[6:]...) }, 5)
	at("doubled", func(c []Stored) []Stored { return append(c[:3], c[2:]...) }, 3)
}

// A gap record takes the place of what it declares lost, and of nothing else.
func TestGap(t *testing.T) {
	rs, err := sample(t).Verify()
	if err != nil {
		t.Fatal(err)
	}
	h := sample(t).Start()
	gap := func(from, to Int) Record {
		r, err := Encode(&Gap{Stamp: at, From: from, To: to, Why: "corrupt"})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	place := func(r Record, over Head, seq uint64) Stored {
		over.Seq = seq - 1
		return Stored{r, seq, 42, over.Next(42, r).Hash}
	}
	end := func(n int) Head { return Head{rs[n-1].Seq, rs[n-1].Hash} }
	f := func(name string, r Stored, have int, chain bool) {
		t.Helper()
		if _, err := VerifyStored(h, append(rs[:have:have], r)); (err == nil) != chain {
			t.Errorf("%s: verifies: %v, want %v", name, err, chain)
		}
	}
	f("5 to 99", place(gap(5, 99), end(4), 100), 4, true)
	f("5 to 99, of which the other side holds 5 and 6", place(gap(5, 99), end(4), 100), 6, false)
	f("5 to 98", place(gap(5, 98), end(4), 100), 4, false)
	f("6 to 99", place(gap(6, 99), end(4), 100), 4, false)
	f("no gap record", place(rs[0].Record, end(4), 100), 4, false)
	f("over another hash", place(gap(5, 99), end(3), 100), 4, false)
}

func TestParseBatchRefuses(t *testing.T) {
	p, err := sample(t).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name, field, value string, want error) {
		t.Helper()
		var m map[string]json.RawMessage
		if err := json.Unmarshal(p, &m); err != nil {
			t.Fatal(err)
		}
		m[field] = json.RawMessage(value)
		if value == "" {
			delete(m, field)
		}
		doc := []byte("{")
		for k, v := range m {
			doc = fmt.Appendf(doc, "%q:%s,", k, v)
		}
		doc[len(doc)-1] = '}'
		if _, err := ParseBatch(doc); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", name, err, want)
		}
	}
	f("no version", "v", ``, ErrMessage)
	f("version 2", "v", `2`, ErrMessage)
	f("no box", "box", ``, ErrMessage)
	f("box with a slash", "box", `"b-7f3a91/2"`, ErrMessage)
	f("no chain", "ch", ``, ErrMessage)
	f("from 0", "from", `0`, ErrMessage)
	f("from above to", "from", `100`, ErrMessage)
	f("to beyond", "to", `100`, ErrMessage)
	f("no to", "to", ``, ErrMessage)
	f("no prev", "prev", ``, ErrMessage)
	f("null head", "head", `null`, ErrMessage)
	f("no records", "recs", `[]`, ErrMessage)
	f("a null record", "recs", `[null]`, ErrStrict)
	f("a number for a record", "recs", `[7]`, ErrStrict)
	f("65 records", "recs", `[`+string(bytes.Repeat([]byte("7,"), 64))+`7]`, ErrMessage)
	f("too long", "x", `"`+string(bytes.Repeat([]byte("x"), MaxMessage))+`"`, ErrStrict)
}

func FuzzParseRecord(f *testing.F) {
	for _, b := range bodies() {
		r, err := Encode(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(r.Raw)
	}
	f.Add([]byte(`{"k":"open","K":"close","m":1,"t":null,"tq":"none"}`))
	f.Add([]byte(`{"k":"roster","part":1,"parts":1,"m":1,"t":null,"tq":"none"}`)) // a missing list was written as null
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := ParseRecord(raw)
		if err != nil {
			return
		}
		// What was read strictly must read the same with names matched exactly.
		var m map[string]json.RawMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		var k string
		if err := json.Unmarshal(m["k"], &k); err != nil || Kind(k) != r.Kind {
			t.Errorf("%s: kind %q, want %q", raw, r.Kind, k)
		}
		if b, err := r.Body(); err == nil {
			again, err := Encode(b)
			if err != nil || bytes.Contains(again.Raw, []byte(`s":null`)) || again.Kind != r.Kind || again.Stamp != r.Stamp {
				t.Errorf("%s encodes again as %s, %v", raw, again.Raw, err)
			}
		}
	})
}

func FuzzParseBatch(f *testing.F) {
	p, err := sample(f).Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p, uint(300), byte(1))
	f.Fuzz(func(t *testing.T, p []byte, at uint, flip byte) {
		b, err := ParseBatch(p)
		if err != nil {
			return
		}
		if b.To()-b.From+1 != uint64(len(b.Recs)) || len(b.Recs) == 0 || len(b.Recs) > MaxRecords {
			t.Fatalf("from %d to %d with %d records", b.From, b.To(), len(b.Recs))
		}
		q, err := b.Append(nil)
		if err != nil {
			return // white space made p short of what the records need: cannot be, but MaxMessage may be hit by digits
		}
		again, err := ParseBatch(q)
		if err != nil || again.Start() != b.Start() || again.End() != b.End() || again.Boot != b.Boot {
			t.Fatalf("%s\nreads again as %+v, %v", q, again, err)
		}
		// A verified batch in which one octet of one record is another does not verify.
		h := b.Start()
		for _, r := range b.Recs {
			h = h.Next(b.Boot, r)
		}
		b.Head = h.Hash
		r := &b.Recs[at%uint(len(b.Recs))]
		raw := bytes.Clone(r.Raw)
		raw[at%uint(len(raw))] ^= flip | 1
		if c, err := ParseRecord(raw); err == nil {
			*r = c
			if _, err := b.Verify(); err == nil {
				t.Errorf("altered record %s verifies", raw)
			}
		}
	})
}

func BenchmarkParseBatch(b *testing.B) {
	p, err := sample(b).Append(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := ParseBatch(p)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.Verify(); err != nil {
			b.Fatal(err)
		}
	}
}
