package ca

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"sync"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"cafeprobe/uplink"
)

// schema: times are Unix milliseconds. Serials are in lower-case hexadecimal.
const schema = `
CREATE TABLE IF NOT EXISTS certs (
	serial    TEXT PRIMARY KEY,
	name      TEXT NOT NULL,              -- CN: a box id, or who else
	spki      BLOB NOT NULL,              -- SHA-256 of the public key
	der       BLOB NOT NULL,
	issued    INTEGER NOT NULL,
	not_after INTEGER NOT NULL,
	revoked   INTEGER NOT NULL DEFAULT 0, -- when; 0: not
	reason    TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX IF NOT EXISTS certs_name ON certs (name);

CREATE TABLE IF NOT EXISTS claims (
	id       TEXT PRIMARY KEY,            -- the code's first characters
	box      TEXT NOT NULL,
	hash     BLOB NOT NULL,               -- of box and code
	rebind   INTEGER NOT NULL,            -- 1: the box may come with a new chain key
	issued   INTEGER NOT NULL,
	expires  INTEGER NOT NULL,
	attempts INTEGER NOT NULL DEFAULT 0,  -- wrong ones
	serial   TEXT NOT NULL DEFAULT ''     -- of what it was used for
) STRICT;

CREATE TABLE IF NOT EXISTS keys (
	box   TEXT PRIMARY KEY,
	key   BLOB NOT NULL,                  -- the chain key that the box is bound to
	since INTEGER NOT NULL
) STRICT;
PRAGMA user_version = 1;
`

// Errors of the register.
var (
	ErrUnknown = errors.New("ca: not a certificate of this register")
	ErrRevoked = errors.New("ca: the certificate is revoked")
	ErrExpired = errors.New("ca: the certificate has expired")
)

// Standing is what the register says of a box.
type Standing struct {
	Key   ed25519.PublicKey // the chain key that it is bound to
	Since time.Time         // when it was bound to it
	Live  bool              // it has a certificate that is not revoked
}

// entry is a certificate in memory.
type entry struct {
	name    string
	revoked bool
}

// register is the database, and in memory what is asked at every connection and message.
type register struct {
	db *sql.DB // one connection

	mu      sync.RWMutex
	version int              // of the database, as other processes change it
	certs   map[string]entry // by serial
	boxes   map[uplink.BoxID]Standing
}

func (r *register) open(path string, now time.Time) (err error) {
	q := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)"}, "_txlock": {"immediate"}}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	if r.db, err = sql.Open("sqlite", u.String()); err != nil {
		return err
	}
	r.db.SetMaxOpenConns(1)
	if _, err := r.db.Exec(schema); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if r.version, err = r.dataVersion(); err != nil {
		return err
	}
	return r.load(now)
}

func (r *register) close() error {
	if r.db == nil {
		return nil
	}
	return r.db.Close()
}

// dataVersion changes when another process, and not this connection, changes the database.
func (r *register) dataVersion() (n int, err error) {
	err = r.db.QueryRow(`PRAGMA data_version`).Scan(&n)
	return n, err
}

// Refresh takes over what another process changed, such as a revocation on the command line. changed is false if there
// was nothing. It is cheap then, and to be called about once a second.
func (c *CA) Refresh() (changed bool, err error) {
	v, err := c.dataVersion()
	if err != nil {
		return false, fmt.Errorf("refresh the register: %w", err)
	}
	c.mu.Lock()
	changed = v != c.version
	c.version = v
	c.mu.Unlock()
	if !changed {
		return false, nil
	}
	return true, c.load(c.cfg.Now())
}

// load reads all into memory: certificates that can still be renewed, and the boxes.
func (r *register) load(now time.Time) error {
	certs, boxes := map[string]entry{}, map[uplink.BoxID]Standing{}
	if err := r.read(certs, boxes, now, ""); err != nil {
		return fmt.Errorf("read the register: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.certs, r.boxes = certs, boxes
	return nil
}

// read reads what is known of name, of all if it is empty.
func (r *register) read(certs map[string]entry, boxes map[uplink.BoxID]Standing, now time.Time, name string) error {
	rows, err := r.db.Query(`SELECT box, key, since FROM keys WHERE ?1 = '' OR box = ?1`, name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var box string
		var key []byte
		var since int64
		if err := rows.Scan(&box, &key, &since); err != nil {
			return err
		}
		boxes[uplink.BoxID(box)] = Standing{Key: key, Since: time.UnixMilli(since)}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	rows, err = r.db.Query(`SELECT serial, name, revoked FROM certs WHERE not_after > ?2 AND (?1 = '' OR name = ?1)`,
		name, now.Add(-Grace).UnixMilli())
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var serial, name string
		var revoked int64
		if err := rows.Scan(&serial, &name, &revoked); err != nil {
			return err
		}
		certs[serial] = entry{name, revoked != 0}
		if st, ok := boxes[uplink.BoxID(name)]; ok && revoked == 0 {
			st.Live = true
			boxes[uplink.BoxID(name)] = st
		}
	}
	return rows.Err()
}

// update runs fn in a transaction and takes over in memory what it changed about name.
func (c *CA) update(name string, fn func(*sql.Tx) error) error {
	tx, err := c.db.BeginTx(context.Background(), nil)
	if err != nil {
		return fmt.Errorf("register %s: %w", name, err)
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("register %s: %w", name, err)
	}
	// Under the lock from before the reading: of two changes the later one must not be overwritten by the earlier.
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.read(c.certs, c.boxes, c.cfg.Now(), name); err != nil {
		return fmt.Errorf("register %s: %w", name, err)
	}
	return nil
}

// insert registers a certificate.
func insert(tx *sql.Tx, cert *x509.Certificate, key *ecdsa.PublicKey, now time.Time) error {
	_, err := tx.Exec(`INSERT INTO certs (serial, name, spki, der, issued, not_after) VALUES (?, ?, ?, ?, ?, ?)`,
		hex(cert.SerialNumber), cert.Subject.CommonName, spki(key), cert.Raw, now.UnixMilli(), cert.NotAfter.UnixMilli())
	if err != nil {
		return fmt.Errorf("register a certificate of %s: %w", cert.Subject.CommonName, err)
	}
	return nil
}

func hex(serial *big.Int) string { return fmt.Sprintf("%032x", serial) }

// spki returns SHA-256 of an uncompressed point, which stands for the key: all are P-256.
func spki(key *ecdsa.PublicKey) []byte {
	b, err := key.Bytes()
	if err != nil {
		panic("BUG: a key that was checked: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// Box returns what the register says of box. ok is false if it never enrolled.
func (c *CA) Box(box uplink.BoxID) (st Standing, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	st, ok = c.boxes[box]
	return st, ok
}

// Check returns nil if cert, whose signature was verified, is in the register, not revoked and not expired.
func (c *CA) Check(cert *x509.Certificate) error {
	if err := c.registered(cert); err != nil {
		return err
	}
	if c.cfg.Now().After(cert.NotAfter) {
		return fmt.Errorf("%w: %s at %v", ErrExpired, cert.Subject.CommonName, cert.NotAfter)
	}
	return nil
}

func (c *CA) registered(cert *x509.Certificate) error {
	c.mu.RLock()
	e, ok := c.certs[hex(cert.SerialNumber)]
	c.mu.RUnlock()
	switch {
	case !ok || e.name != cert.Subject.CommonName:
		return fmt.Errorf("%w: %.70q, serial %s", ErrUnknown, cert.Subject.CommonName, hex(cert.SerialNumber))
	case e.revoked:
		if c.cfg.Revoked != nil {
			c.cfg.Revoked(cert)
		}
		return fmt.Errorf("%w: %s, serial %s", ErrRevoked, e.name, hex(cert.SerialNumber))
	}
	return nil
}
