package main

import (
	"context"
	"fmt"
	"io"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/owner"
	"cafeprobe/firmware/proof"
	"cafeprobe/uplink"
)

// proof returns what writes the proof of a night, signed by the box now.
func (b *ownerBook) proof(stamp func() uplink.Stamp) owner.Proof {
	return func(ctx context.Context, w io.Writer, night hours.Date) error {
		b.mu.Lock()
		first, last, ok := b.read().Records(night)
		b.mu.Unlock()
		if !ok {
			return fmt.Errorf("%w: %s is not known", proof.ErrNone, night)
		}
		if last == 0 {
			last = b.sp.Head().Seq
		}
		id := b.sp.Identity()
		s := &proof.Source{
			Address: id.Address, Chain: id.Chain, Key: id.Key, ReceiptKey: id.ProvinceKey, Profile: b.profile, Records: b.sp,
			First: first, Last: last, Boot: b.sp.Boot(), Now: stamp(),
		}
		if r, ok := b.receipts.within(first, last); ok {
			s.Receipt = &r
		}
		return proof.Write(ctx, w, s, night)
	}
}
