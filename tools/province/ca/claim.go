package ca

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"cafeprobe/uplink"
)

// ClaimLife is for how long a claim code can be used, unless NewClaim is told otherwise.
const ClaimLife = 7 * 24 * time.Hour

// Limits.
const (
	maxAttempts = 10 // wrong ones on one claim code: then it is over
	maxDaily    = 16 // certificates for one box in a day
)

// Errors of Enroll and Renew, beside those of the register.
var (
	ErrClaim     = errors.New("ca: no such claim code")
	ErrClaimUsed = errors.New("ca: claim code used")
	ErrClaimOver = errors.New("ca: claim code expired, or tried too often")
	ErrBound     = errors.New("ca: box is bound to another chain key")
	ErrGrace     = errors.New("ca: certificate expired too long ago")
	ErrTooMany   = errors.New("ca: too many certificates in a day")
)

// A code is 4 characters that name it and 16, 80 bits, that are secret. Whoever guesses box ids can so spend no
// attempts on codes that he does not know.
const (
	idLen   = 4
	codeLen = 20
)

// alphabet is Crockford's base 32: no letter is taken for a figure.
var alphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// NewClaim returns a new claim code for box, good once and for life; 0 means ClaimLife. With rebind the box may come
// with another chain key than the one it is bound to: its card was replaced.
func (c *CA) NewClaim(box uplink.BoxID, life time.Duration, rebind bool) (code string, err error) {
	if !box.Valid() {
		return "", fmt.Errorf("claim code for %.40q: want a box id, b- and 8 lower-case hexadecimal digits", box)
	}
	code = newCode()
	err = c.update(string(box), func(tx *sql.Tx) error { return c.addClaim(tx, box, code, life, rebind) })
	if err != nil {
		return "", fmt.Errorf("claim code for %s: %w: try again", box, err)
	}
	return grouped(code), nil
}

// newCode returns a code as it is kept.
func newCode() string {
	var b [13]byte
	rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	return alphabet.EncodeToString(b[:])[:codeLen]
}

// grouped returns a code as people read it.
func grouped(code string) string {
	var groups []string
	for i := 0; i < codeLen; i += 4 {
		groups = append(groups, code[i:i+4])
	}
	return strings.Join(groups, "-")
}

func (c *CA) addClaim(tx *sql.Tx, box uplink.BoxID, code string, life time.Duration, rebind bool) error {
	if life == 0 {
		life = ClaimLife
	}
	now := c.cfg.Now()
	_, err := tx.Exec(`INSERT INTO claims (id, box, hash, rebind, issued, expires) VALUES (?, ?, ?, ?, ?, ?)`,
		code[:idLen], string(box), claimHash(box, code), rebind, now.UnixMilli(), now.Add(life).UnixMilli())
	return err
}

// clean returns a code as it was made, however it was typed.
func clean(code string) string {
	return strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(code))
}

func claimHash(box uplink.BoxID, code string) []byte {
	sum := sha256.Sum256([]byte("cafeprobe-claim-1\x00" + string(box) + "\x00" + code))
	return sum[:]
}

// claim is a row of claims.
type claim struct {
	box      uplink.BoxID
	hash     []byte
	rebind   bool
	expires  int64
	attempts int
	serial   string // of what it was used for; empty: not used
}

// Enroll issues the first certificate of box for key, against a claim code, binds box to the chain key, and revokes
// what box had before. The same code with the same two keys gets the same certificate again: an answer may be lost.
func (c *CA) Enroll(box uplink.BoxID, code string, key *ecdsa.PublicKey, chain ed25519.PublicKey) ([]*x509.Certificate, error) {
	code = clean(code)
	if !box.Valid() || len(code) != codeLen || len(chain) != ed25519.PublicKeySize {
		return nil, ErrClaim
	}
	now := c.cfg.Now()
	var cert *x509.Certificate
	var refused error
	err := c.update(string(box), func(tx *sql.Tx) (err error) {
		cl := claim{hash: make([]byte, sha256.Size)}
		err = tx.QueryRow(`SELECT box, hash, rebind, expires, attempts, serial FROM claims WHERE id = ?`, code[:idLen]).
			Scan(&cl.box, &cl.hash, &cl.rebind, &cl.expires, &cl.attempts, &cl.serial)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		switch {
		case cl.attempts >= maxAttempts:
			refused = ErrClaimOver
		case subtle.ConstantTimeCompare(cl.hash, claimHash(box, code)) == 0:
			refused = ErrClaim // the attempt is to be counted, so this is no error of the transaction
			_, err := tx.Exec(`UPDATE claims SET attempts = attempts + 1 WHERE id = ?`, code[:idLen])
			return err
		case cl.serial != "":
			cert, refused, err = again(tx, cl, key, chain)
		case now.UnixMilli() >= cl.expires:
			refused = ErrClaimOver
		default:
			cert, refused, err = c.first(tx, cl, code, key, chain, now)
		}
		return err
	})
	if err := errors.Join(err, refused); err != nil {
		return nil, fmt.Errorf("enrol %s: %w", box, err)
	}
	return []*x509.Certificate{cert, c.issuing}, c.WriteCRL()
}

// again returns what the code was used for, if that was for the same keys.
func again(tx *sql.Tx, cl claim, key *ecdsa.PublicKey, chain ed25519.PublicKey) (_ *x509.Certificate, refused, err error) {
	var der, known, bound []byte
	var revoked int64
	err = tx.QueryRow(`SELECT der, spki, revoked, key FROM certs JOIN keys ON box = name WHERE serial = ?`, cl.serial).
		Scan(&der, &known, &revoked, &bound)
	if err != nil {
		return nil, nil, err
	}
	if revoked != 0 || string(known) != string(spki(key)) || string(bound) != string(chain) {
		return nil, ErrClaimUsed, nil
	}
	cert, err := x509.ParseCertificate(der)
	return cert, nil, err
}

func (c *CA) first(tx *sql.Tx, cl claim, code string, key *ecdsa.PublicKey, chain ed25519.PublicKey, now time.Time) (
	cert *x509.Certificate, refused, err error,
) {
	var bound []byte
	err = tx.QueryRow(`SELECT key FROM keys WHERE box = ?`, string(cl.box)).Scan(&bound)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, nil, err
	}
	if bound != nil && string(bound) != string(chain) && !cl.rebind {
		return nil, ErrBound, nil
	}
	if cert, err = c.client(pkix.Name{CommonName: string(cl.box)}, key, now, c.cfg.Life); err != nil {
		return nil, nil, err
	}
	_, err1 := tx.Exec(`UPDATE certs SET revoked = ?, reason = 'enrolled anew' WHERE name = ? AND revoked = 0`,
		now.UnixMilli(), string(cl.box))
	_, err2 := tx.Exec(`INSERT INTO keys (box, key, since) VALUES (?, ?, ?)
		ON CONFLICT (box) DO UPDATE SET key = excluded.key, since = excluded.since WHERE key != excluded.key`,
		string(cl.box), []byte(chain), now.UnixMilli())
	_, err3 := tx.Exec(`UPDATE claims SET serial = ? WHERE id = ?`, hex(cert.SerialNumber), code[:idLen])
	return cert, nil, errors.Join(err1, err2, err3, insert(tx, cert, key, now))
}

// Renew issues a certificate for key to the box whose certificate chain is shown: valid, or expired by at most Grace.
func (c *CA) Renew(shown []*x509.Certificate, key *ecdsa.PublicKey) ([]*x509.Certificate, error) {
	box, err := c.Renewable(shown)
	if err != nil {
		return nil, fmt.Errorf("renew: %w", err)
	}
	now := c.cfg.Now()
	cert, err := c.client(pkix.Name{CommonName: string(box)}, key, now, c.cfg.Life)
	if err != nil {
		return nil, err
	}
	err = c.update(string(box), func(tx *sql.Tx) error {
		var n int
		day := now.Add(-24 * time.Hour).UnixMilli()
		if err := tx.QueryRow(`SELECT COUNT(*) FROM certs WHERE name = ? AND issued > ?`, string(box), day).Scan(&n); err != nil {
			return err
		}
		if n >= maxDaily {
			return ErrTooMany
		}
		return insert(tx, cert, key, now)
	})
	if err != nil {
		return nil, fmt.Errorf("renew the certificate of %s: %w", box, err)
	}
	return []*x509.Certificate{cert, c.issuing}, nil
}

// Renewable returns the box that chain, as it was shown in a handshake, is good for renewing.
func (c *CA) Renewable(chain []*x509.Certificate) (uplink.BoxID, error) {
	if len(chain) == 0 {
		return "", ErrUnknown
	}
	leaf, at := chain[0], c.cfg.Now()
	if at.After(leaf.NotAfter) {
		if at.After(leaf.NotAfter.Add(Grace)) {
			return "", fmt.Errorf("%w: %v", ErrGrace, leaf.NotAfter)
		}
		at = leaf.NotAfter
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: c.Pool(), Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	box := uplink.BoxID(leaf.Subject.CommonName)
	if !box.Valid() {
		return "", fmt.Errorf("%w: %.70q is no box", ErrUnknown, box)
	}
	return box, c.registered(leaf)
}
