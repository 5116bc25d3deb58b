package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Night notes that record seq of c tells stage of night, a day as 2026-11-24. Of several records that do, the one with the
// lowest number counts, in whatever order they come.
func (tx *Tx) Night(c Chain, seq uint64, night, stage string) error {
	err := tx.exec(`INSERT INTO nights (cid, night, stage, seq) VALUES (?, ?, ?, ?)
		ON CONFLICT (cid, night, stage) DO UPDATE SET seq = MIN(seq, excluded.seq)`, c.ID, night, stage, int64(seq))
	if err != nil {
		return fmt.Errorf("note %s of the night of %s of %s/%s: %w", stage, night, c.Box, c.Name, err)
	}
	return nil
}

// Dispute notes that record seq of c disputes what was told of night.
func (tx *Tx) Dispute(c Chain, seq uint64, night string) error {
	err := tx.exec(`INSERT OR IGNORE INTO disputes (cid, night, seq) VALUES (?, ?, ?)`, c.ID, night, int64(seq))
	if err != nil {
		return fmt.Errorf("note that the night of %s of %s/%s is disputed: %w", night, c.Box, c.Name, err)
	}
	return nil
}

// Night is what was told of one night of one café.
type Night struct {
	cid  int64
	cafe string // the box that stands there now

	Box      string
	Site     Site // zero if the box is not registered
	Night    string
	Alert    bool // an alert was told; else a watch
	Over     bool // the final figures were
	Verified bool // the record is linked to its chain's head
	Arrived  time.Time
	Body     []byte // the last record that tells of it, with the newest figures
	Disputes []Dispute
	Before   []Night // what the chains before told of the same night, newest first: the box was replaced in it
}

// Dispute is a record in which the owner disputes what was told of a night.
type Dispute struct {
	Verified bool // as Night.Verified
	Arrived  time.Time
	Body     []byte
}

// maxDisputes is how many disputes of one night are returned: a box makes no more.
const maxDisputes = 4

// Nights returns the last nights of which something was told, newest first: each café's once, also where its box was replaced
// (rule R3). At most n chains' nights are looked at.
func (s *Store) Nights(ctx context.Context, n int) ([]Night, error) {
	const text = `WITH told AS (SELECT cid, night, MAX(stage = 'alert') alert, MAX(stage = 'end') over, MAX(seq) seq
		FROM nights GROUP BY cid, night ORDER BY night DESC, cid LIMIT ?)
	SELECT told.cid, COALESCE(heir, chains.box), chains.box, COALESCE(name, ''), COALESCE(commune, ''), night, alert, over,
		told.seq <= head, arrived, body
	FROM told JOIN chains ON chains.id = told.cid JOIN records ON records.cid = told.cid AND records.seq = told.seq
	LEFT JOIN heirs ON heirs.box = chains.box LEFT JOIN sites ON sites.box = COALESCE(heir, chains.box)
	ORDER BY night DESC, alert DESC, commune, name, chains.box`
	rows, err := s.read.QueryContext(ctx, text, n)
	if err != nil {
		return nil, fmt.Errorf("read nights: %w", err)
	}
	defer rows.Close()
	var out []Night
	for rows.Next() {
		var x Night
		var arrived int64
		err := rows.Scan(&x.cid, &x.cafe, &x.Box, &x.Site.Name, &x.Site.Commune, &x.Night, &x.Alert, &x.Over, &x.Verified, &arrived, &x.Body)
		if err != nil {
			return nil, fmt.Errorf("read nights: %w", err)
		}
		x.Arrived = stamp(arrived)
		out = append(out, x)
	}
	if err := rows.Err(); err != nil || len(out) == 0 {
		return out, err
	}
	if err := s.dispute(ctx, out); err != nil {
		return nil, err
	}
	return once(out), nil
}

// once makes one of what several chains told of a café's night. It is that of the newest chain, in the place of the first in
// list, and an alert if any of them told one.
func once(list []Night) (out []Night) {
	at := map[[2]string]int{}
	for _, n := range list {
		key := [2]string{n.cafe, n.Night}
		i, have := at[key]
		if !have {
			at[key] = len(out)
			out = append(out, n)
			continue
		}
		before, alert := out[i].Before, out[i].Alert || n.Alert
		out[i].Before = nil
		all := append(before, out[i], n)
		slices.SortFunc(all, func(a, b Night) int { return cmp.Compare(b.cid, a.cid) })
		out[i] = all[0]
		out[i].Before, out[i].Alert = all[1:], alert
	}
	return out
}

// dispute fills in the disputes of list, which is newest first.
func (s *Store) dispute(ctx context.Context, list []Night) error {
	const text = `SELECT cid, night, verified, arrived, body FROM (
		SELECT d.cid, night, d.seq, d.seq <= head verified, arrived, body, ROW_NUMBER() OVER (PARTITION BY d.cid, night ORDER BY d.seq) n
		FROM disputes d JOIN chains ON chains.id = d.cid JOIN records ON records.cid = d.cid AND records.seq = d.seq
		WHERE night BETWEEN ? AND ?) WHERE n <= ? ORDER BY cid, night, seq`
	rows, err := s.read.QueryContext(ctx, text, list[len(list)-1].Night, list[0].Night, maxDisputes)
	if err != nil {
		return fmt.Errorf("read disputes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var cid, arrived int64
		var night string
		var d Dispute
		if err := rows.Scan(&cid, &night, &d.Verified, &arrived, &d.Body); err != nil {
			return fmt.Errorf("read disputes: %w", err)
		}
		d.Arrived = stamp(arrived)
		if i := slices.IndexFunc(list, func(n Night) bool { return n.cid == cid && n.Night == night }); i >= 0 {
			list[i].Disputes = append(list[i].Disputes, d)
		}
	}
	return rows.Err()
}
