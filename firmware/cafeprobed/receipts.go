package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"cafeprobe/firmware/ledger"
	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
	"cafeprobe/uplink/spool"
)

const (
	receiptsFile = "receipts.json"

	// An hour's newest for as long as the owner's page looks back: some 200 KiB, written four times a day at most.
	maxReceipts     = 24 * ledger.MaxDays
	maxReceiptsFile = maxReceipts * 512
	receiptsPeriod  = 6 * time.Hour
)

// receipts keeps the province's receipts, of each hour the newest: what a proof shows beside the box's own word. The spool knows only up to
// where its chain is receipted, not by which words.
type receipts struct {
	path string
	log  *slog.Logger

	mu    sync.Mutex
	list  []uplink.Receipt // by number
	dirty bool
}

// openReceipts reads those that were kept in dir. One that is not the province's, or that the chain does not lead to, is left out; what is
// torn is as none.
func openReceipts(dir string, sp *spool.Spool, log *slog.Logger) *receipts {
	k := &receipts{path: filepath.Join(dir, receiptsFile), log: log}
	list, err := readReceipts(k.path)
	if err != nil {
		log.Warn("receipts of earlier nights are lost", "error", err)
	}
	id := sp.Identity()
	for _, r := range list {
		at, ok := sp.At(uint64(r.Seq))
		if ok && at == r.Head() && r.Chain == id.Chain && r.Verify(id.ProvinceKey, id.Address) == nil {
			k.take(r)
		}
	}
	k.dirty = false
	return k
}

func readReceipts(path string) (list []uplink.Receipt, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && info.Size() > maxReceiptsFile {
		err = fmt.Errorf("%s: %d octets, at most %d", path, info.Size(), maxReceiptsFile)
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	return list, err
}

// take takes one that has verified and that the chain leads to.
func (k *receipts) take(r uplink.Receipt) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := len(k.list)
	switch {
	case n > 0 && r.Seq <= k.list[n-1].Seq: // an older one that the broker kept
		return
	case n > 0 && hourOf(r) == hourOf(k.list[n-1]):
		k.list[n-1] = r
	default:
		k.list = append(k.list, r)
		k.list = slices.Delete(k.list, 0, max(0, len(k.list)-maxReceipts))
	}
	k.dirty = true
}

func hourOf(r uplink.Receipt) int64 { return int64(r.Time) / time.Hour.Milliseconds() }

// within returns the newest that is of a record from first to last.
func (k *receipts) within(first, last uint64) (r uplink.Receipt, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range slices.Backward(k.list) {
		if s := uint64(r.Seq); s >= first && s <= last {
			return r, true
		}
	}
	return r, false
}

// run writes them now and then until ctx is done, and then once more.
func (k *receipts) run(ctx context.Context) {
	tick := time.NewTicker(receiptsPeriod)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		if err := k.save(); err != nil {
			k.log.Error("receipts not written", "error", err)
		}
	}
}

func (k *receipts) save() error {
	k.mu.Lock()
	dirty := k.dirty
	b, err := json.Marshal(k.list)
	k.dirty = false
	k.mu.Unlock()
	if err != nil || !dirty {
		return err
	}
	return durable.WriteFile(k.path, append(b, '\n'))
}
