package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// migrations take a database from nothing to the present shape, one element a version, in order. An element that has
// ever been released is never edited: a change is a new element. Times are Unix milliseconds at the province unless a
// column says otherwise; hashes are the 32 octets of SHA-256.
//
// A record's body is kept as the text that was hashed. What people filter by (kind, station, t, mono) is derived from
// that text by generated columns, so a column can never disagree with the evidence. json_valid guards them: SQLite's
// JSON parser is stricter than Go's, and one body that it refuses must not make a whole query fail.
var migrations = []string{
	`
CREATE TABLE sites (
	box     TEXT PRIMARY KEY,
	name    TEXT NOT NULL,
	commune TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE boxes (
	box         TEXT PRIMARY KEY,
	shard       TEXT NOT NULL,
	first_heard INTEGER NOT NULL,
	last_heard  INTEGER NOT NULL,          -- last live message; liveness is computed from this and nothing else
	boot        INTEGER NOT NULL DEFAULT 0, -- with conn the box's present connection; a will of an older one is ignored
	conn        INTEGER NOT NULL DEFAULT 0, -- counts from 1 in every boot
	down        INTEGER NOT NULL DEFAULT 0, -- 1 after the will of the present connection
	state       TEXT, state_at INTEGER NOT NULL DEFAULT 0,
	occ         TEXT, occ_at   INTEGER NOT NULL DEFAULT 0,
	blind       INTEGER NOT NULL DEFAULT 0, -- what the newest record of kind blind says; blind_cid, blind_seq: which one
	blind_cid   INTEGER NOT NULL DEFAULT 0,
	blind_seq   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE chains (
	id         INTEGER PRIMARY KEY,
	box        TEXT NOT NULL REFERENCES boxes (box),
	chain      TEXT NOT NULL,
	created    INTEGER NOT NULL,
	head       INTEGER NOT NULL DEFAULT 0, -- every record up to here is stored and linked, or known to be lost
	hash       BLOB NOT NULL,              -- of record head; of the genesis while head is 0
	key        BLOB NOT NULL,              -- the box's public key that the genesis names
	lost_to    INTEGER NOT NULL DEFAULT 0, -- the box said that it no longer holds anything up to here
	stored     INTEGER NOT NULL DEFAULT 0,
	verified   INTEGER NOT NULL DEFAULT 0, -- of those, linked to head
	duplicates INTEGER NOT NULL DEFAULT 0,
	forks      INTEGER NOT NULL DEFAULT 0,
	UNIQUE (box, chain)
) STRICT;

CREATE TABLE records (
	id      INTEGER PRIMARY KEY,           -- order of arrival
	cid     INTEGER NOT NULL REFERENCES chains (id),
	seq     INTEGER NOT NULL,
	hash    BLOB NOT NULL,
	boot    INTEGER NOT NULL,
	arrived INTEGER NOT NULL,
	body    TEXT NOT NULL,
	kind    TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(body) THEN body ->> '$.k'  END) VIRTUAL,
	station TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(body) THEN body ->> '$.st' END) VIRTUAL,
	t       ANY  GENERATED ALWAYS AS (CASE WHEN json_valid(body) THEN body ->> '$.t'  END) VIRTUAL,
	mono    ANY  GENERATED ALWAYS AS (CASE WHEN json_valid(body) THEN body ->> '$.m'  END) VIRTUAL,
	UNIQUE (cid, seq)                      -- with chains: the primary key (box, chain, seq) of the protocol
) STRICT;

-- Runs of linked records that arrived before the records in front of them.
CREATE TABLE ahead (
	cid   INTEGER NOT NULL REFERENCES chains (id),
	first INTEGER NOT NULL,
	last  INTEGER NOT NULL,
	prev  BLOB NOT NULL,                   -- what record first-1 must hash to
	hash  BLOB NOT NULL,                   -- of record last
	PRIMARY KEY (cid, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE gaps (
	cid    INTEGER NOT NULL REFERENCES chains (id),
	first  INTEGER NOT NULL,
	last   INTEGER NOT NULL,
	opened INTEGER NOT NULL,
	wanted INTEGER NOT NULL DEFAULT 0,     -- last time that the box was asked for it
	lost   INTEGER NOT NULL DEFAULT 0,     -- 1: the box no longer holds it, nobody will ever fill it
	PRIMARY KEY (cid, first)
) STRICT, WITHOUT ROWID;

-- The other branches: same chain, same number, another hash. Both are evidence, so neither is dropped.
CREATE TABLE forks (
	cid     INTEGER NOT NULL REFERENCES chains (id),
	seq     INTEGER NOT NULL,
	hash    BLOB NOT NULL,
	boot    INTEGER NOT NULL,
	arrived INTEGER NOT NULL,
	body    TEXT NOT NULL,
	PRIMARY KEY (cid, seq, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE alarms (
	id    INTEGER PRIMARY KEY,
	at    INTEGER NOT NULL,
	cid   INTEGER NOT NULL REFERENCES chains (id),
	what  TEXT NOT NULL,                   -- gap, filled, lost, fork, key, checkpoint
	first INTEGER NOT NULL,
	last  INTEGER NOT NULL,
	UNIQUE (cid, what, first)
) STRICT;

CREATE VIEW record AS -- for people with sqlite3
	SELECT box, chain, seq, kind, station, boot, mono, t, arrived, seq <= head AS verified, body
	FROM records JOIN chains ON chains.id = cid;
`,
	`
-- Notes in which a box fixed its chain's head under its own key.
CREATE TABLE checkpoints (
	cid     INTEGER NOT NULL REFERENCES chains (id),
	seq     INTEGER NOT NULL,
	hash    BLOB NOT NULL,
	note    TEXT NOT NULL,
	arrived INTEGER NOT NULL,
	PRIMARY KEY (cid, seq, hash)
) STRICT, WITHOUT ROWID;

-- What the boxes were asked to do, and what they say came of it.
CREATE TABLE commands (
	cid      INTEGER NOT NULL REFERENCES chains (id),
	number   INTEGER NOT NULL,
	verb     TEXT NOT NULL,
	args     TEXT NOT NULL DEFAULT '',
	signed   INTEGER NOT NULL,
	expiry   INTEGER NOT NULL,
	sent     INTEGER NOT NULL DEFAULT 0,
	result   TEXT NOT NULL DEFAULT '',     -- done, refused, failed; empty while nothing is known
	why      TEXT NOT NULL DEFAULT '',
	recorded INTEGER NOT NULL DEFAULT 0,   -- 1: a record of the chain says so
	UNIQUE (cid, number)
) STRICT;
`,
	`
-- When records were whose own t does not say it: UTC, and by how much that may be wrong, both milliseconds. They are judged
-- anew when more is known; the record itself is never touched.
ALTER TABLE records ADD COLUMN tq TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(body) THEN body ->> '$.tq' END) VIRTUAL;
ALTER TABLE records ADD COLUMN est     INTEGER;
ALTER TABLE records ADD COLUMN est_err INTEGER;
CREATE INDEX unsure   ON records (cid, boot) WHERE tq IN ('none', 'floor') AND mono > 0;
CREATE INDEX unjudged ON records (cid, boot) WHERE tq IN ('none', 'floor') AND mono > 0 AND est IS NULL;

-- What anchor records say, those that can be believed. Milliseconds.
CREATE TABLE anchors (
	cid  INTEGER NOT NULL REFERENCES chains (id),
	boot INTEGER NOT NULL,
	mono INTEGER NOT NULL,
	t    INTEGER NOT NULL,
	err  INTEGER NOT NULL,
	step INTEGER NOT NULL,
	PRIMARY KEY (cid, boot, mono)
) STRICT, WITHOUT ROWID;

-- The boots of a chain. UTC at their m = 0 is from lo to hi, as far as that follows from what came when.
CREATE TABLE boots (
	cid  INTEGER NOT NULL REFERENCES chains (id),
	boot INTEGER NOT NULL,
	first INTEGER NOT NULL,                -- the smallest m of it
	last INTEGER NOT NULL,                 -- the largest
	goes INTEGER NOT NULL DEFAULT 0,       -- 1: the daemon alone started; m goes on from the boot before
	lo   INTEGER,
	hi   INTEGER NOT NULL,
	PRIMARY KEY (cid, boot)
) STRICT, WITHOUT ROWID;

DROP VIEW record;
CREATE VIEW record AS -- for people with sqlite3
	SELECT box, chain, seq, kind, station, boot, mono, t, tq, est, est_err, arrived, seq <= head AS verified, body
	FROM records JOIN chains ON chains.id = cid;
`,
	`
-- What was told of a night (record kind after-hours): each stage of a night once a chain, by its first record. The facts are in
-- that record.
CREATE TABLE nights (
	cid   INTEGER NOT NULL REFERENCES chains (id),
	night TEXT NOT NULL,                   -- the day in UTC+7 on which it began, as 2026-11-24
	stage TEXT NOT NULL,                   -- watch, alert, end
	seq   INTEGER NOT NULL,
	PRIMARY KEY (cid, night, stage)
) STRICT, WITHOUT ROWID;
CREATE INDEX newest_night ON nights (night);
`,
	`
-- What owners dispute (record kind dispute): which night it is about. The owner's words are in the record.
CREATE TABLE disputes (
	cid   INTEGER NOT NULL REFERENCES chains (id),
	night TEXT NOT NULL,                   -- as in nights
	seq   INTEGER NOT NULL,
	PRIMARY KEY (cid, night, seq)
) STRICT, WITHOUT ROWID;
`,
	`
-- Boxes that were replaced, and chains that go on where another has ended. Nothing here is ever changed or removed.
CREATE TABLE replacements (
	id      INTEGER PRIMARY KEY,
	old_box TEXT NOT NULL,
	old_cid INTEGER REFERENCES chains (id), -- NULL: the box had sent nothing
	head    INTEGER NOT NULL,               -- of that chain, as it was then
	hash    BLOB NOT NULL,
	new_box TEXT NOT NULL,                  -- the same box: its card or board was replaced
	at      INTEGER NOT NULL,
	who     TEXT NOT NULL,
	why     TEXT NOT NULL,
	known   TEXT NOT NULL                   -- how it was told which box it is: label, id, hello
) STRICT;
CREATE UNIQUE INDEX replaced_once ON replacements (old_box) WHERE old_box != new_box;
CREATE UNIQUE INDEX replaces_once ON replacements (new_box) WHERE old_box != new_box;
CREATE INDEX replaced_chain ON replacements (old_cid);

-- The chain with which the new box first said hello, and the province's signed word for it (uplink/replacement).
CREATE TABLE successions (
	replacement INTEGER PRIMARY KEY REFERENCES replacements (id),
	cid         INTEGER NOT NULL UNIQUE REFERENCES chains (id),
	at          INTEGER NOT NULL,
	note        TEXT NOT NULL               -- empty where there is no old chain
) STRICT;

-- When somebody came with the certificate of what was replaced, and was refused: at most one a day.
CREATE TABLE returns (
	replacement INTEGER NOT NULL REFERENCES replacements (id),
	at          INTEGER NOT NULL,
	PRIMARY KEY (replacement, at)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER replacements_changed BEFORE UPDATE ON replacements BEGIN SELECT RAISE (ABORT, 'only ever added to'); END;
CREATE TRIGGER replacements_removed BEFORE DELETE ON replacements BEGIN SELECT RAISE (ABORT, 'only ever added to'); END;
CREATE TRIGGER successions_changed  BEFORE UPDATE ON successions  BEGIN SELECT RAISE (ABORT, 'only ever added to'); END;
CREATE TRIGGER successions_removed  BEFORE DELETE ON successions  BEGIN SELECT RAISE (ABORT, 'only ever added to'); END;
CREATE TRIGGER returns_changed      BEFORE UPDATE ON returns      BEGIN SELECT RAISE (ABORT, 'only ever added to'); END;
CREATE TRIGGER returns_removed      BEFORE DELETE ON returns      BEGIN SELECT RAISE (ABORT, 'only ever added to'); END;

-- Which box stands in the café of one that was replaced.
CREATE VIEW heirs (box, heir) AS
	WITH RECURSIVE line (box, heir) AS (
		SELECT old_box, new_box FROM replacements WHERE old_box != new_box
		UNION SELECT line.box, new_box FROM line JOIN replacements ON old_box = heir WHERE old_box != new_box)
	SELECT box, heir FROM line WHERE heir NOT IN (SELECT old_box FROM replacements WHERE old_box != new_box);

-- Chains to which nothing comes any more.
CREATE VIEW ended (cid) AS
	SELECT old_cid FROM replacements WHERE old_cid IS NOT NULL
	UNION SELECT chains.id FROM chains JOIN heirs USING (box);
`,
}

// migrate brings the schema to the last migration, each in its own transaction. It refuses a database that a newer
// program has written, because downgrading in place would lose what the newer one knew.
func migrate(ctx context.Context, c *sql.Conn) error {
	const table = `CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, applied INTEGER NOT NULL) STRICT`
	if _, err := c.ExecContext(ctx, table); err != nil {
		return fmt.Errorf("create table of migrations: %w", err)
	}
	var have int
	if err := c.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM migrations`).Scan(&have); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have > len(migrations) {
		return fmt.Errorf("schema version %d is newer than this program knows (%d)", have, len(migrations))
	}
	for v := have + 1; v <= len(migrations); v++ {
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("begin migration %d: %w", v, err)
		}
		_, err = tx.ExecContext(ctx, migrations[v-1])
		if err == nil {
			_, err = tx.ExecContext(ctx, `INSERT INTO migrations VALUES (?, ?)`, v, time.Now().UnixMilli())
		}
		if err != nil {
			_ = tx.Rollback()
			return fmt.Errorf("apply migration %d: %w", v, err)
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("commit migration %d: %w", v, err)
		}
	}
	return nil
}
