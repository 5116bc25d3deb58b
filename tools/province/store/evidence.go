package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Checkpoint keeps a note of c's box that fixes record seq with hash. One that is there already is not added again.
func (tx *Tx) Checkpoint(c Chain, seq uint64, hash []byte, note string, at time.Time) error {
	err := tx.exec(`INSERT OR IGNORE INTO checkpoints (cid, seq, hash, note, arrived) VALUES (?, ?, ?, ?, ?)`,
		c.ID, int64(seq), hash, note, at.UnixMilli())
	if err != nil {
		return fmt.Errorf("keep checkpoint %d of %s/%s: %w", seq, c.Box, c.Name, err)
	}
	return nil
}

// Checkpoints returns the checkpoints of c from seq first to last: the hash that each fixes.
func (tx *Tx) Checkpoints(c Chain, first, last uint64) (map[uint64][]byte, error) {
	rows, err := tx.conn.QueryContext(tx.ctx, `SELECT seq, hash FROM checkpoints WHERE cid = ? AND seq BETWEEN ? AND ?`,
		c.ID, int64(first), int64(last))
	if err != nil {
		return nil, fmt.Errorf("read checkpoints of %s/%s: %w", c.Box, c.Name, err)
	}
	defer rows.Close()
	m := map[uint64][]byte{}
	for rows.Next() {
		var seq uint64
		var hash []byte
		if err := rows.Scan(&seq, &hash); err != nil {
			return nil, fmt.Errorf("read checkpoints of %s/%s: %w", c.Box, c.Name, err)
		}
		m[seq] = hash
	}
	return m, rows.Err()
}

// ErrNoChain is returned by ChainOf for a box that has sent nothing.
var ErrNoChain = errors.New("store: the box has no such chain")

// ChainOf returns the chain called name of box; the newest where name is empty.
func (s *Store) ChainOf(ctx context.Context, box, name string) (Chain, error) {
	c := Chain{Box: box}
	err := s.read.QueryRowContext(ctx, `SELECT id, chain, head, hash, key, lost_to, stored, verified, duplicates, forks
		FROM chains WHERE box = ?1 AND (?2 = '' OR chain = ?2) ORDER BY created DESC, id DESC LIMIT 1`, box, name).Scan(
		&c.ID, &c.Name, &c.Head, &c.Hash, &c.Key, &c.LostTo, &c.Stored, &c.Verified, &c.Duplicates, &c.Forks)
	if err != nil {
		return c, fmt.Errorf("%w: box %s, chain %q: %w", ErrNoChain, box, name, err)
	}
	return c, nil
}

// EachRecord calls f with the records of c in the order of their numbers, those of other branches behind the ones whose
// number they share.
func (s *Store) EachRecord(ctx context.Context, c Chain, f func(Record) error) error {
	const text = `SELECT seq, hash, boot, body FROM (
		SELECT seq, hash, boot, body, 0 AS branch FROM records WHERE cid = ?1
		UNION ALL SELECT seq, hash, boot, body, 1 FROM forks WHERE cid = ?1) ORDER BY seq, branch`
	rows, err := s.read.QueryContext(ctx, text, c.ID)
	if err != nil {
		return fmt.Errorf("read records of %s/%s: %w", c.Box, c.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Record
		if err := rows.Scan(&r.Seq, &r.Hash, &r.Boot, &r.Body); err != nil {
			return fmt.Errorf("read records of %s/%s: %w", c.Box, c.Name, err)
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// EachNote calls f with the checkpoints of c, oldest first.
func (s *Store) EachNote(ctx context.Context, c Chain, f func(note string) error) error {
	rows, err := s.read.QueryContext(ctx, `SELECT note FROM checkpoints WHERE cid = ? ORDER BY seq`, c.ID)
	if err != nil {
		return fmt.Errorf("read checkpoints of %s/%s: %w", c.Box, c.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		var note string
		if err := rows.Scan(&note); err != nil {
			return fmt.Errorf("read checkpoints of %s/%s: %w", c.Box, c.Name, err)
		}
		if err := f(note); err != nil {
			return err
		}
	}
	return rows.Err()
}
