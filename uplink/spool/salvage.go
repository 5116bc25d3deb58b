package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"cafeprobe/uplink"
)

// A record can be recognised in a file's octets without bbolt: key, boot, hash and JSON stand behind each other in one
// page, and the chain proves that it is whole. So a broken file is read as a row of octets; nothing in it is followed.
const (
	recordStart = `{"k":"` // as uplink.Encode writes
	scanChunk   = 1 << 20
	scanOverlap = uplink.MaxBody + 64        // a record that starts in one chunk ends in this much of the next
	scanMax     = 64 << 20                   // octets of a file that are looked at
	maxVersions = 4                          // of one sequence number
	scanWanted  = "salvage from %s: %w"      // what was tried
	headerMin   = 8 + 1 + len(uplink.Hash{}) // key, boot, hash before a record's JSON
)

// found is what a file's octets hold.
type found struct {
	records map[uint64][]uplink.Stored // several where a number was written more than once
	seen    uint64                     // largest sequence number that anything tells of
}

// scan looks for records from sequence number lo to hi. Octets that cannot be read are passed over.
func scan(path string, lo, hi uint64) (*found, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf(scanWanted, path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf(scanWanted, path, err)
	}
	out := &found{records: map[uint64][]uplink.Stored{}}
	b := make([]byte, scanChunk+scanOverlap)
	for at := int64(0); at < min(info.Size(), scanMax); at += scanChunk {
		out.look(readAround(f, b, at), lo, hi)
	}
	return out, nil
}

// readAround reads what can be read at an offset: pages that the card refuses are zeros.
func readAround(f io.ReaderAt, b []byte, at int64) []byte {
	n, err := f.ReadAt(b, at)
	if err == nil || errors.Is(err, io.EOF) {
		return b[:n]
	}
	for i := 0; i < len(b); i += pageSize {
		p := b[i:min(i+pageSize, len(b))]
		if n, err := f.ReadAt(p, at+int64(i)); err != nil {
			clear(p[n:])
		}
	}
	return b
}

func (o *found) look(b []byte, lo, hi uint64) {
	if n := marked(b, hi); n >= lo {
		o.seen = max(o.seen, n)
	}
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], []byte(recordStart))
		if i < 0 {
			return
		}
		at += i
		o.take(b, at, lo, hi)
	}
}

// take looks at the record whose JSON may start at b[at].
func (o *found) take(b []byte, at int, lo, hi uint64) {
	for n := 1; n <= binary.MaxVarintLen64 && at-len(uplink.Hash{})-n-8 >= 0; n++ {
		k := at - len(uplink.Hash{}) - n - 8
		seq := binary.BigEndian.Uint64(b[k:])
		if _, m := binary.Uvarint(b[k+8 : at]); m != n || seq < lo || seq > hi {
			continue
		}
		o.seen = max(o.seen, seq)
		end := jsonEnd(b[at:min(len(b), at+uplink.MaxBody)])
		if end == 0 {
			return
		}
		r, err := getRecord(b[k:k+8], b[k+8:at+end])
		same := func(s uplink.Stored) bool { return s.Hash == r.Hash && bytes.Equal(s.Raw, r.Raw) }
		if err == nil && len(o.records[seq]) < maxVersions && !slices.ContainsFunc(o.records[seq], same) {
			o.records[seq] = append(o.records[seq], r)
		}
		return
	}
}

// jsonEnd returns how many octets the JSON object at the start of b has, 0 if it does not end in b.
func jsonEnd(b []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// fork returns the place that the file first follows if it is a forked one, as the fork record in it says.
func (o *found) fork(first uint64) (at uplink.Head, ok bool) {
	for _, r := range o.records[first+1] {
		b, err := r.Body()
		if f, is := b.(*uplink.Fork); err == nil && is {
			return uplink.Head{Seq: uint64(f.At), Hash: f.Theirs}, true
		}
	}
	return at, false
}

// run is records that follow each other behind prev.
type run struct {
	prev uplink.Head
	recs []uplink.Stored
}

// runs returns what of o can be proved, in order: records that follow start, and records that follow one another. Of the
// latter the first is left out: nothing says that it is what its hash is over.
func (o *found) runs(start uplink.Head) (out []run) {
	seqs := make([]uint64, 0, len(o.records))
	for seq := range o.records {
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	heads := []uplink.Head{start} // those that the next record may follow
	for _, seq := range seqs {
		if seq <= start.Seq {
			continue
		}
		from, r, ok := follow(heads, o.records[seq])
		if !ok {
			heads = heads[:0]
			for _, r := range o.records[seq] {
				heads = append(heads, uplink.Head{Seq: r.Seq, Hash: r.Hash})
			}
			continue
		}
		if n := len(out); n > 0 && out[n-1].end() == from {
			out[n-1].recs = append(out[n-1].recs, r)
		} else {
			out = append(out, run{from, []uplink.Stored{r}})
		}
		heads = []uplink.Head{{Seq: r.Seq, Hash: r.Hash}}
	}
	return out
}

func (r run) end() uplink.Head {
	last := r.recs[len(r.recs)-1]
	return uplink.Head{Seq: last.Seq, Hash: last.Hash}
}

// follow returns the first of rs that follows one of heads.
func follow(heads []uplink.Head, rs []uplink.Stored) (from uplink.Head, r uplink.Stored, ok bool) {
	for _, h := range heads {
		for _, r := range rs {
			if _, err := uplink.VerifyStored(h, []uplink.Stored{r}); err == nil {
				return h, r, true
			}
		}
	}
	return from, r, false
}
