package store

import (
	"context"
	"fmt"
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

// Night is what was told of one night of one box.
type Night struct {
	Box      string
	Site     Site // zero if the box is not registered
	Night    string
	Alert    bool // an alert was told; else a watch
	Over     bool // the final figures were
	Verified bool // the record is linked to its chain's head
	Arrived  time.Time
	Body     []byte // the last record that tells of it, with the newest figures
}

// Nights returns the last n nights of which something was told, newest first.
func (s *Store) Nights(ctx context.Context, n int) ([]Night, error) {
	const text = `WITH told AS (SELECT cid, night, MAX(stage = 'alert') alert, MAX(stage = 'end') over, MAX(seq) seq
		FROM nights GROUP BY cid, night ORDER BY night DESC, cid LIMIT ?)
	SELECT chains.box, COALESCE(name, ''), COALESCE(commune, ''), night, alert, over, told.seq <= head, arrived, body
	FROM told JOIN chains ON chains.id = told.cid JOIN records ON records.cid = told.cid AND records.seq = told.seq
	LEFT JOIN sites ON sites.box = chains.box ORDER BY night DESC, alert DESC, commune, name, chains.box`
	rows, err := s.read.QueryContext(ctx, text, n)
	if err != nil {
		return nil, fmt.Errorf("read nights: %w", err)
	}
	defer rows.Close()
	var out []Night
	for rows.Next() {
		var x Night
		var arrived int64
		err := rows.Scan(&x.Box, &x.Site.Name, &x.Site.Commune, &x.Night, &x.Alert, &x.Over, &x.Verified, &arrived, &x.Body)
		if err != nil {
			return nil, fmt.Errorf("read nights: %w", err)
		}
		x.Arrived = stamp(arrived)
		out = append(out, x)
	}
	return out, rows.Err()
}
