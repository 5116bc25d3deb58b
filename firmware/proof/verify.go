package proof

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
	"cafeprobe/uplink/export"
)

// ErrProof is wrapped by Verify's errors: the file is no proof, or not what the box signed.
var ErrProof = errors.New("proof")

// Report is what a proof that verifies says.
type Report struct {
	Statement Statement
	Key       uplink.Key     // that signed it: to be compared with the registry
	Chain     *export.Report // of its records
}

// Is reports whether a file that begins with b may be a proof.
func Is(b []byte) bool { return bytes.HasPrefix(b, []byte("%PDF-")) }

// Verify verifies a proof of at most 16 MiB: that the box's key signed each octet of it; that its records are a chain without a gap that the
// box has signed to its end, and the province where there is a receipt; and that what it states is what follows from them.
func Verify(in io.Reader) (*Report, error) {
	b, err := io.ReadAll(io.LimitReader(in, maxOctets+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProof, err)
	}
	if len(b) > maxOctets {
		return nil, fmt.Errorf("%w: more than %d octets", ErrProof, maxOctets)
	}
	pdf, key, err := unseal(b)
	if err != nil {
		return nil, err
	}
	records, statement, err := attachments(pdf)
	if err != nil {
		return nil, err
	}
	r := &Report{Key: key}
	if r.Chain, err = export.Verify(bytes.NewReader(records)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProof, err)
	}
	switch c := r.Chain; {
	case c.Header.Key != key:
		return nil, fmt.Errorf("%w: its records are of a box with another key", ErrProof)
	case !c.Sound():
		return nil, fmt.Errorf("%w: its records are not sound: %s", ErrProof, c.Findings[0].Text)
	case c.Records == 0 || c.Records > MaxRecords || c.Signed != c.Last || c.Checkpoints != 1:
		return nil, fmt.Errorf("%w: %d records, signed up to %d of %d by %d checkpoints", ErrProof, c.Records, c.Signed, c.Last, c.Checkpoints)
	}
	if err := json.Unmarshal(statement, &r.Statement); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrProof, statementName, err)
	}
	again, err := restate(r.Chain, &r.Statement, records)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProof, err)
	}
	if !bytes.Equal(again, statement) {
		return nil, fmt.Errorf("%w: it does not state what its records say", ErrProof)
	}
	return r, nil
}

// unseal returns the PDF before the comment, if the comment's key signed it.
func unseal(b []byte) (pdf []byte, key uplink.Key, err error) {
	fail := func(what string) ([]byte, uplink.Key, error) { return nil, key, fmt.Errorf("%w: %s", ErrProof, what) }
	at := bytes.LastIndex(b, []byte("\n"+prefix)) + 1
	if at == 0 || !Is(b) {
		return fail("it is no PDF with a box's signature behind it")
	}
	pdf = b[:at]
	if !bytes.HasSuffix(pdf, []byte("%%EOF\n")) || b[len(b)-1] != '\n' {
		return fail("something stands between the PDF, its signature and the file's end")
	}
	k, s, _ := bytes.Cut(b[at+len(prefix):len(b)-1], []byte(" "))
	public, err1 := b64.DecodeString(string(k))
	sig, err2 := b64.DecodeString(string(s))
	// The decoder passes line breaks over.
	if err1 != nil || err2 != nil || bytes.ContainsAny(k, "\r\n") || bytes.ContainsAny(s, "\r\n") || len(public) != ed25519.PublicKeySize {
		return fail("its signature cannot be read")
	}
	if !ed25519.Verify(public, sum(pdf), sig) {
		return fail("it was changed since the box signed it")
	}
	return pdf, uplink.Key(public), nil
}

// embedded matches the head of an attachment, as package fpdf writes it.
var embedded = regexp.MustCompile(`<< /Type /EmbeddedFile /Length ([0-9]{1,8}) /Filter /FlateDecode ` +
	`/Params << /CheckSum <[0-9a-f]{32}> /Size ([0-9]{1,8}) >> >>\n{1,2}stream\n`)

// attachments returns both attachments: the only ones, in their order.
func attachments(pdf []byte) (records, statement []byte, err error) {
	var out [][]byte
	for at := 0; len(out) < 3; {
		m := embedded.FindSubmatchIndex(pdf[at:])
		if m == nil {
			break
		}
		length, err1 := strconv.Atoi(string(pdf[at+m[2] : at+m[3]]))
		size, err2 := strconv.Atoi(string(pdf[at+m[4] : at+m[5]]))
		begin := at + m[1]
		if err := errors.Join(err1, err2); err != nil || length > len(pdf)-begin || size > maxOctets {
			return nil, nil, fmt.Errorf("%w: an attachment of %d octets, packed %d", ErrProof, size, length)
		}
		b, err := unpack(pdf[begin:begin+length], size)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: an attachment: %w", ErrProof, err)
		}
		out, at = append(out, b), begin+length
	}
	if len(out) != 2 {
		return nil, nil, fmt.Errorf("%w: %d attachments, want %s and %s", ErrProof, len(out), recordsName, statementName)
	}
	return out[0], out[1], nil
}

func unpack(b []byte, size int) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, int64(size)+1))
	if err == nil && len(out) != size {
		err = fmt.Errorf("it is not of %d octets", size)
	}
	return out, err
}

// restate derives the statement anew from the records, of the night and the hours that s names, as it was known when the box signed.
func restate(c *export.Report, s *Statement, records []byte) ([]byte, error) {
	night, err := hours.ParseDate(s.Night)
	if err != nil {
		return nil, err
	}
	window, err := hours.ParseWindow(s.Hours)
	if err != nil {
		return nil, err
	}
	p, err := hours.NewProfile(hours.Category(s.Category), window, s.Grace)
	if err != nil {
		return nil, err
	}
	rs, asOf, err := lines(c.Header, records)
	if err != nil {
		return nil, err
	}
	again, _ := derive(c.Header, p, night, rs, asOf)
	again.Records.Receipted = uplink.Int(c.Receipted)
	return again.text()
}

// lines reads the records of an export that is sound, and when the box signed it.
func lines(h export.Header, text []byte) (rs []uplink.Stored, asOf uplink.Time, err error) {
	in := bufio.NewScanner(bytes.NewReader(text))
	in.Buffer(nil, export.MaxLine)
	for n := 0; in.Scan(); n++ {
		var l struct {
			Seq, Boot uplink.Int
			Hash      *uplink.Hash
			Rec       json.RawMessage
			Note      string
		}
		if n == 0 {
			continue // the header
		}
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return nil, 0, err
		}
		switch {
		case l.Note != "":
			c, err := checkpoint.Open(l.Note, h.Address(), export.KeyOf(h.Key))
			if err != nil {
				return nil, 0, err
			}
			asOf = c.Stamp.Time
		case l.Rec != nil && l.Hash != nil:
			r, err := uplink.ParseRecord(l.Rec)
			if err != nil {
				return nil, 0, err
			}
			rs = append(rs, uplink.Stored{Record: r, Seq: uint64(l.Seq), Boot: uint64(l.Boot), Hash: *l.Hash})
		}
	}
	if len(rs) == 0 {
		return nil, 0, errors.New("there are no records")
	}
	return rs, asOf, in.Err()
}
