// Package trust says whether a firmware is the one that was released: it verifies the metadata of The Update Framework (TUF
// specification 1.0, §5.3 to §5.7) that stand beside it. The root that the box begins with is in its own image; roots after it,
// each signed by the one before, and what was seen last are kept in a folder, so that nothing older is believed.
package trust

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"cafeprobe/firmware/update"
	"cafeprobe/uplink/durable"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"
)

// Bounds of metadata, in octets. A root with three keys has 3 KB; targets have half a kilobyte a firmware.
const (
	maxRoot      = 64 << 10
	maxTimestamp = 16 << 10
	maxSnapshot  = 32 << 10
	maxTargets   = 512 << 10

	maxRoots = 64 // that may follow each other at once
)

// Source is where metadata come from. It returns an error that wraps fs.ErrNotExist for a file that is not there, and refuses one
// that has more than limit octets as update.Endless.
type Source interface {
	Metadata(ctx context.Context, name string, limit int64) ([]byte, error)
}

// Box is a box that looks for a firmware.
type Box struct {
	Root   []byte    // the root in its image
	Dir    string    // where what was seen is kept; it is made where it is absent
	Now    time.Time // see update.Reference
	Board  string
	Slot   string // the slot that is to be written: a firmware may be of one alone
	Number uint64 // of the release that runs
}

// trusted is one look.
type trusted struct {
	*Box
	set  *trustedmetadata.TrustedMetadata
	old  map[string]bool // keys of roots that were replaced
	src  Source
	ctx  context.Context
	keep error // why what was seen could not be kept
}

// Find returns the firmware of a version, or the newest if that is empty, once all that leads to it has been verified. Its errors
// are update.Refusals, but for those of the way and of the card.
func (b *Box) Find(ctx context.Context, src Source, version string) (found update.Found, err error) {
	defer func() {
		if r := recover(); r != nil { // the library's, of something that nobody thought of
			err = update.Refuse(update.Malformed, "metadata: %v", r)
		}
	}()
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return found, fmt.Errorf("keep metadata: %w", err)
	}
	t := &trusted{Box: b, old: map[string]bool{}, src: src, ctx: ctx}
	if t.set, err = trustedmetadata.New(b.Root); err != nil {
		return found, fmt.Errorf("the root in the image: %w", err)
	}
	t.set.RefTime = b.Now.UTC()
	for _, step := range []func() error{t.roots, t.timestamp, t.snapshot} {
		if err := step(); err != nil {
			return found, err
		}
	}
	targets, err := t.targets()
	if err != nil {
		return found, err
	}
	if t.keep != nil {
		return found, fmt.Errorf("keep metadata: %w", t.keep)
	}
	return b.choose(targets, version)
}

// roots follows the roots, kept ones first: a folder that holds back a root that was seen is not believed.
func (t *trusted) roots() error {
	for range maxRoots {
		name := strconv.FormatInt(t.set.Root.Signed.Version+1, 10) + ".root.json"
		if b, err := t.kept(name, maxRoot); err == nil && t.root(b) == nil {
			continue
		}
		b, err := t.src.Metadata(t.ctx, name, maxRoot)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := t.root(b); err != nil {
			return t.judge(name, b, err)
		}
		t.put(name, b)
	}
	return update.Refuse(update.Endless, "more than %d roots", maxRoots)
}

// root goes on to the next root.
func (t *trusted) root(b []byte) error {
	was := t.set.Root.Signed.Keys
	if _, err := t.set.UpdateRoot(b); err != nil {
		return err
	}
	for id := range was {
		t.old[id] = true
	}
	for id := range t.set.Root.Signed.Keys {
		delete(t.old, id)
	}
	return nil
}

func (t *trusted) timestamp() error {
	const name = "timestamp.json"
	if b, err := t.kept(name, maxTimestamp); err == nil {
		// What was seen last counts however old it is, unless its key was replaced.
		_, _ = t.set.UpdateTimestamp(b)
	}
	b, err := t.src.Metadata(t.ctx, name, maxTimestamp)
	if err != nil {
		return missing(name, err)
	}
	var same *metadata.ErrEqualVersionNumber
	if _, err = t.set.UpdateTimestamp(b); err != nil && !errors.As(err, &same) {
		return t.judge(name, b, err)
	}
	if same == nil {
		t.put(name, b)
	}
	return nil
}

func (t *trusted) snapshot() error {
	const name = "snapshot.json"
	meta := t.set.Timestamp.Signed.Meta[name]
	if meta == nil {
		return update.Refuse(update.Malformed, "timestamp.json names no %s", name)
	}
	if b, err := t.kept(name, maxSnapshot); err == nil {
		_, _ = t.set.UpdateSnapshot(b, true)
	}
	b, err := t.src.Metadata(t.ctx, fmt.Sprintf("%d.%s", meta.Version, name), maxSnapshot)
	if err != nil {
		return missing(name, err)
	}
	if _, err := t.set.UpdateSnapshot(b, false); err != nil {
		return t.judge(name, b, err)
	}
	t.put(name, b)
	return nil
}

func (t *trusted) targets() (map[string]*metadata.TargetFiles, error) {
	const name = "targets.json"
	meta := t.set.Snapshot.Signed.Meta[name]
	if meta == nil {
		return nil, update.Refuse(update.Malformed, "snapshot.json names no %s", name)
	}
	b, err := t.src.Metadata(t.ctx, fmt.Sprintf("%d.%s", meta.Version, name), maxTargets)
	if err != nil {
		return nil, missing(name, err)
	}
	m, err := t.set.UpdateTargets(b)
	if err != nil {
		return nil, t.judge(name, b, err)
	}
	return m.Signed.Targets, nil
}

// missing is a file that is named and not there.
func missing(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("fetch %s: %w", name, err)
	}
	return err
}

// kept returns a file that was kept.
func (t *trusted) kept(name string, limit int64) ([]byte, error) {
	path := filepath.Join(t.Dir, name)
	if i, err := os.Stat(path); err != nil || i.Size() > limit {
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(path)
}

// put keeps a file that was verified.
func (t *trusted) put(name string, b []byte) {
	t.keep = errors.Join(t.keep, durable.WriteFile(filepath.Join(t.Dir, name), b))
}

// judge says what the library's error means.
func (t *trusted) judge(name string, b []byte, err error) error {
	var (
		unsigned *metadata.ErrUnsignedMetadata
		version  *metadata.ErrBadVersionNumber
		expired  *metadata.ErrExpiredMetadata
		mismatch *metadata.ErrLengthOrHashMismatch
	)
	why := update.Malformed
	switch {
	case errors.As(err, &unsigned):
		why = t.signer(b)
	case errors.As(err, &version):
		why = update.Older
	case errors.As(err, &expired):
		why = update.Frozen
	case errors.As(err, &mismatch):
		why = update.Swapped
	}
	return update.Refuse(why, "%s: %w", name, err)
}

// signer says what is wrong with the signatures of a file that not enough right ones are on.
func (t *trusted) signer(b []byte) update.Why {
	var m struct {
		Signatures []struct {
			KeyID string `json:"keyid"`
		} `json:"signatures"`
	}
	if json.Unmarshal(b, &m) != nil || len(m.Signatures) == 0 {
		return update.Unsigned
	}
	for _, s := range m.Signatures {
		if t.old[s.KeyID] {
			return update.RevokedKey
		}
	}
	return update.WrongKey
}
