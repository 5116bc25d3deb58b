package province

import (
	"context"
	"crypto/ed25519"
	"io"
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
	"cafeprobe/uplink/export"
)

// Export writes a chain of box, the newest where chain is empty, with its checkpoints and a receipt signed with key for as
// much of it as is complete. Anybody can check it with export.Verify. It returns the chain that was written.
func Export(ctx context.Context, w io.Writer, s *store.Store, a uplink.Address, chain uplink.ChainID, key ed25519.PrivateKey) (store.Chain, error) {
	c, err := s.ChainOf(ctx, string(a.Box), string(chain))
	if err != nil {
		return c, err
	}
	out, err := export.NewWriter(w, headerOf(a.Province, c, key))
	if err == nil {
		err = exportChain(ctx, out, s, a.Province, c, key)
	}
	if err != nil {
		return c, err
	}
	return c, out.Flush()
}

// ExportCafe writes all chains of the café in which box is or was, those of the boxes before it first, each as Export does, with
// the statements by which they are linked. Anybody can check it with export.VerifyCafe. It returns the chains that were written.
func ExportCafe(ctx context.Context, w io.Writer, s *store.Store, a uplink.Address, key ed25519.PrivateKey) ([]store.Link, error) {
	line, err := s.Line(ctx, string(a.Box))
	if err != nil {
		return nil, err
	}
	out, err := export.NewWriter(w, headerOf(a.Province, line[0].Chain, key))
	for i, c := range line {
		if err == nil && i > 0 {
			err = out.Next(c.Note, headerOf(a.Province, c.Chain, key))
		}
		if err == nil {
			err = exportChain(ctx, out, s, a.Province, c.Chain, key)
		}
		if err != nil {
			return nil, err
		}
	}
	return line, out.Flush()
}

func headerOf(p uplink.Province, c store.Chain, key ed25519.PrivateKey) export.Header {
	h := export.Header{Province: p, Box: uplink.BoxID(c.Box), Chain: uplink.ChainID(c.Name), First: 1}
	copy(h.Key[:], c.Key)
	copy(h.ReceiptKey[:], key.Public().(ed25519.PublicKey))
	h.Prev = uplink.Genesis(h.Chain, c.Key)
	return h
}

// exportChain writes all of c behind its header.
func exportChain(ctx context.Context, out *export.Writer, s *store.Store, p uplink.Province, c store.Chain, key ed25519.PrivateKey) error {
	err := s.EachRecord(ctx, c, func(r store.Record) error {
		rec, err := uplink.ParseRecord(r.Body)
		if err != nil {
			return err
		}
		return out.Record(uplink.Stored{Record: rec, Seq: r.Seq, Boot: r.Boot, Hash: uplink.Hash(r.Hash)})
	})
	if err != nil {
		return err
	}
	if err := s.EachNote(ctx, c, out.Note); err != nil {
		return err
	}
	receipt := uplink.Receipt{Chain: uplink.ChainID(c.Name), Seq: uplink.Int(c.Head), Hash: uplink.Hash(c.Hash), Time: uplink.TimeOf(time.Now())}
	return out.Receipt(receipt.Sign(key, uplink.Address{Province: p, Box: uplink.BoxID(c.Box)}))
}
