package store

import (
	"context"
	"fmt"
	"time"
)

// Command is what the province asks a box to do, and what is known of it.
type Command struct {
	Number         uint64
	Verb           string
	Args           []byte // a JSON object, nil for none
	Signed, Expiry time.Time
	Result, Why    string // empty while nothing is known
	Recorded       bool   // the box's chain says so; otherwise only its word at once does
}

// AddCommand gives c the next number of the chain and keeps it. It is sent when the box says hello, or at once if the
// province that is running sees it (Unsent).
func (tx *Tx) AddCommand(c Chain, cmd Command) (number uint64, err error) {
	err = tx.conn.QueryRowContext(tx.ctx, `INSERT INTO commands (cid, number, verb, args, signed, expiry)
		SELECT ?1, COALESCE(MAX(number), 0) + 1, ?2, ?3, ?4, ?5 FROM commands WHERE cid = ?1 RETURNING number`,
		c.ID, cmd.Verb, string(cmd.Args), cmd.Signed.UnixMilli(), cmd.Expiry.UnixMilli()).Scan(&number)
	if err != nil {
		return 0, fmt.Errorf("keep command for %s/%s: %w", c.Box, c.Name, err)
	}
	return number, nil
}

// Open returns the commands of c that have no result and are not over at now, in their order.
func (tx *Tx) Open(c Chain, now time.Time) ([]Command, error) {
	return tx.commands(`SELECT number, verb, args, signed, expiry, result, why, recorded FROM commands
		WHERE cid = ? AND result = '' AND expiry > ? ORDER BY number`, c.ID, now.UnixMilli())
}

// Unsent is a command that was added since anybody looked.
type Unsent struct {
	Chain
	Command
}

// Unsent returns the commands that were never sent and are not over at now, at most limit, and notes that they are sent.
func (tx *Tx) Unsent(now time.Time, limit int) ([]Unsent, error) {
	rows, err := tx.conn.QueryContext(tx.ctx, `UPDATE commands SET sent = ?1 WHERE rowid IN (
		SELECT rowid FROM commands WHERE sent = 0 AND expiry > ?1 ORDER BY rowid LIMIT ?2)
		RETURNING (SELECT box FROM chains WHERE id = cid), (SELECT chain FROM chains WHERE id = cid), cid,
		number, verb, args, signed, expiry`, now.UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("read commands to be sent: %w", err)
	}
	defer rows.Close()
	var out []Unsent
	for rows.Next() {
		var u Unsent
		var signed, expiry int64
		err := rows.Scan(&u.Box, &u.Name, &u.ID, &u.Number, &u.Verb, &u.Args, &signed, &expiry)
		if err != nil {
			return nil, fmt.Errorf("read commands to be sent: %w", err)
		}
		u.Signed, u.Expiry = stamp(signed), stamp(expiry)
		out = append(out, u)
	}
	return out, rows.Err()
}

// CommandResult notes what came of a command. What the chain says stands over what was said at once, whichever is first.
func (tx *Tx) CommandResult(c Chain, number uint64, result, why string, recorded bool) error {
	err := tx.exec(`UPDATE commands SET result = ?3, why = ?4, recorded = ?5
		WHERE cid = ?1 AND number = ?2 AND recorded <= ?5`, c.ID, int64(number), result, why, recorded)
	if err != nil {
		return fmt.Errorf("note result of command %d of %s/%s: %w", number, c.Box, c.Name, err)
	}
	return nil
}

// Commands returns all commands of c, newest first.
func (s *Store) Commands(ctx context.Context, c Chain) (out []Command, err error) {
	err = s.Update(func(tx *Tx) (err error) {
		out, err = tx.commands(`SELECT number, verb, args, signed, expiry, result, why, recorded FROM commands
			WHERE cid = ? ORDER BY number DESC`, c.ID)
		return err
	})
	return out, err
}

func (tx *Tx) commands(text string, args ...any) ([]Command, error) {
	rows, err := tx.conn.QueryContext(tx.ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("read commands: %w", err)
	}
	defer rows.Close()
	var out []Command
	for rows.Next() {
		var c Command
		var signed, expiry int64
		err := rows.Scan(&c.Number, &c.Verb, &c.Args, &signed, &expiry, &c.Result, &c.Why, &c.Recorded)
		if err != nil {
			return nil, fmt.Errorf("read commands: %w", err)
		}
		c.Signed, c.Expiry = stamp(signed), stamp(expiry)
		out = append(out, c)
	}
	return out, rows.Err()
}
