package ca

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"cafeprobe/uplink"
)

// Used reports whether the register has ever heard of box: a certificate, a claim code or a key.
func (c *CA) Used(box uplink.BoxID) (used bool, err error) {
	err = c.db.QueryRow(`SELECT EXISTS (SELECT 1 FROM certs WHERE name = ?1) OR EXISTS (SELECT 1 FROM claims WHERE box = ?1)
		OR EXISTS (SELECT 1 FROM keys WHERE box = ?1)`, string(box)).Scan(&used)
	if err != nil {
		return false, fmt.Errorf("look for %s in the register: %w", box, err)
	}
	return used, nil
}

// Replace revokes the certificates of old, ends all open claim codes of old and fresh, returns a new code for fresh, good for
// life as NewClaim's, and writes the CRL anew. Where both are the same box its card was replaced, and it may come with another
// chain key. Called again it ends the code that it returned before.
func (c *CA) Replace(old, fresh uplink.BoxID, life time.Duration, reason string) (code string, err error) {
	if !old.Valid() || !fresh.Valid() {
		return "", fmt.Errorf("replace %.40q by %.40q: want box ids, b- and 8 lower-case hexadecimal digits", old, fresh)
	}
	code = newCode()
	now := c.cfg.Now().UnixMilli()
	err = c.update(string(old), func(tx *sql.Tx) error {
		_, err1 := tx.Exec(`UPDATE certs SET revoked = ?2, reason = ?3 WHERE revoked = 0 AND name = ?1`, string(old), now, reason)
		_, err2 := tx.Exec(`UPDATE claims SET expires = MIN(expires, ?3) WHERE box IN (?1, ?2) AND serial = ''`, string(old), string(fresh), now)
		return errors.Join(err1, err2, c.addClaim(tx, fresh, code, life, old == fresh))
	})
	if err != nil {
		return "", fmt.Errorf("replace %s by %s: %w", old, fresh, err)
	}
	return grouped(code), c.WriteCRL()
}
