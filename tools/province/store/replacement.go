package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Errors of replacements.
var (
	ErrReplaced = errors.New("store: the box was replaced already")
	ErrUsed     = errors.New("store: the box's id was used already")
	ErrTwoCafes = errors.New("store: two cafés of one box")
)

// How it was told which box is replaced.
const (
	ByLabel = "label" // its label names its key
	ByID    = "id"    // its id was typed
	ByHello = "hello" // nobody said so: it came with another chain
)

// Replacement says that a box, or a box's card or board, was replaced.
type Replacement struct {
	ID       int64
	Old, New string // boxes; the same where the card or board of one was replaced
	OldChain Chain  // the old box's, or the one that it was to follow; Head and Hash are as they were at At; ID 0: there is none
	At       time.Time
	By, Why  string
	Known    string // ByLabel, ByID, ByHello

	// What is added later; zero until then.
	NewChain Chain     // the first one that the new box said hello with
	Linked   time.Time // when it did
	Note     string    // the province's word for it; empty where there is no old chain
	Returned time.Time // when somebody last came with what was replaced
}

// Same reports whether the box kept its id.
func (r *Replacement) Same() bool { return r.Old == r.New }

const replacementColumns = `r.id, old_box, new_box, COALESCE(old_cid, 0), COALESCE(o.box, old_box), COALESCE(o.chain, ''),
	r.head, r.hash, COALESCE(o.key, x''),
	r.at, who, why, known, COALESCE(s.cid, 0), COALESCE(n.chain, ''), COALESCE(n.key, x''), COALESCE(s.at, 0), COALESCE(note, ''),
	COALESCE((SELECT MAX(at) FROM returns WHERE replacement = r.id), 0)
	FROM replacements r LEFT JOIN successions s ON s.replacement = r.id
	LEFT JOIN chains o ON o.id = old_cid LEFT JOIN chains n ON n.id = s.cid`

func replacements(ctx context.Context, q reader, where string, args ...any) (out []Replacement, err error) {
	rows, err := q.QueryContext(ctx, `SELECT `+replacementColumns+` WHERE `+where+` ORDER BY r.id DESC`, args...)
	if err != nil {
		return nil, fmt.Errorf("read replacements: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Replacement
		var at, linked, returned int64
		err := rows.Scan(&r.ID, &r.Old, &r.New, &r.OldChain.ID, &r.OldChain.Box, &r.OldChain.Name, &r.OldChain.Head, &r.OldChain.Hash, &r.OldChain.Key,
			&at, &r.By, &r.Why, &r.Known, &r.NewChain.ID, &r.NewChain.Name, &r.NewChain.Key, &linked, &r.Note, &returned)
		if err != nil {
			return nil, fmt.Errorf("read replacements: %w", err)
		}
		r.At, r.Linked, r.Returned = stamp(at), stamp(linked), stamp(returned)
		r.NewChain.Box = r.New
		out = append(out, r)
	}
	return out, rows.Err()
}

// Replacements returns all that were noted, newest first.
func (s *Store) Replacements(ctx context.Context) ([]Replacement, error) {
	return replacements(ctx, s.read, `1`)
}

// Replacing returns the newest replacement in which box is the new one. ok is false if there is none.
func (tx *Tx) Replacing(box string) (r Replacement, ok bool, err error) {
	list, err := replacements(tx.ctx, tx.conn, `new_box = ?`, box)
	if err != nil || len(list) == 0 {
		return r, false, err
	}
	return list[0], true, nil
}

// ReplacedBy returns the replacement of box by another. ok is false if there is none.
func (tx *Tx) ReplacedBy(box string) (r Replacement, ok bool, err error) {
	list, err := replacements(tx.ctx, tx.conn, `old_box = ? AND old_box != new_box`, box)
	if err != nil || len(list) == 0 {
		return r, false, err
	}
	return list[0], true, nil
}

// ReplacedBy is Tx.ReplacedBy for who does not write.
func (s *Store) ReplacedBy(ctx context.Context, box string) (r Replacement, ok bool, err error) {
	list, err := replacements(ctx, s.read, `old_box = ? AND old_box != new_box`, box)
	if err != nil || len(list) == 0 {
		return r, false, err
	}
	return list[0], true, nil
}

// Replace notes that r.Old was replaced by r.New at r.At, with the newest chain of r.Old as it is now, and moves its café. The
// error wraps ErrReplaced or ErrUsed.
func (tx *Tx) Replace(r Replacement) (_ Replacement, err error) {
	fail := func(err error) (Replacement, error) {
		return r, fmt.Errorf("replace %s by %s: %w", r.Old, r.New, err)
	}
	if by, ok, err := tx.ReplacedBy(r.Old); err != nil || ok {
		return fail(errors.Join(err, fmt.Errorf("%w: by %s", ErrReplaced, by.New)))
	}
	if !r.Same() {
		if used, err := tx.used(r.New); err != nil || used {
			return fail(errors.Join(err, ErrUsed))
		}
	}
	if r.OldChain, err = tx.lastOf(r.Old); err != nil {
		return fail(err)
	}
	if r, err = tx.addReplacement(r); err != nil {
		return fail(err)
	}
	if err := tx.exec(`UPDATE sites SET box = ? WHERE box = ?`, r.New, r.Old); err != nil {
		return fail(err)
	}
	return r, nil
}

// lastOf returns the newest chain of box; where it had not sent anything, the one that it was to follow.
func (tx *Tx) lastOf(box string) (Chain, error) {
	chains, err := tx.ChainsOf(box)
	if err != nil || len(chains) > 0 {
		return append(chains, Chain{})[0], err
	}
	r, _, err := tx.Replacing(box)
	return r.OldChain, err
}

func (tx *Tx) addReplacement(r Replacement) (Replacement, error) {
	old := sql.NullInt64{Int64: r.OldChain.ID, Valid: r.OldChain.ID != 0}
	if r.OldChain.Hash == nil {
		r.OldChain.Hash = []byte{}
	}
	err := tx.conn.QueryRowContext(tx.ctx, `INSERT INTO replacements (old_box, old_cid, head, hash, new_box, at, who, why, known)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`, r.Old, old, int64(r.OldChain.Head), r.OldChain.Hash, r.New, r.At.UnixMilli(),
		r.By, r.Why, r.Known).Scan(&r.ID)
	return r, err
}

// used reports whether anything is known of box.
func (tx *Tx) used(box string) (used bool, err error) {
	err = tx.conn.QueryRowContext(tx.ctx, `SELECT EXISTS (SELECT 1 FROM boxes WHERE box = ?1) OR EXISTS (SELECT 1 FROM sites WHERE box = ?1)
		OR EXISTS (SELECT 1 FROM replacements WHERE old_box = ?1 OR new_box = ?1)`, box).Scan(&used)
	return used, err
}

// Succession returns the replacement that c, from which nothing is stored yet, is the end of: the box's newest that waits for
// its chain, or a new one where the box had another chain and nobody said that its card was replaced. ok is false if c
// follows nothing, or was linked before.
func (tx *Tx) Succession(c Chain, at time.Time) (r Replacement, ok bool, err error) {
	var linked bool
	if err := tx.conn.QueryRowContext(tx.ctx, `SELECT EXISTS (SELECT 1 FROM successions WHERE cid = ?)`, c.ID).Scan(&linked); err != nil {
		return r, false, fmt.Errorf("read what %s/%s follows: %w", c.Box, c.Name, err)
	}
	if linked {
		return r, false, nil
	}
	r, ok, err = tx.Replacing(c.Box)
	if err != nil || ok && r.Linked.IsZero() && r.OldChain.ID != c.ID {
		return r, ok, err
	}
	chains, err := tx.ChainsOf(c.Box)
	if err != nil {
		return r, false, err
	}
	for _, old := range chains {
		if old.ID >= c.ID {
			continue
		}
		r, err = tx.addReplacement(Replacement{Old: c.Box, New: c.Box, OldChain: old, At: at, Known: ByHello})
		if err != nil {
			return r, false, fmt.Errorf("note that %s has a new chain: %w", c.Box, err)
		}
		return r, true, nil
	}
	return r, false, nil
}

// Succeed notes that c is the chain of r's new box, and the province's signed word for it.
func (tx *Tx) Succeed(r Replacement, c Chain, note string, at time.Time) error {
	err := tx.exec(`INSERT INTO successions (replacement, cid, at, note) VALUES (?, ?, ?, ?)`, r.ID, c.ID, at.UnixMilli(), note)
	if err != nil {
		return fmt.Errorf("link %s/%s: %w", c.Box, c.Name, err)
	}
	return nil
}

// Returned notes that somebody came at at with a certificate of box that was issued at issued: of a box that was replaced, or of
// one whose card was declared replaced after that. It reports whether it was replaced at all; within a day it is noted once.
func (tx *Tx) Returned(box string, issued, at time.Time) (replaced bool, err error) {
	var id int64
	err = tx.conn.QueryRowContext(tx.ctx, `SELECT id FROM replacements WHERE old_box = ?1
		AND (new_box != ?1 OR known != ?2 AND at > ?3) ORDER BY id DESC LIMIT 1`, box, ByHello, issued.UnixMilli()).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		err = tx.exec(`INSERT OR IGNORE INTO returns (replacement, at) SELECT ?1, ?2
			WHERE NOT EXISTS (SELECT 1 FROM returns WHERE replacement = ?1 AND at > ?3)`, id, at.UnixMilli(), at.Add(-24*time.Hour).UnixMilli())
	}
	if err != nil {
		return false, fmt.Errorf("note that %s has come back: %w", box, err)
	}
	return true, nil
}

// heirs returns which box stands in the café of each that was replaced.
func (tx *Tx) heirs() (map[string]string, error) {
	rows, err := tx.conn.QueryContext(tx.ctx, `SELECT box, heir FROM heirs`)
	if err != nil {
		return nil, fmt.Errorf("read replacements: %w", err)
	}
	defer rows.Close()
	m := map[string]string{}
	for rows.Next() {
		var box, heir string
		if err := rows.Scan(&box, &heir); err != nil {
			return nil, fmt.Errorf("read replacements: %w", err)
		}
		m[box] = heir
	}
	return m, rows.Err()
}

// Link is a chain of a café, and the province's word that it follows the one before.
type Link struct {
	Chain
	Note string // empty for the first
}

// SiteOf returns the café that box is registered in; the zero Site if it is in none.
func (s *Store) SiteOf(ctx context.Context, box string) (out Site, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT name, commune FROM sites WHERE box = ?`, box).Scan(&out.Name, &out.Commune)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return out, fmt.Errorf("read the café of %s: %w", box, err)
	}
	return out, nil
}

// maxLine bounds how many chains one café can have had.
const maxLine = 1024

// Line returns the chains of the café in which box is or was, in the order in which they followed each other, as far as they
// are linked. The error wraps ErrNoChain if there is none.
func (s *Store) Line(ctx context.Context, box string) (out []Link, err error) {
	var heir sql.NullString
	if err := s.read.QueryRowContext(ctx, `SELECT (SELECT heir FROM heirs WHERE box = ?)`, box).Scan(&heir); err != nil {
		return nil, fmt.Errorf("read replacements of %s: %w", box, err)
	}
	if heir.Valid {
		box = heir.String
	}
	all, err := s.Replacements(ctx)
	if err != nil {
		return nil, err
	}
	last, err := s.newestOf(ctx, box, all)
	if err != nil {
		return nil, err
	}
	out = []Link{{Chain: last}}
	for len(out) < maxLine {
		r, ok := before(all, out[0].ID)
		if !ok || r.OldChain.ID == 0 {
			return out, nil
		}
		out[0].Note = r.Note
		old, err := s.ChainOf(ctx, r.OldChain.Box, r.OldChain.Name)
		if err != nil {
			return nil, err
		}
		out = append([]Link{{Chain: old}}, out...)
	}
	return out, nil
}

// newestOf returns the newest chain of box, or of the box before it where it was not heard yet.
func (s *Store) newestOf(ctx context.Context, box string, all []Replacement) (Chain, error) {
	c, err := s.ChainOf(ctx, box, "")
	for _, r := range all {
		if err == nil {
			break
		}
		if r.New == box && !r.Same() {
			box = r.Old
			c, err = s.ChainOf(ctx, box, "")
		}
	}
	return c, err
}

// before returns the replacement that led to the chain cid.
func before(all []Replacement, cid int64) (Replacement, bool) {
	for _, r := range all {
		if r.NewChain.ID == cid {
			return r, true
		}
	}
	return Replacement{}, false
}
