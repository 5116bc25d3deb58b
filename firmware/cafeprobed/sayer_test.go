package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/owner"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// says returns a sayer of the box at a time, and what changes that.
func (b *box) says(sp *spool.Spool, n *nights) (s *sayer, set func(time.Time)) {
	b.t.Helper()
	now := midnight
	s = &sayer{
		sp: sp, nights: n, now: func() time.Time { return now },
		stamp: func() uplink.Stamp {
			return uplink.Stamp{Mono: 5, Time: uplink.TimeOf(now), Quality: uplink.QualitySync}
		},
	}
	if err := s.open(); err != nil {
		b.t.Fatal(err)
	}
	return s, func(t time.Time) { now = t }
}

// TestOwnerDeclares: an announced maintenance makes a watch of an alert, is a record before it counts, is one of the four a month that the
// province's are too, and never reaches back.
func TestOwnerDeclares(t *testing.T) {
	f := func(name string, announced bool, want string) {
		t.Helper()
		b := newBox(t)
		sp := b.spooled()
		n := b.nights(sp)
		s, _ := b.says(sp, n)
		if announced {
			if err := s.Declare(midnight.Add(22*time.Hour), midnight.Add(26*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		if got := b.night(n, 23*time.Hour, 40) + b.night(n, 32*time.Hour, 1); got != want {
			t.Errorf("%s: told %q, want %q", name, got, want)
		}
	}
	f("nothing announced", false, "alert end ")
	f("announced", true, "watch end ")

	b := newBox(t)
	sp := b.spooled()
	n := b.nights(sp)
	s, set := b.says(sp, n)
	set(midnight.Add(5 * time.Minute))
	if err := s.Declare(midnight, midnight.Add(time.Hour)); err != nil { // the form was opened five minutes ago
		t.Fatal(err)
	}
	if n.Maintained(midnight.Add(4*time.Minute)) || !n.Maintained(midnight.Add(5*time.Minute)) {
		t.Error("it does not begin when it was announced")
	}
	rs, err := sp.Read(1, 9, 1<<20)
	if err != nil || len(rs) != 1 || rs[0].Kind != uplink.KindMaintenance {
		t.Fatalf("%d records, %v, want one that is committed", len(rs), err)
	}
	o := &orders{nights: n, sp: sp, told: s.stamp}
	for i := range 3 {
		at := midnight.Add(time.Duration(i+3) * time.Hour)
		args := fmt.Appendf(nil, `{"from":%d,"to":%d}`, at.UnixMilli(), at.Add(time.Hour).UnixMilli())
		if _, err := o.maintain(&uplink.Command{Args: args}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Declare(midnight.Add(9*time.Hour), midnight.Add(10*time.Hour)); !errors.Is(err, hours.ErrMaintenance) {
		t.Errorf("the fifth of a month: %v, want ErrMaintenance", err)
	}
	if err := sp.Commit(); err != nil {
		t.Fatal(err)
	}
	if head := sp.Head().Seq; head != 4 {
		t.Errorf("%d records, want four: what is refused is none", head)
	}
}

// TestOwnerDisputes: four of a night and sixteen a day become records, over a restart as well; of nothing that is not in the chain does any.
func TestOwnerDisputes(t *testing.T) {
	b := newBox(t)
	var rs []uplink.Record
	const nights = 6
	for i := range nights {
		r, err := uplink.Encode(&uplink.AfterHours{
			Stamp: uplink.Stamp{Mono: 1, Time: uplink.TimeOf(midnight), Quality: uplink.QualitySync}, Night: uplink.Date(fmt.Sprintf("2026-11-%02d", 10+i)),
			Stage: uplink.StageAlert, Category: "game", Hours: "22:00-08:00", First: 1, Last: 1, Peak: 1, Minutes: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, r)
	}
	sp := b.spooled(rs...)
	s, _ := b.says(sp, b.nights(sp))
	night := func(i int) hours.Date {
		d, err := hours.ParseDate(fmt.Sprintf("2026-11-%02d", 10+i))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	f := func(name string, i int, stage string, seq uint64, want error) {
		t.Helper()
		head := sp.Head().Seq
		err := s.Dispute(night(i), stage, seq, "Thợ sửa máy")
		if want == nil && err != nil || want != nil && err == nil || errors.Is(want, owner.ErrMany) && !errors.Is(err, owner.ErrMany) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if made := sp.Head().Seq - head; made != 0 && want != nil || made != 1 && want == nil {
			t.Errorf("%s: %d records", name, made)
		}
	}
	other := errors.New("some error")
	f("no such record", 0, uplink.StageAlert, 99, other)
	f("of another night", 1, uplink.StageAlert, 1, other)
	f("of another stage", 0, uplink.StageEnd, 1, other)
	for i := range 4 {
		for n := range 4 {
			f(fmt.Sprintf("night %d, %d", i, n), i, uplink.StageAlert, uint64(i+1), nil)
		}
		f("the fifth of a night", i, uplink.StageAlert, uint64(i+1), owner.ErrMany)
	}
	f("the seventeenth of a day", 4, uplink.StageAlert, 5, owner.ErrMany)
	s, set := b.says(sp, b.nights(sp)) // another life
	f("the seventeenth of a day, after a restart", 4, uplink.StageAlert, 5, owner.ErrMany)
	set(midnight.Add(24 * time.Hour))
	f("the day after", 4, uplink.StageAlert, 5, nil)
	f("a dispute of a dispute", 4, uplink.StageAlert, sp.Head().Seq, other)
}

// TestReceiptsKept: what was written is known to the next life; what is not the province's, or of another chain, is not, nor a torn file.
func TestReceiptsKept(t *testing.T) {
	b := newBox(t)
	province := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	b.id.ProvinceKey = province.Public().(ed25519.PublicKey)
	sp := b.spooled(toldAlert(t), toldAlert(t))
	k := openReceipts(b.dir, sp, silent)
	sign := func(seq uint64, change func(*uplink.Receipt)) {
		t.Helper()
		at, ok := sp.At(seq)
		if !ok {
			t.Fatalf("no record %d", seq)
		}
		r := uplink.Receipt{Chain: b.id.Chain, Seq: uplink.Int(seq), Hash: at.Hash, Time: uplink.Time(seq * 4e6)}.Sign(province, b.id.Address)
		if change != nil {
			change(&r)
		}
		k.take(r)
	}
	know := func(name string, want uint64) {
		t.Helper()
		if err := k.save(); err != nil {
			t.Fatal(err)
		}
		if r, ok := openReceipts(b.dir, sp, silent).within(1, 9); uint64(r.Seq) != want || ok != (want > 0) {
			t.Errorf("%s: the next life knows %d, %v, want %d", name, r.Seq, ok, want)
		}
	}
	know("none", 0)
	sign(1, nil)
	know("one", 1)
	sign(2, func(r *uplink.Receipt) { r.Sig[0] ^= 1 })
	know("a forged one", 1)
	k.list = k.list[:1]
	sign(2, func(r *uplink.Receipt) {
		r.Hash[0] ^= 1
		*r = r.Sign(province, b.id.Address)
	})
	know("one of another history", 1)
	if err := os.WriteFile(filepath.Join(b.dir, receiptsFile), []byte(`[{"v":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := openReceipts(b.dir, sp, silent).within(1, 9); ok {
		t.Error("a torn file is read")
	}
}

// TestReceipts: of each hour the newest is kept, and found by the records that it is for.
func TestReceipts(t *testing.T) {
	var k receipts
	const hour, begin = 3600 * 1000, 498612 * 3600 * 1000
	for i := range 3 * maxReceipts {
		k.take(uplink.Receipt{Seq: uplink.Int(10*i + 10), Time: uplink.Time(begin + i*hour/2)})
	}
	k.take(uplink.Receipt{Seq: 5, Time: begin}) // as a broker keeps one
	f := func(first, last, want uint64) {
		t.Helper()
		r, ok := k.within(first, last)
		if uint64(r.Seq) != want || ok != (want > 0) {
			t.Errorf("records %d to %d: %d, %v, want %d", first, last, r.Seq, ok, want)
		}
	}
	newest := uint64(30 * maxReceipts)
	f(1, newest+5, newest)
	f(newest-25, newest-1, newest-20)
	f(1, 10, 0) // forgotten
	if n := len(k.list); n > maxReceipts {
		t.Errorf("%d are kept", n)
	}
}
