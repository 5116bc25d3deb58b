// Package export is a chain in a file: what a province hands to an owner, an inspector or a court, and what anybody can
// check without the province (Verify).
//
// The file is lines of JSON (RFC 8259), each at most MaxLine octets. The first says whose chain it is and where it starts;
// then come records in their order, and among them, anywhere, checkpoints that the box signed and receipts that the
// province signed. A record's octets are in rec as they were hashed.
package export

import (
	"bufio"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"cafeprobe/uplink"
)

// MaxLine bounds a line: the largest record and what stands around it.
const MaxLine = uplink.MaxBody + 1024

// Header is the first line.
type Header struct {
	Export     int             `json:"export"` // version of the format: 1
	Province   uplink.Province `json:"province"`
	Box        uplink.BoxID    `json:"box"`
	Chain      uplink.ChainID  `json:"ch"`
	Key        uplink.Key      `json:"key"`         // the box's, which checkpoints are signed with
	ReceiptKey uplink.Key      `json:"receipt_key"` // the province's, which receipts are signed with
	First      uplink.Int      `json:"first"`       // sequence number of the first record
	Prev       uplink.Hash     `json:"prev"`        // the head before it; of a whole chain, genesis
}

// Address returns where the box is found.
func (h *Header) Address() uplink.Address { return uplink.Address{Province: h.Province, Box: h.Box} }

func (h *Header) valid() error {
	if h.Export != 1 || !h.Address().Valid() || !h.Chain.Valid() || h.First < 1 || h.Prev == (uplink.Hash{}) {
		return errors.New("want export 1 with province, box, ch, key, receipt_key, first and prev")
	}
	return nil
}

// line is any other line: a record, a checkpoint's note, or a receipt.
type line struct {
	Seq     uplink.Int      `json:"seq,omitempty"`
	Boot    uplink.Int      `json:"boot,omitempty"`
	Hash    *uplink.Hash    `json:"hash,omitempty"`
	Rec     json.RawMessage `json:"rec,omitempty"`
	Note    string          `json:"note,omitempty"`
	Receipt *uplink.Receipt `json:"receipt,omitempty"`
}

// Writer writes an export. Use NewWriter, then Flush.
type Writer struct {
	w *bufio.Writer
}

// NewWriter writes the header.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	h.Export = 1
	if err := h.valid(); err != nil {
		return nil, fmt.Errorf("export of %s: %w", h.Box, err)
	}
	out := &Writer{bufio.NewWriter(w)}
	return out, out.line(h)
}

// Record writes one record. It is written by hand because json.Marshal would change the octets that were hashed.
func (w *Writer) Record(r uplink.Stored) error {
	_, err := fmt.Fprintf(w.w, recordLine+"\n", r.Seq, r.Boot, r.Hash, r.Raw)
	return err
}

const recordLine = `{"seq":%d,"boot":%d,"hash":"%s","rec":%s}`

// Note writes a checkpoint.
func (w *Writer) Note(text string) error { return w.line(line{Note: text}) }

// Receipt writes a receipt.
func (w *Writer) Receipt(r uplink.Receipt) error { return w.line(line{Receipt: &r}) }

// Flush writes what is still in memory.
func (w *Writer) Flush() error { return w.w.Flush() }

func (w *Writer) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.w.Write(append(b, '\n'))
	return err
}

// KeyOf returns k as crypto/ed25519 has it.
func KeyOf(k uplink.Key) ed25519.PublicKey { return ed25519.PublicKey(k[:]) }
