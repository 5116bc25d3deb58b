package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"
)

const (
	maxAnchors = 4096 // of one boot of a machine, the newest: half a year of hourly ones
	maxBoots   = 64   // of the daemon in one boot of the machine, in each direction
)

// Boot is what a batch of records says of the boot they are of.
type Boot struct {
	Boot   uint64
	Goes   bool   // its boot record says that the daemon alone started: m goes on from the boot before
	First  int64  // the smallest m
	Last   int64  // the largest
	Floor  *int64 // UTC at m = 0 is this or later; nil: nothing known
	By     int64  // UTC at m = 0 is this or earlier, since the records had arrived then
	Unsure bool   // there are records of quality none or floor
}

// Timeline notes what a batch of c says of when its boot was, anchors among it, and judges anew when records were whose own
// time does not say it: those of the boot, and those of the boots before and behind, which it bounds. It is called after
// the records were stored. A batch whose records all have their time costs two statements.
func (tx *Tx) Timeline(c Chain, b Boot, list []Anchor) error {
	fail := func(err error) error { return fmt.Errorf("judge times of %s/%s: %w", c.Box, c.Name, err) }
	var seen bool
	if err := tx.boot.QueryRowContext(tx.ctx, c.ID, int64(b.Boot)).Scan(&seen); err != nil {
		return fail(err)
	}
	if _, err := tx.setBoot.ExecContext(tx.ctx, c.ID, int64(b.Boot), b.First, b.Last, b.Goes, b.Floor, b.By); err != nil {
		return fail(err)
	}
	for _, a := range list {
		err := tx.exec(`INSERT OR REPLACE INTO anchors (cid, boot, mono, t, err, step) VALUES (?, ?, ?, ?, ?, ?)`,
			c.ID, int64(a.Boot), a.Mono, a.Time, a.Err, a.Step)
		if err != nil {
			return fail(err)
		}
	}
	news := len(list) > 0 || b.Goes
	if seen && !b.Unsure && !news {
		return nil
	}
	if err := tx.judge(c, b.Boot, news); err != nil {
		return fail(err)
	}
	return nil
}

// uptime is one boot of a machine: the boots of the daemon in it, which share m.
type uptime struct {
	first, last uint64 // boots of the daemon
	from, to    int64  // the smallest and the largest m
	as          anchors
	b           bracket // meant for an uptime without anchors
}

// at estimates when mono was.
func (u *uptime) at(mono int64) (Estimate, bool) {
	if len(u.as) > 0 {
		return u.as.at(mono)
	}
	return u.b.at(mono)
}

// judge estimates for the uptime of boot, then for its neighbours where they have no anchors. news says that it has new ones.
func (tx *Tx) judge(c Chain, boot uint64, news bool) error {
	u, err := uptimeOf(tx.ctx, tx.conn, c, boot)
	if err != nil {
		return err
	}
	before, behind, err := tx.neighbours(c, u)
	if err != nil {
		return err
	}
	u.between(before, behind)
	if err := tx.estimate(c, u, news); err != nil {
		return err
	}
	for _, n := range []*uptime{before, behind} {
		if n == nil || len(n.as) > 0 {
			continue
		}
		l, r, err := tx.neighbours(c, n)
		if err != nil {
			return err
		}
		n.between(l, r)
		if err := tx.estimate(c, n, false); err != nil {
			return err
		}
	}
	return nil
}

// between bounds u: its first record is behind all that is before it, its last before all that is behind it. Either is nil where
// there is none. (It need not have begun behind what is before it: the boot record that would say so may be on its way.)
func (u *uptime) between(before, behind *uptime) {
	if before != nil {
		if e, ok := before.at(before.to); ok {
			u.b.behind(e.Time - e.Err - u.from - drift(u.from))
		}
	}
	if behind != nil {
		by := behind.b.hi + behind.from
		if e, ok := behind.at(behind.from); ok {
			by = e.Time + e.Err
		}
		u.b.hi = min(u.b.hi, by-u.to+drift(u.to))
	}
}

// reader is the writer's connection or one of those that read.
type reader interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

// uptimeOf reads what is known of the uptime that boot is of; nil if there is no such boot.
func uptimeOf(ctx context.Context, q reader, c Chain, boot uint64) (*uptime, error) {
	rows, err := q.QueryContext(ctx, `SELECT boot, first, last, goes, lo, hi FROM boots
		WHERE cid = ?1 AND boot BETWEEN ?2 - ?3 AND ?2 + ?3 ORDER BY boot`, c.ID, int64(boot), maxBoots)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var u *uptime
	for rows.Next() {
		var n uint64
		var from, to, hi int64
		var goes bool
		var lo sql.NullInt64
		if err := rows.Scan(&n, &from, &to, &goes, &lo, &hi); err != nil {
			return nil, err
		}
		joined := u != nil && goes && n == u.last+1
		if !joined && n > boot {
			break
		}
		if !joined {
			u = &uptime{first: n, from: from, b: bracket{hi: hi}}
		}
		u.last, u.from, u.to, u.b.hi = n, min(u.from, from), max(u.to, to), min(u.b.hi, hi)
		if lo.Valid {
			u.b.behind(lo.Int64)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || u == nil {
		return nil, err
	}
	u.as, err = anchorsOf(ctx, q, c, u.first, u.last)
	return u, err
}

func anchorsOf(ctx context.Context, q reader, c Chain, first, last uint64) (anchors, error) {
	rows, err := q.QueryContext(ctx, `SELECT boot, mono, t, err, step FROM anchors
		WHERE cid = ? AND boot BETWEEN ? AND ? ORDER BY boot DESC, mono DESC LIMIT ?`, c.ID, int64(first), int64(last), maxAnchors)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Anchor
	for rows.Next() {
		var a Anchor
		if err := rows.Scan(&a.Boot, &a.Mono, &a.Time, &a.Err, &a.Step); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return newAnchors(out), rows.Err()
}

// neighbours returns the uptimes before and behind u, nil where there is none.
func (tx *Tx) neighbours(c Chain, u *uptime) (before, behind *uptime, err error) {
	var l, r sql.NullInt64
	err = tx.conn.QueryRowContext(tx.ctx, `SELECT (SELECT MAX(boot) FROM boots WHERE cid = ?1 AND boot < ?2),
		(SELECT MIN(boot) FROM boots WHERE cid = ?1 AND boot > ?3)`, c.ID, int64(u.first), int64(u.last)).Scan(&l, &r)
	if err == nil && l.Valid {
		before, err = uptimeOf(tx.ctx, tx.conn, c, uint64(l.Int64))
	}
	if err == nil && r.Valid {
		behind, err = uptimeOf(tx.ctx, tx.conn, c, uint64(r.Int64))
	}
	return before, behind, err
}

// unsure is which records of an uptime are judged. One whose m is 0 has no time at all.
const unsure = ` FROM records WHERE cid = ?1 AND boot BETWEEN ?2 AND ?3 AND tq IN ('none', 'floor') AND mono > 0`

// estimate judges the records of u that have no estimate; all of them if asked to, or if u has no anchors and is known by a
// tenth better than when they were judged: not with every batch, or a box that never learns the time would cost more the longer
// it runs.
func (tx *Tx) estimate(c Chain, u *uptime, all bool) error {
	which := unsure + ` AND est IS NULL`
	if !all && len(u.as) == 0 {
		var mono, err int64
		e := tx.conn.QueryRowContext(tx.ctx, `SELECT mono, est_err`+unsure+` AND est IS NOT NULL LIMIT 1`,
			c.ID, int64(u.first), int64(u.last)).Scan(&mono, &err)
		if e != nil && !errors.Is(e, sql.ErrNoRows) {
			return e
		}
		now, ok := u.at(mono)
		all = e == nil && ok && now.Err < err-err/10
	}
	if all {
		which = unsure
	}
	list, err := tx.unsure(which, c, u)
	if err != nil {
		return err
	}
	for _, r := range list {
		e, ok := u.at(r.mono)
		if !ok || (r.judged && e == r.Estimate) {
			continue
		}
		if err := tx.exec(`UPDATE records SET est = ?, est_err = ? WHERE id = ?`, e.Time, e.Err, r.id); err != nil {
			return err
		}
	}
	return nil
}

// unsureRow is a record whose own time does not say when it was.
type unsureRow struct {
	id, mono int64
	judged   bool
	Estimate
}

func (tx *Tx) unsure(which string, c Chain, u *uptime) (out []unsureRow, err error) {
	rows, err := tx.conn.QueryContext(tx.ctx, `SELECT id, mono, est IS NOT NULL, COALESCE(est, 0), COALESCE(est_err, 0)`+which,
		c.ID, int64(u.first), int64(u.last))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r unsureRow
		if err := rows.Scan(&r.id, &r.mono, &r.judged, &r.Time, &r.Err); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// When is when a record was.
type When struct {
	Known bool          // the rest says something
	Time  time.Time     // the record's own where it has one, else an estimate
	Error time.Duration // it may be wrong by so much
}

// When says when record seq of c was, by all that is known by now: where its own time is not what the anchors around it say,
// as before a step, it may be wrong by that as well. ok is false if there is no such record.
func (s *Store) When(ctx context.Context, c Chain, seq uint64) (w When, ok bool, err error) {
	var boot uint64
	var mono, t int64
	var own bool
	var est, estErr sql.NullInt64
	err = s.read.QueryRowContext(ctx, `SELECT boot, mono, COALESCE(t, 0), tq IN ('coarse', 'sync'), est, est_err
		FROM records WHERE cid = ? AND seq = ?`, c.ID, int64(seq)).Scan(&boot, &mono, &t, &own, &est, &estErr)
	if errors.Is(err, sql.ErrNoRows) {
		return w, false, nil
	}
	if err != nil {
		return w, false, fmt.Errorf("read record %d of %s/%s: %w", seq, c.Box, c.Name, err)
	}
	if !own {
		return When{est.Valid, stamp(est.Int64), millis64(estErr.Int64)}, true, nil
	}
	u, err := uptimeOf(ctx, s.read, c, boot)
	if err != nil || u == nil {
		return w, err == nil, err
	}
	e, known := u.as.at(mono)
	return When{known, stamp(t), millis64(max(t-e.Time, e.Time-t) + e.Err)}, true, nil
}

// millis64 returns ms milliseconds, at most what a Duration holds: 292 years.
func millis64(ms int64) time.Duration {
	return time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}
