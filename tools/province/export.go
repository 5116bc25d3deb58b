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
	h := export.Header{Province: a.Province, Box: a.Box, Chain: uplink.ChainID(c.Name), First: 1}
	copy(h.Key[:], c.Key)
	copy(h.ReceiptKey[:], key.Public().(ed25519.PublicKey))
	h.Prev = uplink.Genesis(h.Chain, c.Key)
	out, err := export.NewWriter(w, h)
	if err != nil {
		return c, err
	}
	err = s.EachRecord(ctx, c, func(r store.Record) error {
		rec, err := uplink.ParseRecord(r.Body)
		if err != nil {
			return err
		}
		return out.Record(uplink.Stored{Record: rec, Seq: r.Seq, Boot: r.Boot, Hash: uplink.Hash(r.Hash)})
	})
	if err != nil {
		return c, err
	}
	if err := s.EachNote(ctx, c, out.Note); err != nil {
		return c, err
	}
	receipt := uplink.Receipt{Chain: h.Chain, Seq: uplink.Int(c.Head), Hash: uplink.Hash(c.Hash), Time: uplink.TimeOf(time.Now())}
	if err := out.Receipt(receipt.Sign(key, a)); err != nil {
		return c, err
	}
	return c, out.Flush()
}
