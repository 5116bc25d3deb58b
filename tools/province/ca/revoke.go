package ca

import (
	"crypto/rand"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"time"

	"cafeprobe/uplink/durable"
)

// ErrNothing is returned by Revoke when nothing that is valid has that name or serial.
var ErrNothing = errors.New("ca: nothing to revoke")

// Revoke ends the certificate with that serial, or all certificates and open claim codes of that box or client, and
// writes the CRL anew. What a box sent before stays. A box comes back only with a new claim code.
func (c *CA) Revoke(nameOrSerial, reason string) error {
	var name string
	err := c.db.QueryRow(`SELECT name FROM certs WHERE serial = ?1 OR name = ?1 LIMIT 1`, nameOrSerial).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: no certificate of %.70q was issued: give a box id or a serial", ErrNothing, nameOrSerial)
	}
	if err != nil {
		return fmt.Errorf("revoke %s: %w", nameOrSerial, err)
	}
	now := c.cfg.Now()
	err = c.update(name, func(tx *sql.Tx) error {
		res, err := tx.Exec(`UPDATE certs SET revoked = ?2, reason = ?3 WHERE revoked = 0 AND (serial = ?1 OR name = ?1)`,
			nameOrSerial, now.UnixMilli(), reason)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fmt.Errorf("%w: %s is revoked already", ErrNothing, nameOrSerial))
		}
		_, err = tx.Exec(`UPDATE claims SET expires = MIN(expires, ?2) WHERE box = ?1 AND serial = ''`, nameOrSerial, now.UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke %s: %w", nameOrSerial, err)
	}
	return c.WriteCRL()
}

// WriteCRL writes the list of revoked certificates for brokers that read one. It says that it holds until the CA ends:
// it is handed over on the province's own machines at each revocation, and one that ran out would shut out every box.
func (c *CA) WriteCRL() error {
	tx, err := c.db.Begin() // immediate: no other process writes an older list over this one
	if err != nil {
		return fmt.Errorf("write CRL: %w", err)
	}
	b, err := c.crl(tx)
	if err == nil {
		err = durable.WriteFileMode(filepath.Join(c.dir, CRLFile), b, 0o644)
	}
	if err := errors.Join(err, tx.Rollback()); err != nil {
		return fmt.Errorf("write CRL: %w", err)
	}
	return nil
}

// CRL returns the list in PEM.
func (c *CA) CRL() ([]byte, error) {
	tx, err := c.db.Begin()
	if err != nil {
		return nil, fmt.Errorf("make CRL: %w", err)
	}
	b, err := c.crl(tx)
	return b, errors.Join(err, tx.Rollback())
}

func (c *CA) crl(tx *sql.Tx) ([]byte, error) {
	now := c.cfg.Now()
	t := &x509.RevocationList{Number: big.NewInt(now.UnixMilli()), ThisUpdate: now.Add(-skew), NextUpdate: c.issuing.NotAfter}
	rows, err := tx.Query(`SELECT serial, revoked FROM certs WHERE revoked > 0 AND not_after > ? ORDER BY serial`, now.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		var revoked int64
		if err := rows.Scan(&text, &revoked); err != nil {
			return nil, err
		}
		n, ok := new(big.Int).SetString(text, 16)
		if !ok {
			return nil, fmt.Errorf("serial %q in the register", text)
		}
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: n, RevocationTime: time.UnixMilli(revoked),
		})
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	der, err := x509.CreateRevocationList(rand.Reader, t, c.issuing, c.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), nil
}
