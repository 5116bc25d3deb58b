// Package replace puts a new box into the place of a dead one: it holds the dead box's label against the register, moves the
// café, ends the dead box's certificates and gives the new one a claim code. The store links the two chains when the new box
// first says hello.
package replace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"cafeprobe/tools/province/ca"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
	"cafeprobe/uplink/replacement"
)

// What Do refuses.
var (
	ErrLabel    = errors.New("replace: not the text of a box's label")
	ErrUnknown  = errors.New("replace: the box never enrolled")
	ErrKey      = errors.New("replace: the label names another key than the box has")
	ErrReplaced = errors.New("replace: the box was replaced already")
	ErrUsed     = errors.New("replace: the new box's id was used already")
	ErrWords    = errors.New("replace: by whom or why is no text of one line, or too long")
)

// Label is what is known of the dead box: the text of its QR code, or its id alone.
type Label struct {
	Box uplink.BoxID
	Key []byte // SHA-256 of its public key; nil where only the id was read
}

// ParseLabel reads the text of a label's QR code, `cafeprobe 1 BOX SHA256`, or a box's id that was typed. Scanners type as a
// keyboard does: capitals and white space do not count.
func ParseLabel(text string) (l Label, err error) {
	f := strings.Fields(strings.ToLower(text[:min(len(text), maxLabel)]))
	fail := func() (Label, error) { return Label{}, fmt.Errorf("%w: %.120q", ErrLabel, text) }
	switch {
	case len(text) > maxLabel:
		return fail()
	case len(f) == 1:
		l.Box = uplink.BoxID(f[0])
	case len(f) == 4 && f[0] == "cafeprobe" && f[1] == "1":
		l.Box = uplink.BoxID(f[2])
		if l.Key, err = hex.DecodeString(f[3]); err != nil || len(l.Key) != sha256.Size {
			return fail()
		}
	}
	if !l.Box.Valid() {
		return fail()
	}
	return l, nil
}

// maxLabel bounds a label's text, which has 87 octets.
const maxLabel = 256

// Order is what is to be done.
type Order struct {
	Label Label
	New   uplink.BoxID  // never used before; the dead box's own id where only its card or board is another
	By    string        // who declares it
	Why   string        // and why
	Life  time.Duration // of the claim code; 0: ca.ClaimLife
	Now   time.Time
}

// Done is what was done.
type Done struct {
	store.Replacement
	Site  store.Site // the café; zero if the box is not registered
	Again bool       // it was begun before, and finished now
	Code  string     // with which the new box enrols
}

// Do carries out o. What it changes first is the store, in one transaction: torn off behind that, it is finished when it is
// called again, which also gives another code in place of the first, until the new box has enrolled. Its errors wrap those of
// this package where the order cannot be carried out; then nothing was changed.
func Do(ctx context.Context, c *ca.CA, s *store.Store, o Order) (d Done, err error) {
	if !replacement.Words(o.By, replacement.MaxBy) || !replacement.Words(o.Why, replacement.MaxWhy) {
		return d, ErrWords
	}
	if !o.New.Valid() {
		return d, fmt.Errorf("%w: %.40q is no box's id: want b- and 8 hexadecimal digits", ErrUsed, o.New)
	}
	old, ok := c.Box(o.Label.Box)
	if !ok {
		return d, fmt.Errorf("%w: %s", ErrUnknown, o.Label.Box)
	}
	if sum := sha256.Sum256(old.Key); o.Label.Key != nil && string(sum[:]) != string(o.Label.Key) {
		return d, fmt.Errorf("%w: %s", ErrKey, o.Label.Box)
	}
	used, err := c.Used(o.New)
	if err != nil {
		return d, err
	}
	err = s.Update(func(tx *store.Tx) error { return note(tx, c, o, used, &d) })
	if err != nil {
		return d, err
	}
	if d.Site, err = s.SiteOf(ctx, string(o.New)); err != nil {
		return d, err
	}
	d.Code, err = c.Replace(o.Label.Box, o.New, o.Life, "replaced: "+o.Why)
	return d, err
}

// note writes the replacement down, or finds that it was.
func note(tx *store.Tx, c *ca.CA, o Order, used bool, d *Done) error {
	box := string(o.Label.Box)
	r, ok, err := tx.Replacing(string(o.New))
	if err != nil {
		return err
	}
	if ok && r.Old == box && r.Linked.IsZero() {
		if st, enrolled := c.Box(o.New); enrolled && st.Since.After(r.At) {
			return fmt.Errorf("%w: %s, by %s, which has its certificate", ErrReplaced, box, o.New)
		}
		d.Replacement, d.Again = r, true
		return nil
	}
	if used && o.New != o.Label.Box && !(ok && r.Old == box) {
		return fmt.Errorf("%w: %s", ErrUsed, o.New)
	}
	known := store.ByID
	if o.Label.Key != nil {
		known = store.ByLabel
	}
	r, err = tx.Replace(store.Replacement{Old: box, New: string(o.New), At: o.Now, By: o.By, Why: o.Why, Known: known})
	switch {
	case errors.Is(err, store.ErrReplaced):
		return fmt.Errorf("%w: %w", ErrReplaced, err)
	case errors.Is(err, store.ErrUsed):
		return fmt.Errorf("%w: %w", ErrUsed, err)
	}
	d.Replacement = r
	return err
}
