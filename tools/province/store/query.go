package store

import (
	"context"
	"fmt"
	"time"
)

// Site is a registered café.
type Site struct {
	Name    string `json:"name"`
	Commune string `json:"commune"`
}

// Box is what the store knows of one box, for showing.
type Box struct {
	Box        string
	Site       Site // zero if the box is not registered
	FirstHeard time.Time
	LastHeard  time.Time // arrival of its last live message; zero for a registered box never heard
	Down       bool      // the will of its present connection arrived
	Blind      bool      // its newest record of kind blind says so
	State      []byte    // latest up/state, nil if none
	Occ        []byte    // latest up/occ, nil if none
	OccAt      time.Time // its arrival
	Received   uint64    // records stored
	Verified   uint64    // of those, linked from the chain's first record or a known loss
	Duplicates uint64
	Forks      uint64
	Doubts     uint64 // alarms that the chain is not one box's alone: fork, checkpoint, key
	Gaps       uint64 // records missing that the box may still send
	Lost       uint64 // records missing for ever
}

// Boxes returns every box that is registered or was heard, by commune, name and box. One that was replaced is not among
// them: its records count for the box that stands in its café now, and what is missing of them is lost.
func (s *Store) Boxes(ctx context.Context) ([]Box, error) {
	const text = `
WITH stands (box, heir) AS MATERIALIZED (SELECT box, heir FROM heirs),
every (box) AS (SELECT box FROM boxes UNION SELECT box FROM sites UNION SELECT heir FROM stands EXCEPT SELECT box FROM stands),
books AS MATERIALIZED (SELECT CAST(COALESCE(heir, box) AS TEXT) box, id, stored, verified, duplicates, forks
	FROM chains LEFT JOIN stands USING (box)),
sums AS (SELECT box, SUM(stored) stored, SUM(verified) verified, SUM(duplicates) duplicates, SUM(forks) forks
	FROM books GROUP BY box),
missing AS (SELECT cid, last - first + 1 n, lost OR cid IN (SELECT cid FROM ended) lost FROM gaps),
holes AS (SELECT box, SUM(n * (lost = 0)) open, SUM(n * lost) lost FROM missing JOIN books ON books.id = cid GROUP BY box),
doubts AS (SELECT box, COUNT(*) doubts FROM alarms JOIN books ON books.id = cid
	WHERE what IN ('fork', 'checkpoint', 'key') GROUP BY box)
SELECT every.box, COALESCE(name, ''), COALESCE(commune, ''), COALESCE(first_heard, 0), COALESCE(last_heard, 0),
	COALESCE(down, 0), COALESCE(blind, 0), state, occ, COALESCE(occ_at, 0), COALESCE(stored, 0), COALESCE(verified, 0),
	COALESCE(duplicates, 0), COALESCE(forks, 0), COALESCE(doubts, 0), COALESCE(open, 0), COALESCE(lost, 0)
FROM every LEFT JOIN sites USING (box) LEFT JOIN boxes USING (box) LEFT JOIN sums USING (box)
LEFT JOIN holes USING (box) LEFT JOIN doubts USING (box)
ORDER BY commune = '', commune, name = '', name, every.box`
	rows, err := s.read.QueryContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("read boxes: %w", err)
	}
	defer rows.Close()
	var out []Box
	for rows.Next() {
		var b Box
		var first, last, occ int64
		err := rows.Scan(&b.Box, &b.Site.Name, &b.Site.Commune, &first, &last, &b.Down, &b.Blind, &b.State, &b.Occ, &occ,
			&b.Received, &b.Verified, &b.Duplicates, &b.Forks, &b.Doubts, &b.Gaps, &b.Lost)
		if err != nil {
			return nil, fmt.Errorf("read boxes: %w", err)
		}
		b.FirstHeard, b.LastHeard, b.OccAt = stamp(first), stamp(last), stamp(occ)
		out = append(out, b)
	}
	return out, rows.Err()
}

// Ends returns for every box where its newest chain goes on: First is behind the head, Last is 0. Chains with a branch are
// left out: which place is the box's own cannot be known. So are those that were replaced.
func (s *Store) Ends(ctx context.Context) ([]Due, error) {
	const text = `SELECT box, shard, chain, head + 1 FROM boxes JOIN chains USING (box)
		WHERE chains.id = (SELECT MAX(id) FROM chains newest WHERE newest.box = boxes.box) AND forks = 0
			AND chains.id NOT IN (SELECT cid FROM ended)`
	rows, err := s.read.QueryContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("read the ends of chains: %w", err)
	}
	defer rows.Close()
	var out []Due
	for rows.Next() {
		var d Due
		if err := rows.Scan(&d.Box, &d.Shard, &d.Chain, &d.First); err != nil {
			return nil, fmt.Errorf("read the ends of chains: %w", err)
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// Line is a stored record, for showing.
type Line struct {
	Box, Site, Chain string
	Seq              uint64
	Verified         bool // linked to the chain's head
	Arrived          time.Time
	Body             []byte
}

// Newest returns the last n records in order of arrival, newest first.
func (s *Store) Newest(ctx context.Context, n int) ([]Line, error) {
	const text = `SELECT chains.box, COALESCE(name, ''), chain, seq, seq <= head, arrived, body
		FROM records JOIN chains ON chains.id = cid LEFT JOIN heirs ON heirs.box = chains.box
		LEFT JOIN sites ON sites.box = COALESCE(heir, chains.box) ORDER BY records.id DESC LIMIT ?`
	rows, err := s.read.QueryContext(ctx, text, n)
	if err != nil {
		return nil, fmt.Errorf("read newest records: %w", err)
	}
	defer rows.Close()
	var out []Line
	for rows.Next() {
		var l Line
		var arrived int64
		if err := rows.Scan(&l.Box, &l.Site, &l.Chain, &l.Seq, &l.Verified, &arrived, &l.Body); err != nil {
			return nil, fmt.Errorf("read newest records: %w", err)
		}
		l.Arrived = stamp(arrived)
		out = append(out, l)
	}
	return out, rows.Err()
}

// Totals are sums over all chains.
type Totals struct {
	Boxes, Chains, Stored, Verified, Duplicates, Forks uint64
}

// Totals returns the sums over all chains.
func (s *Store) Totals(ctx context.Context) (Totals, error) {
	const text = `SELECT (SELECT COUNT(*) FROM boxes), COUNT(*), COALESCE(SUM(stored), 0), COALESCE(SUM(verified), 0),
		COALESCE(SUM(duplicates), 0), COALESCE(SUM(forks), 0) FROM chains`
	var t Totals
	err := s.read.QueryRowContext(ctx, text).
		Scan(&t.Boxes, &t.Chains, &t.Stored, &t.Verified, &t.Duplicates, &t.Forks)
	if err != nil {
		return Totals{}, fmt.Errorf("read totals: %w", err)
	}
	return t, nil
}

// Ping checks that the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var n int
	return s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM migrations`).Scan(&n)
}
