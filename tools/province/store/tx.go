package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Chain is what the store knows of one chain of one box.
type Chain struct {
	ID         int64
	Box, Name  string
	Head       uint64 // every record up to here is stored and linked, or known to be lost; 0: none yet
	Hash       []byte // of record Head; of the genesis while Head is 0
	Key        []byte // the box's public key that the genesis names
	LostTo     uint64 // the box no longer holds anything up to here
	Stored     uint64
	Verified   uint64 // of Stored, linked to Head
	Duplicates uint64
	Forks      uint64
}

// Record is one record as it was hashed.
type Record struct {
	Seq  uint64
	Hash []byte // 32 octets
	Boot uint64
	Body []byte // the raw text
}

// Span is a run of linked records First..Last that waits for the records in front of it.
type Span struct {
	First, Last uint64
	Prev        []byte // what record First-1 must hash to
	Hash        []byte // of record Last
}

// Gap is a run of numbers that never arrived.
type Gap struct {
	First, Last uint64
	Opened      time.Time
	Wanted      time.Time // last time that the box was asked; zero if never
	Lost        bool      // the box no longer holds it
}

// Connection names one of a box's connections: Conn counts from 1 in every boot.
type Connection struct{ Boot, Conn uint64 }

// Before reports whether c is an earlier connection than d.
func (c Connection) Before(d Connection) bool {
	return c.Boot < d.Boot || c.Boot == d.Boot && c.Conn < d.Conn
}

// Tx is one transaction. It is valid only inside the function given to Update.
type Tx struct {
	ctx  context.Context
	conn *sql.Conn

	heard, chain, newChain, setChain, insert, hashes, body, fork, alarm *sql.Stmt
	ahead, dropAhead, addAhead, gaps, dropGaps, addGap                  *sql.Stmt
	boot, setBoot                                                       *sql.Stmt
}

func prepare(ctx context.Context, c *sql.Conn) (*Tx, error) {
	tx := &Tx{ctx: ctx, conn: c}
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&tx.heard, `INSERT INTO boxes (box, shard, first_heard, last_heard) VALUES (?1, ?2, ?3, ?3)
			ON CONFLICT (box) DO UPDATE SET last_heard = MAX(last_heard, excluded.last_heard), shard = excluded.shard`},
		{&tx.chain, `SELECT id, head, hash, key, lost_to, stored, verified, duplicates, forks FROM chains
			WHERE box = ? AND chain = ?`},
		{&tx.newChain, `INSERT INTO chains (box, chain, created, hash, key) VALUES (?, ?, ?, ?, ?)`},
		{&tx.setChain, `UPDATE chains SET head = ?, hash = ?, lost_to = ?, stored = ?, verified = ?, duplicates = ?,
			forks = ? WHERE id = ?`},
		{&tx.insert, `INSERT INTO records (cid, seq, hash, boot, arrived, body) VALUES (?, ?, ?, ?, ?, ?)`},
		{&tx.hashes, `SELECT seq, hash FROM records WHERE cid = ? AND seq BETWEEN ? AND ?`},
		{&tx.body, `SELECT body FROM records WHERE cid = ? AND seq = ?`},
		{&tx.fork, `INSERT OR IGNORE INTO forks (cid, seq, hash, boot, arrived, body) VALUES (?, ?, ?, ?, ?, ?)`},
		{&tx.alarm, `INSERT OR IGNORE INTO alarms (at, cid, what, first, last) VALUES (?, ?, ?, ?, ?)`},
		{&tx.ahead, `SELECT first, last, prev, hash FROM ahead WHERE cid = ? ORDER BY first`},
		{&tx.dropAhead, `DELETE FROM ahead WHERE cid = ?`},
		{&tx.addAhead, `INSERT INTO ahead (cid, first, last, prev, hash) VALUES (?, ?, ?, ?, ?)`},
		{&tx.gaps, `SELECT first, last, opened, wanted, lost FROM gaps WHERE cid = ? ORDER BY first`},
		{&tx.dropGaps, `DELETE FROM gaps WHERE cid = ?`},
		{&tx.boot, `SELECT EXISTS (SELECT 1 FROM boots WHERE cid = ? AND boot = ?)`},
		{&tx.setBoot, `INSERT INTO boots (cid, boot, first, last, goes, lo, hi) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (cid, boot) DO UPDATE SET first = MIN(first, excluded.first), last = MAX(last, excluded.last), goes = MAX(goes, excluded.goes),
			lo = COALESCE(MAX(lo, excluded.lo), lo, excluded.lo), hi = MIN(hi, excluded.hi)`},
		{&tx.addGap, `INSERT INTO gaps (cid, first, last, opened, wanted, lost) VALUES (?, ?, ?, ?, ?, ?)`},
	} {
		s, err := c.PrepareContext(ctx, p.text)
		if err != nil {
			return nil, fmt.Errorf("prepare %.30q: %w", p.text, err)
		}
		*p.stmt = s
	}
	return tx, nil
}

// commit runs the group in one transaction. An error of one function undoes that function alone; an error returned
// from here undid all of them.
func (tx *Tx) commit(group []*request) error {
	if err := tx.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, r := range group {
		if err := tx.one(r); err != nil {
			return errors.Join(err, tx.exec("ROLLBACK"))
		}
	}
	if err := tx.exec("COMMIT"); err != nil {
		_ = tx.exec("ROLLBACK") // fails if SQLite has already rolled back: the commit's error is the one to report
		return err
	}
	return nil
}

func (tx *Tx) one(r *request) error {
	if err := tx.exec("SAVEPOINT one"); err != nil {
		return err
	}
	if r.err = r.fn(tx); r.err != nil {
		if err := tx.exec("ROLLBACK TO one"); err != nil {
			return err
		}
	}
	return tx.exec("RELEASE one")
}

func (tx *Tx) exec(text string, args ...any) error {
	_, err := tx.conn.ExecContext(tx.ctx, text, args...)
	return err
}

// Heard notes that a live message of box arrived at at. It must come before anything else that names the box.
func (tx *Tx) Heard(box, shard string, at time.Time) error {
	if _, err := tx.heard.ExecContext(tx.ctx, box, shard, at.UnixMilli()); err != nil {
		return fmt.Errorf("note box %s: %w", box, err)
	}
	return nil
}

// Conn notes the box's present connection, which ends what an older one's will said.
func (tx *Tx) Conn(box string, c Connection) error {
	return tx.exec(`UPDATE boxes SET boot = ?, conn = ?, down = 0 WHERE box = ?`, int64(c.Boot), int64(c.Conn), box)
}

// State keeps body as the box's latest state. down is true for the will of its present connection.
func (tx *Tx) State(box string, body []byte, down bool, at time.Time) error {
	return tx.exec(`UPDATE boxes SET state = ?, state_at = ?, down = ? WHERE box = ?`,
		string(body), at.UnixMilli(), down, box)
}

// Presence returns the box's present connection as Conn noted it; the zero Connection if none did.
func (tx *Tx) Presence(box string) (c Connection, err error) {
	var boot, conn int64
	err = tx.conn.QueryRowContext(tx.ctx, `SELECT boot, conn FROM boxes WHERE box = ?`, box).Scan(&boot, &conn)
	if errors.Is(err, sql.ErrNoRows) {
		return Connection{}, nil
	}
	return Connection{uint64(boot), uint64(conn)}, err
}

// Blind notes what record seq of c says of the box's sight, unless a later one of the chain was noted.
func (tx *Tx) Blind(c Chain, seq uint64, blind bool) error {
	return tx.exec(`UPDATE boxes SET blind = ?1, blind_cid = ?2, blind_seq = ?3
		WHERE box = ?4 AND (blind_cid < ?2 OR (blind_cid = ?2 AND blind_seq < ?3))`, blind, c.ID, int64(seq), c.Box)
}

// Occ keeps body as the box's latest occupancy.
func (tx *Tx) Occ(box string, body []byte, at time.Time) error {
	return tx.exec(`UPDATE boxes SET occ = ?, occ_at = ? WHERE box = ?`, string(body), at.UnixMilli(), box)
}

// Chain returns the chain called name of box. ok is false if there is none yet.
func (tx *Tx) Chain(box, name string) (c Chain, ok bool, err error) {
	c = Chain{Box: box, Name: name}
	err = tx.chain.QueryRowContext(tx.ctx, box, name).Scan(
		&c.ID, &c.Head, &c.Hash, &c.Key, &c.LostTo, &c.Stored, &c.Verified, &c.Duplicates, &c.Forks)
	if errors.Is(err, sql.ErrNoRows) {
		return c, false, nil
	}
	if err != nil {
		return c, false, fmt.Errorf("read chain %s of %s: %w", name, box, err)
	}
	return c, true, nil
}

// Chains returns how many chains box has.
func (tx *Tx) Chains(box string) (n int, err error) {
	err = tx.conn.QueryRowContext(tx.ctx, `SELECT COUNT(*) FROM chains WHERE box = ?`, box).Scan(&n)
	return n, err
}

// ChainsOf returns the chains of box, newest first.
func (tx *Tx) ChainsOf(box string) ([]Chain, error) {
	rows, err := tx.conn.QueryContext(tx.ctx, `SELECT id, chain, head, hash, key, lost_to, stored, verified, duplicates, forks
		FROM chains WHERE box = ? ORDER BY id DESC`, box)
	if err != nil {
		return nil, fmt.Errorf("read chains of %s: %w", box, err)
	}
	defer rows.Close()
	var out []Chain
	for rows.Next() {
		c := Chain{Box: box}
		err := rows.Scan(&c.ID, &c.Name, &c.Head, &c.Hash, &c.Key, &c.LostTo, &c.Stored, &c.Verified, &c.Duplicates, &c.Forks)
		if err != nil {
			return nil, fmt.Errorf("read chains of %s: %w", box, err)
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// NewChain creates the chain called name of box. genesis is what its record 0 hashes to, key the box's public key.
func (tx *Tx) NewChain(box, name string, genesis, key []byte, at time.Time) (Chain, error) {
	r, err := tx.newChain.ExecContext(tx.ctx, box, name, at.UnixMilli(), genesis, key)
	if err != nil {
		return Chain{}, fmt.Errorf("create chain %s of %s: %w", name, box, err)
	}
	id, err := r.LastInsertId()
	return Chain{ID: id, Box: box, Name: name, Hash: genesis, Key: key}, err
}

// SetChain writes back what changed in c.
func (tx *Tx) SetChain(c Chain) error {
	_, err := tx.setChain.ExecContext(tx.ctx, int64(c.Head), c.Hash, int64(c.LostTo), int64(c.Stored),
		int64(c.Verified), int64(c.Duplicates), int64(c.Forks), c.ID)
	if err != nil {
		return fmt.Errorf("update chain %s of %s: %w", c.Name, c.Box, err)
	}
	return nil
}

// Insert stores records of c that are not stored yet.
func (tx *Tx) Insert(c Chain, rs []Record, at time.Time) error {
	for _, r := range rs {
		_, err := tx.insert.ExecContext(tx.ctx, c.ID, int64(r.Seq), r.Hash, int64(r.Boot), at.UnixMilli(), string(r.Body))
		if err != nil {
			return fmt.Errorf("insert record %d of %s/%s: %w", r.Seq, c.Box, c.Name, err)
		}
	}
	return nil
}

// Fork keeps a record of another branch and reports whether it is a new one.
func (tx *Tx) Fork(c Chain, r Record, at time.Time) (added bool, err error) {
	res, err := tx.fork.ExecContext(tx.ctx, c.ID, int64(r.Seq), r.Hash, int64(r.Boot), at.UnixMilli(), string(r.Body))
	if err != nil {
		return false, fmt.Errorf("keep fork at %d of %s/%s: %w", r.Seq, c.Box, c.Name, err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// Hashes returns the hashes of the stored records first..last of c.
func (tx *Tx) Hashes(c Chain, first, last uint64) (map[uint64][]byte, error) {
	rows, err := tx.hashes.QueryContext(tx.ctx, c.ID, int64(first), int64(last))
	if err != nil {
		return nil, fmt.Errorf("read hashes of %s/%s: %w", c.Box, c.Name, err)
	}
	defer rows.Close()
	m := make(map[uint64][]byte)
	for rows.Next() {
		var seq uint64
		var hash []byte
		if err := rows.Scan(&seq, &hash); err != nil {
			return nil, fmt.Errorf("read hashes of %s/%s: %w", c.Box, c.Name, err)
		}
		m[seq] = hash
	}
	return m, rows.Err()
}

// Body returns the stored record seq of c as it came, nil if there is none.
func (tx *Tx) Body(c Chain, seq uint64) ([]byte, error) {
	var body string
	err := tx.body.QueryRowContext(tx.ctx, c.ID, int64(seq)).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read record %d of %s/%s: %w", seq, c.Box, c.Name, err)
	}
	return []byte(body), nil
}

// Alarm adds a line to the chain's history: what is gap, filled, lost, fork, checkpoint, key, card or late.
// A line that is there already is not added again.
func (tx *Tx) Alarm(c Chain, what string, first, last uint64, at time.Time) error {
	if _, err := tx.alarm.ExecContext(tx.ctx, at.UnixMilli(), c.ID, what, int64(first), int64(last)); err != nil {
		return fmt.Errorf("add alarm %s of %s/%s: %w", what, c.Box, c.Name, err)
	}
	return nil
}

// AlarmDaily adds a line as Alarm does, unless there was one of the same what within a day: for what a box goes on saying.
func (tx *Tx) AlarmDaily(c Chain, what string, first, last uint64, at time.Time) error {
	var had bool
	err := tx.conn.QueryRowContext(tx.ctx, `SELECT EXISTS (SELECT 1 FROM alarms WHERE cid = ? AND what = ? AND at > ?)`,
		c.ID, what, at.Add(-24*time.Hour).UnixMilli()).Scan(&had)
	if err != nil {
		return fmt.Errorf("look for alarm %s of %s/%s: %w", what, c.Box, c.Name, err)
	}
	if had {
		return nil
	}
	return tx.Alarm(c, what, first, last, at)
}

// Ahead returns the runs of c that wait for records in front of them, by number.
func (tx *Tx) Ahead(c Chain) ([]Span, error) {
	rows, err := tx.ahead.QueryContext(tx.ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("read runs of %s/%s: %w", c.Box, c.Name, err)
	}
	defer rows.Close()
	var out []Span
	for rows.Next() {
		var s Span
		if err := rows.Scan(&s.First, &s.Last, &s.Prev, &s.Hash); err != nil {
			return nil, fmt.Errorf("read runs of %s/%s: %w", c.Box, c.Name, err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// SetAhead replaces the runs of c.
func (tx *Tx) SetAhead(c Chain, spans []Span) error {
	if _, err := tx.dropAhead.ExecContext(tx.ctx, c.ID); err != nil {
		return fmt.Errorf("replace runs of %s/%s: %w", c.Box, c.Name, err)
	}
	for _, s := range spans {
		if _, err := tx.addAhead.ExecContext(tx.ctx, c.ID, int64(s.First), int64(s.Last), s.Prev, s.Hash); err != nil {
			return fmt.Errorf("replace runs of %s/%s: %w", c.Box, c.Name, err)
		}
	}
	return nil
}

// Gaps returns the gaps of c, open and lost, by number.
func (tx *Tx) Gaps(c Chain) ([]Gap, error) {
	rows, err := tx.gaps.QueryContext(tx.ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("read gaps of %s/%s: %w", c.Box, c.Name, err)
	}
	defer rows.Close()
	var out []Gap
	for rows.Next() {
		var g Gap
		var opened, wanted int64
		if err := rows.Scan(&g.First, &g.Last, &opened, &wanted, &g.Lost); err != nil {
			return nil, fmt.Errorf("read gaps of %s/%s: %w", c.Box, c.Name, err)
		}
		g.Opened, g.Wanted = stamp(opened), stamp(wanted)
		out = append(out, g)
	}
	return out, rows.Err()
}

// SetGaps replaces the gaps of c.
func (tx *Tx) SetGaps(c Chain, gaps []Gap) error {
	if _, err := tx.dropGaps.ExecContext(tx.ctx, c.ID); err != nil {
		return fmt.Errorf("replace gaps of %s/%s: %w", c.Box, c.Name, err)
	}
	for _, g := range gaps {
		_, err := tx.addGap.ExecContext(tx.ctx, c.ID, int64(g.First), int64(g.Last), millis(g.Opened), millis(g.Wanted),
			g.Lost)
		if err != nil {
			return fmt.Errorf("replace gaps of %s/%s: %w", c.Box, c.Name, err)
		}
	}
	return nil
}

// Due is a gap that the box must be asked for.
type Due struct {
	Box, Shard, Chain string
	First, Last       uint64
}

// Want returns the open gaps that were opened before opened and not asked for since asked, and notes that they are
// asked for at at. At most limit are returned, oldest first.
func (tx *Tx) Want(opened, asked, at time.Time, limit int) ([]Due, error) {
	const text = `SELECT boxes.box, shard, chain, cid, first, last FROM gaps
		JOIN chains ON chains.id = cid JOIN boxes ON boxes.box = chains.box
		WHERE lost = 0 AND opened <= ? AND wanted <= ? AND cid NOT IN (SELECT cid FROM ended) ORDER BY opened LIMIT ?`
	rows, err := tx.conn.QueryContext(tx.ctx, text, opened.UnixMilli(), asked.UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("read gaps due: %w", err)
	}
	defer rows.Close()
	var out []Due
	var cids []int64
	for rows.Next() {
		var d Due
		var cid int64
		if err := rows.Scan(&d.Box, &d.Shard, &d.Chain, &cid, &d.First, &d.Last); err != nil {
			return nil, fmt.Errorf("read gaps due: %w", err)
		}
		out, cids = append(out, d), append(cids, cid)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read gaps due: %w", err)
	}
	for i, d := range out {
		err := tx.exec(`UPDATE gaps SET wanted = ? WHERE cid = ? AND first = ?`, at.UnixMilli(), cids[i], int64(d.First))
		if err != nil {
			return nil, fmt.Errorf("note that gap %d of %s was asked for: %w", d.First, d.Box, err)
		}
	}
	return out, nil
}

// SetSites replaces the registry. A café that is given under a box that was replaced is that of the box in its place: a list
// that was made before does not undo a replacement. The error wraps ErrTwoCafes if that box has another café in sites.
func (tx *Tx) SetSites(sites map[string]Site) error {
	heirs, err := tx.heirs()
	if err != nil {
		return err
	}
	if err := tx.exec(`DELETE FROM sites`); err != nil {
		return fmt.Errorf("replace registry: %w", err)
	}
	for box, s := range sites {
		if heir, ok := heirs[box]; ok {
			if _, twice := sites[heir]; twice {
				return fmt.Errorf("%w: %s was replaced by %s, and both have one: remove that of %[2]s", ErrTwoCafes, box, heir)
			}
			box = heir
		}
		if err := tx.exec(`INSERT INTO sites (box, name, commune) VALUES (?, ?, ?)`, box, s.Name, s.Commune); err != nil {
			return fmt.Errorf("register %s: %w", box, err)
		}
	}
	return nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func stamp(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
