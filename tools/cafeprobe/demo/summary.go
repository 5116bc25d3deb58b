package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"cafeprobe/tools/province"
	"cafeprobe/uplink"
)

// summarize checks that the province holds what the box told, and says what that is.
func summarize(ctx context.Context, out io.Writer, p *province.Province, last progress, started time.Duration) error {
	totals, err := p.Totals(ctx)
	if err != nil {
		return err
	}
	if last.Receipted != last.Records || totals.Verified < last.Records {
		return fmt.Errorf("%d records, %d receipted, %d verified by the province", last.Records, last.Receipted, totals.Verified)
	}
	if err := tell(ctx, out, p); err != nil {
		return err
	}
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	fmt.Fprintf(out, "records  %d of %d frames, all receipted; the province holds %d, %d came twice, %d refused\n",
		last.Records, last.Frames, totals.Verified, p.Stats().Duplicates, p.Stats().Refused)
	_, err = fmt.Fprintf(out, "took     province up %v · replay %v · last receipt after %v\n",
		started.Round(time.Millisecond), ms(last.ReplayMS), ms(last.DrainMS))
	return err
}

// tell says what the province's records say.
func tell(ctx context.Context, out io.Writer, p *province.Province) error {
	f := newFindings()
	if err := p.EachRecord(ctx, address.Box, f.take); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nfound    %s\n", f.stations())
	fmt.Fprintf(out, "on       %s\n", f.power())
	fmt.Fprintf(out, "in use   %s\n", f.use())
	_, err := fmt.Fprintf(out, "blind    %s\n", f.blindness())
	return err
}

// findings is what the province's records say, as a person wants to read it.
type findings struct {
	roles  map[uplink.StationID]string
	ends   map[uplink.Cause]int
	opened int
	lasted time.Duration // all ended times of being on together

	used    int
	usedFor time.Duration // all ended sessions of use together

	blinds   int
	blindFor time.Duration
	since    uplink.Time // of the last blind time that has not ended; 0 for none
}

func newFindings() *findings {
	return &findings{roles: map[uplink.StationID]string{}, ends: map[uplink.Cause]int{}}
}

// take adds one record. One of a kind that is not looked at, or not known, adds nothing.
func (f *findings) take(r uplink.Record) error {
	body, err := r.Body()
	if err != nil && !errors.Is(err, uplink.ErrOpaque) {
		return err
	}
	switch b := body.(type) {
	case *uplink.Roster:
		for _, m := range b.Stations {
			f.roles[m.Station] = m.Role
		}
	case *uplink.Open:
		if b.Of == uplink.OfUse {
			f.used++
			return nil
		}
		f.opened++
	case *uplink.Close:
		if b.Of == uplink.OfUse {
			f.usedFor += time.Duration(b.Duration) * time.Second
			return nil
		}
		f.ends[b.Cause]++
		f.lasted += time.Duration(b.Duration) * time.Second
	case *uplink.Blind:
		f.blind(b)
	}
	return nil
}

func (f *findings) blind(b *uplink.Blind) {
	switch {
	case b.Blind:
		f.blinds++
		f.since = b.Time
	case f.since != 0:
		f.blindFor += time.Duration(b.Time-f.since) * time.Millisecond
		f.since = 0
	}
}

func (f *findings) stations() string {
	n := map[string]int{}
	for _, role := range f.roles {
		n[role]++
	}
	return fmt.Sprintf("%d stations%s; phones are seen and never told", len(f.roles), listed(n))
}

// endings say of the causes of RFC 2866 what they are in a café.
var endings = map[uplink.Cause]string{
	uplink.CauseIdleTimeout: "fell silent",
	uplink.CauseUserRequest: "shut down",
	uplink.CauseHostRequest: "rebooted",
	uplink.CauseLostService: "out of sight",
	uplink.CauseNASReboot:   "open at the end",
	uplink.CauseNASRequest:  "let go",
}

// power says how often stations were on, and why that ended.
func (f *findings) power() string {
	n := map[string]int{}
	for cause, count := range f.ends {
		n[cmp.Or(endings[cause], string(cause))] += count
	}
	return fmt.Sprintf("%d%s; %v in all", f.opened, listed(n), f.lasted)
}

// use says how often somebody was seen to use a station.
func (f *findings) use() string {
	if f.used == 0 {
		return "never seen"
	}
	return fmt.Sprintf("%d sessions; %v in all", f.used, f.usedFor)
}

func (f *findings) blindness() string {
	if f.blinds == 0 {
		return "never"
	}
	text := fmt.Sprintf("%d times, %v in all", f.blinds, f.blindFor)
	if f.since != 0 {
		text += ", the last until the end"
	}
	return text
}

// listed writes counts, the largest first: ": 8 pc, 1 router".
func listed(n map[string]int) string {
	if len(n) == 0 {
		return ""
	}
	words := slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b)) })
	for i, w := range words {
		words[i] = fmt.Sprintf("%d %s", n[w], w)
	}
	return ": " + strings.Join(words, ", ")
}
