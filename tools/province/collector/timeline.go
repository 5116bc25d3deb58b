package collector

import (
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// timeline tells the store what rs, records of one boot that arrived at now, say of when that boot was.
func timeline(tx *store.Tx, ch store.Chain, rs []uplink.Stored, now time.Time) error {
	if len(rs) == 0 {
		return nil
	}
	b := store.Boot{Boot: rs[0].Boot, By: now.UnixMilli(), First: int64(rs[0].Stamp.Mono)}
	var list []store.Anchor
	for _, r := range rs {
		mono := int64(r.Stamp.Mono)
		b.First, b.Last, b.By = min(b.First, mono), max(b.Last, mono), min(b.By, now.UnixMilli()-mono)
		switch r.Stamp.Quality {
		case uplink.QualityFloor:
			if low := int64(r.Stamp.Time) - mono; b.Floor == nil || low > *b.Floor {
				b.Floor = &low
			}
			b.Unsure = true
		case uplink.QualityNone:
			b.Unsure = true
		}
		if r.Kind != uplink.KindBoot && r.Kind != uplink.KindAnchor {
			continue
		}
		body, err := r.Body()
		if err != nil {
			continue // facts out of range are stored, not believed
		}
		switch f := body.(type) {
		case *uplink.Boot:
			b.Goes = b.Goes || f.Why == uplink.BootRestart || f.Why == uplink.BootCrash
		case *uplink.Anchor:
			list = append(list, store.Anchor{
				Boot: r.Boot, Mono: mono, Time: int64(f.Time), Err: int64(f.Error), Step: int64(f.Step),
			})
		}
	}
	return tx.Timeline(ch, b, list)
}
