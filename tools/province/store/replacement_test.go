package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/tools/province/store"
)

// beginAs makes a chain called name of box.
func beginAs(tx *store.Tx, box, name string) (store.Chain, error) {
	if err := tx.Heard(box, "a", now); err != nil {
		return store.Chain{}, err
	}
	return tx.NewChain(box, name, make([]byte, 32), make([]byte, 32), now)
}

func update(t *testing.T, s *store.Store, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Update(fn); err != nil {
		t.Fatal(err)
	}
}

// swap replaces old by fresh and lets the new box begin chain.
func swap(t *testing.T, s *store.Store, old, fresh, chain string) (r store.Replacement) {
	t.Helper()
	update(t, s, func(tx *store.Tx) (err error) {
		if r, err = tx.Replace(store.Replacement{Old: old, New: fresh, At: now, By: "Lân", Why: "cháy nguồn", Known: store.ByLabel}); err != nil {
			return err
		}
		c, err := beginAs(tx, fresh, chain)
		if err != nil {
			return err
		}
		pending, ok, err := tx.Succession(c, now)
		if err != nil || !ok || pending.ID != r.ID {
			return fmt.Errorf("chain %s follows %+v, %v, %v, want replacement %d", chain, pending, ok, err, r.ID)
		}
		return tx.Succeed(pending, c, "note of "+chain, now.Add(time.Hour))
	})
	return r
}

// TestReplace: the café goes to the new box and keeps its books; the old one is shown no more, and nobody asks it for records.
func TestReplace(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "p.db"))
	cafe := store.Site{Name: "Quán 1", Commune: "Xã A"}
	update(t, s, func(tx *store.Tx) error {
		c, err := beginAs(tx, "b-00000001", "chain-1a")
		if err != nil {
			return err
		}
		c.Head, c.Hash, c.Stored, c.Verified = 2, []byte("hash of the second record, 32 oct"), 2, 2
		return errors.Join(tx.Insert(c, []store.Record{record(1, `{"k":"x"}`), record(2, `{"k":"x"}`)}, now), tx.SetChain(c),
			tx.SetGaps(c, []store.Gap{{First: 3, Last: 5, Opened: now}}), tx.SetSites(map[string]store.Site{"b-00000001": cafe}))
	})
	r := swap(t, s, "b-00000001", "b-00000002", "chain-2a")
	if r.OldChain.Name != "chain-1a" || r.OldChain.Head != 2 || string(r.OldChain.Hash) != "hash of the second record, 32 oct" {
		t.Errorf("the old chain is noted as %+v", r.OldChain)
	}
	boxes, err := s.Boxes(t.Context())
	if err != nil || len(boxes) != 1 || boxes[0].Box != "b-00000002" || boxes[0].Site != cafe || boxes[0].Received != 2 ||
		boxes[0].Gaps != 0 || boxes[0].Lost != 3 {
		t.Errorf("boxes %+v, %v, want the new one in the café, with two records and three that are lost", boxes, err)
	}
	if lines, err := s.Newest(t.Context(), 9); err != nil || len(lines) != 2 || lines[0].Site != cafe.Name {
		t.Errorf("records %+v, %v, want both under the café's name", lines, err)
	}
	ends, err := s.Ends(t.Context())
	if err != nil || len(ends) != 1 || ends[0].Box != "b-00000002" {
		t.Errorf("asked to go on: %+v, %v, want the new box alone", ends, err)
	}
	update(t, s, func(tx *store.Tx) error {
		due, err := tx.Want(now.Add(time.Hour), now.Add(time.Hour), now.Add(time.Hour), 9)
		if len(due) != 0 {
			t.Errorf("asked for records: %+v, want nobody", due)
		}
		return err
	})

	swap(t, s, "b-00000002", "b-00000003", "chain-3a")
	line, err := s.Line(t.Context(), "b-00000001")
	var got []string
	for _, l := range line {
		got = append(got, l.Box+" "+l.Name+" "+l.Note)
	}
	want := "b-00000001 chain-1a ,b-00000002 chain-2a note of chain-2a,b-00000003 chain-3a note of chain-3a"
	if err != nil || strings.Join(got, ",") != want {
		t.Errorf("the café's chains: %q, %v, want %q", strings.Join(got, ","), err, want)
	}
	if all, err := s.Replacements(t.Context()); err != nil || len(all) != 2 || all[1].NewChain.Name != "chain-2a" || all[1].Linked.IsZero() {
		t.Errorf("replacements %+v, %v", all, err)
	}
}

func TestReplaceRefuses(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "p.db"))
	update(t, s, func(tx *store.Tx) error {
		_, err := beginAs(tx, "b-00000001", "chain-1a")
		return errors.Join(err, tx.Heard("b-00000008", "a", now), tx.SetSites(map[string]store.Site{"b-00000009": {Name: "x"}}))
	})
	swap(t, s, "b-00000001", "b-00000002", "chain-2a")
	f := func(old, fresh string, want error) {
		t.Helper()
		err := s.Update(func(tx *store.Tx) error {
			_, err := tx.Replace(store.Replacement{Old: old, New: fresh, At: now, Known: store.ByID})
			return err
		})
		if !errors.Is(err, want) {
			t.Errorf("%s by %s: %v, want %v", old, fresh, err, want)
		}
	}
	f("b-00000001", "b-00000003", store.ErrReplaced)
	f("b-00000001", "b-00000001", store.ErrReplaced)
	f("b-00000002", "b-00000001", store.ErrUsed)
	f("b-00000002", "b-00000008", store.ErrUsed)
	f("b-00000002", "b-00000009", store.ErrUsed)
	sites := func(m map[string]store.Site) error {
		return s.Update(func(tx *store.Tx) error { return tx.SetSites(m) })
	}
	if err := sites(map[string]store.Site{"b-00000001": {Name: "Quán 1"}, "b-00000002": {Name: "Quán 2"}}); !errors.Is(err, store.ErrTwoCafes) {
		t.Errorf("two cafés of one box: %v, want %v", err, store.ErrTwoCafes)
	}
	if err := sites(map[string]store.Site{"b-00000001": {Name: "Quán 1"}}); err != nil {
		t.Fatal(err)
	}
	if boxes, err := s.Boxes(t.Context()); err != nil || len(boxes) != 2 || boxes[1].Box != "b-00000002" || boxes[1].Site.Name != "Quán 1" {
		t.Errorf("with the old list again: %+v, %v, want the café at the new box", boxes, err)
	}
}

// TestReplacementsStay: what was noted of replacements cannot be changed, by somebody with sqlite3 neither.
func TestReplacementsStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	s := open(t, path)
	update(t, s, func(tx *store.Tx) error { _, err := beginAs(tx, "b-00000001", "chain-1a"); return err })
	swap(t, s, "b-00000001", "b-00000002", "chain-2a")
	update(t, s, func(tx *store.Tx) error { _, err := tx.Returned("b-00000001", now, now); return err })
	db := raw(t, path)
	for _, text := range []string{
		`UPDATE replacements SET why = ''`, `DELETE FROM replacements`, `UPDATE successions SET note = ''`, `DELETE FROM successions`,
		`UPDATE returns SET at = 1`, `DELETE FROM returns`,
	} {
		if _, err := db.Exec(text); err == nil || !strings.Contains(err.Error(), "only ever added to") {
			t.Errorf("%s: %v, want a refusal", text, err)
		}
	}
}

// TestSameBox: another chain of a box is linked to the one before, whether somebody declared the card replaced or not.
func TestSameBox(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "p.db"))
	begins := func(name string) (r store.Replacement, ok bool) {
		t.Helper()
		update(t, s, func(tx *store.Tx) error {
			c, err := beginAs(tx, "b-00000001", name)
			if err != nil {
				return err
			}
			if r, ok, err = tx.Succession(c, now); err != nil || !ok {
				return err
			}
			return tx.Succeed(r, c, "note", now)
		})
		return r, ok
	}
	if r, ok := begins("chain-1a"); ok {
		t.Errorf("the first chain follows %+v, want nothing", r)
	}
	if r, ok := begins("chain-1b"); !ok || !r.Same() || r.Known != store.ByHello || r.OldChain.Name != "chain-1a" {
		t.Errorf("a second chain follows %+v, %v, want the first", r, ok)
	}
	var declared store.Replacement
	update(t, s, func(tx *store.Tx) (err error) {
		declared, err = tx.Replace(store.Replacement{Old: "b-00000001", New: "b-00000001", At: now, By: "Lân", Known: store.ByID})
		return err
	})
	if r, ok := begins("chain-1c"); !ok || r.ID != declared.ID || r.OldChain.Name != "chain-1b" || r.By != "Lân" {
		t.Errorf("after a declared change of card: %+v, %v, want %+v", r, ok, declared)
	}
	if line, err := s.Line(t.Context(), "b-00000001"); err != nil || len(line) != 3 || line[2].Name != "chain-1c" {
		t.Errorf("%+v, %v, want three chains", line, err)
	}
}

func TestReturned(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "p.db"))
	update(t, s, func(tx *store.Tx) error { _, err := beginAs(tx, "b-00000001", "chain-1a"); return err })
	swap(t, s, "b-00000001", "b-00000002", "chain-2a")
	issued := now.Add(-time.Hour)
	f := func(box string, at time.Time, want bool, last time.Time) {
		t.Helper()
		update(t, s, func(tx *store.Tx) error {
			if got, err := tx.Returned(box, issued, at); err != nil || got != want {
				t.Errorf("%s at %v: %v, %v, want %v", box, at, got, err, want)
			}
			return nil
		})
		if all, err := s.Replacements(t.Context()); err != nil || !all[0].Returned.Equal(last) {
			t.Errorf("%s at %v: last noted %v, %v, want %v", box, at, all[0].Returned, err, last)
		}
	}
	f("b-00000002", now, false, time.Time{})
	f("b-00000001", now, true, now)
	f("b-00000001", now.Add(24*time.Hour-time.Millisecond), true, now)
	f("b-00000001", now.Add(24*time.Hour), true, now.Add(24*time.Hour))

	// The new box's card is replaced: a certificate from before that is of the old card, one from after it is not.
	update(t, s, func(tx *store.Tx) error {
		_, err := tx.Replace(store.Replacement{Old: "b-00000002", New: "b-00000002", At: now, Known: store.ByID})
		return err
	})
	f("b-00000002", now, true, now)
	issued = now
	f("b-00000002", now.Add(48*time.Hour), false, now)
}

// TestNightOnce: a night in which the box was replaced is one night of its café (rule R3), an alert if either told one.
func TestNightOnce(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "p.db"))
	tells := func(box, chain string, seq uint64, night, stage string) {
		t.Helper()
		update(t, s, func(tx *store.Tx) error {
			c, _, err := tx.Chain(box, chain)
			if err != nil {
				return err
			}
			r := record(seq, fmt.Sprintf(`{"k":"after-hours","stage":%q,"of":%q}`, stage, box))
			return errors.Join(tx.Insert(c, []store.Record{r}, now), tx.Night(c, seq, night, stage))
		})
	}
	update(t, s, func(tx *store.Tx) error {
		_, err := beginAs(tx, "b-00000001", "chain-1a")
		_, err2 := beginAs(tx, "b-00000005", "chain-5a")
		return errors.Join(err, err2, tx.SetSites(map[string]store.Site{"b-00000001": {Name: "Quán 1"}}))
	})
	tells("b-00000001", "chain-1a", 1, "2026-11-23", "alert")
	tells("b-00000001", "chain-1a", 2, "2026-11-24", "alert")
	swap(t, s, "b-00000001", "b-00000002", "chain-2a")
	tells("b-00000002", "chain-2a", 1, "2026-11-24", "watch")
	tells("b-00000005", "chain-5a", 1, "2026-11-24", "watch")
	swap(t, s, "b-00000002", "b-00000003", "chain-3a")
	tells("b-00000003", "chain-3a", 1, "2026-11-24", "watch")
	list, err := s.Nights(t.Context(), 60)
	var got []string
	for _, n := range list {
		text := fmt.Sprintf("%s %s %s alert=%v", n.Site.Name, n.Night, n.Box, n.Alert)
		for _, b := range n.Before {
			text += " before:" + b.Box
		}
		got = append(got, text)
	}
	want := []string{
		"Quán 1 2026-11-24 b-00000003 alert=true before:b-00000002 before:b-00000001",
		" 2026-11-24 b-00000005 alert=false", "Quán 1 2026-11-23 b-00000001 alert=true",
	}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}
