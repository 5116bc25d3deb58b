package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"cafeprobe/firmware/clock/boottime"
	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/initctl"
	"cafeprobe/firmware/ledger"
	"cafeprobe/firmware/owner"
	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
	"cafeprobe/uplink/export"
	"cafeprobe/uplink/spool"
)

// ownerPage is the owner's page of one life of the daemon.
type ownerPage struct {
	*owner.Server
	book *ownerBook
}

// openPage returns the owner's page, closed until run; nil where there is none. What keeps it from being one is no fault of the rest.
func (d *daemon) openPage(sp *spool.Spool, ord *orders, now func() time.Time) *ownerPage {
	if d.port == nil || !d.cfg.Page() {
		return nil
	}
	id := sp.Identity()
	b := &ownerBook{sp: sp, profile: d.cfg.Cafe.Profile(), log: d.log, receipts: openReceipts(d.cfg.Dir, sp, d.log)}
	b.ledger = ledger.New(b.profile)
	say := &sayer{sp: sp, nights: ord.nights, stamp: ord.told, now: now}
	srv, err := owner.New(owner.Config{
		Dir: d.cfg.Dir, Box: id.Box, Code: id.OwnerCode(), Book: b, Sayer: say, Export: b.export(ord.told), Now: now, Log: d.log,
		Proof:   b.proof(ord.told),
		Listen:  func() (net.Listener, error) { return net.Listen("tcp", fmt.Sprintf(":%d", d.cfg.Owner.Port)) },
		Refused: func(r owner.Refusal) { ord.note(securityOf(r), "owner") },
	})
	if err == nil {
		// Before anybody opens the page: the label says its fingerprint.
		_, err = owner.Certificate(d.cfg.Dir, id.Box, now())
	}
	if err == nil {
		err = say.open()
	}
	if err != nil {
		d.log.Error("no page for the owner", "error", err)
		return nil
	}
	return &ownerPage{srv, b}
}

// securityOf is what a security record calls a refusal.
func securityOf(r owner.Refusal) string {
	switch r {
	case owner.RefusedPIN, owner.RefusedCode:
		return uplink.SecurityGuess
	case owner.RefusedFlood:
		return uplink.SecurityFlood
	}
	return uplink.SecurityCross
}

// run serves the page until ctx is done. Its book is read as soon as somebody may ask for it.
func (p *ownerPage) run(ctx context.Context) {
	if p == nil {
		return
	}
	if p.HasPIN() {
		p.book.Days(time.Time{})
	}
	var writes sync.WaitGroup
	defer writes.Wait()
	writes.Go(func() { p.book.receipts.run(ctx) })
	p.Run(ctx)
}

// setup opens the setup that PID 1 has opened, for what is left of it. Where a PIN is set only a button that is held now does.
func (p *ownerPage) setup(s initctl.Setup, fresh bool) {
	if p == nil {
		return
	}
	left := time.Duration(s.Until)*time.Millisecond - boottime.Now()
	if left <= 0 || p.HasPIN() && !(s.Button && fresh) {
		return
	}
	p.OpenSetupFor(left)
}

// receipt keeps a receipt that has verified.
func (p *ownerPage) receipt(r uplink.Receipt) {
	if p != nil {
		p.book.receipts.take(r)
	}
}

// ownerBook is the spool read as days. It is owner.Book.
type ownerBook struct {
	sp      *spool.Spool
	profile hours.Profile
	log     *slog.Logger

	mu       sync.Mutex
	ledger   *ledger.Ledger
	next     uint64 // the number behind the last that the ledger has
	receipts *receipts
}

// read gives the ledger what was committed since it was read last. b.mu is held.
func (b *ownerBook) read() *ledger.Ledger {
	for b.next = max(b.next, b.sp.First()); b.next <= b.sp.Head().Seq; {
		rs, err := b.sp.Read(b.next, 1024, 1<<20)
		if err != nil {
			b.log.Error("the owner's page does not have all records", "error", err)
		}
		if err != nil || len(rs) == 0 {
			break
		}
		for _, r := range rs {
			b.ledger.Take(r)
		}
		b.next = rs[len(rs)-1].Seq + 1
	}
	return b.ledger
}

// Days is owner.Book's.
func (b *ownerBook) Days(now time.Time) []hours.Date {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read().Days(now)
}

// Day is owner.Book's.
func (b *ownerBook) Day(date hours.Date, now time.Time) ledger.Day {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read().Day(date, now)
}

// Night is owner.Book's.
func (b *ownerBook) Night(date hours.Date, now time.Time) ledger.Night {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read().Night(date, now)
}

// Maintenances is owner.Book's.
func (b *ownerBook) Maintenances() []ledger.Maintenance {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read().Maintenances()
}

// export returns what writes all that the box holds of its chain, with a checkpoint of its end and the newest receipt.
func (b *ownerBook) export(stamp func() uplink.Stamp) owner.Export {
	return func(ctx context.Context, w io.Writer) error { return b.write(ctx, w, stamp()) }
}

func (b *ownerBook) write(ctx context.Context, w io.Writer, at uplink.Stamp) error {
	id := b.sp.Identity()
	first, last := b.sp.Next(b.sp.First()), b.sp.Head()
	before, ok := b.sp.At(first - 1)
	if !ok {
		return fmt.Errorf("export: the head before record %d is not known", first)
	}
	h := export.Header{Province: id.Province, Box: id.Box, Chain: id.Chain, First: uplink.Int(first), Prev: before.Hash}
	copy(h.Key[:], id.Public())
	copy(h.ReceiptKey[:], id.ProvinceKey)
	out, err := export.NewWriter(w, h)
	if err != nil {
		return err
	}
	for from := first; from <= last.Seq && ctx.Err() == nil; {
		rs, err := b.sp.Read(from, 256, 256<<10)
		if err != nil {
			return err
		}
		if len(rs) == 0 {
			break
		}
		for _, r := range rs {
			if r.Seq > last.Seq {
				break
			}
			if err := out.Record(r); err != nil {
				return err
			}
		}
		from = rs[len(rs)-1].Seq + 1
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	note, err := checkpoint.Sign(checkpoint.Checkpoint{Address: id.Address, Chain: id.Chain, Head: last, Boot: b.sp.Boot(), Stamp: at}, id.Key)
	if err != nil {
		return err
	}
	if err := out.Note(note); err != nil {
		return err
	}
	if r, ok := b.receipts.within(first, last.Seq); ok {
		if err := out.Receipt(r); err != nil {
			return err
		}
	}
	return out.Flush()
}
